"""Ask what another learning rate or rule would have decoded, and draw it over what was decoded."""

from pathlib import Path
from typing import Any

import numpy as np
from PyQt6.QtWidgets import QComboBox, QDoubleSpinBox, QGridLayout, QLabel, QLineEdit, QPushButton, QWidget

from bmi_app import plugins
from bmi_app.gui.plots import Plot, line
from bmi_app.gui.recorded_session import RecordedSession
from bmi_app.gui.worker import Worker

_SEEN_S = 10.0
_AS_RECORDED = "as recorded"
_WHENS = ("off", "tick", "trial", "reward")


class WhatIfPanel(QWidget):
    """Show the decoded velocity around the playhead, recorded and as it would have been."""

    def __init__(self, computes: Worker, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._computes = computes
        self._session: RecordedSession | None = None
        self._changed: np.ndarray | None = None
        self._at = 0
        self.rule, self.when, self.rate = QComboBox(), QComboBox(), QDoubleSpinBox()
        self.compute, self.score = QPushButton("What if"), QLabel()
        self.compute.setToolTip("Decode and learn anew; targets, cursor, rewards and spikes stay as recorded")
        for box, words in ((self.rule, plugins.names("learning")), (self.when, _WHENS)):
            box.addItem(_AS_RECORDED, "")
            for word in words:
                box.addItem(word, word)
        self.rate.setRange(-1.0, 1e6)
        self.rate.setDecimals(6)
        self.rate.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        self.rate.setSpecialValueText(_AS_RECORDED)
        self.rate.setValue(-1.0)
        self.score.setWordWrap(True)
        self.other = QLineEdit()
        self.other.setPlaceholderText('or change another key: axes.x.gain=0.1   populations.vertical="32-47"')
        self.other.setToolTip(
            "Keys of axes, decoder, learning and populations, as for `bmi replay --set`; several: with ;"
        )
        self.plots = [Plot("", f"decoded {axis} (cm/s)", "time (s)" if axis == "y" else "") for axis in "xy"]
        theme = self.plots[0].theme
        self._recorded = [plot.plot(pen=line(theme.cursor)) for plot in self.plots]
        self._what_if = [plot.plot(pen=line(theme.failed)) for plot in self.plots]
        self._heads = [plot.addLine(x=0.0, pen=line(theme.border)) for plot in self.plots]
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        for column, (name, widget) in enumerate((("Rule", self.rule), ("when", self.when), ("rate", self.rate))):
            grid.addWidget(QLabel(name), 0, 2 * column)
            grid.addWidget(widget, 0, 2 * column + 1)
            grid.setColumnStretch(2 * column + 1, 1)
        grid.addWidget(self.compute, 0, 6)
        grid.addWidget(self.other, 1, 0, 1, 7)
        for row, plot in enumerate(self.plots, 2):
            grid.addWidget(plot, row, 0, 1, 7)
            grid.setRowStretch(row, 1)
        grid.addWidget(self.score, 4, 0, 1, 7)
        self.compute.clicked.connect(self._ask)

    def show_session(self, session: RecordedSession) -> None:
        """Show another session, without a what-if."""
        self._session, self._changed = session, None
        self.score.setText("Blue: decoded as recorded.")
        self.compute.setEnabled(True)
        self.show_frame(0)

    def show_frame(self, at: int) -> None:
        """Draw what lies around a frame."""
        session, self._at = self._session, at
        if session is None:
            return
        around = round(_SEEN_S / 2 / session.dt_s)
        span = slice(max(at - around, 0), at + around)
        times_s = np.arange(len(session.frames))[span] * session.dt_s
        for plot, recorded, what_if, head, name in zip(
            self.plots, self._recorded, self._what_if, self._heads, ("decoded_x_cm_s", "decoded_y_cm_s"), strict=True
        ):
            recorded.setData(times_s, session.frames[name][span])
            what_if.setData(*((times_s, self._changed[name][span]) if self._changed is not None else ([], [])))
            head.setValue(at * session.dt_s)
            plot.setXRange(at * session.dt_s - _SEEN_S / 2, at * session.dt_s + _SEEN_S / 2, padding=0)

    def _overrides(self) -> list[str]:
        chosen = {"learning.rule": self.rule.currentData(), "learning.when": self.when.currentData()}
        overrides = [f"{key}={value}" for key, value in chosen.items() if value]
        if self.rate.value() >= 0:
            overrides.append(f"learning.rate={self.rate.value():g}")
        return [*overrides, *(part.strip() for part in self.other.text().split(";") if part.strip())]

    def _ask(self) -> None:
        session = self._session
        if session is None:
            return
        folder: Path = session.folder
        overrides = self._overrides()
        self.compute.setEnabled(False)
        self.score.setText("Recomputing…")

        def compute() -> Any:
            from bmi_app.session import replay  # it loads the kernels

            return replay.what_if(folder, overrides)

        self._computes.submit(
            compute, lambda found: self._show(folder, overrides, found), lambda error: self._fail(folder, error)
        )

    def _show(self, folder: Path, overrides: list[str], found: Any) -> None:
        if self._session is None or self._session.folder != folder:
            return
        self._changed = found.frames
        before, after = found.recorded, found.changed
        self.score.setText(
            f"Blue: recorded. Orange: with {', '.join(overrides) or 'nothing changed'}. Error "
            f"{before['rmse_cm_s']:.2f} → {after['rmse_cm_s']:.2f} cm/s, angle {before['angle_deg']:.0f}° → "
            f"{after['angle_deg']:.0f}°, {found.weight_updates:,} updates. The subject's spikes do not react to the change."
        )
        self.compute.setEnabled(True)
        self.show_frame(self._at)

    def _fail(self, folder: Path, error: Exception) -> None:
        if self._session is not None and self._session.folder == folder:
            self.score.setText(f"✕ {error}")
            self.compute.setEnabled(True)
