"""Make plots of one appearance, which follow the system's from light to dark and back."""

import math
from collections.abc import Callable
from typing import Any

import pyqtgraph as pg
from PyQt6.QtCore import QEvent, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QContextMenuEvent, QFont, QKeyEvent, QMouseEvent, QPen
from PyQt6.QtWidgets import QMenu, QVBoxLayout, QWidget

from bmi_app.gui.shell.plain_label import MarkedLabel
from bmi_app.gui.shell.theme import Theme, theme_of
from bmi_app.gui.widgets.figure_export import Drawn, FigureExport

_TITLE_PX = 18
_FAR = 1 << 30
_STEPS = {
    Qt.Key.Key_Up: -1,
    Qt.Key.Key_Left: -1,
    Qt.Key.Key_Down: 1,
    Qt.Key.Key_Right: 1,
    Qt.Key.Key_Home: -_FAR,
    Qt.Key.Key_End: _FAR,
}
_STEP_KEYS = {key.value for key in _STEPS}


class Plot(pg.PlotWidget):  # type: ignore[misc]
    """Show curves or images over two named axes; nothing of it is dragged or zoomed by accident.

    Parameters
    ----------
    title : str
    left, bottom : str
        What the axes show, with the unit.

    A menu, at a right click or the menu key, saves it as PNG, SVG, or its data as CSV.

    Attributes
    ----------
    exports : FigureExport
    tabled : callable, optional
        Returns what is drawn, where that is more than the points of curves.
    opens_menu_when_pressed : bool
        Whether who listens to `pressed` opens a menu of its own, and puts the exports into it.

    Signals: `pressed(x, y, event)`, in the units of the axes; `stepped(by)`, where an arrow, Home or End was pressed.
    """

    pressed = pyqtSignal(float, float, object)
    stepped = pyqtSignal(int)
    _texts: tuple[str, str, str] | None = None  # while it is being made

    def __init__(self, title: str, left: str, bottom: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.exports = FigureExport(self)
        self.tabled: Callable[[], Drawn] | None = None
        self.opens_menu_when_pressed = False
        self.menu: QMenu | None = None
        item = self.getPlotItem()
        item.hideButtons()
        item.setMenuEnabled(False)
        item.setMouseEnabled(False, False)
        small = QFont(self.font())
        small.setPointSizeF(8.0)
        for side in ("left", "bottom"):
            axis = item.getAxis(side)
            axis.setStyle(tickFont=small, tickLength=-4, autoExpandTextSpace=True)
            axis.enableAutoSIPrefix(False)
        self.setMinimumSize(90, 70)
        # pyqtgraph's own title pushes the plot out of its widget where it is longer than that is wide.
        self._title = MarkedLabel()
        self._title.setMinimumWidth(1)
        self._title.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._title.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        above = QVBoxLayout(self)
        above.setContentsMargins(2, 2, 2, 0)
        above.addWidget(self._title, 0, Qt.AlignmentFlag.AlignTop)
        if not title:
            self._title.hide()
        self._texts = (title, left, bottom)
        self.restyle()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Tell where in the plot a button was pressed."""
        assert event is not None
        at = self.getViewBox().mapSceneToView(self.mapToScene(event.pos()))
        self.pressed.emit(at.x(), at.y(), event)

    def contextMenuEvent(self, event: QContextMenuEvent | None) -> None:
        """Offer to save the figure."""
        assert event is not None
        event.accept()
        if self.opens_menu_when_pressed and event.reason() == QContextMenuEvent.Reason.Mouse:
            return
        if self.menu is not None:
            self.menu.deleteLater()
        self.menu = QMenu(self)
        self.exports.offer(self.menu)
        self.menu.popup(event.globalPos())

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Tell of a step to the next or the last of what is drawn."""
        by = _STEPS.get(Qt.Key(event.key())) if event is not None and event.key() in _STEP_KEYS else None
        if by is None or not self.receivers(self.stepped):
            super().keyPressEvent(event)
        else:
            self.stepped.emit(by)

    @property
    def texts(self) -> tuple[str, str, str]:
        """Return the title, which may hold colours, and the names of the axes, left and bottom."""
        assert self._texts is not None
        return self._texts

    @property
    def theme(self) -> Theme:
        """Return the theme of the present palette."""
        return theme_of(self.palette())

    def restyle(self) -> None:
        """Take the colours of the present palette."""
        theme = self.theme
        assert self._texts is not None
        title, left, bottom = self._texts
        self.setBackground(theme.workspace)
        text = QColor(theme.muted)
        item = self.getPlotItem()
        for side, name in (("left", left), ("bottom", bottom)):
            axis = item.getAxis(side)
            axis.setPen(QPen(theme.border))
            axis.setTextPen(text)
            if name:
                axis.setLabel(name, **{"color": text.name(), "font-size": "8pt"})
        if title:
            self._title.setText(title)
            self._title.setStyleSheet(f"font-size: 9pt; background: transparent; color: {text.name()}")
            item.layout.setContentsMargins(1, _TITLE_PX, 1, 1)

    def retitle(self, title: str) -> None:
        """Give the plot another title, which may hold colours."""
        assert self._texts is not None
        self._texts = (title, *self._texts[1:])
        self.restyle()

    def changeEvent(self, event: Any) -> None:
        """Follow the system from light to dark and back."""
        if event is not None and event.type() == QEvent.Type.PaletteChange and self._texts is not None:
            self.restyle()
        super().changeEvent(event)


def line(colour: QColor) -> QPen:
    """Return a pen of one pixel: wider ones are drawn many times more slowly."""
    pen: QPen = pg.mkPen(colour, width=1)
    return pen


def round_up(most: float) -> float:
    """Return the next of a few numbers: an axis that keeps its range is not drawn anew, which costs most of a plot."""
    if not most > 0:
        return 1.0
    step = 10.0 ** math.floor(math.log10(most)) / 4
    return math.ceil(most / step - 1e-9) * step
