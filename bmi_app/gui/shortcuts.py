"""Name the keys of the operator's window, bind them, and show them under `?`."""

from collections.abc import Callable

from PyQt6.QtGui import QKeySequence, QShortcut
from PyQt6.QtWidgets import QDialog, QGridLayout, QLabel, QWidget

PAUSE_KEY, STOP_KEY, SUBJECT_KEY = "Space", "Ctrl+Q", "F11"
SHORTCUTS = {
    PAUSE_KEY: "pause, or let the session go on",
    STOP_KEY: "stop the session; asks first",
    "R": "give a reward",
    "K": "skip this trial",
    "B": "go to the next block",
    "N": "write a note",
    "L": "learning on or off",
    "X": "move the selected unit to the population of the x axis",
    "Y": "move the selected unit to the population of the y axis",
    "C": "move the selected unit to control",
    SUBJECT_KEY: "show the subject's window; in it: full screen on or off",
    "?": "show these keys",
}


def bind(window: QWidget, actions: dict[str, Callable[[], object]]) -> None:
    """Bind keys to actions, for the window and not for a button: Space must never press whichever has the focus."""
    for key, action in actions.items():
        shortcut = QShortcut(QKeySequence(key), window)
        shortcut.setAutoRepeat(False)
        shortcut.activated.connect(action)


class ShortcutsDialog(QDialog):
    """List every key."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys")
        layout = QGridLayout(self)
        layout.setContentsMargins(20, 16, 20, 16)
        layout.setHorizontalSpacing(24)
        layout.setVerticalSpacing(6)
        for row, (key, text) in enumerate(SHORTCUTS.items()):
            name = QLabel(key)
            name.setStyleSheet("font-weight: 700")
            layout.addWidget(name, row, 0)
            layout.addWidget(QLabel(text), row, 1)
