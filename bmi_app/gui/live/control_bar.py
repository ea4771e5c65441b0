"""Offer the operator's buttons, with their keys."""

from collections.abc import Sequence
from typing import Any

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QGridLayout, QLineEdit, QPushButton, QWidget

from bmi_app.gui.shell.plain_label import plain_tip
from bmi_app.gui.shell.shortcuts import LABEL_KEYS, PAUSE_KEY, STOP_KEY, leave_at_escape
from bmi_app.rt.operator_commands import BUTTONS
from bmi_app.session.view.observer import Phase

_UNCOMMANDABLE = (Phase.FINISHING, Phase.ENDED, Phase.DIED)
_A_ROW = 3  # buttons of declared commands


class ControlBar(QWidget):
    """Pause or resume, stop, and take a note; a button each for the commands that declare one, and for the protocol's labels.

    Parameters
    ----------
    labels : sequence of str
        Names of the events that are stamped with F1 to F8.

    Signals: `pause_asked(bool)`, true to pause and false to resume; `stop_asked()`, which the window asks about;
    `command_asked(request)`.
    """

    pause_asked = pyqtSignal(bool)
    stop_asked = pyqtSignal()
    command_asked = pyqtSignal(dict)

    def __init__(self, labels: Sequence[str] = (), parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._is_paused = False
        self.pause = QPushButton("Pause")
        self.stop = QPushButton(f"Stop… ({STOP_KEY})")
        self.stop.setToolTip(f"End the session; asks first ({STOP_KEY})")
        self.plain = {name: QPushButton(button.text) for name, button in BUTTONS.items()}
        self.labels = {key: QPushButton(f"{key}  {name}") for key, name in zip(LABEL_KEYS, labels, strict=False)}
        self.note = QLineEdit()
        self.note.setPlaceholderText("Note for the journal; Enter stamps it (N)")
        self.note.setAccessibleName("note")
        self.note.setToolTip("What you write is kept in the session, with the tick at which you pressed Enter")
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        for at, button in enumerate((self.pause, self.stop)):
            button.setMinimumHeight(34)
            layout.addWidget(button, 0, 3 * at, 1, 3)
        for at, (name, button) in enumerate(self.plain.items()):
            button.setToolTip(BUTTONS[name].hint)
            button.clicked.connect(lambda _checked, name=name: self._ask({"do": name}))
            layout.addWidget(button, 1 + at // _A_ROW, 2 * (at % _A_ROW), 1, 2)
        first = layout.rowCount()
        for at, ((key, button), name) in enumerate(zip(self.labels.items(), labels, strict=False)):
            button.setAccessibleName(f"label {name}")
            button.setToolTip(plain_tip(f"Stamp an event with the label {name} ({key})"))
            button.clicked.connect(lambda _checked, name=name: self._ask({"do": "label", "label": name}))
            layout.addWidget(button, first + at // 2, 3 * (at % 2), 1, 3)
        layout.addWidget(self.note, layout.rowCount(), 0, 1, 6)
        self.pause.clicked.connect(self._ask_pause)
        self.stop.clicked.connect(self.stop_asked)
        leave_at_escape(self.note)
        self.note.returnPressed.connect(self._take_note)
        self._name_pause()

    def show_phase(self, phase: Phase, is_paused: bool) -> None:
        """Offer what can be done in this phase."""
        takes_commands = phase not in _UNCOMMANDABLE
        for each in (self.pause, self.stop, *self.plain.values(), *self.labels.values(), self.note):
            if each.isEnabled() != takes_commands:
                each.setEnabled(takes_commands)
        if is_paused != self._is_paused:
            self._is_paused = is_paused
            self._name_pause()

    def _ask(self, request: dict[str, Any]) -> None:
        self.command_asked.emit(request)

    def _take_note(self) -> None:
        if text := self.note.text().strip():
            self._ask({"do": "note", "text": text})
        self.note.clear()
        self.note.clearFocus()  # the keys are the window's again

    def _ask_pause(self) -> None:
        self.pause_asked.emit(not self._is_paused)

    def _name_pause(self) -> None:
        self.pause.setText(f"{'Resume' if self._is_paused else 'Pause'} ({PAUSE_KEY})")
        what = "Let the session go on" if self._is_paused else "Hold the cursor and the trial's clock"
        self.pause.setToolTip(f"{what} ({PAUSE_KEY})")
