"""Assign units to populations with the mouse: a grid of units, coloured by population."""

from collections.abc import Mapping, Sequence

from PyQt6.QtCore import QEvent, QPointF, QRectF, Qt, pyqtSignal
from PyQt6.QtGui import QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PyQt6.QtWidgets import QSizePolicy, QToolTip, QWidget

from bmi_app.gui.shell.theme import population_colours, readable_on, theme_of
from protocols.units import REST, format_units

_LEAST_COLUMNS, _MOST_COLUMNS = 16, 64


class PopulationMap(QWidget):
    """Show each unit as a square; a click or a drag puts units into the chosen population.

    Signal `assigned(units, population)`, a list of indices and a name, once the button is let go.
    """

    assigned = pyqtSignal(list, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._n_units = 0
        self._names: list[str] = []
        self._drives: tuple[str, ...] = ()
        self._of: list[int] = []  # population of each unit, -1 for none
        self._painted: set[int] = set()
        self._at = -1
        self.brush = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self.setAccessibleName("units and their populations")

    def show_populations(
        self, n_units: int, populations: Mapping[str, tuple[int, ...]], drives: Sequence[str] = ()
    ) -> None:
        """Show which units each population holds, in the colour of what it drives."""
        self._n_units, self._names, self._drives = n_units, list(populations), tuple(drives)
        self._of = [-1] * n_units
        for index, units in enumerate(populations.values()):
            for unit in units:
                if unit < n_units:
                    self._of[unit] = index
        self._fit()
        self.update()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Be as high as the units need at this width."""
        self._fit()
        super().resizeEvent(event)

    def unit_centre(self, unit: int) -> QPointF:
        """Return where a unit is drawn."""
        return self._square(unit).center()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw all units."""
        painter = QPainter(self)
        theme = theme_of(self.palette())
        colours = population_colours(len(self._names), theme.is_dark, self._drives)
        brush = self._names.index(self.brush) if self.brush in self._names else -1
        side = self._square(0).width()
        for unit in range(self._n_units):
            square = self._square(unit).adjusted(0.5, 0.5, -0.5, -0.5)
            population = brush if unit in self._painted else self._of[unit]
            if population < 0:
                painter.setPen(QPen(theme.border, 1))
                painter.drawRect(square)
                continue
            painter.fillRect(square, colours[population + 1])
            if side >= 20:
                painter.setPen(readable_on(colours[population + 1]))
                painter.drawText(square, Qt.AlignmentFlag.AlignCenter, str(unit))

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Begin to assign."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton and self.brush in self._names:
            self._painted = set()
            self._at = self._unit_at(event.position())
            self._paint_to(self._at)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Assign all that the mouse runs over."""
        if event is not None and event.buttons() & Qt.MouseButton.LeftButton and self.brush in self._names:
            self._paint_to(self._unit_at(event.position()))

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """Tell what was assigned."""
        painted, self._painted, self._at = sorted(self._painted), set(), -1
        if painted:
            self.assigned.emit(painted, self.brush)

    def event(self, e: QEvent | None) -> bool:
        """Say under the mouse which unit it is."""
        if isinstance(e, QHelpEvent):
            unit = self._unit_at(QPointF(e.pos()))
            if unit >= 0:
                of = self._of[unit]
                QToolTip.showText(
                    e.globalPos(), f"unit {unit}: {self._names[of] if of >= 0 else 'no population'}", self
                )
            return True
        return super().event(e)

    def _paint_to(self, unit: int) -> None:
        """Assign the run of units up to here: a quick mouse skips squares."""
        if unit < 0:
            return
        if self._at >= 0 and unit // self._columns() == self._at // self._columns():
            low, high = sorted((self._at, unit))
            self._painted |= set(range(low, high + 1))
        self._painted.add(unit)
        self._at = unit
        self.update()

    def _fit(self) -> None:
        rows = -(-self._n_units // self._columns())
        self.setFixedHeight(max(round(rows * self._square(0).height()), 1) + 2)

    def _columns(self) -> int:
        columns = _LEAST_COLUMNS
        while columns < _MOST_COLUMNS and columns * columns < self._n_units * 2:
            columns *= 2
        return columns

    def _square(self, unit: int) -> QRectF:
        side = max(min(self.width() // self._columns(), 26), 4)
        row, column = divmod(unit, self._columns())
        return QRectF(column * side, row * side, side, side)

    def _unit_at(self, position: QPointF) -> int:
        side = self._square(0).width()
        column, row = int(position.x() // side), int(position.y() // side)
        unit = row * self._columns() + column
        return unit if 0 <= column < self._columns() and 0 <= unit < self._n_units else -1


def reassigned(
    specs: Mapping[str, object], populations: Mapping[str, tuple[int, ...]], units: list[int], to: str
) -> dict[str, str]:
    """Return how the populations whose units change are to be written; `"rest"` stays as it is.

    A population that loses its last unit is written as an empty text, which the check of the protocol refuses.
    """
    moved, written = set(units), {}
    for name, held in populations.items():
        if specs.get(name) == REST:
            continue
        now = sorted(set(held) | moved) if name == to else sorted(set(held) - moved)
        if now != sorted(held):
            written[name] = format_units(now).partition(" ")[2] if now else ""
    return written
