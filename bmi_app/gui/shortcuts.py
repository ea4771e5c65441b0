"""Name the keys of every window, bind them, and show them under `?`."""

from collections.abc import Callable

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QKeySequence, QShortcut
from PyQt6.QtWidgets import QDialog, QGridLayout, QLabel, QWidget

PAUSE_KEY, STOP_KEY, SUBJECT_KEY, KEYS_KEY = "Space", "Ctrl+Q", "F11", "?"
START_KEY, SAVE_KEY, SEARCH_KEY = "Ctrl+Return", "Ctrl+S", "Ctrl+F"
PAGE_KEYS = ("Ctrl+1", "Ctrl+2", "Ctrl+3", "Ctrl+4")
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
    KEYS_KEY: "show these keys",
}
PAGE_SHORTCUTS = {
    f"{PAGE_KEYS[0]} … {PAGE_KEYS[-1][-1]}": "go to Start, Sessions, Protocol, Replay",
    START_KEY: "start the session",
    SEARCH_KEY: "search the sessions",
    SAVE_KEY: "save the protocol",
    KEYS_KEY: "show these keys",
}
REPLAY_SHORTCUTS = {
    "Space": "play, or stand still",
    "Left": "1 s back",
    "Right": "1 s forward",
    "Home": "to the beginning",
    "End": "to the end",
    "[": "slower",
    "]": "faster",
    "X, Y, C": "move the selected unit in the what-if",
}
_GROUPS = {"Running session": SHORTCUTS, "Pages": PAGE_SHORTCUTS, "Replay": REPLAY_SHORTCUTS}


def bind(window: QWidget, actions: dict[str, Callable[[], object]]) -> None:
    """Bind keys to actions, for the window and not for a button: Space must never press whichever has the focus."""
    for key, action in actions.items():
        shortcut = QShortcut(QKeySequence(key), window)
        shortcut.setAutoRepeat(False)
        shortcut.activated.connect(action)


class ShortcutsDialog(QDialog):
    """List every key, those of the running session at the left, the others at the right."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys")
        layout = QGridLayout(self)
        layout.setContentsMargins(20, 16, 20, 16)
        layout.setHorizontalSpacing(18)
        layout.setVerticalSpacing(6)
        layout.setColumnMinimumWidth(2, 24)
        rows = [0, 0]
        for at, (title, keys) in enumerate(_GROUPS.items()):
            side = min(at, 1)
            for key, text in {title: "", **keys}.items():
                name, meaning = QLabel(key), QLabel(text)
                name.setStyleSheet("font-weight: 700")
                if not text:
                    name.setContentsMargins(0, 10 if rows[side] else 0, 0, 0)
                    name.setStyleSheet("font-size: 12pt; font-weight: 700")
                layout.addWidget(name, rows[side], 3 * side, 1, 1 if text else 2, Qt.AlignmentFlag.AlignTop)
                if text:
                    layout.addWidget(meaning, rows[side], 3 * side + 1)
                rows[side] += 1
