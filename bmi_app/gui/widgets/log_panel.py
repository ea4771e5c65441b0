"""List commands and events of the session, each with its tick, and faults of the window itself."""

import time

from PyQt6.QtGui import QTextCursor
from PyQt6.QtWidgets import QPlainTextEdit, QWidget

_LONGEST_LOG = 500  # lines


class LogPanel(QPlainTextEdit):
    """Show lines, the newest at the bottom; a line that repeats is counted, not listed again."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.setMaximumBlockCount(_LONGEST_LOG)
        self.setPlaceholderText("Commands and events appear here, each with its tick.")
        self.setAccessibleName("log")
        self.setToolTip("What happened, each line with its time and tick")
        self._last = ""
        self._repeats = 1

    def say(self, text: str, time_s: float | None = None) -> None:
        """Append a line with the time of day: of `time_s`, in seconds since the epoch, or of now."""
        stamped = f"{time.strftime('%H:%M:%S', time.localtime(time_s))}  {text}"
        if text != self._last:
            self._last, self._repeats = text, 1
            self.appendPlainText(stamped)
            return
        self._repeats += 1
        cursor = self.textCursor()
        cursor.movePosition(QTextCursor.MoveOperation.End)
        for _ in range(text.count("\n")):
            cursor.movePosition(QTextCursor.MoveOperation.Up, QTextCursor.MoveMode.KeepAnchor)
        cursor.movePosition(QTextCursor.MoveOperation.StartOfBlock, QTextCursor.MoveMode.KeepAnchor)
        cursor.insertText(f"{stamped} (×{self._repeats})")
