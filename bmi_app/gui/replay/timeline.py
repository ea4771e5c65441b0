"""Show a recorded session as a bar of time, with its trials, rewards and notes; click or drag to go somewhere."""

from PyQt6.QtCore import QEvent, QPointF, QRectF, Qt, pyqtSignal
from PyQt6.QtGui import QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap, QPolygonF, QResizeEvent
from PyQt6.QtWidgets import QSizePolicy, QToolTip, QWidget

from bmi_app.analysis.recorded_session import RecordedSession
from bmi_app.analysis.told_moments import Moment
from bmi_app.gui.shell.plain_label import plain_tip
from bmi_app.gui.shell.theme import theme_of
from bmi_app.rt.records import Outcome
from bmi_app.session.view.observer import clock_text

_MARGIN_PX = 10.0
_NEAR_PX = 5.0  # how far from a mark the mouse still means it
_MOST_TOLD = 8  # moments in a tooltip
_TIP = (
    "Trials: high for a success, low for a failure; triangles above are rewards. Grey: paused. Below, diamonds are notes and labels, "
    "lines the operator's commands, dots events. Click to go there."
)


class Timeline(QWidget):
    """Draw trials as bars, high and green for a success, low and red for a failure; rewards are triangles above.

    Pauses are shaded. Below stand notes and labels as diamonds, commands as lines, and events as dots.

    Signal `sought(time_s)`.
    """

    sought = pyqtSignal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session: RecordedSession | None = None
        self._ground: QPixmap | None = None
        self._time_s = 0.0
        self.setFixedHeight(78)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("timeline")
        self.setToolTip(_TIP)

    def show_session(self, session: RecordedSession) -> None:
        """Show another session, from its start."""
        self._session, self._ground = session, None
        self.show_time(0.0)

    def show_time(self, time_s: float) -> None:
        """Put the playhead to a time."""
        self._time_s = time_s
        self.update()

    def x_of(self, time_s: float) -> float:
        """Return where a time lies."""
        duration_s = self._session.duration_s if self._session is not None else 1.0
        return _MARGIN_PX + (self.width() - 2 * _MARGIN_PX) * time_s / max(duration_s, 1e-9)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Draw the trials anew."""
        self._ground = None
        super().resizeEvent(event)

    def changeEvent(self, event: QEvent | None) -> None:
        """Follow the appearance from light to dark and back."""
        self._ground = None
        super().changeEvent(event)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the bar and the playhead."""
        if self._ground is None:
            self._ground = self._drawn_ground()
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._ground)
        if self._session is not None:
            painter.setPen(QPen(self.palette().windowText().color(), 2))
            x = self.x_of(self._time_s)
            painter.drawLine(QPointF(x, 2), QPointF(x, self._bar().bottom() + 4))

    def _bar(self) -> QRectF:
        return QRectF(_MARGIN_PX, 14, self.width() - 2 * _MARGIN_PX, 30)

    def _drawn_ground(self) -> QPixmap:
        """Draw what stays while a session is played: an hour has thousands of marks."""
        theme, bar = theme_of(self.palette()), self._bar()
        ground = QPixmap(self.size() * self.devicePixelRatioF())
        ground.setDevicePixelRatio(self.devicePixelRatioF())
        ground.fill(self.palette().window().color())
        painter = QPainter(ground)
        painter.setFont(self.font())
        painter.fillRect(bar, theme.workspace)
        painter.setPen(QPen(theme.border, 1))
        painter.drawRect(bar)
        if self._session is not None:
            self._draw_marks(painter, bar, self._session)
        painter.end()
        return ground

    def _draw_marks(self, painter: QPainter, bar: QRectF, session: RecordedSession) -> None:
        theme = theme_of(self.palette())
        for began_s, ended_s in session.told.pauses_s:
            left, right = self.x_of(began_s), self.x_of(min(ended_s, session.duration_s))
            painter.fillRect(QRectF(left, bar.top() + 1, max(right - left, 1.0), bar.height() - 2), theme.faint)
        for time_s, code in zip(session.trial_ends_s.tolist(), session.outcomes.tolist(), strict=True):
            success = code == Outcome.SUCCESS
            skipped = code == Outcome.OPERATOR
            painter.setPen(QPen(theme.held if success else theme.muted if skipped else theme.failed, 2))
            x = self.x_of(time_s)
            painter.drawLine(QPointF(x, bar.bottom()), QPointF(x, bar.top() + (2 if success else 18)))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.target)
        for time_s in session.rewards_s.tolist():
            x = self.x_of(time_s)
            painter.drawPolygon(QPolygonF([QPointF(x - 3, 6), QPointF(x + 3, 6), QPointF(x, 12)]))
        for moment in session.told.moments:
            self._draw_moment(painter, moment, bar.bottom() + 8)
        painter.setPen(theme.muted)
        below = QRectF(bar.left(), bar.bottom() + 15, bar.width(), 16)
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, "00:00")
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, clock_text(session.duration_s))

    def _draw_moment(self, painter: QPainter, moment: Moment, y: float) -> None:
        theme, x = theme_of(self.palette()), self.x_of(moment.time_s)
        if moment.sort in ("note", "label"):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.cursor if moment.sort == "note" else theme.target)
            painter.drawPolygon(QPolygonF([QPointF(x, y - 6), QPointF(x + 5, y), QPointF(x, y + 6), QPointF(x - 5, y)]))
        elif moment.sort == "event":
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.muted)
            painter.drawEllipse(QPointF(x, y + 3), 2.0, 2.0)
        else:
            painter.setPen(QPen(theme.muted, 2))
            painter.drawLine(QPointF(x, y - 4), QPointF(x, y + 5))

    def moments_near(self, x: float) -> list[Moment]:
        """Return what the mouse may mean at a place."""
        moments = self._session.told.moments if self._session is not None else ()
        return [moment for moment in moments if abs(self.x_of(moment.time_s) - x) <= _NEAR_PX]

    def event(self, event: QEvent | None) -> bool:
        """Tell what a mark says when the mouse rests on it."""
        if isinstance(event, QHelpEvent) and (near := self.moments_near(event.pos().x())):
            lines = [f"{clock_text(moment.time_s)}  {moment.text}" for moment in near[:_MOST_TOLD]]
            if len(near) > _MOST_TOLD:
                lines.append(f"and {len(near) - _MOST_TOLD} more: see the list")
            QToolTip.showText(event.globalPos(), plain_tip("\n".join(lines)), self)
            return True
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Go to where it was clicked."""
        self._seek(event)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Follow a drag."""
        self._seek(event)

    def _seek(self, event: QMouseEvent | None) -> None:
        if event is None or self._session is None or not event.buttons() & Qt.MouseButton.LeftButton:
            return
        part = (event.position().x() - _MARGIN_PX) / max(self.width() - 2 * _MARGIN_PX, 1.0)
        self.sought.emit(min(max(part, 0.0), 1.0) * self._session.duration_s)
