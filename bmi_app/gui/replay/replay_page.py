"""Play a recorded session back, as it was seen live; verify it, and ask what another decoder would have done."""

import time
from pathlib import Path

import numpy as np
from PyQt6.QtCore import Qt, QTimer
from PyQt6.QtGui import QHideEvent, QResizeEvent
from PyQt6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QMainWindow,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from bmi_app.analysis.feed import Fresh
from bmi_app.analysis.playback import Playback
from bmi_app.analysis.recorded_session import RecordedSession, read_session
from bmi_app.gui.panels.docks import Docks
from bmi_app.gui.panels.session_panels import SessionPanels
from bmi_app.gui.panels.task_view import TaskView
from bmi_app.gui.replay.timeline import Timeline
from bmi_app.gui.replay.what_if_panel import WhatIfPanel
from bmi_app.gui.shell.plain_label import PlainLabel, plain_tip
from bmi_app.gui.shell.shortcuts import bind
from bmi_app.gui.shell.theme import bold
from bmi_app.gui.shell.verifying import Verifier
from bmi_app.gui.shell.worker import Worker
from bmi_app.gui.widgets.moments_list import MomentsList
from bmi_app.record import integrity
from bmi_app.record.session_folder import sessions_root
from bmi_app.session.view.observer import clock_text, state_text

_SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
_REFRESH_MS = 16
_TRAIL_S = 0.7  # of frames shown at a jump, so that the trail is there
_PLOT_S = 0.1  # how often the velocity is drawn: a view of ten seconds moves slowly
_STEP_S = 1.0
_SAID_PX = 270
_AROUND_HEADING_PX = 70  # margins and spacing of its row


