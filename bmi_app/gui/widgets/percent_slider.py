"""Set a share with the mouse: a click sets the value at its place."""

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QMouseEvent
from PyQt6.QtWidgets import QSlider, QStyle


class PercentSlider(QSlider):
    """Go to the place of a click at once, and ask when the button is let go, not at each pixel."""

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setRange(0, 100)
        self.setTracking(False)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Put the handle under the mouse; from there it is dragged."""
        style = self.style()
        if event is not None and event.button() == Qt.MouseButton.LeftButton and style is not None:
            handle_px = style.pixelMetric(QStyle.PixelMetric.PM_SliderLength, None, self)
            at_px = round(event.position().x()) - handle_px // 2
            self.setSliderPosition(QStyle.sliderValueFromPosition(0, 100, at_px, self.width() - handle_px))
        super().mousePressEvent(event)
