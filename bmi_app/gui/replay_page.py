"""Play a recorded session back, as it was seen live; verify it, and ask what another decoder would have done."""

import time
from pathlib import Path

from PyQt6.QtCore import QTimer
from PyQt6.QtGui import QHideEvent, QKeySequence, QShortcut
from PyQt6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLabel, QPushButton, QSplitter, QVBoxLayout, QWidget

from bmi_app.gui.recorded_session import RecordedSession, read_session
from bmi_app.gui.task_view import TaskView
from bmi_app.gui.timeline import Timeline
from bmi_app.gui.verifying import Verifier
from bmi_app.gui.what_if_panel import WhatIfPanel
from bmi_app.gui.worker import Worker
from bmi_app.record.session_folder import sessions_root
from bmi_app.session.observe import clock_text

_SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
_REFRESH_MS = 16
_BEFORE_S = 0.7  # of frames shown at a jump, so that the trail is there
_PLOT_S = 0.1  # how often the velocity is drawn: a view of ten seconds moves slowly


class ReplayPage(QWidget):
    """Show one recorded session at a time."""

    def __init__(self, reads: Worker, computes: Worker, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._reads = reads
        self.session: RecordedSession | None = None
        self.task_view: TaskView | None = None
        self.time_s = 0.0
        self._shown = -1
        self._last_s = 0.0
        self._plotted_s = 0.0
        self._verifier = Verifier(computes, self)
        self.heading, self.verdict = QLabel("Open a session to play it back."), QLabel()
        self.clock = QLabel("00:00")
        self.clock.setMinimumWidth(110)
        self.open_folder, self.verify = QPushButton("Open session…"), QPushButton("&Verify")
        self.play, self.speed = QPushButton("▶ Play"), QComboBox()
        for speed in _SPEEDS:
            self.speed.addItem(f"× {speed:g}", speed)
        self.speed.setCurrentIndex(_SPEEDS.index(1.0))
        self.timeline, self.what_if = Timeline(), WhatIfPanel(computes)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._advance)
        self._arrange()
        self.open_folder.clicked.connect(self._choose)
        self.verify.clicked.connect(self._verify)
        self._verifier.told.connect(self._tell)
        self.play.clicked.connect(self._toggle)
        self.timeline.sought.connect(self.seek)
        space = QShortcut(QKeySequence("Space"), self)
        space.activated.connect(self.play.click)
        self._offer(False)

    @property
    def is_playing(self) -> bool:
        """Tell whether time goes on."""
        return self._timer.isActive()

    def open(self, folder: Path) -> None:
        """Read a session off the window's thread, and show it from its start."""
        self._stop()
        self.heading.setText(f"Reading {folder.name}…")
        self._reads.submit(
            lambda: read_session(folder),
            self._show,
            lambda error: self.heading.setText(f"✕ {folder.name} cannot be read: {error}"),
        )

    def seek(self, time_s: float) -> None:
        """Go to a time, forward or back."""
        if self.session is None:
            return
        self.time_s = min(max(time_s, 0.0), self.session.duration_s)
        self._renew_view()
        at = self.session.at(self.time_s)
        self._shown = max(at - round(_BEFORE_S / self.session.dt_s), 0) - 1
        self._show_until(at, plot=True)

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Stand still while nobody looks."""
        self._stop()
        super().hideEvent(event)

    def _show(self, session: RecordedSession) -> None:
        self.session = session
        self.heading.setText(
            f"{session.folder.name}: {len(session.outcomes)} trials, {len(session.rewards_s)} rewards, "
            f"{len(session.frames):,} ticks"
        )
        self.verdict.setText("")
        self.timeline.show_session(session)
        self.what_if.show_session(session)
        self._offer(True)
        self.seek(0.0)

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
        now_s = time.monotonic()
        self.time_s += (now_s - self._last_s) * self.speed.currentData()
        self._last_s = now_s
        if self.time_s >= self.session.duration_s:
            self.time_s = self.session.duration_s
            self._stop()
        self._show_until(self.session.at(self.time_s), plot=now_s - self._plotted_s > _PLOT_S or not self.is_playing)

    def _show_until(self, at: int, plot: bool) -> None:
        assert self.session is not None
        assert self.task_view is not None
        self.task_view.take(self.session.frames[self._shown + 1 : at + 1])
        self._shown = max(at, self._shown)
        self.timeline.show_time(self.time_s)
        self.clock.setText(f"{clock_text(self.time_s)} of {clock_text(self.session.duration_s)}")
        if plot:
            self._plotted_s = time.monotonic()
            self.what_if.show_frame(at)

    def _renew_view(self) -> None:
        """Take a new view: the old one has a trail that leads to elsewhere."""
        assert self.session is not None
        view = TaskView(self.session.protocol)
        if self.task_view is not None:
            self._splitter.replaceWidget(0, view)
            self.task_view.deleteLater()
        else:
            self._splitter.insertWidget(0, view)
            self._splitter.setSizes([560, 560])
        self.task_view = view

    def _verify(self) -> None:
        if self.session is not None:
            self.verify.setEnabled(False)
            self._verifier.verify(self.session.folder)

    def _tell(self, folder: Path, text: str, is_done: bool, _: bool) -> None:
        if self.session is not None and folder == self.session.folder:
            self.verdict.setText(text)
            self.verify.setEnabled(is_done)

    def _choose(self) -> None:
        found = QFileDialog.getExistingDirectory(self, "Open a session folder", str(sessions_root()))
        if found:
            self.open(Path(found))

    def _offer(self, on: bool) -> None:
        for widget in (self.play, self.speed, self.verify, self.timeline, self.what_if):
            widget.setEnabled(on)

    def _arrange(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self.open_folder)
        top.addWidget(self.heading, 1)
        top.addWidget(self.verdict)
        top.addWidget(self.verify)
        for label in (self.heading, self.verdict):
            label.setStyleSheet("font-weight: 600")
        self.heading.setMinimumWidth(1)  # it gives way to the verdict, which must be read whole
        self._splitter = QSplitter()
        self._splitter.addWidget(self.what_if)
        self._splitter.setChildrenCollapsible(False)
        bottom = QHBoxLayout()
        for widget in (self.play, self.speed, self.clock):
            bottom.addWidget(widget)
        bottom.addWidget(self.timeline, 1)
        column = QVBoxLayout(self)
        column.addLayout(top)
        column.addWidget(self._splitter, 1)
        column.addLayout(bottom)
