"""Name and colour a protocol's populations, and put the units of each together."""

from dataclasses import dataclass

import numpy as np
from PyQt6.QtGui import QColor

from bmi_app.gui.shell.theme import population_colours
from protocols.schema import Protocol
from protocols.tool import population_axis


@dataclass(frozen=True)
class Populations:
    """Hold what panels say about populations.

    Attributes
    ----------
    names : tuple of str
        In the order of the protocol; the index is that of `unit_population`.
    keys : dict
        The population that each of the keys x, y and c stands for: the first that drives the axis, or that drives none.
    """

    names: tuple[str, ...]
    keys: dict[str, str]

    def colours(self, is_dark: bool) -> list[QColor]:
        """Return a colour for units of no population, and one for each population."""
        return population_colours(len(self.names), is_dark)

    def name(self, population: int) -> str:
        """Return the name of a population's index, or say that there is none."""
        return self.names[population] if 0 <= population < len(self.names) else "no population"

    def text(self, name: str) -> str:
        """Name a population, and say by which key a unit is moved there."""
        key = next((key for key, named in self.keys.items() if named == name), "")
        return f"{name} ({key})" if key else name


def populations_of(protocol: Protocol) -> Populations:
    """Return the populations of a protocol."""
    names = tuple(protocol.population_indices())
    signs = population_axis(protocol)
    keys = {letter: next(iter(axis.populations.values())) for letter, axis in protocol.axes.items() if axis.populations}
    idle = [name for name, drives in zip(names, signs, strict=True) if not np.any(drives)]
    if idle:
        keys["c"] = "control" if "control" in idle else idle[0]
    return Populations(names, keys)


def grouped(unit_population: np.ndarray) -> np.ndarray:
    """Return the units in the order of their populations, those of none last, i8[unit]."""
    last = int(unit_population.max(initial=-1)) + 1
    return np.argsort(np.where(unit_population < 0, last, unit_population), kind="stable")
