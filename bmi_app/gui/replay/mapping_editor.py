"""Move units between populations for a what-if: the recording itself stays as it is."""

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QDialog, QHBoxLayout, QPushButton, QRadioButton, QVBoxLayout, QWidget

from bmi_app.gui.shell.follows_palette import FollowsPalette
from bmi_app.gui.shell.plain_label import PlainLabel
from bmi_app.gui.shell.theme import population_colours, readable_on, theme_of
from bmi_app.gui.widgets.population_map import PopulationMap
from bmi_app.gui.widgets.populations import populations_of
from protocols.schema import Protocol


class MappingEditor(FollowsPalette, QDialog):
    """Show the map of units; the population that is ticked takes the units that the mouse runs over.

    Signals: `changed()`.
    """

    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Units of the what-if")
        self._recorded: dict[int, str] = {}
        self._drives: tuple[str, ...] = ()
        self._names: list[str] = []
        self._n_units = 0
        self.moved: dict[int, str] = {}
        self.map = PopulationMap()
        self.map.assigned.connect(self.move_units)
        self.brushes: dict[str, QRadioButton] = {}
        self._row = QHBoxLayout()
        self.reset, close = QPushButton("As recorded"), QPushButton("Close")
        self.reset.setToolTip("Put every unit back to its population")
        self.reset.clicked.connect(self.forget)
        close.clicked.connect(self.hide)
        hint = PlainLabel(
            "Tick a population, then click or drag over units. On the page a selected unit moves with x, y and c."
        )
        hint.setWordWrap(True)
        column = QVBoxLayout(self)
        column.addWidget(hint)
        column.addLayout(self._row)
        column.addWidget(self.map)
        column.addStretch(1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.reset)
        buttons.addStretch(1)
        buttons.addWidget(close)
        column.addLayout(buttons)
        self.resize(560, 320)

    def show_protocol(self, protocol: Protocol) -> None:
        """Show the populations of a protocol, none of its units moved."""
        populations = protocol.population_indices()
        self._recorded = {unit: name for name, units in populations.items() for unit in units}
        self._names, self._n_units = list(populations), protocol.units.count
        self._drives = populations_of(protocol).drives
        for brush in self.brushes.values():
            self._row.removeWidget(brush)
            brush.deleteLater()
        self.brushes = {name: QRadioButton(name) for name in populations}
        for name, brush in self.brushes.items():
            brush.toggled.connect(lambda on, name=name: self._choose(name) if on else None)
            self._row.addWidget(brush)
        if populations:
            self.brushes[self._names[0]].setChecked(True)
        self.restyle()
        self.forget()

    def move_units(self, units: list[int], to: str) -> None:
        """Move units to a population; one that comes back to its own is not moved any more."""
        for unit in units:
            self.moved[unit] = to
        self.moved = {unit: name for unit, name in sorted(self.moved.items()) if self._recorded.get(unit) != name}
        self._show()

    def forget(self) -> None:
        """Put every unit back to where it was."""
        self.moved = {}
        self._show()

    def in_words(self) -> str:
        """Say which units are moved: `5 to control, 7 to vertical`; empty for none."""
        return ", ".join(f"{unit} to {name}" for unit, name in self.moved.items())

    def _show(self) -> None:
        of = self._recorded | self.moved
        self.map.show_populations(
            self._n_units,
            {name: tuple(unit for unit, its in of.items() if its == name) for name in self._names},
            self._drives,
        )
        self.reset.setEnabled(bool(self.moved))
        self.changed.emit()

    def _choose(self, name: str) -> None:
        self.map.brush = name

    def restyle(self) -> None:
        """Take every colour anew from the palette."""
        colours = population_colours(len(self._names), theme_of(self.palette()).is_dark, self._drives)[1:]
        for brush, colour in zip(self.brushes.values(), colours, strict=True):
            brush.setStyleSheet(
                f"QRadioButton {{ background: {colour.name()}; color: {readable_on(colour).name()}; padding: 4px; }}"
            )
            brush.setCursor(Qt.CursorShape.PointingHandCursor)