class ReplayPage(QWidget):
    """Show one recorded session at a time."""

    def __init__(self, reads: Worker, computes: Worker, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._reads = reads
        self.session: RecordedSession | None = None
        self.playback: Playback | None = None
        self.task_view: TaskView | None = None
        self.panels: SessionPanels | None = None
        self.docks: Docks | None = None
        self.time_s = 0.0
        self._last_s = 0.0
        self._plotted_s = 0.0
        self._verifier = Verifier(computes, self)
        self._told = "Open a session to play it back."
        self.heading, self.verdict = PlainLabel(self._told), PlainLabel()
        self.clock, self.moment = PlainLabel("00:00"), PlainLabel()
        self.open_folder, self.verify = QPushButton("Open session…"), QPushButton("&Verify")
        self.open_folder.setToolTip("Choose the folder of a recorded session")
        self.verify.setToolTip("Recompute every tick and compare it bit for bit")
        self.panels_button = QPushButton("Panels")
        self.panels_button.setToolTip("Choose which panels are shown, and how they are arranged")
        self.play, self.speed = QPushButton("▶ Play"), QComboBox()
        self.speed.setAccessibleName("speed")
        self.play.setToolTip("Play, or stand still (Space)")
        self.speed.setToolTip("How many times faster than it was recorded")
        for speed in _SPEEDS:
            self.speed.addItem(f"× {speed:g}", speed)
        self.speed.setCurrentIndex(_SPEEDS.index(1.0))
        self.timeline, self.what_if, self.moments = Timeline(), WhatIfPanel(computes), MomentsList()
        self._timer, self._jump = QTimer(self), QTimer(self)
        self._jump.setSingleShot(True)
        self._stage: QMainWindow | None = None
        self._arrange()
        self._connect()
        self._offer(False)

    @property
    def is_playing(self) -> bool:
        """Tell whether time goes on."""
        return self._timer.isActive()

    def open(self, folder: Path) -> None:
        """Read a session off the window's thread, and show it from its start."""
        self._stop()
        self._say(f"Reading {folder.name}…")
        self._reads.submit(
            lambda: read_session(folder),
            self._show,
            lambda error: self._say(f"✕ {folder.name} cannot be read: {error}"),
        )

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Cut the heading to the room that there is."""
        super().resizeEvent(event)
        self._show_heading()

    def _say(self, text: str) -> None:
        self._told = text
        self.heading.setToolTip(plain_tip(text))
        self._show_heading()

    def _show_heading(self) -> None:
        """Show that it is cut where it gives way to the verdict: the tooltip has it whole."""
        others = (self.open_folder, self.verdict, self.verify, self.panels_button)
        room_px = self.width() - sum(each.sizeHint().width() for each in others) - _AROUND_HEADING_PX
        self.heading.setText(
            self.heading.fontMetrics().elidedText(self._told, Qt.TextElideMode.ElideRight, max(room_px, 0))
        )

    def seek(self, time_s: float) -> None:
        """Go to a time, forward or back."""
        if self.session is None:
            return
        self._jump.stop()
        self.time_s = min(max(time_s, 0.0), self.session.duration_s)
        assert self.playback is not None
        assert self.panels is not None
        assert self.task_view is not None
        assert self.docks is not None
        rows = self.playback.jump_to(self.session.at(self.time_s))
        self.panels.restart()
        self.docks.make_due()
        self.task_view.restart()
        self._take(rows, plot=True)
        self.docks.redraw_all()

    def keep_layout(self) -> None:
        """Remember how the panels are arranged."""
        if self.docks is not None:
            self.docks.save()

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Stop playing while the page is hidden."""
        self._stop()
        self.keep_layout()
        super().hideEvent(event)

    def _show(self, session: RecordedSession) -> None:
        self.keep_layout()
        self.session, self.playback = session, Playback(session)
        counted = f"{_counted(len(session.outcomes), 'trial')}, {_counted(len(session.rewards_s), 'reward')}"
        self._told = f"{session.folder.name}: {counted}"
        self.heading.setToolTip(plain_tip(f"{session.folder}\n{counted}, {len(session.frames):,} ticks"))
        self._show_verdict("")
        self.verdict.setToolTip("")
        self._reads.submit(
            lambda: integrity.known_or_full(session.folder),
            lambda standing: self._show_standing(session, standing),
            lambda error: self._say(f"✕ {session.folder.name} cannot be checked: {error}"),
        )
        self._set_stage(session, self.playback)
        self.timeline.show_session(session)
        self.moments.show_moments(session.told.moments)
        self.what_if.show_session(session)
        self._offer(True)
        # Before the first trial there may be minutes of rest, in which nothing moves.
        first = session.frames["trial"] >= 0
        self.seek(int(np.argmax(first)) * session.dt_s if first.any() else 0.0)

    def _show_standing(self, session: RecordedSession, standing: integrity.Standing) -> None:
        """Say that a session is damaged, or not whole, while it is played; what Verify found stays."""
        if session is not self.session or self.verdict.text() or standing.state in ("complete", "running"):
            return
        mark = "" if standing.is_ended else "✕ "
        self._show_verdict(f"{mark}The session is {standing.words}")
        self.verdict.setToolTip("\n".join(standing.doubts()))

    def _show_verdict(self, text: str) -> None:
        """Give the verdict the room of its text at once: it is not drawn, or looked at, in the room of the last one."""
        self.verdict.setText(text)
        self._show_heading()
        row = self.layout()
        assert row is not None
        row.activate()

    def _set_stage(self, session: RecordedSession, playback: Playback) -> None:
        """Put a task view and panels for this session where those of the last one were."""
        self.task_view = TaskView(session.protocol)
        self.task_view.setMinimumSize(180, 140)
        stage = QMainWindow()
        stage.setWindowFlags(Qt.WindowType.Widget)
        stage.setCentralWidget(self.task_view)
        self.panels = SessionPanels(playback, playback.timing, stage)
        self.panels.end()
        self.panels.command_asked.connect(self._move_unit)
        panels, behind = self.panels, {"Notes and events": self.moments}
        self.docks = Docks(stage, self.what_if, panels.by_title, panels.tabs, panels.grid, "What if", "replay", behind)
        menu = QMenu(self.panels_button)
        self.docks.fill_menu(menu)
        self.panels_button.setMenu(menu)
        self._room.addWidget(stage, 1)
        if self._stage is not None:
            self._room.removeWidget(self._stage)
            self._stage.hide()
            self._stage.deleteLater()
        self._stage = stage
        self._hint.hide()
        self.docks.restore()

    def _toggle(self) -> None:
        if self.is_playing:
            self._stop()
        elif self.session is not None:
            if self.time_s >= self.session.duration_s:
                self.seek(0.0)
            self._last_s = time.monotonic()
            self._timer.start(_REFRESH_MS)
            self.play.setText("Pause")

    def _stop(self) -> None:
        self._timer.stop()
        self.play.setText("▶ Play")

    def _advance(self) -> None:
        assert self.session is not None
        assert self.playback is not None
        now_s = time.monotonic()
        self.time_s += (now_s - self._last_s) * self.speed.currentData()
        self._last_s = now_s
        if self.time_s >= self.session.duration_s:
            self.time_s = self.session.duration_s
            self._stop()
        rows = self.playback.advance_to(self.session.at(self.time_s))
        self._take(rows, plot=now_s - self._plotted_s > _PLOT_S or not self.is_playing)

    def _take(self, rows: Fresh, plot: bool) -> None:
        """Hand rows to all that is shown."""
        assert self.session is not None
        assert self.playback is not None
        assert self.task_view is not None
        assert self.panels is not None
        assert self.docks is not None
        self.task_view.take(rows.frames[-round(_TRAIL_S / self.session.dt_s) :])
        self.panels.take(rows)
        self.docks.take(rows)
        self.timeline.show_time(self.time_s)
        self.clock.setText(f"{clock_text(self.time_s)} of {clock_text(self.session.duration_s)}")
        if plot:
            self._plotted_s = time.monotonic()
            text = state_text(self.session.frames[self.playback.at], self.session.protocol)
            self.moment.setText(text)
            self.moment.setToolTip(plain_tip(text))
            self.what_if.show_frame(self.playback.at)
            self._show_other_path()

    def _show_other_path(self) -> None:
        if self.task_view is not None and self.playback is not None:
            self.task_view.show_other_path(self.what_if.path_cm(max(self.playback.at, 0)))

    def _seek_soon(self, time_s: float) -> None:
        """Go to a time once the mouse's events are done: a drag gives more of them than can be shown."""
        self.time_s = time_s
        self.timeline.show_time(time_s)
        self._jump.start(0)

    def _move_unit(self, request: dict[str, object]) -> None:
        """Take a move asked for in a panel into the what-if; the recording stays as it is."""
        if request["do"] == "move_unit":
            self.what_if.move_unit(int(str(request["unit"])), str(request["population"]))

    def _move_by_key(self, key: str) -> None:
        if self.panels is not None:
            self.panels.selection.move_by_key(key)

    def _change_speed(self, step: int) -> None:
        self.speed.setCurrentIndex(min(max(self.speed.currentIndex() + step, 0), len(_SPEEDS) - 1))

    def _verify(self) -> None:
        if self.session is not None:
            self.verify.setEnabled(False)
            self._verifier.verify(self.session.folder)

    def _tell(self, folder: Path, text: str, is_done: bool, _: bool) -> None:
        if self.session is not None and folder == self.session.folder:
            self._show_verdict(text)
            self.verify.setEnabled(is_done)

    def _choose(self) -> None:
        found = QFileDialog.getExistingDirectory(self, "Open a session folder", str(sessions_root()))
        if found:
            self.open(Path(found))

    def _offer(self, on: bool) -> None:
        for widget in (self.play, self.speed, self.verify, self.timeline, self.what_if, self.panels_button):
            widget.setEnabled(on)

    def _connect(self) -> None:
        self._timer.timeout.connect(self._advance)
        self._jump.timeout.connect(lambda: self.seek(self.time_s))
        self.open_folder.clicked.connect(self._choose)
        self.verify.clicked.connect(self._verify)
        self._verifier.told.connect(self._tell)
        self.play.clicked.connect(self._toggle)
        self.timeline.sought.connect(self._seek_soon)
        self.moments.chosen.connect(self.seek)
        self.moments.list.setToolTip("What was noted, commanded and told; Enter or a click goes there")
        self.what_if.computed.connect(self._show_other_path)
        bind(
            self,
            {
                "Space": self.play.click,
                "Left": lambda: self.seek(self.time_s - _STEP_S),
                "Right": lambda: self.seek(self.time_s + _STEP_S),
                "Home": lambda: self.seek(0.0),
                "End": lambda: self.seek(self.session.duration_s if self.session is not None else 0.0),
                "[": lambda: self._change_speed(-1),
                "]": lambda: self._change_speed(1),
                "X": lambda: self._move_by_key("x"),
                "Y": lambda: self._move_by_key("y"),
                "C": lambda: self._move_by_key("c"),
            },
        )

    def _arrange(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self.open_folder)
        top.addWidget(self.heading, 1)
        top.addWidget(self.verdict)
        top.addWidget(self.verify)
        top.addWidget(self.panels_button)
        for label in (self.heading, self.verdict):
            label.setFont(bold(label.font()))
        self.heading.setMinimumWidth(1)  # it gives way to the verdict, which must be read whole
        self._hint = PlainLabel("Choose a session here, or press Replay on the page Sessions.")
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._room = QVBoxLayout()
        self._room.addWidget(self._hint, 1)
        said = QVBoxLayout()
        said.setSpacing(2)
        said.addStretch(1)
        for label in (self.clock, self.moment):
            label.setFixedWidth(_SAID_PX)  # else the timeline is drawn anew at each word
            said.addWidget(label)
        said.addStretch(1)
        bottom = QHBoxLayout()
        for widget in (self.play, self.speed):
            bottom.addWidget(widget)
        bottom.addLayout(said)
        bottom.addWidget(self.timeline, 1)
        column = QVBoxLayout(self)
        column.addLayout(top)
        column.addLayout(self._room, 1)
        column.addLayout(bottom)


def _counted(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"
