"""Name and colour a protocol's populations, and put the units of each together."""

from collections.abc import Iterable, Mapping
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
    drives : tuple of str
        What each population drives, as `drives_of` says.
    """

    names: tuple[str, ...]
    keys: dict[str, str]
    drives: tuple[str, ...] = ()

    def colours(self, is_dark: bool) -> list[QColor]:
        """Return a colour for units of no population, and one for each population."""
        return population_colours(len(self.names), is_dark, self.drives)

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
    return Populations(
        names, keys, drives_of(names, {letter: axis.populations for letter, axis in protocol.axes.items()})
    )


def drives_of(names: Iterable[str], axes: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
    """Return what each population drives: `x` or `y`, with a minus where it pulls; an empty text where it drives nothing.

    Parameters
    ----------
    names : iterable of str
    axes : mapping
        For each axis the population by the key that names it: `population`, `push` or `pull`.
    """
    found: dict[str, str] = {}
    for letter, named in axes.items():
        for key, name in named.items():
            found.setdefault(name, f"-{letter}" if key == "pull" else letter)
    return tuple(found.get(name, "") for name in names)


def grouped(unit_population: np.ndarray) -> np.ndarray:
    """Return the units in the order of their populations, those of none last, i8[unit]."""
    last = int(unit_population.max(initial=-1)) + 1
    return np.argsort(np.where(unit_population < 0, last, unit_population), kind="stable")
