"""Show text that others chose as it is written: Qt treats a text that looks like HTML as HTML, and loads what it names."""

import html

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QLabel, QMessageBox, QWidget

_MARKS = frozenset("<&")


class PlainLabel(QLabel):
    """Show text as it is written, also where names of files, streams or other machines in it look like HTML."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setTextFormat(Qt.TextFormat.PlainText)


class MarkedLabel(QLabel):
    """Show text with marks of HTML that the program itself has written; what others chose is escaped in it."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setTextFormat(Qt.TextFormat.RichText)


def plain_tip(text: str) -> str:
    """Return a tooltip that shows a text as it is written."""
    if not _MARKS & set(text):  # Qt takes nothing of it for HTML
        return text
    return f"<p>{html.escape(text).replace(chr(10), '<br>')}</p>"


def plain_box(icon: QMessageBox.Icon, question: str, circumstances: str, parent: QWidget) -> QMessageBox:
    """Return a box that asks a question, and shows both texts as they are written."""
    box = QMessageBox(icon, "bmi", question, parent=parent)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setInformativeText(circumstances)
    return box
