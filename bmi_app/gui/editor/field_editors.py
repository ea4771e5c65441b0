"""Edit one key of a protocol: a widget for each kind of value, with its unit and bounds.

Every editor has `edited`, a signal with the new value (ABSENT: leave the key to its default), and `show_value`.
"""

import tomllib
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import tomlkit
from pydantic.fields import FieldInfo
from PyQt6.QtCore import QEvent, Qt, pyqtSignal
from PyQt6.QtGui import QFocusEvent, QKeyEvent, QKeySequence, QValidator, QWheelEvent
from PyQt6.QtWidgets import QAbstractSpinBox, QCheckBox, QComboBox, QDoubleSpinBox, QLineEdit, QPlainTextEdit, QWidget

from bmi_app import plugins
from bmi_app.gui.editor.path_editor import PathEditor, path_kind
from bmi_app.gui.editor.protocol_document import ABSENT
from bmi_app.gui.widgets.number_field import explain_refusal, range_text
from protocols.rig import PLUGIN_CHOICES
from protocols.wording import describe_allowed, inner_type, most_of

_ABSENT = "not set"
_FARTHEST = 1e12  # where a key has no bound
# Longer ends first.
UNITS = {"_cm_s": "cm/s", "_per_s": "1/s", "_deg": "deg", "_cm": "cm", "_hz": "Hz", "_ms": "ms", "_s": "s"}


