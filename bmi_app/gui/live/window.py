"""The operator's window on a running session: a view like any other, which the session does not need."""

import time
from pathlib import Path
from typing import Any

import numpy as np
from PyQt6.QtCore import Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QAction, QCloseEvent, QGuiApplication
from PyQt6.QtWidgets import QApplication, QMenu, QScrollArea, QVBoxLayout, QWidget

from bmi_app.analysis.session_source import LiveSource
from bmi_app.gui.browser.result_card import summary_text
from bmi_app.gui.live.command_sender import CommandSender
from bmi_app.gui.live.control_bar import ControlBar
from bmi_app.gui.live.hand_sender import HandSender, takes_hand
from bmi_app.gui.live.notice_strip import NoticeStrip
from bmi_app.gui.live.rescue import Rescue
from bmi_app.gui.live.reward_sound import RewardSound
from bmi_app.gui.live.status_panel import StatusPanel
from bmi_app.gui.live.subject_window import SubjectWindow
from bmi_app.gui.panels.docks import Docks
from bmi_app.gui.panels.learning_panel import LearningPanel
from bmi_app.gui.panels.session_panels import SessionPanels
from bmi_app.gui.panels.task_view import TaskView
from bmi_app.gui.shell import appearance
from bmi_app.gui.shell.faults import shown_faults
from bmi_app.gui.shell.garbage import collected_here
from bmi_app.gui.shell.held_window import HeldWindow
from bmi_app.gui.shell.question import Answer, Question
from bmi_app.gui.shell.shortcuts import (
    FIT_KEY,
    LOAD_KEY,
    PAUSE_KEY,
    SAVE_KEY,
    STOP_KEY,
    SUBJECT_KEY,
    UNDO_KEY,
    ShortcutsDialog,
    bind,
)
from bmi_app.gui.widgets.log_panel import LogPanel
from bmi_app.rt.operator_commands import BUTTONS
from bmi_app.rt.records import Flag
from bmi_app.session.view.attachment import Attachment
from bmi_app.session.view.narrator import Narrator
from bmi_app.session.view.observer import Figures, Observer, Phase, ending

_FIGURES_S = 0.2  # figures that change faster cannot be read
_SIDE_WIDTH_PX = 320


