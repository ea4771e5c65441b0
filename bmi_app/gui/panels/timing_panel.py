"""Show whether the session keeps time: latency, missed ticks, late and dropped spikes, age of the data, the journal."""

import math
from collections import deque
from collections.abc import Callable
from typing import Protocol

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QWidget

from bmi_app.analysis.feed import Fresh
from bmi_app.gui.panels.declaration import Declaration
from bmi_app.gui.shell.follows_palette import FollowsPalette
from bmi_app.gui.shell.plain_label import PlainLabel
from bmi_app.gui.shell.theme import theme_of
from bmi_app.gui.widgets.figure_export import Drawn
from bmi_app.gui.widgets.plots import Plot, round_up
from bmi_app.rt.records import EventKind
from bmi_app.session.view.observer import age_text, size_text

_SPAN_S = 60.0
_SPAN_STEP_S = 10.0
_WIDEST = "99.9 MB, 99 kB/s"  # of the values: the plots keep their size when a value changes
_JOURNAL_FROM_PX = 520
_KEPT = 60_000  # latencies: the last minute at 1 kHz
_EDGES_US = np.geomspace(1.0, 1e6, 61)
_DECADES = ("1 µs", "10 µs", "100", "1 ms", "10", "100", "1 s")
_MARKED = ("p50", "p99", "p99.9")
_NAMES = (
    "p50",
    "p99",
    "p99.9",
    "worst",
    "missed ticks",
    "late spikes",
    "dropped spikes",
    "age of data",
    "journal",
    "last sync",
)
_TIPS = {
    "missed ticks": "Frames published after the next tick was due",
    "late spikes": "Counted in a later bin than their own",
    "dropped spikes": "Lost because the ring was full",
    "age of data": "Since the source last gave anything",
    "last sync": "Since the journal was last safe against a loss of power",
}


class TimingFigures(Protocol):
    """Say what the panel asks for beside the latencies: totals and ages at the moment that is shown."""

    @property
    def missed_ticks(self) -> int:
        """Return ticks published after the next was due, in all."""

    @property
    def late_spikes(self) -> int:
        """Return spikes counted in a later bin than their own, in all."""

    @property
    def dropped_spikes(self) -> int:
        """Return spikes lost because the ring was full, in all."""

    @property
    def data_age_s(self) -> float | None:
        """Return the time since the source last gave anything."""

    @property
    def saved_bytes(self) -> int:
        """Return the size of the journal."""

    @property
    def sync_age_s(self) -> float | None:
        """Return the time since the journal was last on the disk."""

    @property
    def elapsed_s(self) -> float:
        """Return the time since the session began."""


