"""Show every spike of the last 10 s and every unit's rate, grouped and coloured by population."""

import html

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QMouseEvent, QResizeEvent
from PyQt6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from bmi_app.analysis.feed import Fresh
from bmi_app.analysis.unit_statistics import SILENT_S, UnitStatistics
from bmi_app.gui.panels.declaration import Declaration
from bmi_app.gui.panels.unit_selection import UnitSelection
from bmi_app.gui.shell.follows_palette import FollowsPalette
from bmi_app.gui.shell.plain_label import MarkedLabel, PlainLabel
from bmi_app.gui.shell.theme import theme_of
from bmi_app.gui.widgets.figure_export import Drawn
from bmi_app.gui.widgets.number_field import NumberField
from bmi_app.gui.widgets.plots import Plot, line
from bmi_app.gui.widgets.populations import grouped

_SPAN_S, _COLUMN_S = 10.0, 0.02
_SHADES = 3  # one, two, and more spikes in a column
_MOST_ROWS = 300  # more than the panel has pixels cost time and show nothing
_BAR_STEPS = 128
_GAP_PX = 16
_FLAGS_TIP = f"Silent: no spike for {SILENT_S:g} s. Unusual: a rate far from the other units' (robust z of its square root above 5)."
_RATES_EVERY = 12  # redraws: a bar that changes faster cannot be read


