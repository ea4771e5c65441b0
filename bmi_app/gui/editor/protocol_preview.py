"""Draw what a protocol will do: where its targets are and in which order they come, and its blocks in time."""

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PyQt6.QtWidgets import QSizePolicy, QWidget

from bmi_app.gui.shell.theme import theme_of
from protocols.schema import Protocol
from protocols.task import Block

_OPEN_S = 60.0  # a block without an end is drawn about so long
_TIMELINE_PX = 74.0


_NOT_YET = "Checking…\nThe preview comes then. After an installation or an update the\nkernels are compiled first: about a minute."


class ProtocolPreview(QWidget):
    """Draw a valid protocol; the last valid one stays, faded, while the text is wrong."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._protocol: Protocol | None = None
        self._sequence_cm: list[tuple[float, float]] = []
        self._is_current = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(250)
        self.setAccessibleName("preview of targets and blocks")

    def sizeHint(self) -> QSize:
        """Return a size at which targets are told apart."""
        return QSize(520, 330)

    def show_protocol(self, protocol: Protocol | None, sequence_cm: list[tuple[float, float]]) -> None:
        """Show a protocol with the targets of its first trials; None where the text is wrong."""
        self._is_current = protocol is not None
        if protocol is not None:
            self._protocol, self._sequence_cm = protocol, sequence_cm
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the workspace above and the blocks below."""
        painter = QPainter(self)
        if self._protocol is None:
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, _NOT_YET)
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setOpacity(1.0 if self._is_current else 0.35)
        whole = QRectF(self.rect()).adjusted(4, 4, -4, -4)
        task_area = QRectF(whole.left(), whole.top(), whole.width(), whole.height() - _TIMELINE_PX - 8)
        self._draw_task(painter, task_area, self._protocol)
        self._draw_blocks(painter, QRectF(whole.left(), task_area.bottom() + 8, whole.width(), _TIMELINE_PX))

    def _draw_task(self, painter: QPainter, area: QRectF, protocol: Protocol) -> None:
        theme = theme_of(self.palette())
        width_cm, height_cm = protocol.workspace.size_cm
        notes_px = min(210.0, area.width() * 0.4)
        room = QRectF(area.left(), area.top(), area.width() - notes_px, area.height())
        scale = min(room.width() / width_cm, room.height() / height_cm)
        plane = QRectF(0, 0, width_cm * scale, height_cm * scale)
        plane.moveCenter(room.center())
        painter.fillRect(plane, theme.workspace)
        painter.setPen(QPen(theme.border, 1))
        painter.drawRect(plane)
        centre, radius = plane.center(), protocol.task.target_radius_cm * scale
        fill = QColor(theme.target)
        fill.setAlphaF(0.3)
        turns: dict[tuple[float, float], list[int]] = {place: [] for place in protocol.target_positions_cm()}
        for turn, place in enumerate(self._sequence_cm, 1):
            turns.setdefault(place, []).append(turn)
        for (x_cm, y_cm), at in turns.items():
            spot = centre + QPointF(x_cm * scale, -y_cm * scale)
            painter.setPen(QPen(theme.target, 2))
            painter.setBrush(fill)
            painter.drawEllipse(spot, radius, radius)
            painter.setPen(self.palette().windowText().color())
            box = QRectF(spot.x() - 40, spot.y() - 10, 80, 20)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, ", ".join(map(str, at[:2])))
        painter.setBrush(theme.cursor)
        painter.setPen(Qt.PenStyle.NoPen)
        cursor = max(protocol.task.cursor_radius_cm * scale, 3.0)
        painter.drawEllipse(centre, cursor, cursor)
        painter.setPen(theme.muted)
        notes = QRectF(area.right() - notes_px + 12, area.top() + 4, notes_px - 14, area.height())
        painter.drawText(notes, Qt.TextFlag.TextWordWrap, self._words(protocol))

    def _words(self, protocol: Protocol) -> str:
        task = protocol.task
        n_targets = len(protocol.target_positions_cm())
        what = f"{n_targets} target{'s' if n_targets != 1 else ''}" if n_targets else "targets anywhere"
        return (
            f"{what}, {task.order}\nThe numbers say in which of the first trials a target comes (seed "
            f"{protocol.session.seed}).\n\n"
            f"hold {task.hold_ms:g} ms\ntimeout {task.timeout_ms / 1e3:g} s\nbetween trials {task.inter_trial_ms:g} ms\n"
            f"{protocol.workspace.size_cm[0]:g} × {protocol.workspace.size_cm[1]:g} cm"
        )

    def _draw_blocks(self, painter: QPainter, area: QRectF) -> None:
        assert self._protocol is not None
        theme = theme_of(self.palette())
        blocks, task = self._protocol.blocks, self._protocol.task
        trial_s = (task.timeout_ms / 2 + task.inter_trial_ms + task.reward_ms) / 1e3  # about what one takes
        lengths_s = [
            block.duration_s if block.duration_s is not None else (block.trials or _OPEN_S / trial_s) * trial_s
            for block in blocks
        ]
        # No block is drawn so short that its name cannot be read: a rest of 5 s is shown beside an hour.
        least = min(0.5 / len(blocks), 110.0 / max(area.width(), 1.0))
        shares = [max(length_s / sum(lengths_s), least) for length_s in lengths_s]
        painter.setPen(theme.muted)
        painter.drawText(QRectF(area.left(), area.top(), area.width(), 18), "Blocks (not to scale where one is short)")
        left = area.left()
        for block, share in zip(blocks, shares, strict=True):
            box = QRectF(left, area.top() + 20, area.width() * share / sum(shares) - 3, area.height() - 22)
            left += area.width() * share / sum(shares)
            colour = QColor(
                {
                    "rest": theme.border,
                    "observation": theme.target,
                    "closed_loop": theme.cursor,
                    "free": theme.held,
                }.get(block.kind, theme.target)
            )
            painter.setPen(QPen(colour, 1.5))
            colour.setAlphaF(0.22)
            painter.setBrush(colour)
            painter.drawRoundedRect(box, 4, 4)
            painter.setPen(self.palette().windowText().color())
            inside = box.adjusted(6, 2, -4, -2)
            painter.drawText(inside, Qt.AlignmentFlag.AlignVCenter, _block_words(block))


def _block_words(block: Block) -> str:
    length = (
        f"{block.duration_s:g} s"
        if block.duration_s is not None
        else f"{block.trials} trials"
        if block.trials is not None
        else "until the end"
    )
    words = [block.name or block.kind.replace("_", " "), length]
    if block.assist != 0:
        words.append(f"assist {block.assist:g}" if isinstance(block.assist, float | int) else "assist changes")
    return "\n".join(words)
