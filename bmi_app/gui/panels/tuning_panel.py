"""Show how each unit's rate goes with the cursor's velocity and with the target's direction."""

import itertools

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QMouseEvent
from PyQt6.QtWidgets import QHBoxLayout, QWidget

from bmi_app.analysis.feed import Fresh
from bmi_app.analysis.unit_statistics import UnitStatistics
from bmi_app.gui.panels.declaration import Declaration
from bmi_app.gui.panels.unit_selection import UnitSelection
from bmi_app.gui.shell.follows_palette import FollowsPalette
from bmi_app.gui.shell.theme import theme_of
from bmi_app.gui.widgets.figure_export import Drawn
from bmi_app.gui.widgets.plots import Plot, line

_NAMES = {"velocity": "cursor velocity", "target": "target direction"}
_STEP = 0.1  # of a correlation: between limits of the axes
_NEAR = 0.12  # of a correlation: how far from a dot a click may be


class TuningPanel(FollowsPalette, QWidget):
    """Show a dot for each unit: to the right where it fires more for rightward movement, up for upward."""

    period_s = 0.5  # for one of the two plots: both in one frame would hold it up

    def __init__(self, selection: UnitSelection, statistics: UnitStatistics, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._selection, self._statistics = selection, statistics
        layout = QHBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        self.plots: dict[str, Plot] = {}
        self.dots: dict[str, list[pg.ScatterPlotItem]] = {}  # one a population
        self._cross: list[list[pg.InfiniteLine]] = []
        self._rings: dict[str, pg.ScatterPlotItem] = {}
        for name, title in _NAMES.items():
            plot = Plot(title, "corr. with y", "corr. with x")
            plot.setAccessibleName(f"tuning: {name}")
            plot.setToolTip(
                "Correlation of each unit's rate over the last two minutes of trials. Click a unit to select it."
            )
            self.dots[name] = [
                pg.ScatterPlotItem(size=7, pxMode=True, pen=None) for _ in range(len(selection.populations.names) + 1)
            ]
            self._rings[name] = pg.ScatterPlotItem(size=14, pxMode=True, brush=None)
            self._cross.append([pg.InfiniteLine(0, angle=0), pg.InfiniteLine(0, angle=90)])
            for item in (*self._cross[-1], *self.dots[name], self._rings[name]):
                plot.addItem(item)
            plot.opens_menu_when_pressed = True
            plot.tabled = lambda name=name: self._drawn(name)
            plot.pressed.connect(lambda x, y, event, name=name: self._press(name, x, y, event))
            self.plots[name] = plot
            layout.addWidget(plot, 1)
        self._turns = itertools.cycle(_NAMES)
        self.restyle()
        selection.changed.connect(self._show_both)

    def take(self, fresh: Fresh) -> None:
        """Take nothing: the statistics are shared with the raster."""

    def restart(self) -> None:
        """Forget nothing: the statistics are shared with the raster."""

    def redraw(self, whole: bool = False) -> None:
        """Show the present correlations in one of the plots, and at the next call in the other."""
        if whole:
            self._show_both()
        else:
            self._show(next(self._turns))

    def _show_both(self) -> None:
        for name in self.plots:
            self._show(name)

    def _show(self, name: str) -> None:
        population = self._selection.unit_population + 1
        along_x, along_y = self._places(name)
        # In steps: axes that change at every redraw cost five times as much as the dots.
        limit = max(np.ceil(float(np.abs([along_x, along_y]).max()) / _STEP + 0.5) * _STEP, 2 * _STEP)
        self.plots[name].getViewBox().setRange(xRange=(-limit, limit), yRange=(-limit, limit), padding=0)
        for at, dots in enumerate(self.dots[name]):
            dots.setData(along_x[population == at], along_y[population == at])
        unit = self._selection.unit
        shown = [] if unit is None else [unit]
        self._rings[name].setData(along_x[shown], along_y[shown])

    def restyle(self) -> None:
        """Take every colour anew from the palette."""
        theme = theme_of(self.palette())
        for cross in self._cross:
            for each in cross:
                each.setPen(line(theme.border))
        for name, dots_of_all in self.dots.items():
            for dots, colour in zip(dots_of_all, self._selection.populations.colours(theme.is_dark), strict=True):
                dots.setBrush(pg.mkBrush(colour))
            self._rings[name].setPen(pg.mkPen(self.palette().text().color(), width=2))

    def _places(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        along = self._statistics.correlation(name)
        return along[0], along[1]

    def _drawn(self, name: str) -> Drawn:
        """Return the place of every unit."""
        along_x, along_y = self._places(name)
        populations = self._selection.populations
        of = [populations.name(at) for at in self._selection.unit_population.tolist()]
        columns = ("unit", "population", f"correlation of rate with {name} x", f"correlation of rate with {name} y")
        return Drawn(columns, zip(range(len(of)), of, along_x.tolist(), along_y.tolist(), strict=True))

    def _press(self, name: str, x: float, y: float, event: QMouseEvent) -> None:
        along_x, along_y = self._places(name)
        away = np.hypot(along_x - x, along_y - y)
        nearest = int(np.argmin(away))
        self._selection.select(nearest if away[nearest] < _NEAR else None)
        if event.button() == Qt.MouseButton.RightButton:
            self._selection.offer(self.plots[name], event.globalPosition().toPoint())


PANEL = Declaration("Tuning", lambda shared: TuningPanel(shared.selection, shared.statistics), tab=(0, 1), grid=(0, 1))