class RasterPanel(FollowsPalette, QWidget):
    """Show raster and rates; a click selects a unit, x, y and c and the context menu move it."""

    period_s = 0.0

    def __init__(
        self, selection: UnitSelection, statistics: UnitStatistics, tick_s: float, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.selection, self._statistics = selection, statistics
        self._unit_population = selection.unit_population.copy()
        self._n_units = len(self._unit_population)
        self._tick_s, self._column_s = tick_s, max(_COLUMN_S, tick_s)
        self._n_columns = round(_SPAN_S / self._column_s)
        self._pool = -(-self._n_units // _MOST_ROWS)
        self._spikes = np.zeros((-(-self._n_units // self._pool) * self._pool, self._n_columns), np.uint8)
        self._column = -1
        self._redraws = 0
        self._group()
        self.raster = Plot("", "units, by population", "seconds ago")
        self.rates = Plot("", "", "rate (Hz)")
        self.spike_image = pg.ImageItem(axisOrder="row-major", levels=(0, 255), autoDownsample=False)
        self._rate_image = pg.ImageItem(axisOrder="row-major", levels=(0, 255), autoDownsample=False)
        self._marks = pg.ScatterPlotItem(size=8, pxMode=True)
        self._lines = [pg.InfiniteLine(angle=0), pg.InfiniteLine(angle=0)]
        for plot, image, chosen in zip(
            (self.raster, self.rates), (self.spike_image, self._rate_image), self._lines, strict=True
        ):
            plot.addItem(image)
            plot.addItem(chosen)
            chosen.hide()
            plot.getViewBox().invertY(True)  # unit 0 on top
            plot.opens_menu_when_pressed = True
            plot.pressed.connect(lambda _, y, event, plot=plot: self._press(plot, y, event))
            plot.stepped.connect(lambda by: selection.step(self.order, by))
            plot.getViewBox().setYRange(-0.02 * self._n_units, self._n_units, padding=0)  # the 0 is read whole
        self.raster.tabled, self.rates.tabled = self._drawn_spikes, self._drawn_rates
        self.rates.addItem(self._marks)
        self.rates.getAxis("left").setStyle(showValues=False)
        self.raster.getViewBox().setXRange(-_SPAN_S, 0, padding=0)
        self.raster.setAccessibleName("spike raster")
        self.rates.setAccessibleName("firing rates")
        self.legend, self.flags, self.chosen = MarkedLabel(), PlainLabel(), PlainLabel()
        self._flagged = ""  # whole; the label may be narrower
        self.words = QWidget()
        self.number = NumberField(-1, self._n_units - 1, 0)
        self.number.setSpecialValueText("no unit")
        self.number.setPrefix("unit ")
        self.number.setValue(-1)
        self.number.setAccessibleName("selected unit")
        self.number.setToolTip("Select a unit by its number")
        self.number.valueChanged.connect(lambda value: selection.select(int(value) if value >= 0 else None))
        for plot in (self.raster, self.rates):
            plot.setToolTip(
                "Click a unit to select it, or step by arrow keys; x, y, c or the right button move it to another population"
            )
        self._arrange()
        self.restyle()
        selection.changed.connect(self._show_chosen)

    def take(self, fresh: Fresh) -> None:
        """Write new spikes into the ring of columns."""
        n_ticks = round(_SPAN_S / self._tick_s)  # older ones would be written over at once
        frames, counts = fresh.frames[-n_ticks:], fresh.counts[-n_ticks:]
        if len(frames) == 0:
            return
        columns = (frames["tick"] * self._tick_s / self._column_s + 1e-6).astype(np.int64)
        first = np.flatnonzero(np.diff(columns, prepend=columns[0] - 1))
        totals = np.add.reduceat(counts, first, axis=0)[:, self.order]
        for column, total in zip(columns[first].tolist(), totals, strict=True):
            if column != self._column:
                passed = np.arange(max(self._column + 1, column - self._n_columns + 1), column + 1)
                self._spikes[:, passed % self._n_columns] = 0
                self._column = column
            into = self._spikes[: self._n_units, column % self._n_columns]
            fresh_level = np.where(total > 0, self._base + np.clip(total, 1, _SHADES), 0).astype(np.uint8)
            np.maximum(into, fresh_level, out=into)

    def restart(self) -> None:
        """Forget all spikes."""
        self._spikes[:] = 0
        self._column = -1
        self._redraws = 0

    def redraw(self, whole: bool = False) -> None:
        """Show the last 10 s; rates, flags and grouping more seldom."""
        self._redraws += 1
        if whole or self._redraws % _RATES_EVERY == 1:
            if not np.array_equal(self._unit_population, self.selection.unit_population):
                self._regroup()
            self._show_rates()
            self._show_flags()
        at = self._column % self._n_columns + 1
        pooled = self._spikes.reshape(-1, self._pool, self._n_columns).max(axis=1) if self._pool > 1 else self._spikes
        image = np.concatenate((pooled[:, at:], pooled[:, :at]), axis=1)
        self.spike_image.setImage(image, autoLevels=False)
        self.spike_image.setRect(-_SPAN_S, 0, _SPAN_S, len(image) * self._pool)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Cut the flags to the room that there is."""
        super().resizeEvent(event)
        self._show_words()

    def unit_at(self, row: float) -> int | None:
        """Return the unit that is drawn at a height of the plots."""
        return int(self.order[int(row)]) if 0 <= row < self._n_units else None

    def row_of(self, unit: int) -> float:
        """Return the height at which a unit is drawn."""
        return float(np.flatnonzero(self.order == unit)[0]) + 0.5

    def _group(self) -> None:
        self.order = grouped(self._unit_population)
        self._base = (self._unit_population[self.order] + 1) * (_SHADES + 1)

    def _regroup(self) -> None:
        before, base = self.order, self._base
        self._unit_population = self.selection.unit_population.copy()
        self._group()
        by_unit = np.empty((self._n_units, self._n_columns), np.int64)
        shown = self._spikes[: self._n_units]
        by_unit[before] = np.where(shown > 0, shown - base[:, None], 0)
        levels = by_unit[self.order]
        self._spikes[: self._n_units] = np.where(levels > 0, levels + self._base[:, None], 0)
        self._show_chosen()

    def _show_rates(self) -> None:
        rates_hz = self._statistics.rates_hz[self.order]
        most_hz = max(10.0, float(np.ceil(rates_hz.max() / 10) * 10))
        filled = np.arange(_BAR_STEPS) < (rates_hz / most_hz * _BAR_STEPS)[:, None]
        self._rate_image.setImage(np.where(filled, self._base[:, None] + _SHADES, 0).astype(np.uint8), autoLevels=False)
        self._rate_image.setRect(0, 0, most_hz, self._n_units)
        self.rates.getViewBox().setXRange(0, most_hz * 1.06, padding=0)
        self._most_hz = most_hz
        self._show_chosen()

    def _show_flags(self) -> None:
        silent, unusual = self._statistics.silent(), self._statistics.unusual()
        self._flagged = " · ".join(
            f"{name} {unit_ranges(units)}"
            for name, units in (("silent:", silent), ("unusual rate:", unusual))
            if len(units)
        )
        self.flags.setToolTip("\n".join(part for part in (*self._flagged.split(" · "), _FLAGS_TIP) if part))
        self._show_words()
        colour = theme_of(self.palette()).failed
        spots = [
            {"pos": (self._most_hz * 1.03, self.row_of(int(unit))), "symbol": symbol, "brush": colour, "pen": colour}
            for units, symbol in ((silent, "x"), (unusual, "t1"))
            for unit in units
        ]
        self._marks.setData(spots)

    def _show_chosen(self) -> None:
        unit = self.selection.unit
        self.number.blockSignals(True)
        self.number.setValue(-1 if unit is None else unit)
        self.number.blockSignals(False)
        for chosen in self._lines:
            chosen.setVisible(unit is not None)
        if unit is None:
            self.chosen.setText("")
            self._show_words()
            return
        row = self.row_of(unit)
        for chosen in self._lines:
            chosen.setValue(row)
        for plot in (self.raster, self.rates):
            plot.update()  # of a line that moves alone, a screen may keep the old place
        populations = self.selection.populations
        name = populations.name(int(self._unit_population[unit]))
        moves = f" · {', '.join(populations.keys)} move it" if populations.keys else ""
        self.chosen.setText(f"unit {unit} · {name} · {self._statistics.rates_hz[unit]:.1f} Hz{moves}")
        self._show_words()

    def _show_words(self) -> None:
        """Give the line of words room only while there are some; cut the flags where it must be, and show that."""
        self.words.setVisible(bool(self.chosen.text() or self._flagged))
        room_px = self.width() - 12 - self.chosen.sizeHint().width() - _GAP_PX
        self.flags.setText(
            self.flags.fontMetrics().elidedText(self._flagged, Qt.TextElideMode.ElideRight, max(room_px, _GAP_PX))
        )

    def _press(self, plot: Plot, y: float, event: QMouseEvent) -> None:
        self.selection.select(self.unit_at(y))
        if event.button() == Qt.MouseButton.RightButton:
            self.selection.offer(plot, event.globalPosition().toPoint())

    def _drawn_spikes(self) -> Drawn:
        """Return every cell of the raster in which a unit fired; more spikes than there are shades are not told apart."""
        at = self._column % self._n_columns + 1
        shown = np.roll(self._spikes[: self._n_units], -at, axis=1).astype(np.int64)
        rows, columns = np.nonzero(shown)
        names = self._names()
        columns_s = (-_SPAN_S + columns * self._column_s).round(6).tolist()
        spikes = (shown[rows, columns] - self._base[rows]).tolist()
        units = self.order[rows].tolist()
        return Drawn(
            (
                "unit",
                "population",
                "begins (s from now)",
                f"spikes in {self._column_s * 1e3:g} ms ({_SHADES} means {_SHADES} or more)",
            ),
            zip(units, [names[unit] for unit in units], columns_s, spikes, strict=True),
        )

    def _drawn_rates(self) -> Drawn:
        """Return the rate of every unit."""
        order, names = self.order.tolist(), self._names()
        return Drawn(
            ("unit", "population", "rate (Hz)"),
            ((unit, names[unit], float(self._statistics.rates_hz[unit])) for unit in order),
        )

    def _names(self) -> list[str]:
        """Return the population of each unit."""
        return [self.selection.populations.name(at) for at in self._unit_population.tolist()]

    def restyle(self) -> None:
        """Take every colour anew from the palette."""
        theme = theme_of(self.palette())
        populations = self.selection.populations
        colours = populations.colours(theme.is_dark)
        table = np.zeros((256, 4), np.uint8)
        for at, colour in enumerate(colours):
            for shade in range(1, _SHADES + 1):
                table[at * (_SHADES + 1) + shade] = (*colour.getRgb()[:3], 115 + 140 * shade // _SHADES)
        for image in (self.spike_image, self._rate_image):
            image.setLookupTable(table)
        for chosen in self._lines:
            chosen.setPen(line(self.palette().text().color()))
        self.legend.setText(
            "&nbsp; ".join(
                f'<span style="color:{colour.name()}">■</span>&nbsp;{html.escape(populations.text(name))}'
                for name, colour in zip(populations.names, colours[1:], strict=True)
            )
        )
        self.flags.setStyleSheet(f"color: {theme.failed.name()}")

    def _arrange(self) -> None:
        self.legend.setMinimumWidth(1)
        self.legend.setWordWrap(True)  # beside the number there may be no room for one line
        words = QHBoxLayout(self.words)
        words.setContentsMargins(0, 0, 0, 0)
        words.setSpacing(_GAP_PX)
        self.chosen.setMinimumWidth(1)
        words.addWidget(self.chosen)
        self.flags.setMinimumWidth(1)
        words.addWidget(self.flags, 1)
        self.words.hide()
        plots = QHBoxLayout()
        plots.setSpacing(2)
        plots.addWidget(self.raster, 3)
        plots.addWidget(self.rates, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.setSpacing(2)
        above = QHBoxLayout()
        above.addWidget(self.legend, 1)
        above.addWidget(self.number)
        layout.addLayout(above)
        layout.addWidget(self.words)
        layout.addLayout(plots, 1)


def unit_ranges(units: np.ndarray) -> str:
    """Write ascending units as in a protocol: `3, 7-9`."""
    runs = np.split(units, np.flatnonzero(np.diff(units) > 1) + 1)
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs if len(run))


PANEL = Declaration(
    "Spikes", lambda shared: RasterPanel(shared.selection, shared.statistics, shared.tick_s), tab=(0, 0), grid=(0, 0)
)
