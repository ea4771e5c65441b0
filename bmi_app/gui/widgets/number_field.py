"""Take a number by keyboard or wheel, say why a number is refused, and leave the window's keys to the window."""

from PyQt6.QtCore import QEvent, Qt
from PyQt6.QtGui import QKeyEvent, QValidator
from PyQt6.QtWidgets import QDoubleSpinBox, QToolTip

_CLAIM = QEvent.Type.ShortcutOverride
_OF_NUMBERS = set("0123456789.,+-eE\b\x7f")  # backspace and delete are texts, too


_NO_BOUND = 1e6  # a greater one is only the field's own


def range_text(least: float, most: float) -> str:
    """Say which numbers a field takes."""
    if abs(least) >= _NO_BOUND and most >= _NO_BOUND:
        return "a number"
    if most >= _NO_BOUND:
        return f"a number, {least:g} or more"
    return f"a number from {least:g} to {most:g}" if abs(least) < _NO_BOUND else f"a number, {most:g} or less"


def explain_refusal(field: QDoubleSpinBox, state: QValidator.State, allowed: str) -> None:
    """Tell under a field what it takes, when a key was refused: Qt only swallows it."""
    if state == QValidator.State.Invalid and field.hasFocus():
        QToolTip.showText(field.mapToGlobal(field.rect().bottomLeft()), allowed, field)


class NumberField(QDoubleSpinBox):
    """Ask when it is left or Enter is pressed, not at each digit; show no needless zeros.

    Parameters
    ----------
    least, most : float
    decimals : int
    """

    def __init__(self, least: float, most: float, decimals: int) -> None:
        super().__init__()
        self.setRange(least, most)
        self.setDecimals(decimals)
        self.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        self.setKeyboardTracking(False)
        self.editingFinished.connect(self.clearFocus)  # else the next Space would be typed into it

    def event(self, event: QEvent | None) -> bool:
        """Claim the keys of a number only: a field claims every letter while it has the focus."""
        if isinstance(event, QKeyEvent) and event.type() == _CLAIM and not set(event.text()) <= _OF_NUMBERS:
            event.ignore()
            return False
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Leave the field at Escape; what was typed goes."""
        if event is not None and event.key() == Qt.Key.Key_Escape:
            self.setValue(self.value())
            self.clearFocus()
            return
        super().keyPressEvent(event)

    def validate(self, text: str | None, pos: int) -> tuple[QValidator.State, str, int]:
        """Say what is taken, when something else is typed."""
        found: tuple[QValidator.State, str, int] = super().validate(text, pos)
        explain_refusal(self, found[0], range_text(self.minimum(), self.maximum()))
        return found

    def textFromValue(self, v: float) -> str:
        """Write a number."""
        return f"{v:.6g}"
