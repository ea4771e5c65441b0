"""Show a protocol's text beside its form, with the lines that have mistakes marked."""

from collections.abc import Iterable

from PyQt6.QtGui import QColor, QFontDatabase, QTextCharFormat, QTextCursor, QTextFormat
from PyQt6.QtWidgets import QPlainTextEdit, QTextEdit, QWidget

from bmi_app.gui.shell.theme import theme_of


class TomlText(QPlainTextEdit):
    """Edit text; `show_text` keeps the place at which the reader is."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setAccessibleName("TOML")

    def show_text(self, text: str) -> None:
        """Replace the text without telling of it, and go to the first line that differs."""
        before = self.toPlainText()
        if text == before:
            return
        lines = zip(before.splitlines(), text.splitlines(), strict=False)
        changed = next((at for at, (old, new) in enumerate(lines) if old != new), 0)
        self.blockSignals(True)
        self.setPlainText(text)
        self.blockSignals(False)
        block = self.document().findBlockByNumber(changed)  # type: ignore[union-attr]
        self.setTextCursor(QTextCursor(block))
        self.centerCursor()

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
