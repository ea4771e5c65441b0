"""Let one unit be selected in any panel, and be moved to another population by a key or a menu."""

import numpy as np
from PyQt6.QtCore import QObject, QPoint, pyqtSignal
from PyQt6.QtWidgets import QMenu

from bmi_app.analysis.session_source import SessionSource
from bmi_app.gui.widgets.plots import Plot
from bmi_app.gui.widgets.populations import Populations


class UnitSelection(QObject):
    """Hold the selected unit, shared by all panels of a window.

    Signals: `changed()`; `command_asked(request)` when a unit shall be moved. It has moved when the live file says so.
    """

    changed = pyqtSignal()
    command_asked = pyqtSignal(dict)

    def __init__(self, source: SessionSource, populations: Populations, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._source = source
        self.populations = populations
        self.unit: int | None = None
        self.menu: QMenu | None = None

    @property
    def unit_population(self) -> np.ndarray:
        """Return the population of each unit as it is now, i8[unit]; -1 for none."""
        return self._source.unit_population

    def select(self, unit: int | None) -> None:
        """Select a unit, or none."""
        if unit != self.unit:
            self.unit = unit
            self.changed.emit()

    def step(self, order: np.ndarray, by: int) -> None:
        """Select the unit that stands so many places further in the order in which units are drawn; none yet: the first, or last."""
        n_units = len(order)
        if not n_units:
            return
        at = np.flatnonzero(order == self.unit) if self.unit is not None else np.zeros(0, int)
        to = int(np.clip(at[0] + by, 0, n_units - 1)) if len(at) else (0 if by > 0 else n_units - 1)
        self.select(int(order[to]))

    def move_by_key(self, key: str) -> None:
        """Ask for the selected unit to be moved to the population of a key."""
        if key in self.populations.keys:
            self.move_to(self.populations.keys[key])

    def move_to(self, population: str) -> None:
        """Ask for the selected unit to be moved."""
        if self.unit is not None:
            self.command_asked.emit({"do": "move_unit", "unit": self.unit, "population": population})

    def offer(self, plot: Plot, at: QPoint) -> None:
        """Offer every population for the selected unit, and to save the plot, in a menu at a place on the screen."""
        if self.menu is not None:
            self.menu.deleteLater()
        self.menu = QMenu(plot)
        if self.unit is not None and self.populations.names:
            self._offer_populations(self.menu, self.unit)
            self.menu.addSeparator()
        plot.exports.offer(self.menu)
        self.menu.popup(at)

    def _offer_populations(self, menu: QMenu, unit: int) -> None:
        menu.addSection(f"Move unit {unit} to")
        present = self.populations.name(int(self.unit_population[unit]))
        for name in self.populations.names:
            action = menu.addAction(self.populations.text(name), lambda name=name: self.move_to(name))
            if action is not None:
                action.setEnabled(name != present)
