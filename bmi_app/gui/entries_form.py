"""Edit a list of tables, such as the blocks: one form each, which can be added, moved and removed."""

from collections.abc import Callable
from typing import Any

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from bmi_app.gui.section_form import SectionForm
from protocols.section import Section


class EntriesForm(QWidget):
    """Show the entries of one list.

    Signals: `edited(key, value)` as of each form; `added()`, `removed(index)`, `moved(index, to)`.
    """

    edited = pyqtSignal(str, object)
    added = pyqtSignal()
    removed = pyqtSignal(int)
    moved = pyqtSignal(int, int)

    def __init__(self, noun: str, model: type[Section], path: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._noun, self._model, self.path = noun, model, path
        self.forms: list[SectionForm] = []
        self._rows: list[QWidget] = []
        self.add = QPushButton(f"Add {noun}")
        self.add.clicked.connect(self.added)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.addWidget(self.add)

    def show_values(self, get: Callable[[str], Any], count: int) -> None:
        """Show as many entries as there are."""
        while len(self._rows) > count:
            row = self._rows.pop()
            self.forms.pop()
            self._column.removeWidget(row)
            row.hide()
            row.deleteLater()
        while len(self._rows) < count:
            self._append()
        for form in self.forms:
            form.show_values(get)

    def show_problems(self, problems: dict[str, str]) -> set[str]:
        """Show what is wrong at each field; return the keys that have one here."""
        return set().union(*(form.show_problems(problems) for form in self.forms))

    def _append(self) -> None:
        index = len(self.forms)
        form = SectionForm(f"{self._noun.capitalize()} {index + 1}", self._model, f"{self.path}.{index}")
        form.edited.connect(self.edited)
        up, remove = QPushButton("Move up"), QPushButton("Remove")
        up.setEnabled(index > 0)
        up.clicked.connect(lambda: self.moved.emit(index, index - 1))
        remove.clicked.connect(lambda: self.removed.emit(index))
        row = QWidget()
        column = QVBoxLayout(row)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(form)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(up)
        buttons.addWidget(remove)
        column.addLayout(buttons)
        self._column.insertWidget(index, row)
        self.forms.append(form)
        self._rows.append(row)
