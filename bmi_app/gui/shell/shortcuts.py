"""Name the keys of every window, bind them, and show them under `?`."""

from collections.abc import Callable

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QKeySequence, QShortcut
from PyQt6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from bmi_app.gui.shell.plain_label import PlainLabel
from bmi_app.gui.shell.theme import bold
from bmi_app.rt.operator_commands import BUTTONS
from protocols.rig import MOST_LABELS

PAUSE_KEY, STOP_KEY, SUBJECT_KEY, KEYS_KEY = "Space", "Ctrl+Q", "F11", "?"
START_KEY, SAVE_KEY, SEARCH_KEY = "Ctrl+Return", "Ctrl+S", "Ctrl+F"
FIT_KEY, LOAD_KEY, UNDO_KEY = "F", "Ctrl+O", "Ctrl+Z"
PAGE_KEYS = ("Ctrl+1", "Ctrl+2", "Ctrl+3", "Ctrl+4")
LABEL_KEYS = tuple(f"F{number}" for number in range(1, MOST_LABELS + 1))
SHORTCUTS = {
    PAUSE_KEY: "pause, or let the session go on",
    STOP_KEY: "stop the session; asks first",
    **{button.key: button.key_says for button in BUTTONS.values()},
    "N": "write a note",
    f"{LABEL_KEYS[0]} … {LABEL_KEYS[-1]}": "stamp an event with a label of the protocol",
    "L": "learning on or off (frozen)",
    FIT_KEY: "fit the decoder now",
    f"{SAVE_KEY}, {LOAD_KEY}": "save the weights to a file, load weights from one",
    UNDO_KEY: "undo the chosen change of the weights, and all after it",
    "↑ ↓ Home End": "select another unit, in a plot of units that has the focus",
    "X": "move the selected unit to the population of the x axis",
    "Y": "move the selected unit to the population of the y axis",
    "C": "move the selected unit to control",
    SUBJECT_KEY: "show the subject's window; in it: full screen on or off",
    KEYS_KEY: "show these keys",
}
PAGE_SHORTCUTS = {
    "Tab, Shift+Tab": "go to the next control, or back; a ring shows which has the keyboard",
    "Space, Enter": "press the button that has the ring; else Space pauses, or plays",
    f"{PAGE_KEYS[0]} … {PAGE_KEYS[-1][-1]}": "go to Start, Sessions, Protocol, Replay",
    START_KEY: "start the session",
    SEARCH_KEY: "search the sessions",
    SAVE_KEY: "save the protocol",
    "Ctrl+Z, Ctrl+Shift+Z": "take back the last change of the protocol, make it again",
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
_COLUMNS = ({"Running session": SHORTCUTS}, {"Pages": PAGE_SHORTCUTS, "Replay": REPLAY_SHORTCUTS})


def bind(window: QWidget, actions: dict[str, Callable[[], object]]) -> None:
    """Bind keys to actions of a whole window; a control that has the keyboard takes Space and Enter first (`keyboard`)."""
    for key, action in actions.items():
        shortcut = QShortcut(QKeySequence(key), window)
        shortcut.setAutoRepeat(False)
        shortcut.activated.connect(action)


def leave_at_escape(field: QWidget) -> None:
    """Give the keys back to the window at Escape."""
    shortcut = QShortcut(QKeySequence("Escape"), field)
    shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
    shortcut.activated.connect(field.clearFocus)


class ShortcutsDialog(QDialog):
    """List every key of the program."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys")
        columns = QHBoxLayout(self)
        columns.setContentsMargins(20, 16, 20, 16)
        columns.setSpacing(42)
        for groups in _COLUMNS:
            column = QVBoxLayout()
            for title, keys in groups.items():
                column.addWidget(_Group(title, keys))
            column.addStretch(1)
            columns.addLayout(column)


class _Group(QWidget):
    """List the keys of one part of the program."""

    def __init__(self, title: str, keys: dict[str, str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 10)
        grid.setHorizontalSpacing(18)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(1, 1)
        heading = PlainLabel(title)
        heading.setFont(bold(heading.font(), 12))
        grid.addWidget(heading, 0, 0, 1, 2)
        for row, (key, text) in enumerate(keys.items(), 1):
            name = PlainLabel(key)
            name.setFont(bold(name.font()))
            grid.addWidget(name, row, 0)
            grid.addWidget(PlainLabel(text), row, 1)
