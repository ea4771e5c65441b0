"""Take a number by keyboard or wheel, and leave the keys of the window to the window."""

from PyQt6.QtCore import QEvent, Qt
from PyQt6.QtGui import QKeyEvent
from PyQt6.QtWidgets import QDoubleSpinBox

_CLAIM = QEvent.Type.ShortcutOverride
_OF_NUMBERS = set("0123456789.,+-eE\b\x7f")  # backspace and delete are texts, too


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

    def textFromValue(self, v: float) -> str:
        """Write a number."""
        return f"{v:.6g}"
