"""Say something in one line whose room is kept, so that nothing moves when it comes and goes."""

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtGui import QFont, QPainter, QPaintEvent
from PyQt6.QtWidgets import QSizePolicy, QWidget

from bmi_app.gui.shell.plain_label import PlainLabel, plain_tip

_SMALL_PT = 8.5


class OneLine(PlainLabel):
    """Show a text in one line, the end of a longer one left out; the whole is said under the mouse."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        small = QFont(self.font())
        small.setPointSizeF(min(_SMALL_PT, small.pointSizeF()))
        self.setFont(small)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.keep_room(True)

    def say(self, text: str) -> None:
        """Say this, or nothing."""
        self.setText(text)
        self.setToolTip(plain_tip(text))
        self.setVisible(bool(text))

    def keep_room(self, kept: bool) -> None:
        """Keep the room of the line while nothing is said."""
        policy = self.sizePolicy()
        policy.setRetainSizeWhenHidden(kept)
        self.setSizePolicy(policy)

    def sizeHint(self) -> QSize:
        """Return a line's height; any width will do."""
        return QSize(1, self.fontMetrics().height())

    def minimumSizeHint(self) -> QSize:
        """Return a line's height; any width will do."""
        return self.sizeHint()

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        """Draw what fits."""
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        line = self.text().replace("\n", " · ")
        shown = self.fontMetrics().elidedText(line, Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)
