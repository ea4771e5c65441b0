"""Show the subject the task and nothing else, on a screen of its own."""

import numpy as np
from PyQt6.QtCore import QRect, Qt, pyqtSignal
from PyQt6.QtGui import QCloseEvent, QColor, QGuiApplication, QKeyEvent, QPainter, QPaintEvent, QPalette
from PyQt6.QtWidgets import QVBoxLayout, QWidget

from bmi_app.gui.panels.task_view import TaskView
from protocols.schema import Protocol

_SIDE_PX, _OF_SCREEN = 900, 0.9  # its frame needs room as well
_PATCH_PX = 64  # about 15 mm on a usual screen, which covers a photodiode


class PhotodiodePatch(QWidget):
    """Be black or white, and flip at each target's onset, for a photodiode on the glass to see."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.is_white = False
        self.setFixedSize(_PATCH_PX, _PATCH_PX)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName("photodiode patch")

    def flip(self) -> None:
        """Turn from black to white or back."""
        self.is_white = not self.is_white
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Fill the patch."""
        QPainter(self).fillRect(self.rect(), QColor("#ffffff" if self.is_white else "#000000"))


class SubjectWindow(QWidget):
    """Show the task on a dark ground; F11 fills the screen, Escape leaves it.

    Parameters
    ----------
    protocol : Protocol

    Signals: `closed()`.
    """

    closed = pyqtSignal()

    def __init__(self, protocol: Protocol) -> None:
        super().__init__()
        self._had_target: tuple[int, float, float] | None = None
        self.setWindowTitle(f"{protocol.name} · subject")
        self.setPalette(QPalette(QColor("#16191e")))  # dark, whatever the operator's window is: the room may be
        self.setAutoFillBackground(True)
        self.view = TaskView(protocol, explains=False)
        self.patch = PhotodiodePatch(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.view)
        self.patch.raise_()
        screens = QGuiApplication.screens()
        room = screens[0].availableGeometry() if screens else QRect(0, 0, *[_SIDE_PX] * 2)
        side_px = min(_SIDE_PX, round(_OF_SCREEN * min(room.width(), room.height())))
        self.resize(side_px, side_px)
        if len(screens) > 1:
            self.setGeometry(QRect(screens[1].geometry()))

    def take(self, frames: np.ndarray) -> None:
        """Show new frames; flip the patch where a target appeared in them."""
        self.view.take(frames)
        for frame in frames:
            shown = float(frame["target_radius_cm"]) > 0
            place = (int(frame["trial"]), float(frame["target_x_cm"]), float(frame["target_y_cm"])) if shown else None
            if place is not None and place != self._had_target:
                self.patch.flip()
            self._had_target = place

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Fill the screen, or leave it."""
        assert event is not None
        if event.key() == Qt.Key.Key_F11:
            self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)
        elif event.key() == Qt.Key.Key_Escape:
            self.setWindowState(self.windowState() & ~Qt.WindowState.WindowFullScreen)
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: object) -> None:
        """Keep the patch in the lower left corner."""
        self.patch.move(0, self.height() - self.patch.height())

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Tell the operator's window."""
        self.closed.emit()
        super().closeEvent(event)
