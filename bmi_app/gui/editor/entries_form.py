"""Edit a list of tables, such as the blocks: a list to choose from, add to and sort, and a form of the chosen entry."""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel
from PyQt6.QtCore import QModelIndex, QSignalBlocker, Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QListWidget,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from bmi_app.gui.editor.section_form import SectionForm
from bmi_app.gui.editor.settings_form import SettingsForm
from bmi_app.gui.shell.plain_label import PlainLabel, plain_tip
from bmi_app.gui.shell.theme import theme_of
from protocols.section import Section

_ROWS_SEEN = 6


class EntriesForm(QWidget):
    """Show the entries of one list.

    Parameters
    ----------
    noun : str
        What an entry is called.
    model : type of Section
        Schema of an entry.
    path : str
        Key of the list.
    in_words : callable
        Says an entry, as it stands in the file, in a line.
    plugin_key : str
        The key of an entry that names a plugin; empty where none does.
    about : str
        What the entries are, where that is not plain.

    Signals: `edited(key, value)` as of each form; `added()`, `removed(index)`, `copied(index)`, `moved(index, to)`.
    """

    edited = pyqtSignal(str, object)
    added = pyqtSignal()
    removed = pyqtSignal(int)
    copied = pyqtSignal(int)
    moved = pyqtSignal(int, int)

    def __init__(
        self,
        noun: str,
        model: type[Section],
        path: str,
        in_words: Callable[[dict[str, Any]], str],
        plugin_key: str = "",
        about: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._noun, self._model, self.path = noun, model, path
        self._in_words, self._plugin_key = in_words, plugin_key
        self.forms: list[SectionForm] = []
        self.settings: list[SettingsForm] = []
        self.entries, self._pages = QListWidget(), QStackedWidget()
        self.entries.setAccessibleName(f"{noun}s")
        self.entries.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.entries.setToolTip("Click to edit, drag to another place")
        self.entries.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.add, self.copy, self.remove = QPushButton(f"Add {noun}"), QPushButton("Duplicate"), QPushButton("Remove")
        self.add.setToolTip(plain_tip(f"Add a {noun} behind the chosen one"))
        self.copy.setToolTip(plain_tip(f"Add a copy of the chosen {noun}"))
        self.remove.setToolTip(plain_tip(f"Take the chosen {noun} away"))
        self.up, self.down = QPushButton("▲"), QPushButton("▼")
        self.about = PlainLabel(about)
        self._arrange()
        self._connect()
        self._offer()

    def show_values(self, get: Callable[[str], Any]) -> None:
        """Show as many entries as there are; the one that was chosen stays so."""
        found = get(self.path)
        entries = found if isinstance(found, list) else []
        while len(self.forms) > len(entries):
            self._drop_last()
        while len(self.forms) < len(entries):
            self._append()
        with QSignalBlocker(self.entries):
            for at, entry in enumerate(entries):
                item = self.entries.item(at)
                assert item is not None
                item.setText(f"{at + 1}   {self._in_words(entry if isinstance(entry, dict) else {})}")
        for form in self.forms:
            form.show_values(get)
        for settings in self.settings:
            settings.show_values(get)
        if self.entries.currentRow() < 0 and entries:
            self.entries.setCurrentRow(0)
        self._offer()

    def show_plugins(self, models: dict[str, type[BaseModel]]) -> None:
        """Make the forms of the settings, by the path of the table that names the plugin."""
        for form in self.settings:
            form.show_plugin(models.get(form.table))

    def show_problems(self, problems: dict[str, str]) -> set[str]:
        """Show what is wrong at each field, and which entries have something; return the keys that have a place here."""
        shown: set[str] = set()
        for at, form in enumerate(self.forms):
            here = form.show_problems(problems)
            if self.settings:
                here |= self.settings[at].show_problems(problems)
            item = self.entries.item(at)
            assert item is not None
            text = item.text().removesuffix("   ✕")
            item.setText(f"{text}   ✕" if here else text)
            palette = self.palette()
            item.setForeground(theme_of(palette).failed if here else palette.text().color())
            shown |= here
        return shown

    def choose(self, index: int) -> None:
        """Show one entry's form."""
        self.entries.setCurrentRow(index)

    def _append(self) -> None:
        index = len(self.forms)
        form = SectionForm(f"{self._noun.capitalize()} {index + 1}", self._model, f"{self.path}.{index}")
        form.edited.connect(self.edited)
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(form)
        if self._plugin_key:
            settings = SettingsForm(self._model, form.path, self._plugin_key)
            settings.edited.connect(self.edited)
            column.addWidget(settings)
            self.settings.append(settings)
        column.addStretch(1)
        self.forms.append(form)
        self._pages.addWidget(page)
        with QSignalBlocker(self.entries):
            self.entries.addItem("")

    def _drop_last(self) -> None:
        self.forms.pop()
        if self.settings:
            self.settings.pop()
        page = self._pages.widget(len(self.forms))
        assert page is not None
        self._pages.removeWidget(page)
        page.deleteLater()
        self.entries.takeItem(len(self.forms))

    def _show_chosen(self, index: int) -> None:
        self._pages.setCurrentIndex(max(index, 0))
        self._offer()

    def _offer(self) -> None:
        index, count = self.entries.currentRow(), self.entries.count()
        for button in (self.copy, self.remove):
            button.setEnabled(index >= 0)
        self.up.setEnabled(index > 0)
        self.down.setEnabled(0 <= index < count - 1)
        self.entries.setVisible(count > 0)
        self.entries.setFixedHeight(min(count, _ROWS_SEEN) * max(self.entries.sizeHintForRow(0), 18) + 8)
        self._pages.setVisible(count > 0)

    def _move(self, step: int) -> None:
        index = self.entries.currentRow()
        self.moved.emit(index, index + step)
        self.choose(index + step)

    def _dragged(self, _from: QModelIndex, first: int, _last: int, _to: QModelIndex, before: int) -> None:
        to = before if before < first else before - 1
        self.moved.emit(first, to)
        self.choose(to)

    def _connect(self) -> None:
        self.entries.currentRowChanged.connect(self._show_chosen)
        model = self.entries.model()
        assert model is not None
        model.rowsMoved.connect(self._dragged)
        self.add.clicked.connect(self._add_last)
        self.copy.clicked.connect(self._copy)
        self.remove.clicked.connect(lambda: self.removed.emit(self.entries.currentRow()))
        self.up.clicked.connect(lambda: self._move(-1))
        self.down.clicked.connect(lambda: self._move(1))

    def _add_last(self) -> None:
        self.added.emit()
        self.choose(self.entries.count() - 1)

    def _copy(self) -> None:
        index = self.entries.currentRow()
        self.copied.emit(index)
        self.choose(index + 1)

    def _arrange(self) -> None:
        buttons = QHBoxLayout()
        for button in (self.add, self.copy, self.up, self.down):
            buttons.addWidget(button)
        for arrow, tip in ((self.up, "Move up"), (self.down, "Move down")):
            arrow.setMaximumWidth(36)
            arrow.setToolTip(tip)
            arrow.setAccessibleName(f"{tip.lower()} the {self._noun}")
        buttons.addStretch(1)
        buttons.addWidget(self.remove)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        self.about.setWordWrap(True)
        self.about.setVisible(bool(self.about.text()))
        column.addWidget(self.about)
        column.addWidget(self.entries)
        column.addLayout(buttons)
        column.addWidget(self._pages)
