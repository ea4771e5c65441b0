"""Show how each unit's rate goes with the cursor's velocity and with the target's direction."""

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import QEvent, Qt
from PyQt6.QtGui import QMouseEvent
from PyQt6.QtWidgets import QHBoxLayout, QWidget

from bmi_app.gui.feed import Fresh
from bmi_app.gui.plots import Plot, line
from bmi_app.gui.unit_selection import UnitSelection
from bmi_app.gui.unit_statistics import UnitStatistics

_NAMES = {"velocity": "with cursor velocity", "target": "with target direction"}
_NEAR = 0.12  # of a correlation: how far from a dot a click may be


class TuningPanel(QWidget):
    """Show a dot for each unit: to the right where it fires more for rightward movement, up for upward."""

    period_s = 0.5

    def __init__(self, selection: UnitSelection, statistics: UnitStatistics, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._selection, self._statistics = selection, statistics
        layout = QHBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        self.plots: dict[str, Plot] = {}
        self.dots: dict[str, pg.ScatterPlotItem] = {}
        self._rings: dict[str, pg.ScatterPlotItem] = {}
        for name, title in _NAMES.items():
            plot = Plot(title, "correlation, y", "correlation, x")
            plot.setToolTip(
                "Correlation of each unit's rate over the last two minutes of trials. Click a unit to select it."
            )
            self.dots[name] = pg.ScatterPlotItem(size=7, pxMode=True)
            self._rings[name] = pg.ScatterPlotItem(size=14, pxMode=True, brush=None)
            for item in (
                pg.InfiniteLine(0, angle=0), pg.InfiniteLine(0, angle=90), self.dots[name], self._rings[name]
            ):  # fmt: skip
                if isinstance(item, pg.InfiniteLine):
                    item.setPen(line(plot.theme.border))
                plot.addItem(item)
            plot.pressed.connect(lambda x, y, event, name=name: self._press(name, x, y, event))
            self.plots[name] = plot
            layout.addWidget(plot, 1)
        selection.changed.connect(self.redraw)

    def take(self, fresh: Fresh) -> None:
        """Take nothing: the statistics are shared with the raster."""

    def redraw(self) -> None:
        """Show the present correlations."""
        colours = self._selection.populations.colours(next(iter(self.plots.values())).theme.is_dark)
        brushes = [pg.mkBrush(colour) for colour in colours]
        population = self._selection.unit_population + 1
        for name, plot in self.plots.items():
            along_x, along_y = self._places(name)
            limit = max(0.2, float(np.abs([along_x, along_y]).max()) * 1.15)
            plot.getViewBox().setRange(xRange=(-limit, limit), yRange=(-limit, limit), padding=0)
            self.dots[name].setData(along_x, along_y, brush=[brushes[at] for at in population], pen=None)
            unit = self._selection.unit
            shown = [] if unit is None else [unit]
            self._rings[name].setData(
                along_x[shown], along_y[shown], pen=pg.mkPen(self.palette().text().color(), width=2)
            )

    def changeEvent(self, event: QEvent | None) -> None:
        """Follow the system from light to dark and back."""
        if event is not None and event.type() == QEvent.Type.ApplicationPaletteChange:
            self.redraw()
        super().changeEvent(event)

    def _places(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        along = self._statistics.correlation(name)
        return along[0], along[1]

    def _press(self, name: str, x: float, y: float, event: QMouseEvent) -> None:
        along_x, along_y = self._places(name)
        away = np.hypot(along_x - x, along_y - y)
        nearest = int(np.argmin(away))
        self._selection.select(nearest if away[nearest] < _NEAR else None)
        if event.button() == Qt.MouseButton.RightButton:
            self._selection.offer(self, event.globalPosition().toPoint())
