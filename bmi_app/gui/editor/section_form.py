"""Make a form of a table of the schema: a row for each key, with its meaning, its unit and what is wrong with it."""

import html
from collections.abc import Callable, Collection, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QGridLayout, QGroupBox, QLabel, QToolButton, QWidget

from bmi_app.gui.editor.applicability import why_not
from bmi_app.gui.editor.field_editors import UNITS, ChoiceEditor, NumberEditor, TextEditor, editor_of, unit_of
from bmi_app.gui.editor.protocol_document import ABSENT
from bmi_app.gui.shell.follows_palette import FollowsPalette
from bmi_app.gui.shell.plain_label import PlainLabel
from bmi_app.gui.shell.theme import theme_of
from bmi_app.gui.widgets.one_line import OneLine
from protocols.section import Section
from protocols.wording import describe_allowed, inner_type

_WRITTEN = {"hz": "Hz", "n": "N", "m": "m", "cm": "cm", "s": "s"}  # units in a name, as they are written
_ELSEWHERE = ("format", "model_version", "populations", "settings")  # keys that no row of a form is made for


class SectionForm(FollowsPalette, QGroupBox):
    """Show the keys of one table, those of its own tables not among them; a key that has no effect is not offered.

    Parameters
    ----------
    title : str
        Above the form.
    model : type of BaseModel
        The table's schema, or the `Settings` of a plugin.
    path : str
        Dotted path of the table; empty for the top level.
    left_out : collection of str
        Keys that stand in another form.

    Signals: `edited(key, value)`; ABSENT as value leaves the key to its default.
    """

    edited = pyqtSignal(str, object)

    def __init__(
        self,
        title: str,
        model: type[BaseModel],
        path: str,
        left_out: Collection[str] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(title, parent)
        self._model, self.path = model, path
        self.editors: dict[str, Any] = {}
        self.labels: dict[str, QLabel] = {}
        self.resets: dict[str, QToolButton] = {}
        self.wrongs: dict[str, OneLine] = {}
        self._notes: dict[str, str] = {}  # what is to be known of a key's choices
        self._idle: dict[str, str] = {}  # why a key that is set has no effect
        grid = QGridLayout(self)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(1, 1)
        grid.setColumnMinimumWidth(2, 30)  # of the reset, which comes and goes
        for name, info in model.model_fields.items():
            inner, _ = inner_type(info.annotation)
            is_table = isinstance(inner, type) and issubclass(inner, Section)
            if not is_table and name not in _ELSEWHERE and name not in left_out:
                self._add_row(grid, name, info)
        if not self.editors:
            grid.addWidget(PlainLabel("Nothing to set."), 0, 0)
        self.restyle()

    def _add_row(self, grid: QGridLayout, name: str, info: FieldInfo) -> None:
        key = f"{self.path}.{name}" if self.path else name
        label, editor = PlainLabel(info.title or _spoken(name, self._model.model_fields)), editor_of(name, info)
        label.setBuddy(editor)
        if isinstance(editor, TextEditor) and unit_of(name, info):  # other fields show theirs
            label.setText(f"{label.text()} ({unit_of(name, info)})")
        tip = _tip(key, info)
        label.setToolTip(tip)
        editor.setToolTip(tip)
        editor.setAccessibleName(key)
        reset, wrong = QToolButton(), OneLine()
        reset.setText("↺")
        reset.setAutoRaise(True)
        reset.setToolTip("Use the default")
        wrong.hide()
        row = grid.rowCount()
        for column, widget in enumerate((label, editor, reset)):
            grid.addWidget(widget, row, column)
        grid.addWidget(wrong, row + 1, 1, 1, 2)
        editor.edited.connect(lambda value: self.edited.emit(key, value))
        reset.clicked.connect(lambda: self.edited.emit(key, ABSENT))
        self.editors[key], self.labels[key] = editor, label
        self.resets[key], self.wrongs[key] = reset, wrong

    def show_values(self, get: Callable[[str], Any]) -> None:
        """Show what the file says, and defaults where it says nothing; what it says stands out."""

        def value_of(name: str) -> Any:
            value = get(f"{self.path}.{name}" if self.path else name)
            return value if value is not ABSENT else default_of(self._model.model_fields[name])

        for key, editor in self.editors.items():
            info = self._model.model_fields[key.rpartition(".")[2]]
            is_set = get(key) is not ABSENT
            editor.show_value(value_of(key.rpartition(".")[2]))
            self.resets[key].setVisible(is_set and not info.is_required())
            font = self.labels[key].font()
            if font.bold() != is_set:
                font.setBold(is_set)
                self.labels[key].setFont(font)
            self._offer(key, why_not(key, value_of), is_set)

    def _offer(self, key: str, why_not: str, is_set: bool) -> None:
        """Hide a key that would have no effect; where the file has it all the same, say why it has none."""
        editor, wrong = self.editors[key], self.wrongs[key]
        for widget in (self.labels[key], editor):
            widget.setVisible(is_set or not why_not)
        editor.setEnabled(not why_not)
        self._idle[key] = f"No effect {why_not}." if is_set and why_not else ""
        if not wrong.isEnabled() or why_not:  # a mistake stands until the next check says otherwise
            wrong.setEnabled(False)
            wrong.say(self._idle[key] or self._notes.get(key, "") if is_set or not why_not else "")
        wrong.keep_room(is_set or not why_not)

    def show_problems(self, problems: dict[str, str]) -> set[str]:
        """Show what is wrong at each field; return the keys that have one here."""
        shown: set[str] = set()
        for key, wrong in self.wrongs.items():
            here = {at: text for at, text in problems.items() if at == key or at.startswith(f"{key}.")}
            shown |= here.keys()
            wrong.setEnabled(bool(here))
            kept = "" if self.editors[key].isHidden() else self._idle.get(key, "") or self._notes.get(key, "")
            wrong.say("\n".join(here.values()) or kept)
        return shown

    def restyle(self) -> None:
        """Take every colour anew from the palette."""
        for wrong in self.wrongs.values():
            wrong.setStyleSheet(f"QLabel:enabled {{ color: {theme_of(self.palette()).failed.name()} }}")

    def show_unset(self, name: str, text: str) -> None:
        """Say which value holds for a key that the file leaves out, where only its plugin knows that."""
        editor = self.editors[f"{self.path}.{name}"]
        assert isinstance(editor, NumberEditor)
        editor.show_unset(text)

    def note(self, name: str, text: str) -> None:
        """Say something of a key's choices below it, where nothing is wrong with it; an empty text says nothing."""
        self._notes[f"{self.path}.{name}"] = text

    def offer(self, name: str, words: Sequence[str]) -> None:
        """Offer words for a key whose choices depend on other keys."""
        editor = self.editors[f"{self.path}.{name}"]
        assert isinstance(editor, ChoiceEditor)
        editor.set_words(list(words))


def default_of(info: FieldInfo) -> Any:
    """Return what a key is that the file does not name; None where there is nothing."""
    return None if info.is_required() else info.get_default(call_default_factory=True)


def _tip(key: str, info: FieldInfo) -> str:
    allowed = describe_allowed(info)
    more = f"<p>Allowed: {html.escape(allowed)}</p>" if allowed else ""
    return f"<p>{html.escape(info.description or '')}</p>{more}<p><i>{html.escape(key)}</i></p>"


def _spoken(name: str, names: Collection[str]) -> str:
    """Return a key as a label; its unit stands in the field, unless another key is told from it by the unit only."""
    short, unit = _without_unit(name)
    alike = [other for other in names if other != name and _without_unit(other)[0] == short]
    if all(part in _WRITTEN or part == "per" for part in name.split("_")):  # a ratio of units, and nothing else
        return " ".join(_WRITTEN.get(part, part) for part in name.split("_"))
    spoken = short.replace("_", " ").capitalize()
    return f"{spoken} ({unit})" if alike and unit else spoken


def _without_unit(name: str) -> tuple[str, str]:
    """Return a key without the unit at its end, and that unit."""
    return next(
        ((name.removesuffix(end), unit) for end, unit in UNITS.items() if name.endswith(end) and name != end[1:]),
        (name, ""),
    )