class OperatorWindow(HeldWindow):
    """Show one session, and send what its operator commands.

    Parameters
    ----------
    attachment : Attachment
        Of the session; the window closes it.
    close_at_end : bool
        Whether the window closes by itself once the session is complete. It stays when the session failed or the
        engine has died.

    Signals: `recovered(Path)`, a session whose engine had died; `closed()`.
    """

    recovered = pyqtSignal(Path)
    closed = pyqtSignal()

    def __init__(self, attachment: Attachment, close_at_end: bool) -> None:
        super().__init__()
        self.attachment = attachment
        self._close_at_end = close_at_end
        self._may_close = False
        self.phase = Phase.RUNNING
        self.source = LiveSource(attachment)
        self.narrator = Narrator(attachment)
        self.commands = CommandSender(attachment, self)
        self.notice = NoticeStrip(attachment)
        self.task_view = TaskView(attachment.protocol)
        self.status = StatusPanel(attachment.protocol.driver.kind)
        self.controls = ControlBar(attachment.protocol.session.event_labels)
        self.log = LogPanel()
        self.live = SessionPanels(self.source, self._last_figures, self)
        self.subject: SubjectWindow | None = None
        self._reward_sound = RewardSound()
        self.hand = HandSender(attachment, self) if takes_hand(attachment.protocol) else None
        self.rescue = Rescue(attachment.folder, self)
        self._closes_next = False
        self.keys: ShortcutsDialog | None = None
        self.question = Question(self)
        self._arrange()
        self._connect()
        self.observer = Observer(attachment)  # last: it counts the time without new ticks from here on
        self.figures = self.observer.figures()
        self._figures_due_s = 0.0
        self._state = -1
        screen = QGuiApplication.primaryScreen()
        rate_hz = screen.refreshRate() if screen is not None and screen.refreshRate() > 1 else 60.0
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.refresh)
        self._timer.start(round(1e3 / rate_hz))
        self.refresh()

    def refresh(self) -> None:
        """Read what is new in the live file and show it: the task at every call, figures more slowly."""
        fresh = self.source.fresh()
        self.task_view.take(fresh.frames)
        if self.subject is not None:
            self.subject.take(fresh.frames)
        if self.sound.isChecked() and np.any(fresh.frames["flags"] & Flag.REWARDED):
            self._reward_sound.play()
        self.live.take(fresh)
        self.docks.take(fresh)
        state = int(fresh.frames[-1]["state"]) if len(fresh.frames) else self._state
        # By the clock, since a busy machine refreshes less often.
        if state != self._state or time.monotonic() >= self._figures_due_s:
            self._state = state
            self._figures_due_s = time.monotonic() + _FIGURES_S
            self.refresh_figures()

    def _last_figures(self) -> Figures:
        return self.figures

    def refresh_figures(self) -> None:
        """Read the session's figures anew, and show them."""
        self.figures = figures = self.observer.figures()
        self.phase = figures.phase
        is_paused = figures.frame is not None and bool(int(figures.frame["flags"]) & Flag.PAUSED)
        self.notice.show_figures(figures)
        self.status.show_figures(figures)
        self.controls.show_phase(figures.phase, is_paused)
        for time_s, line in self.narrator.fresh():
            self.log.say(line, time_s)
        if figures.phase.is_over:
            self._timer.stop()
            self.docks.redraw_all()
            self.live.end()
            self.question.dismiss()
            self.log.say(self.notice.message.text())
            is_good = figures.phase == Phase.ENDED and not ending(self.attachment)[1]
            if is_good and self._close_at_end:
                QTimer.singleShot(0, self.close)  # once it is shown: a session may be over before its window is

    def hold(self) -> None:
        """Draw nothing by itself any more: whoever measures calls `refresh`."""
        self._timer.stop()

    def show_subject(self) -> None:
        """Show the subject's window, or bring it to the front."""
        if self.subject is None:
            self.subject = SubjectWindow(self.attachment.protocol)
            self.subject.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            self.subject.closed.connect(self._forget_subject)
            self._follow_mouse(self.subject.view)
        self.subject.show()
        self.subject.raise_()

    def show_keys(self) -> None:
        """List the keyboard shortcuts."""
        if self.keys is None:
            self.keys = ShortcutsDialog(self)
        self.keys.show()

    def ask_to_stop(self) -> None:
        """Ask whether the session shall end, and end it where the answer is yes."""
        self.question.ask(
            "Stop the session?",
            "It is still recording. What was recorded so far is kept.",
            Answer("&Stop the session", lambda: self._send({"do": "stop"})),
            stay="&Go on",
        )

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Close at once when the session is over; else ask what shall become of it."""
        assert event is not None
        if self.rescue.is_under_way and not self._may_close:
            self._closes_next = True  # else a second recovery could be asked for beside this one
            event.ignore()
            return
        if self._may_close or self.phase.is_over:
            self._timer.stop()
            self.question.dismiss()
            self.commands.close()
            if self.hand is not None:
                self.hand.close()
            self.rescue.close()
            self.docks.save()
            if self.subject is not None:
                self.subject.close()
            event.accept()
            self.closed.emit()
            return
        event.ignore()
        self.question.ask(
            "Close the window?",
            "The session is still recording. It can go on without a window.",
            Answer("&Leave it running", self.leave, is_destructive=False),
            Answer("&Stop the session", self._stop_and_close),
            stay="&Cancel",
        )

    def _stop_and_close(self) -> None:
        self._close_at_end = True
        self._send({"do": "stop"})

    def _tell_rescue(self, text: str, is_done: bool, is_good: bool) -> None:
        self.notice.show_recovery(text, is_done=is_done, is_good=is_good)
        if is_good and self._closes_next:
            QTimer.singleShot(0, self.close)
        self._closes_next &= not is_done  # whoever wanted to close shall read that it failed

    def _tell_recovered(self, report: Any) -> None:
        self.log.say(summary_text(report.summary))
        self.recovered.emit(report.folder)

    def leave(self) -> None:
        """Close the window without a question; the session goes on."""
        self._may_close = True
        self.close()

    def _pause(self, pause: bool) -> None:
        self._send({"do": "pause" if pause else "resume"})

    def _command(self, request: dict[str, Any]) -> None:
        """Send what a button or key asks for; behind the last block there is only the session's end, and that is asked for."""
        frame, blocks = self.figures.frame, self.attachment.protocol.blocks
        if request["do"] == "next_block" and frame is not None and int(frame["block"]) == len(blocks) - 1:
            self.ask_to_stop()
        else:
            self._send(request)

    def _send(self, request: dict[str, Any]) -> None:
        self.commands.send(request)

    def _tell_failure(self, request: dict[str, Any], why: str) -> None:
        name = str(request["do"])
        self.log.say(f"{name} did not act: {why.removeprefix(f'{name}: ')}")

    def _tell_answer(self, request: dict[str, Any], answer: dict[str, Any]) -> None:
        """Echo what no ring of the live file holds; the narrator tells everything else."""
        if request["do"] == "save_weights":
            self.log.say(f"weights saved to {answer['file']}")

    def _forget_subject(self) -> None:
        self.subject = None

    def _follow_mouse(self, view: TaskView) -> None:
        """Let the mouse over a view of the task be the person's hand, where the session has a use for one."""
        if self.hand is not None:
            view.follow_mouse()
            view.hand_moved.connect(self.hand.move)
            view.hand_left.connect(self.hand.leave)

    def _toggle_learning(self) -> None:
        if self.live.of(LearningPanel).learning.isEnabled():
            self._send({"do": "learning", "on": not self.attachment.arrays["state"][0]["learning_on"]})

    def _connect(self) -> None:
        self.notice.recover_asked.connect(self.rescue.begin)
        self.rescue.told.connect(self._tell_rescue)
        self.rescue.recovered.connect(self._tell_recovered)
        self.controls.pause_asked.connect(self._pause)
        self.controls.stop_asked.connect(self.ask_to_stop)
        self.controls.command_asked.connect(self._command)
        self.live.command_asked.connect(self._send)
        self.commands.failed.connect(self._tell_failure)
        self.commands.answered.connect(self._tell_answer)
        self._follow_mouse(self.task_view)
        plain, selection, learning = self.controls.plain, self.live.selection, self.live.of(LearningPanel)
        bind(
            self,
            {
                PAUSE_KEY: self.controls.pause.click,
                STOP_KEY: self.controls.stop.click,
                **{button.key: plain[name].click for name, button in BUTTONS.items()},
                **{key: button.click for key, button in self.controls.labels.items()},
                "N": self.controls.note.setFocus,
                "L": self._toggle_learning,
                FIT_KEY: learning.fit.click,
                SAVE_KEY: learning.save.click,
                LOAD_KEY: learning.load.click,
                UNDO_KEY: learning.undo.click,
                "X": lambda: selection.move_by_key("x"),
                "Y": lambda: selection.move_by_key("y"),
                "C": lambda: selection.move_by_key("c"),
                SUBJECT_KEY: self.show_subject,
                "?": self.show_keys,
            },
        )

    def _arrange(self) -> None:
        self.setWindowTitle(f"{self.attachment.protocol.name} · {self.attachment.folder.name}")
        side = QWidget()
        column = QVBoxLayout(side)
        column.setContentsMargins(10, 6, 10, 8)
        column.setSpacing(8)
        column.addWidget(self.status)
        column.addWidget(self.controls)
        column.addWidget(self.log, 1)
        side.setMinimumWidth(_SIDE_WIDTH_PX)
        scrolled = QScrollArea()
        scrolled.setWidget(side)
        scrolled.setWidgetResizable(True)
        scrolled.setFrameShape(QScrollArea.Shape.NoFrame)
        scrolled.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        bar = scrolled.verticalScrollBar()
        assert bar is not None
        scrolled.setMinimumWidth(_SIDE_WIDTH_PX + 2 + bar.sizeHint().width())  # nothing is cut when it comes
        whole = QWidget()
        rows = QVBoxLayout(whole)
        rows.setContentsMargins(8, 8, 8, 4)
        rows.setSpacing(6)
        rows.addWidget(self.notice)
        rows.addWidget(self.task_view, 1)
        self.task_view.setMinimumSize(180, 140)
        self.setCentralWidget(whole)
        self.setMinimumSize(900, 560)
        self.resize(1280, 720)
        self.docks = Docks(self, scrolled, self.live.by_title, self.live.tabs, self.live.grid)
        self.docks.restore()
        self._fill_menus()

    def _fill_menus(self) -> None:
        bar = self.menuBar()
        assert bar is not None
        titles = ("&Panels", "&Subject", "&View", "&Help")
        panels, view, looks, keys = (bar.addMenu(title) or QMenu() for title in titles)
        self.docks.fill_menu(panels)
        appearance.fill_menu(looks)
        view.addAction(f"Subject window ({SUBJECT_KEY})", self.show_subject)
        self.sound = QAction("Sound at reward", self)
        self.sound.setCheckable(True)
        view.setToolTipsVisible(True)
        self.sound.setToolTip("A tone when the window shows the reward; a sound that is exact in time is an output")
        view.addAction(self.sound)
        keys.addAction("Keys (?)", self.show_keys)


def run(folder: Path, close_at_end: bool) -> int:
    """Show the window on a running session until it is closed.

    Parameters
    ----------
    folder : Path
        The session folder.
    close_at_end : bool
        Whether the window closes by itself once the session is complete.

    Returns
    -------
    int
        0, or 1 where the engine has died. The session may still run: the operator can leave it.

    Raises
    ------
    AttachError
        If the session does not run.
    KeyboardInterrupt
        At Ctrl-C in the terminal; the window is closed and the session still runs: the caller decides.
    """
    from bmi_app.session.priority import lower_view

    attachment = Attachment(folder)
    lower_view()
    application = QApplication.instance() or QApplication(["bmi"])
    appearance.begin()
    window = OperatorWindow(attachment, close_at_end)
    # Not left to the last window that closes: others may stand open. Not `quit`, which would close those.
    window.closed.connect(application.exit)
    with collected_here(), shown_faults(window.log.say, window.leave):
        window.show()
        application.exec()
    return 1 if window.phase == Phase.DIED else 0
