"""Ask what another learning rate, rule or mapping would have decoded, and draw it over what was decoded."""

from pathlib import Path
from typing import Any

import numpy as np
from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QComboBox, QGridLayout, QLineEdit, QPushButton, QWidget

from bmi_app import plugins
from bmi_app.analysis.recorded_session import RecordedSession
from bmi_app.gui.replay.mapping_editor import MappingEditor
from bmi_app.gui.replay.what_if_path import what_if_path
from bmi_app.gui.shell.follows_palette import FollowsPalette
from bmi_app.gui.shell.plain_label import PlainLabel, plain_tip
from bmi_app.gui.shell.shortcuts import leave_at_escape
from bmi_app.gui.shell.theme import theme_of
from bmi_app.gui.shell.worker import Worker
from bmi_app.gui.widgets.number_field import NumberField
from bmi_app.gui.widgets.plots import Plot, line
from protocols.problems import ProtocolError

_SEEN_S = 10.0
_AS_RECORDED = "as recorded"
_WHENS = ("off", "tick", "trial", "reward")
_COLUMNS = 4


class WhatIfPanel(FollowsPalette, QWidget):
    """Show the decoded velocity around the playhead, recorded and as it would have been.

    Signals: `computed()`, when there is another what-if, or none any more.
    """

    computed = pyqtSignal()

    def __init__(self, computes: Worker, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._computes = computes
        self._session: RecordedSession | None = None
        self.changed_frames: np.ndarray | None = None
        self._at = 0
        self.rule, self.when, self.rate = QComboBox(), QComboBox(), NumberField(-1.0, 1e6, 6)
        self.mapping, self.edit_mapping = MappingEditor(self), QPushButton(_AS_RECORDED)
        self.compute, self.score = QPushButton("What if"), PlainLabel()
        self.other = QLineEdit()
        self.plots = [Plot("", f"decoded {axis} (cm/s)", "time (s)" if axis == "y" else "") for axis in "xy"]
        for plot, axis in zip(self.plots, "xy", strict=True):
            plot.setAccessibleName(f"what-if: decoded velocity {axis}")
            plot.setToolTip("The velocity that was decoded in the session, and in the what-if")
        self.recorded = [plot.plot(name="as recorded") for plot in self.plots]
        self.what_if = [plot.plot(name="what if") for plot in self.plots]
        self._heads = [plot.addLine(x=0.0) for plot in self.plots]
        self._fill()
        self._arrange()
        self.restyle()
        self.compute.clicked.connect(self._ask)
        self.edit_mapping.clicked.connect(self._show_mapping)
        self.mapping.changed.connect(self._name_mapping)

    def show_session(self, session: RecordedSession) -> None:
        """Show another session, without a what-if."""
        self._session, self.changed_frames = session, None
        self.mapping.show_protocol(session.protocol)
        self.edit_mapping.setEnabled(bool(session.protocol.populations))
        self.score.setText("Blue: decoded as recorded. Choose a change, then press What if.")
        self.compute.setEnabled(True)
        self.show_frame(0)
        self.computed.emit()

    def show_frame(self, at: int) -> None:
        """Draw what lies around a frame."""
        session, self._at = self._session, at
        if session is None:
            return
        around = round(_SEEN_S / 2 / session.dt_s)
        span = slice(max(at - around, 0), at + around)
        times_s = np.arange(len(session.frames))[span] * session.dt_s
        for plot, recorded, what_if, head, name in zip(
            self.plots, self.recorded, self.what_if, self._heads, ("decoded_x_cm_s", "decoded_y_cm_s"), strict=True
        ):
            recorded.setData(times_s, session.frames[name][span])
            what_if.setData(
                *((times_s, self.changed_frames[name][span]) if self.changed_frames is not None else ([], []))
            )
            head.setValue(at * session.dt_s)
            plot.setXRange(at * session.dt_s - _SEEN_S / 2, at * session.dt_s + _SEEN_S / 2, padding=0)

    def path_cm(self, at: int) -> np.ndarray:
        """Return where the what-if would have taken the cursor in the trial of a frame, f8[tick, 2]; empty without one."""
        if self._session is None or self.changed_frames is None:
            return np.zeros((0, 2))
        return what_if_path(self._session, self.changed_frames, at)

    def move_unit(self, unit: int, population: str) -> None:
        """Move a unit to another population in the what-if."""
        self.mapping.move_units([unit], population)

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
        overrides, moved = self._overrides(), dict(self.mapping.moved)
        changes = [
            *(_in_words(override) for override in overrides),
            *([f"unit {self.mapping.in_words()}"] if moved else []),
        ]
        self.compute.setEnabled(False)
        self.score.setText("Recomputing…")

        def compute() -> Any:
            from bmi_app.session.recompute import replay  # it loads the kernels

            return replay.what_if(folder, overrides, moved)

        self._computes.submit(
            compute, lambda found: self._show(folder, changes, found), lambda error: self._fail(folder, error)
        )

    def _show(self, folder: Path, changes: list[str], found: Any) -> None:
        if self._session is None or self._session.folder != folder:
            return
        self.changed_frames = found.frames
        before, after = found.recorded, found.changed
        updates = f"{found.weight_updates:,} update{'' if found.weight_updates == 1 else 's'}"
        as_recorded = f" As recorded: {'; '.join(found.as_recorded)}." if found.as_recorded else ""
        self.score.setText(
            f"Orange, and dashed in the workspace: with {', '.join(changes) or 'nothing changed'}. Error of the velocity "
            f"{before['rmse_cm_s']:.2f} → {after['rmse_cm_s']:.2f} cm/s, of its direction {before['angle_deg']:.0f}° → "
            f"{after['angle_deg']:.0f}°; {updates}.{as_recorded} The subject's spikes do not react to the change."
        )
        self.compute.setEnabled(True)
        self.show_frame(self._at)
        self.computed.emit()

    def _fail(self, folder: Path, error: Exception) -> None:
        if self._session is not None and self._session.folder == folder:
            lines = (
                [problem.in_window() for problem in error.problems]
                if isinstance(error, ProtocolError)
                else [str(error)]
            )
            self.score.setText("\n".join(f"✕ {line}" for line in lines))
            self.compute.setEnabled(True)

    def _show_mapping(self) -> None:
        self.mapping.show()
        self.mapping.raise_()

    def _name_mapping(self) -> None:
        n_moved = len(self.mapping.moved)
        text = f"{n_moved} unit{'s' if n_moved > 1 else ''} moved" if n_moved else _AS_RECORDED
        self.edit_mapping.setText(text)
        told = f"Units moved: {self.mapping.in_words() or 'none'}. Click to move others."
        self.edit_mapping.setToolTip(plain_tip(told))

    def restyle(self) -> None:
        """Take every colour anew from the palette."""
        theme = theme_of(self.palette())
        for recorded, what_if, head in zip(self.recorded, self.what_if, self._heads, strict=True):
            recorded.setPen(line(theme.cursor))
            what_if.setPen(line(theme.failed))
            head.setPen(line(theme.border))

    def _fill(self) -> None:
        self.compute.setToolTip("Decode and learn anew; targets, cursor, rewards and spikes stay as recorded")
        for box, words in ((self.rule, plugins.names("learning")), (self.when, _WHENS)):
            box.addItem(_AS_RECORDED, "")
            for word in words:
                box.addItem(word, word)
        self.rule.setAccessibleName("what-if: rule")
        self.rule.setToolTip("The rule by which the decoder would have learnt")
        self.when.setAccessibleName("what-if: when it learns")
        self.when.setToolTip("When the decoder would have learnt")
        self.rate.setAccessibleName("what-if: learning rate")
        self.rate.setToolTip("The rate of learning; empty: that of the session")
        self.edit_mapping.setAccessibleName("what-if: mapping")
        self.rate.setSpecialValueText(_AS_RECORDED)
        self.rate.setValue(-1.0)
        self.score.setWordWrap(True)
        leave_at_escape(self.other)
        self.other.returnPressed.connect(self.other.clearFocus)
        self.other.setPlaceholderText("or another key: axes.x.gain=0.1")
        self.other.setToolTip("Any key of the protocol with its other value")
        self.other.setAccessibleName("what-if: another key")
        self.other.setToolTip(
            "Keys of axes, decoder, learning and populations, as they stand in a protocol; several: with ;"
        )

    def _arrange(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(8, 6, 8, 6)
        fields = (("Rule", self.rule), ("When", self.when), ("Rate", self.rate), ("Mapping", self.edit_mapping))
        for at, (name, widget) in enumerate(fields):
            row, column = divmod(2 * at, _COLUMNS)
            grid.addWidget(PlainLabel(name), row, column)
            grid.addWidget(widget, row, column + 1)
        for column in range(1, _COLUMNS, 2):
            grid.setColumnStretch(column, 1)
        grid.addWidget(self.other, 2, 0, 1, _COLUMNS - 1)
        grid.addWidget(self.compute, 2, _COLUMNS - 1)
        for row, plot in enumerate(self.plots, 3):
            grid.addWidget(plot, row, 0, 1, _COLUMNS)
            grid.setRowStretch(row, 1)
        grid.addWidget(self.score, 5, 0, 1, _COLUMNS)


def _in_words(override: str) -> str:
    """Say what a key of the protocol is set to, in the words of the panel's fields."""
    key, _, value = (part.strip() for part in override.partition("="))
    if key == "learning.when":
        return "learning off" if value == "off" else f"learning at each {value}"
    return {"learning.rule": f"the rule {value}", "learning.rate": f"the rate {value}"}.get(key, f"{key} {value}")
