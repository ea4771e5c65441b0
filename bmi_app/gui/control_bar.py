"""Offer the operator's buttons, with their keys."""

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtGui import QKeySequence, QShortcut
from PyQt6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from bmi_app.session.observe import Phase

PAUSE_KEY, STOP_KEY = "Space", "Ctrl+Q"
_COMMANDABLE = (Phase.RUNNING, Phase.PAUSED, Phase.SOURCE_LOST, Phase.STALLED)


class ControlBar(QWidget):
    """Pause or resume, and stop.

    Signals: `pause_asked(bool)`, true to pause and false to resume; `stop_asked()`, which the window asks about.
    """

    pause_asked = pyqtSignal(bool)
    stop_asked = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._is_paused = False
        self.pause = QPushButton("Pause")
        self.stop = QPushButton("Stop…")
        self.stop.setToolTip(f"End the session; asks first ({STOP_KEY})")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for button in (self.pause, self.stop):
            button.setMinimumHeight(38)
            layout.addWidget(button, 1)
        self.pause.clicked.connect(self._ask_pause)
        self.stop.clicked.connect(self.stop_asked)
        # Keys of the window, not of the buttons: Space must never press whichever button has the focus.
        for key, button in ((PAUSE_KEY, self.pause), (STOP_KEY, self.stop)):
            shortcut = QShortcut(QKeySequence(key), self)
            shortcut.setAutoRepeat(False)
            shortcut.activated.connect(button.click)
        self._name_pause()

    def show_phase(self, phase: Phase, is_paused: bool) -> None:
        """Offer what can be done in this phase."""
        for button in (self.pause, self.stop):
            if button.isEnabled() != (phase in _COMMANDABLE):
                button.setEnabled(phase in _COMMANDABLE)
        if is_paused != self._is_paused:
            self._is_paused = is_paused
            self._name_pause()

    def _ask_pause(self) -> None:
        self.pause_asked.emit(not self._is_paused)

    def _name_pause(self) -> None:
        self.pause.setText("Resume" if self._is_paused else "Pause")
        what = "Let the session go on" if self._is_paused else "Hold the cursor and the trial's clock"
        self.pause.setToolTip(f"{what} ({PAUSE_KEY})")