class TimingPanel(FollowsPalette, QWidget):
    """Show the last minute. `figures` gives the present totals."""

    period_s = 0.5

    def __init__(self, figures: Callable[[], TimingFigures], tick_s: float, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._figures, self._tick_s = figures, tick_s
        self._latencies_us = np.zeros(min(_KEPT, round(_SPAN_S / tick_s)))
        self.n_latencies = 0
        self._journal: deque[tuple[float, float]] = deque()
        self.histogram = Plot("latency, last minute", "ticks", "")
        self.histogram.setToolTip("From the moment at which a frame could have been made to its publication")
        self.histogram.setAccessibleName("latency histogram")
        axis = self.histogram.getAxis("bottom")
        axis.setTicks([[(at, name) for at, name in enumerate(_DECADES)]])
        self.histogram.getViewBox().setXRange(0, 6, padding=0)
        self._bars = pg.PlotDataItem(stepMode="center", fillLevel=0)
        # At different heights, since p99 and p99.9 may be close.
        self._marks = [
            pg.InfiniteLine(angle=90, label=name, labelOpts={"position": 0.92 - 0.16 * at, "movable": False})
            for at, name in enumerate(_MARKED)
        ]
        for item in (self._bars, *self._marks):
            self.histogram.addItem(item)
        self.journal = Plot("journal", "MB", "s")
        self.journal.setAccessibleName("size of the journal")
        self._growth = self.journal.plot(name="journal")
        self.histogram.tabled = self._drawn_latencies
        self.values: dict[str, QLabel] = {}
        words = QGridLayout()
        words.setHorizontalSpacing(10)
        words.setVerticalSpacing(1)
        for row, name in enumerate(_NAMES):
            label, value = PlainLabel(name), PlainLabel("–")
            for each in (label, value):
                each.setToolTip(_TIPS.get(name, ""))
            value.setAlignment(Qt.AlignmentFlag.AlignRight)
            value.setMinimumWidth(value.fontMetrics().horizontalAdvance(_WIDEST))
            words.addWidget(label, row, 0)
            words.addWidget(value, row, 1)
            self.values[name] = value
        words.setRowStretch(len(_NAMES), 1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(6, 4, 8, 4)
        layout.addWidget(self.histogram, 5)
        layout.addWidget(self.journal, 3)
        layout.addLayout(words)
        self.restyle()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Leave out the journal's growth where there is no room for its axis: its size stands in words."""
        self.journal.setVisible(self.width() >= _JOURNAL_FROM_PX)
        super().resizeEvent(event)

    def take(self, fresh: Fresh) -> None:
        """Keep the latencies of the last minute; in a recording the size of the journal, too."""
        for synced in fresh.events[fresh.events["kind"] == EventKind.JOURNAL_SYNCED]:
            self._journal.append(((int(synced["tick"]) + 1) * self._tick_s, float(synced["value"]) / 1e6))
        timed = fresh.health[fresh.health["published_s"] > 0]
        if len(timed) == 0:
            return
        took_s = timed["published_s"] - np.maximum(timed["due_s"], timed["arrival_s"])
        took_us = took_s[-len(self._latencies_us) :] * 1e6
        at = (self.n_latencies + np.arange(len(took_us))) % len(self._latencies_us)
        self._latencies_us[at] = took_us
        self.n_latencies += len(took_us)

    def restart(self) -> None:
        """Forget the last minute."""
        self.n_latencies = 0
        self._journal.clear()

    def redraw(self, whole: bool = False) -> None:
        """Show histogram, percentiles and totals."""
        figures = self._figures()
        seen_us = self._latencies_us[: self.n_latencies]
        if len(seen_us) == 0:
            self._bars.setData([0.0, 6.0], [0.0])
            self.histogram.getViewBox().setYRange(0, 1, padding=0)
            for name in _NAMES[:4]:
                self.values[name].setText("–")
            for mark in self._marks:
                mark.hide()
        else:
            counts = _counted(seen_us)
            self._bars.setData(np.log10(_EDGES_US), counts)
            self.histogram.getViewBox().setYRange(0, round_up(float(counts.max())), padding=0)
            found_us = np.percentile(seen_us, (50, 99, 99.9, 100))
            for name, value_us in zip(_NAMES[:4], found_us, strict=True):
                self.values[name].setText(f"{value_us:,.0f} µs")
            for mark, value_us in zip(self._marks, found_us[:3], strict=True):
                mark.setValue(np.log10(max(value_us, 1.0)))
                mark.show()
        for name, count in (
            ("missed ticks", figures.missed_ticks),
            ("late spikes", figures.late_spikes),
            ("dropped spikes", figures.dropped_spikes),
        ):
            self.values[name].setText(f"{count:,}")
            wrong = f"color: {theme_of(self.palette()).failed.name()}; font-weight: 700" if count else ""
            if self.values[name].styleSheet() != wrong:
                self.values[name].setStyleSheet(wrong)
        self.values["age of data"].setText(age_text(figures.data_age_s))
        self.values["last sync"].setText(
            "not yet" if figures.sync_age_s is None else f"{age_text(figures.sync_age_s)} ago"
        )
        self._show_journal(figures)

    def _drawn_latencies(self) -> Drawn:
        """Return how many ticks there are between the edges of the histogram."""
        counts = _counted(self._latencies_us[: self.n_latencies])
        rows = zip(_EDGES_US[:-1].round(3).tolist(), _EDGES_US[1:].round(3).tolist(), counts.tolist(), strict=True)
        return Drawn(("latency from (µs)", "latency to (µs)", "ticks"), rows)

    def _show_journal(self, figures: TimingFigures) -> None:
        points = self._journal
        if not points or figures.elapsed_s > points[-1][0]:
            points.append((figures.elapsed_s, figures.saved_bytes / 1e6))
        while points[0][0] < figures.elapsed_s - _SPAN_S:
            points.popleft()
        lasted_s = points[-1][0] - points[0][0]
        growth = f", {(points[-1][1] - points[0][1]) / lasted_s * 1e3:,.0f} kB/s" if lasted_s > 1 else ""
        self.values["journal"].setText(f"{size_text(figures.saved_bytes)}{growth}" if figures.saved_bytes else "–")
        last_s = points[-1][0]
        # In steps: an axis that changes at every redraw costs more than the curve.
        last_s = max(math.ceil(last_s / _SPAN_STEP_S), 1) * _SPAN_STEP_S
        self.journal.getViewBox().setXRange(max(last_s - _SPAN_S - _SPAN_STEP_S, 0.0), last_s, padding=0)
        self._growth.setData([time_s for time_s, _ in points], [size_mb for _, size_mb in points])

    def restyle(self) -> None:
        """Take every colour anew from the palette."""
        theme = theme_of(self.palette())
        self._bars.setBrush(pg.mkBrush(theme.cursor))
        self._bars.setPen(pg.mkPen(theme.cursor))
        for mark in self._marks:
            mark.setPen(pg.mkPen(theme.target, width=1))
            mark.label.setColor(self.palette().text().color())
        self._growth.setPen(pg.mkPen(theme.held, width=1))


def _counted(latencies_us: np.ndarray) -> np.ndarray:
    """Return how many latencies lie between the edges; those beyond them count with the outermost."""
    return np.histogram(np.clip(latencies_us, _EDGES_US[0], _EDGES_US[-1]), _EDGES_US)[0]


PANEL = Declaration("Timing", lambda shared: TimingPanel(shared.figures, shared.tick_s), tab=(0, 3), grid=(1, 2))
