"""Show the decoder: the weight of every unit, the velocity it decodes, and how much each update changed it."""

import numpy as np
import pyqtgraph as pg
from PyQt6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from bmi_app.analysis.feed import Fresh
from bmi_app.analysis.session_source import SessionSource
from bmi_app.gui.panels.declaration import Declaration
from bmi_app.gui.panels.unit_selection import UnitSelection
from bmi_app.gui.shell.follows_palette import FollowsPalette
from bmi_app.gui.shell.plain_label import plain_tip
from bmi_app.gui.shell.theme import theme_of
from bmi_app.gui.widgets.figure_export import Drawn
from bmi_app.gui.widgets.plots import Plot, line, round_up
from bmi_app.gui.widgets.populations import grouped

_SPAN_S, _POINTS = 5.0, 250
_SHOWN_CHANGES = 60
_BAR_STEPS = 96


class DecoderPanel(FollowsPalette, QWidget):
    """Show weights by unit in the order of the raster, a plot for each axis; velocity and changes beside them."""

    period_s = 0.1

    def __init__(self, source: SessionSource, selection: UnitSelection, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._source, self._selection = source, selection
        self._axes = [letter for letter, _ in source.protocol.axes.items()]
        tick_s = source.protocol.tick.period_ms / 1e3
        self._every = max(round(_SPAN_S / tick_s / _POINTS), 1)
        self._point_s = self._every * tick_s
        self._velocity = np.zeros((0, 2))
        self.weights: list[Plot] = []
        self.bars: list[pg.ImageItem] = []
        self._is_weights_turn = True
        for axis, letter in enumerate(self._axes):
            plot = Plot("", f"weight {letter}", "" if letter != self._axes[-1] else "units, by population")
            plot.setAccessibleName(f"weights {letter}")
            plot.setToolTip(plain_tip(f"The weight of each unit on the {letter} axis; a click selects the unit"))
            self.weights.append(plot)
            bar = pg.ImageItem(axisOrder="row-major", levels=(0, 255), autoDownsample=False)
            plot.addItem(bar)
            self.bars.append(bar)
            plot.tabled = lambda axis=axis: self._drawn_weights(axis)
            plot.pressed.connect(self._press)
            plot.stepped.connect(lambda by: selection.step(grouped(selection.unit_population), by))
        self.velocity = Plot("decoded velocity", "cm/s", "seconds ago")
        self.velocity.getViewBox().setXRange(-_SPAN_S, 0, padding=0.01)
        self.velocity.setAccessibleName("decoded velocity")
        self.velocity.setToolTip("What the decoder makes of the firing, each axis in its colour")
        self.lines = {letter: self.velocity.plot(name=f"decoded velocity {letter}") for letter in self._axes}
        self.change = Plot("weight change", "norm", "updates ago")
        self.change.setToolTip("Frobenius norm of each change of the weights; ✕: refused by the guard")
        self.change.getViewBox().setXRange(-_SHOWN_CHANGES, 2, padding=0)
        self.change.setAccessibleName("weight changes")
        self.norms = pg.ScatterPlotItem(name="accepted", size=6, pxMode=True, pen=None)
        self.rejected = pg.ScatterPlotItem(name="refused", size=9, pxMode=True, symbol="x")
        self.change.addItem(self.norms)
        self.change.addItem(self.rejected)
        self._arrange()
        self.restyle()

    def take(self, fresh: Fresh) -> None:
        """Keep the velocity of the last 5 s, thinned by tick, so that a point never jumps."""
        kept = fresh.frames[fresh.frames["tick"] % self._every == 0]
        if len(kept):
            both = np.stack((kept["decoded_x_cm_s"], kept["decoded_y_cm_s"]), axis=1)
            self._velocity = np.concatenate((self._velocity, both))[-_POINTS:]

    def restart(self) -> None:
        """Forget the velocity that was taken."""
        self._velocity = np.zeros((0, 2))

    def redraw(self, whole: bool = False) -> None:
        """Show the weights, and at the next call velocity and updates: half of it a frame."""
        if whole or self._is_weights_turn:
            self._show_weights()
        if whole or not self._is_weights_turn:
            self._show_velocity()
            self._show_changes()
        self._is_weights_turn = not self._is_weights_turn

    def _show_weights(self) -> None:
        weights = self._source.model().weights
        population = self._selection.unit_population
        order = grouped(population)
        for axis, plot in enumerate(self.weights):
            shown = weights[axis][order]
            most = round_up(float(np.abs(shown).max(initial=0.0)) * 1.02)
            least = -most if shown.min(initial=0.0) < 0 else 0.0
            # An image: a thousand lines take ten times as long.
            levels = np.linspace(least, most, _BAR_STEPS)[:, None]
            filled = ((levels > 0) & (levels <= shown)) | ((levels < 0) & (levels >= shown))
            self.bars[axis].setImage(np.where(filled, population[order] + 2, 0).astype(np.uint8), autoLevels=False)
            self.bars[axis].setRect(0, least, len(order), most - least)
            plot.getViewBox().setRange(xRange=(0, len(order)), yRange=(least, most), padding=0.01)

    def _show_velocity(self) -> None:
        times_s = (np.arange(len(self._velocity)) - len(self._velocity) + 1) * self._point_s
        for axis, drawn in enumerate(self.lines.values()):
            drawn.setData(times_s, self._velocity[:, axis])
        most = round_up(float(np.abs(self._velocity).max(initial=0.0)))
        self.velocity.getViewBox().setYRange(-most, most, padding=0.02)

    def _show_changes(self) -> None:
        changes = self._source.changes.listed[-_SHOWN_CHANGES:]
        for item, is_rejected in ((self.norms, False), (self.rejected, True)):
            at_change = [
                (at - len(changes) + 1, c.norm) for at, c in enumerate(changes) if c.is_rejected == is_rejected
            ]
            item.setData([at for at, _ in at_change], [norm for _, norm in at_change])

    def _drawn_weights(self, axis: int) -> Drawn:
        """Return the weight of every unit on an axis."""
        weights, population = self._source.model().weights[axis], self._selection.unit_population
        names = [self._selection.populations.name(at) for at in population.tolist()]
        return Drawn(
            ("unit", "population", f"weight {self._axes[axis]}"),
            [(unit, names[unit], float(weights[unit])) for unit in grouped(population).tolist()],
        )

    def _press(self, x: float, _y: float, _event: object) -> None:
        order = grouped(self._selection.unit_population)
        row = int(x)
        self._selection.select(int(order[row]) if 0 <= x < len(order) else None)

    def restyle(self) -> None:
        """Take every colour anew from the palette."""
        theme = theme_of(self.palette())
        colours = self._selection.populations.colours(theme.is_dark)
        table = np.zeros((256, 4), np.uint8)
        table[1 : len(colours) + 1] = [colour.getRgb() for colour in colours]
        for bar in self.bars:
            bar.setLookupTable(table)
        names = []
        for (letter, drawn), colour in zip(self.lines.items(), (theme.cursor, theme.target), strict=False):
            drawn.setPen(line(colour))
            names.append(f'<span style="color:{colour.name()}">{letter}</span>')
        self.velocity.retitle(f"decoded velocity {', '.join(names)}")
        self.norms.setBrush(pg.mkBrush(theme.cursor))
        self.rejected.setPen(pg.mkPen(theme.failed, width=2))

    def _arrange(self) -> None:
        left, right = QVBoxLayout(), QVBoxLayout()
        for plot in self.weights:
            left.addWidget(plot, 1)
        right.addWidget(self.velocity, 1)
        right.addWidget(self.change, 1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.setSpacing(4)
        for column in (left, right):
            column.setSpacing(2)
            layout.addLayout(column, 1)


PANEL = Declaration("Decoder", lambda shared: DecoderPanel(shared.source, shared.selection), tab=(1, 0), grid=(1, 0))
