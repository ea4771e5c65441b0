"""Show which control has the keyboard by a ring around it, of the same kind for every control."""

from PyQt6 import sip
from PyQt6.QtCore import QEvent, QObject, QPoint, QRect, Qt
from PyQt6.QtGui import QColor, QPainter, QPaintEvent, QRegion
from PyQt6.QtWidgets import QWidget

from bmi_app.gui.shell.theme import theme_of

_WIDTH_PX = 2
_MOVED = (
    QEvent.Type.Move,
    QEvent.Type.Resize,
    QEvent.Type.Show,
    QEvent.Type.Hide,
    QEvent.Type.ZOrderChange,
    QEvent.Type.LayoutRequest,
)


class FocusRing(QWidget):
    """Follow a control for as long as it has the keyboard; lie over everything, and leave the mouse to what is below.

    Parameters
    ----------
    control
        What has the keyboard.
    window
        The window that holds it.
    """

    def __init__(self, control: QWidget, window: QWidget) -> None:
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._control, self._window = control, window
        self._followed: list[QWidget] = []
        at: QWidget | None = control
        while at is not None and at is not window:
            at.installEventFilter(self)
            self._followed.append(at)
            at = at.parentWidget()
        self._place()

    def leave(self) -> None:
        """Go, with the keyboard."""
        if not sip.isdeleted(self):
            for followed in self._followed:
                if not sip.isdeleted(followed):
                    followed.removeEventFilter(self)
            self._followed.clear()
            self.hide()
            self.deleteLater()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Follow every move of the control, and of all that it lies in."""
        if event is not None:
            if event.type() in _MOVED:
                self._place()
            elif event.type() == QEvent.Type.FocusOut and watched is self._control:
                self.hide()
            elif event.type() == QEvent.Type.FocusIn and watched is self._control:
                self._place()
        return False

    def paintEvent(self, _: QPaintEvent | None) -> None:
        """Fill the ring, to which the mask has cut this widget."""
        QPainter(self).fillRect(self.rect(), self.colour)

    @property
    def colour(self) -> QColor:
        """Return the colour of the ring."""
        return theme_of(self._window.palette()).target

    def _place(self) -> None:
        if sip.isdeleted(self._control) or not self._control.isVisible():
            self.hide()
            return
        seen = seen_within(self._control, self._window)
        if seen.isEmpty():  # scrolled out of sight
            self.hide()
            return
        around = seen.adjusted(-_WIDTH_PX, -_WIDTH_PX, _WIDTH_PX, _WIDTH_PX) & self._window.rect()
        self.setGeometry(around)
        inside = self.rect().adjusted(_WIDTH_PX, _WIDTH_PX, -_WIDTH_PX, -_WIDTH_PX)
        self.setMask(QRegion(self.rect()) - QRegion(inside))
        self.raise_()
        self.show()


def seen_within(control: QWidget, window: QWidget) -> QRect:
    """Return the part of a control that no widget around it cuts off, in the coordinates of the window."""
    seen, at = QRect(control.mapTo(window, QPoint(0, 0)), control.size()), control.parentWidget()
    while at is not None and at is not window:
        seen &= QRect(at.mapTo(window, QPoint(0, 0)), at.size())
        at = at.parentWidget()
    return seen & window.rect()
