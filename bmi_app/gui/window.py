"""The operator's window on a running session: a view like any other, which the session does not need."""

import time
from pathlib import Path
from typing import Any

from PyQt6.QtCore import Qt, QTimer
from PyQt6.QtGui import QCloseEvent, QGuiApplication
from PyQt6.QtWidgets import QApplication, QHBoxLayout, QMainWindow, QMessageBox, QVBoxLayout, QWidget

from bmi_app.gui.command_sender import CommandSender
from bmi_app.gui.control_bar import ControlBar
from bmi_app.gui.faults import shown_faults
from bmi_app.gui.log_panel import LogPanel
from bmi_app.gui.narration import Narrator
from bmi_app.gui.notice_strip import NoticeStrip
from bmi_app.gui.status_panel import StatusPanel
from bmi_app.gui.task_view import TaskView
from bmi_app.rt.records import Flag
from bmi_app.session.attach import Attachment
from bmi_app.session.observe import Observer, Phase

_FIGURES_S = 0.2  # figures that change faster cannot be read
_SIDE_WIDTH_PX = 400


class OperatorWindow(QMainWindow):
    """Show one session, and send what its operator commands.

    Parameters
    ----------
    attachment : Attachment
        Of the session; the window closes it.
    close_at_end : bool
        Whether the window closes by itself once the session is complete. It stays when the engine has died.
    """

    def __init__(self, attachment: Attachment, close_at_end: bool) -> None:
        super().__init__()
        self._attachment = attachment
        self._close_at_end = close_at_end
        self._may_close = False
        self.phase = Phase.RUNNING
        self.observer = Observer(attachment)
        self.narrator = Narrator(attachment)
        self.commands = CommandSender(attachment, self)
        self.notice = NoticeStrip(attachment)
        self.task_view = TaskView(attachment.protocol)
        self.status = StatusPanel(attachment.protocol.driver.kind)
        self.controls = ControlBar()
        self.log = LogPanel()
        self.question: QMessageBox | None = None
        self._arrange()
        self.controls.pause_asked.connect(self._pause)
        self.controls.stop_asked.connect(self.ask_to_stop)
        self.commands.failed.connect(self._tell_failure)
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
        frames = self.observer.fresh_frames()
        self.task_view.take(frames)
        state = int(frames[-1]["state"]) if len(frames) else self._state
        # By the clock, since a busy machine refreshes less often.
        if state != self._state or time.monotonic() >= self._figures_due_s:
            self._state = state
            self._figures_due_s = time.monotonic() + _FIGURES_S
            self._refresh_figures()

    def _refresh_figures(self) -> None:
        figures = self.observer.figures()
        self.phase = figures.phase
        is_paused = figures.frame is not None and bool(int(figures.frame["flags"]) & Flag.PAUSED)
        self.notice.show_figures(figures)
        self.status.show_figures(figures)
        self.controls.show_phase(figures.phase, is_paused)
        for line in self.narrator.fresh_lines():
            self.log.say(line)
        if figures.phase.is_over:
            self._timer.stop()
            self._dismiss_question()
            self.log.say(self.notice.message.text())
            if figures.phase == Phase.ENDED and self._close_at_end:
                self.close()

    def ask_to_stop(self) -> None:
        """Ask whether the session shall end, and end it where the answer is yes."""
        box = self._ask("Stop the session?", "It is still recording. What was recorded so far is kept.")
        yes = box.addButton("&Stop the session", QMessageBox.ButtonRole.DestructiveRole)
        no = box.addButton("&Go on", QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(no)
        box.setEscapeButton(no)
        box.buttonClicked.connect(lambda button: self._send({"do": "stop"}) if button is yes else None)
        box.open()

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Close at once when the session is over; else ask what shall become of it."""
        assert event is not None
        if self._may_close or self.phase.is_over:
            self._timer.stop()
            self._dismiss_question()
            self.commands.close()
            event.accept()
            return
        event.ignore()
        box = self._ask("Close the window?", "The session is still recording. It can go on without a window.")
        leave = box.addButton("&Leave it running", QMessageBox.ButtonRole.AcceptRole)
        stop = box.addButton("&Stop the session", QMessageBox.ButtonRole.DestructiveRole)
        back = box.addButton("&Cancel", QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(back)
        box.setEscapeButton(back)

        def act(button: object) -> None:
            if button is leave:
                self.leave()
            elif button is stop:
                self._close_at_end = True
                self._send({"do": "stop"})

        box.buttonClicked.connect(act)
        box.open()

    def leave(self) -> None:
        """Close the window without a question; the session goes on."""
        self._may_close = True
        self.close()

    def _pause(self, pause: bool) -> None:
        self._send({"do": "pause" if pause else "resume"})

    def _send(self, request: dict[str, Any]) -> None:
        self.commands.send(request)

    def _tell_failure(self, request: dict[str, Any], why: str) -> None:
        name = str(request["do"])
        self.log.say(f"{name} did not act: {why.removeprefix(f'{name}: ')}")

    def _ask(self, question: str, circumstances: str) -> QMessageBox:
        """Return a question that leaves the window alive while it waits; only one is asked at a time."""
        self._dismiss_question()
        self.question = QMessageBox(QMessageBox.Icon.Question, "bmi", question, parent=self)
        self.question.setInformativeText(circumstances)
        self.question.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.question.finished.connect(self._forget_question)
        return self.question

    def _forget_question(self) -> None:
        self.question = None

    def _dismiss_question(self) -> None:
        if self.question is not None:
            self.question.done(QMessageBox.StandardButton.NoButton.value)

    def _arrange(self) -> None:
        self.setWindowTitle(f"{self._attachment.protocol.name} · {self._attachment.folder.name}")
        side = QWidget()
        side.setFixedWidth(_SIDE_WIDTH_PX)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(self.status)
        column.addWidget(self.controls)
        column.addWidget(self.log, 1)
        panels = QHBoxLayout()
        panels.setSpacing(14)
        panels.addWidget(self.task_view, 1)
        panels.addWidget(side)
        whole = QWidget()
        rows = QVBoxLayout(whole)
        rows.setContentsMargins(14, 12, 14, 14)
        rows.setSpacing(10)
        rows.addWidget(self.notice)
        rows.addLayout(panels, 1)
        self.setCentralWidget(whole)
        self.setMinimumSize(900, 560)
        self.resize(1180, 700)


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
    window = OperatorWindow(attachment, close_at_end)
    interrupted = []

    def interrupt() -> None:
        interrupted.append(True)
        window.leave()

    with shown_faults(window.log.say, interrupt):
        window.show()
        application.exec()
    if interrupted:
        raise KeyboardInterrupt
    return 1 if window.phase == Phase.DIED else 0
