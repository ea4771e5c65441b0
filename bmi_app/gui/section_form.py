"""Make a form of a table of the schema: a row for each key, with its meaning, its unit and what is wrong with it."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QGridLayout, QGroupBox, QLabel, QToolButton, QWidget

from bmi_app.gui.field_editors import ChoiceEditor, TextEditor, editor_of
from bmi_app.gui.protocol_document import ABSENT
from bmi_app.gui.theme import theme_of
from protocols.section import Section
from protocols.wording import describe_allowed, inner_type


class SectionForm(QGroupBox):
    """Show the keys of one table, those of its own tables not among them.

    Parameters
    ----------
    title : str
        Above the form.
    model : type of Section
        The table's schema.
    path : str
        Dotted path of the table; empty for the top level.

    Signals: `edited(key, value)`; ABSENT as value leaves the key to its default.
    """

    edited = pyqtSignal(str, object)

    def __init__(self, title: str, model: type[Section], path: str, parent: QWidget | None = None) -> None:
        super().__init__(title, parent)
        self._model, self.path = model, path
        self.editors: dict[str, Any] = {}
        self._labels: dict[str, QLabel] = {}
        self._resets: dict[str, QToolButton] = {}
        self._wrongs: dict[str, QLabel] = {}
        grid = QGridLayout(self)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        grid.setColumnMinimumWidth(2, 30)  # of the reset, which comes and goes
        for name, info in model.model_fields.items():
            inner, _ = inner_type(info.annotation)
            if (isinstance(inner, type) and issubclass(inner, Section)) or name in ("format", "populations"):
                continue
            key = f"{path}.{name}" if path else name
            label = QLabel(_spoken(name, model.model_fields))
            editor = editor_of(name, info)
            label.setBuddy(editor)
            extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
            if isinstance(editor, TextEditor) and "unit" in extra:  # other fields show theirs
                label.setText(f"{label.text()} ({extra['unit']})")
            allowed = describe_allowed(info)
            tip = (
                f"<p>{info.description}</p>"
                + (f"<p>Allowed: {allowed}</p>" if allowed else "")
                + f"<p><i>{key}</i></p>"
            )
            label.setToolTip(tip)
            editor.setToolTip(tip)
            editor.setAccessibleName(key)
            reset, wrong = QToolButton(), QLabel()
            reset.setText("↺")
            reset.setAutoRaise(True)
            reset.setToolTip("Leave it to its default")
            wrong.setWordWrap(True)
            wrong.setTextFormat(Qt.TextFormat.PlainText)
            wrong.hide()
            row = grid.rowCount()
            for column, widget in enumerate((label, editor, reset)):
                grid.addWidget(widget, row, column)
            grid.addWidget(wrong, row + 1, 1, 1, 2)
            editor.edited.connect(lambda value, key=key: self.edited.emit(key, value))
            reset.clicked.connect(lambda _, key=key: self.edited.emit(key, ABSENT))
            self.editors[key], self._labels[key] = editor, label
            self._resets[key], self._wrongs[key] = reset, wrong

    def show_values(self, get: Callable[[str], Any]) -> None:
        """Show what the file says, and defaults where it says nothing; what it says stands out."""
        for key, editor in self.editors.items():
            info = self._model.model_fields[key.rpartition(".")[2]]
            value = get(key)
            is_set = value is not ABSENT
            editor.show_value(value if is_set else None if info.is_required() else info.default)
            self._resets[key].setVisible(is_set and not info.is_required())
            font = self._labels[key].font()
            if font.bold() != is_set:
                font.setBold(is_set)
                self._labels[key].setFont(font)

    def show_problems(self, problems: dict[str, str]) -> set[str]:
        """Show what is wrong at each field; return the keys that have one here."""
        shown: set[str] = set()
        for key, wrong in self._wrongs.items():
            here = {at: text for at, text in problems.items() if at == key or at.startswith(f"{key}.")}
            shown |= here.keys()
            text = "\n".join(here.values())
            if text != wrong.text():
                wrong.setText(text)
                wrong.setStyleSheet(f"color: {theme_of(self.palette()).failed.name()}")
            wrong.setVisible(bool(text))
        return shown

    def offer(self, name: str, words: Sequence[str]) -> None:
        """Offer words for a key whose choices depend on other keys."""
        editor = self.editors[f"{self.path}.{name}"]
        assert isinstance(editor, ChoiceEditor)
        editor.set_words(list(words))


def _spoken(name: str, names: Collection[str]) -> str:
    """Return a key as a label; its unit stands in the field, unless another key is told from it by the unit only."""
    for suffix in ("_cm_s", "_per_s", "_ms", "_cm", "_deg", "_s"):
        if name.endswith(suffix) and name.removesuffix(suffix) not in names:
            name = name.removesuffix(suffix)
            break
    return name.replace("_", " ").capitalize()
