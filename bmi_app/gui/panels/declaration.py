"""Let a panel's file declare the panel: its title, its place among the others, and how it is made.

A panel is one file in this folder with a `PANEL`. Nothing else names it: `session_panels` finds every declaration.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import bmi_app.gui.panels as home
from bmi_app.analysis.feed import Panel
from bmi_app.analysis.session_source import SessionSource
from bmi_app.analysis.unit_statistics import UnitStatistics
from bmi_app.gui.panels.unit_selection import UnitSelection


@dataclass(frozen=True)
class Shared:
    """Hold what panels are made from.

    Attributes
    ----------
    source : SessionSource
        The session, live or recorded; its protocol and its trials are among what it has.
    selection : UnitSelection
        The unit that is selected in every panel.
    statistics : UnitStatistics
        Rates and tuning of the units, kept up to date before any panel redraws.
    figures : callable
        Returns totals and ages at the moment that is shown (`TimingFigures` of the timing panel).
    tick_s : float
        Length of a tick.
    """

    source: SessionSource
    selection: UnitSelection
    statistics: UnitStatistics
    figures: Callable[[], Any]
    tick_s: float


@dataclass(frozen=True)
class Declaration:
    """Declare one panel.

    Attributes
    ----------
    title : str
        Of its dock; unique.
    make : callable
        Makes the panel, a widget, from what is shared.
    tab, grid : (int, int)
        Column and place in the column: where all stand as tabs behind each other, and where all are seen at once.
    """

    title: str
    make: Callable[[Shared], Panel]
    tab: tuple[int, int]
    grid: tuple[int, int]


def declared() -> list[Declaration]:
    """Return what the files of this folder declare, in the order of their tabs.

    Raises
    ------
    ValueError
        If two panels have one title.
    """
    modules = [importlib.import_module(f"{home.__name__}.{info.name}") for info in pkgutil.iter_modules(home.__path__)]
    panels: list[Declaration] = sorted(
        (module.PANEL for module in modules if hasattr(module, "PANEL")), key=lambda panel: (panel.tab, panel.title)
    )
    titles = [panel.title for panel in panels]
    twice = sorted({title for title in titles if titles.count(title) > 1})
    if twice:
        raise ValueError(f"{home.__name__}: two panels have the title {twice[0]!r}; give one of them another")
    return panels


def columns(places: dict[str, tuple[int, int]]) -> list[list[str]]:
    """Return the titles column by column, each in the order of its places."""
    numbers = sorted({column for column, _ in places.values()})
    ordered = sorted(places, key=lambda title: (places[title], title))
    return [[title for title in ordered if places[title][0] == column] for column in numbers]
