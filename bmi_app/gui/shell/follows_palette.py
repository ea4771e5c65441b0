"""Restyle a widget when the appearance changes from light to dark or back."""

from typing import TYPE_CHECKING

from PyQt6.QtCore import QEvent

if TYPE_CHECKING:
    from PyQt6.QtWidgets import QWidget

    _Base = QWidget
else:
    _Base = object


class FollowsPalette(_Base):
    """Call `restyle` whenever the palette of the widget changes; name this class before the widget's own base class."""

    def restyle(self) -> None:
        """Take every colour anew from the palette."""
        raise NotImplementedError

    def changeEvent(self, event: QEvent | None) -> None:
        """Follow the appearance from light to dark and back."""
        if event is not None and event.type() == QEvent.Type.PaletteChange:
            self.restyle()
        super().changeEvent(event)
