"""Show the task: workspace, target, cursor with its trail, hold progress, reward and failure."""

import math
from collections import deque

import numpy as np
from PyQt6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap, QPolygonF, QResizeEvent
from PyQt6.QtWidgets import QSizePolicy, QWidget

from bmi_app.gui.shell.theme import theme_of
from bmi_app.rt.records import Flag, Outcome, TaskState
from protocols.schema import Protocol

_MARGIN_PX = 14.0
_TRAIL_S, _TRAIL_STEP_S = 0.6, 0.012
_FLASH_S = 0.6
_TRAIL_PIECE = 6  # points


class TaskView(QWidget):
    """Draw what the subject is asked to do, and what the cursor does.

    All times are those of the frames, so that a recording is drawn as the live session was.

    Parameters
    ----------
    protocol : Protocol
    explains : bool
        Whether it says in words why nothing moves, and has a scale bar; not for the subject.

    Attributes
    ----------
    words : str
        What it says now.

    Signals, after `follow_mouse`: `hand_moved(x_cm, y_cm)`, where the mouse is in the workspace; `hand_left()`.
    """

    hand_moved = pyqtSignal(float, float)
    hand_left = pyqtSignal()

    def __init__(self, protocol: Protocol, explains: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._explains, self._tick_s = explains, protocol.tick.period_ms / 1e3
        self._block_s = [block.duration_s or 0.0 for block in protocol.blocks]
        self.words = ""
        self.other_path_cm = np.zeros((0, 2))
        self._size_cm = protocol.workspace.size_cm
        self._cursor_radius_cm = protocol.task.cursor_radius_cm
        self._places_cm = protocol.target_positions_cm()
        self._radius_cm = protocol.task.target_radius_cm
        # A farther step than this in one tick is no movement: the cursor was put back.
        self._jump_cm = 1.5 * protocol.safety.max_speed_cm_s * protocol.tick.period_ms / 1e3
        self._ground: QPixmap | None = None
        self.frame: np.ndarray | None = None
        self.trail: deque[tuple[float, float, float]] = deque()  # time (s), x, y (cm)
        self._flash: tuple[float, float, float, bool] | None = None  # time (s), x, y (cm), success
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName("workspace")

    def sizeHint(self) -> QSize:
        """Return a size at which the workspace is seen well."""
        return QSize(640, 640)

    def take(self, frames: np.ndarray) -> None:
        """Take the frames made since the last call, FRAME[n], and ask to be drawn again."""
        if len(frames) == 0:
            return
        ended = frames[frames["outcome"] != Outcome.NONE]
        for frame in ended:
            success = int(frame["outcome"]) == Outcome.SUCCESS
            self._flash = (
                float(frame["edge_s"]), float(frame["target_x_cm"]), float(frame["target_y_cm"]), success
            )  # fmt: skip
        for frame in frames[frames["flags"] & Flag.REWARDED != 0]:
            if int(frame["outcome"]) == Outcome.NONE:  # given by the operator
                self._flash = (float(frame["edge_s"]), float(frame["cursor_x_cm"]), float(frame["cursor_y_cm"]), True)
        self._extend_trail(frames)
        self.frame = frames[-1].copy()
        self.words = self._in_words(self.frame)
        self.update()

    def restart(self) -> None:
        """Forget the trail: what follows does not follow on it."""
        self.trail.clear()
        self.frame = self._flash = None
        self.update()

    def show_other_path(self, path_cm: np.ndarray) -> None:
        """Show another way of the cursor beside its own, f8[point, 2]; an empty one takes it away."""
        if len(path_cm) or len(self.other_path_cm):
            self.other_path_cm = path_cm
            self.update()

    def follow_mouse(self) -> None:
        """Tell of the mouse over the task, as of a person's hand."""
        self.setMouseTracking(True)
        self.setCursor(Qt.CursorShape.CrossCursor)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Tell where the mouse is, to the workspace's edge at the farthest."""
        if event is None or not self.hasMouseTracking() or self.px_per_cm() <= 0:
            return
        from_centre = (event.position() - self.area().center()) / self.px_per_cm()
        half_width_cm, half_height_cm = self._size_cm[0] / 2, self._size_cm[1] / 2
        x_cm = min(max(from_centre.x(), -half_width_cm), half_width_cm)
        self.hand_moved.emit(x_cm, min(max(-from_centre.y(), -half_height_cm), half_height_cm))

    def leaveEvent(self, event: QEvent | None) -> None:
        """Tell that the mouse is away."""
        if self.hasMouseTracking():
            self.hand_left.emit()
        super().leaveEvent(event)

    def _in_words(self, frame: np.ndarray) -> str:
        """Say what is done while the cursor does not move."""
        if not self._explains or int(frame["state"]) != TaskState.REST:
            return ""
        left_s = self._block_s[int(frame["block"])] - int(frame["state_ticks"]) * self._tick_s
        return f"Measuring baselines: the cursor waits in the centre, {max(math.ceil(left_s), 0)} s left"

    def _extend_trail(self, frames: np.ndarray) -> None:
        trail = self.trail
        before = frames[0] if self.frame is None else self.frame
        xs, ys, times_s = frames["cursor_x_cm"], frames["cursor_y_cm"], frames["edge_s"]
        steps_cm = np.hypot(
            np.diff(xs, prepend=float(before["cursor_x_cm"])), np.diff(ys, prepend=float(before["cursor_y_cm"]))
        )
        for x_cm, y_cm, time_s, step_cm in zip(
            xs.tolist(), ys.tolist(), times_s.tolist(), steps_cm.tolist(), strict=True
        ):
            if step_cm > self._jump_cm:
                trail.clear()
            if not trail or time_s - trail[-1][0] >= _TRAIL_STEP_S:
                trail.append((time_s, x_cm, y_cm))
        while trail and trail[0][0] < times_s[-1] - _TRAIL_S:
            trail.popleft()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the present frame."""
        painter = QPainter(self)
        scale, area = self.px_per_cm(), self.area()
        if scale <= 0:
            return
        if self._ground is None:
            self._ground = self._drawn_ground(scale, area)
        painter.drawPixmap(0, 0, self._ground)
        if self.frame is None:
            return
        theme = theme_of(self.palette())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setClipRect(area.adjusted(-2, -2, 2, 2))
        painter.translate(area.center())
        self._draw_target(painter, scale, self.frame, theme.target, theme.held)
        self._draw_flash(painter, scale, self.frame, theme.held, theme.failed)
        self._draw_other_path(painter, scale, theme.failed)
        self._draw_cursor(painter, scale, self.frame, theme.cursor, theme.workspace)
        if self.words:
            self._draw_words(painter, area, scale, theme.workspace)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Draw the ground anew."""
        self._ground = None
        super().resizeEvent(event)

    def changeEvent(self, event: QEvent | None) -> None:
        """Follow the system from light to dark and back."""
        self._ground = None
        super().changeEvent(event)

    def px_per_cm(self) -> float:
        """Return pixels per cm."""
        width_cm, height_cm = self._size_cm
        return min((self.width() - 2 * _MARGIN_PX) / width_cm, (self.height() - 2 * _MARGIN_PX) / height_cm)

    def area(self) -> QRectF:
        """Return where the workspace lies in the widget."""
        area = QRectF(0, 0, self._size_cm[0] * self.px_per_cm(), self._size_cm[1] * self.px_per_cm())
        area.moveCenter(QRectF(self.rect()).center())
        return area

    def _drawn_ground(self, scale: float, area: QRectF) -> QPixmap:
        """Draw what stays the same from frame to frame."""
        theme = theme_of(self.palette())
        ground = QPixmap(self.size() * self.devicePixelRatioF())
        ground.setDevicePixelRatio(self.devicePixelRatioF())
        painter = QPainter(ground)
        painter.fillRect(self.rect(), self.palette().window())
        painter.fillRect(area, theme.workspace)
        painter.setPen(QPen(theme.border, 1))
        painter.drawRect(area)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self.font())
        painter.translate(area.center())
        self._draw_places(painter, scale, theme.faint)
        if self._explains:
            self._draw_scale_bar(painter, scale, area, theme.muted)
        painter.end()
        return ground

    def _draw_places(self, painter: QPainter, scale: float, colour: QColor) -> None:
        """Draw the centre, and where targets may appear."""
        painter.setPen(QPen(colour, 1.5))
        painter.drawLine(QPointF(-6, 0), QPointF(6, 0))
        painter.drawLine(QPointF(0, -6), QPointF(0, 6))
        radius = self._radius_cm * scale
        for x_cm, y_cm in self._places_cm:
            painter.drawEllipse(QPointF(x_cm * scale, -y_cm * scale), radius, radius)

    def _draw_scale_bar(self, painter: QPainter, scale: float, area: QRectF, colour: QColor) -> None:
        length_cm = next((cm for cm in (10.0, 5.0, 2.0, 1.0) if cm <= self._size_cm[0] / 4), 0.5)
        right, y = area.width() / 2 - 12, area.height() / 2 - 12
        left = right - length_cm * scale
        painter.setPen(QPen(colour, 1.5))
        painter.drawLine(QPointF(left, y), QPointF(right, y))
        over = QRectF(left - 40, y - 22, right - left + 80, 20)
        painter.drawText(over, Qt.AlignmentFlag.AlignCenter, f"{length_cm:g} cm")

    def _draw_target(
        self, painter: QPainter, scale: float, frame: np.ndarray, waiting: QColor, holding: QColor
    ) -> None:
        radius = float(frame["target_radius_cm"]) * scale
        if radius <= 0:
            return
        centre = QPointF(float(frame["target_x_cm"]) * scale, -float(frame["target_y_cm"]) * scale)
        held = int(frame["state"]) == TaskState.HOLD
        colour = holding if held else waiting
        fill = QColor(colour)
        fill.setAlphaF(0.45 if held else 0.30)
        painter.setBrush(fill)
        painter.setPen(QPen(colour, 2))
        painter.drawEllipse(centre, radius, radius)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if held:
            around = QRectF(0, 0, 2 * radius + 14, 2 * radius + 14)
            around.moveCenter(centre)
            painter.setPen(QPen(colour, 5, cap=Qt.PenCapStyle.FlatCap))
            # Sixteenths of a degree, from twelve o'clock, clockwise.
            painter.drawArc(around, 90 * 16, -round(float(frame["hold_fraction"]) * 360 * 16))

    def _draw_flash(self, painter: QPainter, scale: float, frame: np.ndarray, good: QColor, bad: QColor) -> None:
        """Draw a ring that opens where a trial succeeded, or a cross where it failed."""
        if self._flash is None:
            return
        began_s, x_cm, y_cm, success = self._flash
        part = (float(frame["edge_s"]) - began_s) / _FLASH_S
        if not 0 <= part < 1:
            return
        centre = QPointF(x_cm * scale, -y_cm * scale)
        colour = QColor(good if success else bad)
        radius = self._radius_cm * scale
        if success:
            colour.setAlphaF(0.5 * (1 - part))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            painter.drawEllipse(centre, radius, radius)
            colour.setAlphaF(1 - part)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(colour, 4))
            painter.drawEllipse(centre, radius * (1 + part), radius * (1 + part))
        else:
            colour.setAlphaF(1 - part)
            painter.setPen(QPen(colour, 4, cap=Qt.PenCapStyle.RoundCap))
            arm = radius / math.sqrt(2)
            painter.drawLine(centre + QPointF(-arm, -arm), centre + QPointF(arm, arm))
            painter.drawLine(centre + QPointF(-arm, arm), centre + QPointF(arm, -arm))

    def _draw_other_path(self, painter: QPainter, scale: float, colour: QColor) -> None:
        if not len(self.other_path_cm):
            return
        places = [QPointF(x_cm * scale, -y_cm * scale) for x_cm, y_cm in self.other_path_cm.tolist()]
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(colour, 2, Qt.PenStyle.DashLine))
        painter.drawPolyline(QPolygonF(places))
        painter.setPen(QPen(colour, 2))
        radius = max(self._cursor_radius_cm * scale, 3.0)
        painter.drawEllipse(places[-1], radius, radius)

    def _draw_words(self, painter: QPainter, area: QRectF, scale: float, ground: QColor) -> None:
        """Write below the centre, where the cursor waits and seldom a target is; what lies there shows through."""
        top_px = max(1.8 * self._cursor_radius_cm * scale, 3.0) + 14
        room = QRectF(-area.width() / 2 + 8, top_px, area.width() - 16, area.height() / 2 - top_px)
        how = Qt.AlignmentFlag.AlignHCenter | Qt.TextFlag.TextWordWrap
        behind = QColor(ground)
        behind.setAlphaF(0.8)
        painter.fillRect(painter.boundingRect(room, how, self.words).adjusted(-4, -1, 4, 1), behind)
        painter.setPen(self.palette().windowText().color())
        painter.drawText(room, how, self.words)

    def _draw_cursor(self, painter: QPainter, scale: float, frame: np.ndarray, colour: QColor, outline: QColor) -> None:
        now_s = float(frame["edge_s"])
        at = QPointF(float(frame["cursor_x_cm"]) * scale, -float(frame["cursor_y_cm"]) * scale)
        radius = max(self._cursor_radius_cm * scale, 3.0)
        times_s = [time_s for time_s, _, _ in self.trail]
        places = [QPointF(x_cm * scale, -y_cm * scale) for _, x_cm, y_cm in self.trail] + [at]
        faded = QColor(colour)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        # In pieces that fade: a piece is one line, so that its joints do not show.
        for begin in range(0, len(times_s), _TRAIL_PIECE):
            freshness = max(1 - (now_s - times_s[begin]) / _TRAIL_S, 0.0)
            faded.setAlphaF(0.1 + 0.6 * freshness)
            width = radius * (0.3 + 0.6 * freshness)
            painter.setPen(QPen(faded, width, cap=Qt.PenCapStyle.FlatCap, join=Qt.PenJoinStyle.RoundJoin))
            painter.drawPolyline(QPolygonF(places[begin : begin + _TRAIL_PIECE + 1]))
        painter.setPen(QPen(outline, 1.5))
        painter.setBrush(colour)
        painter.drawEllipse(at, radius, radius)
