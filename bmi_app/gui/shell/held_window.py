"""Hold windows for as long as they are shown, so that none is destroyed before the eyes of its operator.

Qt lets a window go that nothing in Python holds, and windows are held by cycles alone (a slot that names its window is
one). A shown window that Python's collector took apart would hide, and ask the slots of its widgets, when these are no
more than halves: a `functools.partial` without its function ends the process. Nor would it ever be closed, and the
threads that closing ends would stay.
"""

from PyQt6 import sip
from PyQt6.QtCore import QTimer
from PyQt6.QtGui import QHideEvent, QShowEvent
from PyQt6.QtWidgets import QMainWindow, QWidget

from bmi_app.gui.shell import keyboard

_held: set[QMainWindow] = set()


class HeldWindow(QMainWindow):
    """Live at least until it is hidden or closed, whoever else has forgotten it; be reached by keys alone."""

    def __init__(self, parent: QWidget | None = None) -> None:
        keyboard.begin()
        super().__init__(parent)

    def showEvent(self, event: QShowEvent | None) -> None:
        """Begin to hold it."""
        _held.add(self)
        super().showEvent(event)

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Let it go once Qt is done with hiding it: it must not be destroyed meanwhile."""
        super().hideEvent(event)
        QTimer.singleShot(0, _let_go)


def _let_go() -> None:
    """Forget every window that is shown no more; one that is minimized still is."""
    _held.difference_update([window for window in _held if sip.isdeleted(window) or not window.isVisible()])