class NumberEditor(QDoubleSpinBox):
    """Edit a number; below its least value stands `not set`, where a key may be absent."""

    edited = pyqtSignal(object)

    def __init__(self, info: FieldInfo, unit: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        inner, _ = inner_type(info.annotation)
        self._is_whole = inner is int
        self._none = info.default is None
        low, most = _range(info)
        self._allowed = range_text(low, most)
        self.setDecimals(0 if self._is_whole else 9)
        self._may_be = (low - 1 if self._none else low, min(most, 2.0**53))
        self.setRange(*self._may_be)
        if self._none:
            self.setSpecialValueText(_unset(info))
        if not self._is_whole:
            self.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
        if unit:
            self.setSuffix(f" {unit}")
        self.setKeyboardTracking(False)  # a number is edited once it is whole
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumWidth(90)
        self.valueChanged.connect(self._tell)

    def event(self, event: QEvent | None) -> bool:
        """Leave undo and redo to the page where the field itself has nothing to take back."""
        line = self.lineEdit()
        return (line is not None and leaves_step(line, event)) or super().event(event)

    def show_value(self, value: Any) -> None:
        """Show a value without telling of it; what is no number is left to the text."""
        self.blockSignals(True)
        self.setRange(*self._may_be)
        if value is None:
            self.setValue(self.minimum())
        elif isinstance(value, int | float) and not isinstance(value, bool):
            # What the file says is shown, also where it is not allowed: another number would hide the mistake.
            least = self.minimum() if value >= self.minimum() + self._none else float(value) - self._none
            self.setRange(least, max(self.maximum(), float(value)))
            self.setValue(float(value))
        self.blockSignals(False)

    def show_unset(self, text: str) -> None:
        """Show this where the key is absent."""
        if self._none and self.specialValueText() != text:
            self.setSpecialValueText(text)

    def textFromValue(self, v: float) -> str:
        """Write no needless zeros."""
        return f"{v:.12g}"

    def validate(self, text: str | None, pos: int) -> tuple[QValidator.State, str, int]:
        """Say what is taken, when something else is typed."""
        found: tuple[QValidator.State, str, int] = super().validate(text, pos)
        explain_refusal(self, found[0], self._allowed)
        return found

    def wheelEvent(self, e: QWheelEvent | None) -> None:
        """Scroll the form, unless this very field is being edited."""
        if e is not None and not self.hasFocus():
            e.ignore()
        else:
            super().wheelEvent(e)

    def _tell(self, value: float) -> None:
        if self._none and value <= self.minimum():
            self.edited.emit(ABSENT)
        else:
            self.edited.emit(int(value) if value.is_integer() and (self._is_whole or abs(value) < 1e9) else value)


class ChoiceEditor(QComboBox):
    """Choose one of a few words; the word `absent` stands for an absent key."""

    edited = pyqtSignal(object)

    def __init__(self, words: list[str], optional: bool, absent: str = "none", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._optional, self._absent = optional, absent
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.set_words(words)
        self.activated.connect(lambda _: self.edited.emit(ABSENT if self.currentData() is None else self.currentData()))

    def set_words(self, words: list[str]) -> None:
        """Offer these; the present choice stays."""
        kept = self.currentData()
        self.clear()
        if self._optional:
            self.addItem(self._absent, None)
        for word in words:
            self.addItem(word, word)
        self.show_value(kept)

    def show_value(self, value: Any) -> None:
        """Show a value; one that is not offered is shown all the same, since the file says so."""
        if value is not None and self.findData(value) < 0:
            self.addItem(str(value), value)
        self.setCurrentIndex(self.findData(value))

    def wheelEvent(self, e: QWheelEvent | None) -> None:
        """Scroll the form, unless this very field is being edited."""
        if e is not None and not self.hasFocus():
            e.ignore()
        else:
            super().wheelEvent(e)


class SwitchEditor(QCheckBox):
    """Switch something on or off."""

    edited = pyqtSignal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.clicked.connect(self.edited.emit)

    def show_value(self, value: Any) -> None:
        """Show a value."""
        self.setChecked(value is True)


class TextEditor(QLineEdit):
    """Edit a text, or with `as_toml` a list or table as it would stand in the file."""

    edited = pyqtSignal(object)

    def __init__(self, as_toml: bool, hint: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._as_toml = as_toml
        self._shown = ""
        self.setPlaceholderText(hint)
        self.editingFinished.connect(self._tell)

    def event(self, event: QEvent | None) -> bool:
        """Leave undo and redo to the page where the field itself has nothing to take back."""
        return leaves_step(self, event) or super().event(event)

    def show_value(self, value: Any) -> None:
        """Show a value, unless it is just being typed."""
        if value is None or value in ((), {}):
            text = ""
        elif self._as_toml:
            text = tomlkit.item(list(value) if isinstance(value, tuple) else value).as_string().strip()
            if isinstance(value, dict):
                text = tomlkit.inline_table().append("v", value).as_string()[5:-1]
        else:
            text = str(value)
        self._shown = text
        if text != self.text():
            self.setText(text)
            self.setCursorPosition(0)  # of a long text, the beginning is read

    def _tell(self) -> None:
        text = self.text().strip()
        if text == self._shown:
            return
        self._shown = text
        if not text:
            self.edited.emit(ABSENT)
        elif self._as_toml:
            try:
                self.edited.emit(tomllib.loads(f"value = {text}")["value"])
            except tomllib.TOMLDecodeError:
                self.edited.emit(text)  # a text where none is allowed: the check says what is
        else:
            self.edited.emit(text)


class ParagraphEditor(QPlainTextEdit):
    """Edit a text of some lines, which wraps; it is taken when the field is left."""

    edited = pyqtSignal(object)
    _LINES = 4

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown = ""
        self.setTabChangesFocus(True)
        self.setPlaceholderText(_ABSENT)
        margins = round(2 * (self.document().documentMargin() if self.document() is not None else 0)) + 4  # type: ignore[union-attr]
        self.setFixedHeight(self._LINES * self.fontMetrics().lineSpacing() + margins)

    def show_value(self, value: Any) -> None:
        """Show a value, unless it is just being typed."""
        self._shown = value if isinstance(value, str) else ""
        if self._shown != self.toPlainText() and not self.hasFocus():
            self.setPlainText(self._shown)

    def focusOutEvent(self, e: QFocusEvent | None) -> None:
        """Take the text."""
        super().focusOutEvent(e)
        text = self.toPlainText().strip()
        if text != self._shown:
            self._shown = text
            self.edited.emit(text or ABSENT)


def leaves_step(line: QLineEdit, event: QEvent | None) -> bool:
    """Tell whether a key asks for a step back or forth that the field has none of; such a key is not taken."""
    if event is None or event.type() != QEvent.Type.ShortcutOverride or not isinstance(event, QKeyEvent):
        return False
    steps = (
        (QKeySequence.StandardKey.Undo, line.isUndoAvailable()),
        (QKeySequence.StandardKey.Redo, line.isRedoAvailable()),
    )
    if not any(event.matches(keys) and not has_one for keys, has_one in steps):
        return False
    event.ignore()
    return True


def _range(info: FieldInfo) -> tuple[float, float]:
    least, most = _bound(info, "ge", "gt"), _bound(info, "le", "lt")
    most = most_of(info) if most is None else most
    return (-_FARTHEST if least is None else least), (_FARTHEST if most is None else most)


def _bound(info: FieldInfo, *names: str) -> float | None:
    """Return the bound of a field that goes by one of these names."""
    bounds = (getattr(entry, name, None) for entry in info.metadata for name in names)
    return next((float(bound) for bound in bounds if bound is not None), None)


def _unset(info: FieldInfo) -> str:
    """Say that a key is not set, and what holds then, where its description says that behind `absent:`."""
    said = (info.description or "").partition("bsent: ")[2].partition(".")[0].partition(" (")[0].partition(",")[0]
    return f"{_ABSENT}: {said}" if said else _ABSENT


def unit_of(name: str, info: FieldInfo) -> str:
    """Return the unit of a field: what its schema says, else what the end of its name says; empty for none."""
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    if "unit" in extra:
        return str(extra["unit"])
    inner, _ = inner_type(info.annotation)
    return next((unit for end, unit in UNITS.items() if name.endswith(end)), "") if inner in (int, float) else ""


def editor_of(
    key: str, info: FieldInfo
) -> NumberEditor | ChoiceEditor | SwitchEditor | TextEditor | ParagraphEditor | PathEditor:  # fmt: skip
    """Return an editor for a field of the schema."""
    inner, container = inner_type(info.annotation)
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    if "plugin" in extra:
        return ChoiceEditor(plugins.names(extra["plugin"]), optional=False)  # type: ignore[arg-type]
    if get_origin(inner) is Literal:
        return ChoiceEditor([str(word) for word in get_args(inner)], optional=info.default is None)
    if key in ("population", "push", "pull"):
        return ChoiceEditor([], optional=True)
    if key in PLUGIN_CHOICES:
        return ChoiceEditor([], optional=info.default is None, absent=_unset(info))
    if container is None and inner is bool:
        return SwitchEditor()
    if container is None and inner in (int, float):
        return NumberEditor(info, unit_of(key, info))
    kind = path_kind(key, info)
    if container is None and inner in (str, Path) and kind is not None:
        return PathEditor(kind, hint="" if info.is_required() else _ABSENT)
    if key == "description":
        return ParagraphEditor()
    if container is None and inner is str:
        return TextEditor(as_toml=False, hint="" if info.is_required() else _ABSENT)
    return TextEditor(as_toml=True, hint=describe_allowed(info))
