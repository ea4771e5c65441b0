"""Show a protocol's text beside its form, with the lines that have mistakes marked."""

from collections.abc import Iterable

from PyQt6.QtGui import QColor, QFontDatabase, QTextCharFormat, QTextCursor, QTextFormat
from PyQt6.QtWidgets import QPlainTextEdit, QTextEdit, QWidget

from bmi_app.gui.shell.theme import theme_of


class TomlText(QPlainTextEdit):
    """Edit text; what `show_text` changes can be undone like what was typed, and the rest stays where it is seen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setAccessibleName("TOML")
        self.setToolTip("The protocol's file; a change here shows in the form, and the other way round")

    def begin_with(self, text: str) -> None:
        """Show another file without telling of it; nothing is left to undo."""
        self.blockSignals(True)
        self.setPlainText(text)
        self.blockSignals(False)

    def show_text(self, text: str) -> None:
        """Replace what differs, without telling of it, as one step that can be undone; go to the place."""
        before = self.toPlainText()
        if text == before:
            return
        begin, end = differing(before, text)
        cursor = QTextCursor(self.document())
        cursor.setPosition(_qt_length(before[:begin]))
        cursor.setPosition(_qt_length(before[: len(before) - end]), QTextCursor.MoveMode.KeepAnchor)
        self.blockSignals(True)
        cursor.insertText(text[begin : len(text) - end])
        self.blockSignals(False)
        cursor.setPosition(_qt_length(text[:begin]))
        self.setTextCursor(cursor)
        self.ensureCursorVisible()

    def mark(self, lines: Iterable[int]) -> None:
        """Mark lines, from 1."""
        colour = QColor(theme_of(self.palette()).failed)
        colour.setAlphaF(0.25)
        marks = []
        for line in lines:
            mark = QTextEdit.ExtraSelection()
            style = QTextCharFormat()
            style.setBackground(colour)
            style.setProperty(QTextFormat.Property.FullWidthSelection, True)
            mark.format = style
            mark.cursor = QTextCursor(self.document().findBlockByNumber(line - 1))  # type: ignore[union-attr]
            marks.append(mark)
        self.setExtraSelections(marks)


def _qt_length(text: str) -> int:
    """Return how many places a text takes for Qt, which counts in UTF-16."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def differing(before: str, after: str) -> tuple[int, int]:
    """Return how many characters two texts have in common at the beginning, and at the end beside those."""
    shorter = min(len(before), len(after))
    begin = next((at for at in range(shorter) if before[at] != after[at]), shorter)
    room = shorter - begin
    end = next((at for at in range(room) if before[-1 - at] != after[-1 - at]), room)
    return begin, end
