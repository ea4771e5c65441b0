"""Edit the populations: their names, the units of each as text, and the map of units beside it."""

from collections.abc import Callable
from typing import Any

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtGui import QPalette
from PyQt6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QGridLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QToolButton,
    QWidget,
)

from bmi_app.gui.editor.protocol_document import ABSENT
from bmi_app.gui.shell.follows_palette import FollowsPalette
from bmi_app.gui.shell.plain_label import PlainLabel, plain_tip
from bmi_app.gui.shell.theme import population_colours, theme_of
from bmi_app.gui.widgets.population_map import PopulationMap, reassigned
from bmi_app.gui.widgets.populations import drives_of
from protocols.units import resolve_populations

_SWATCH_PX = 18


class PopulationsForm(FollowsPalette, QGroupBox):
    """Show the `[populations]` table; the population that is ticked takes the units that the mouse runs over.

    Signals: `edited(key, value)`; `renamed(old, new)`.
    """

    edited = pyqtSignal(str, object)
    renamed = pyqtSignal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Populations", parent)
        self.map = PopulationMap()
        self.map.assigned.connect(self._assign)
        self.add = QPushButton("Add population")
        self.add.setToolTip("Add a group of units; then drag over its units in the map")
        self.add.clicked.connect(self._add)
        self.wrong = PlainLabel()
        self.wrong.setWordWrap(True)
        self._specs: dict[str, Any] = {}
        self._new = ""  # a population that has no units yet, and stands in the form only
        self._drives: tuple[str, ...] = ()
        self._populations: dict[str, tuple[int, ...]] = {}
        self._n_units = 0
        self._one_of = QButtonGroup(self)  # of buttons that stand in frames of their own
        self.frames: dict[str, QFrame] = {}
        self.swatches: dict[str, QLabel] = {}
        self.brushes: dict[str, QRadioButton] = {}
        self.names: dict[str, QLineEdit] = {}
        self.units: dict[str, QLineEdit] = {}
        self._grid = QGridLayout(self)
        hint = PlainLabel('Tick a population, then click or drag over units. Or write "0-31", "0-3, 8" or "rest".')
        hint.setWordWrap(True)
        self._grid.addWidget(hint, 0, 0)
        self._grid.addWidget(self.map, 1, 0)
        self._grid.addWidget(self.wrong, 2, 0)
        self._grid.addWidget(self.add, 3, 0)

    def show_values(self, get: Callable[[str], Any]) -> None:
        """Show the table and the map; a population that cannot be read keeps the map as it was."""
        specs, count = get("populations"), get("units.count")
        specs = specs if isinstance(specs, dict) else {}
        if self._new in specs:
            self._new = ""
        self._specs = specs
        names = [*specs, *([self._new] if self._new else [])]
        axes = {letter: table for letter in ("x", "y") if isinstance(table := get(f"axes.{letter}"), dict)}
        named = {
            letter: {key: name for key, name in table.items() if key in ("population", "push", "pull")}
            for letter, table in axes.items()
        }
        drives = drives_of(names, named)
        if names != list(self.names):
            self._drives = drives
            self._rebuild(names)
        elif drives != self._drives:
            self._drives = drives
            self.restyle()
        self._show_units()
        if isinstance(count, int) and 0 < count <= 16384:
            self._n_units = count
        try:
            readable = {name: tuple(s) if isinstance(s, list) else s for name, s in specs.items()}
            self._populations = resolve_populations(readable, self._n_units)
        except (ValueError, TypeError, AttributeError):
            return
        if self._new:
            self._populations[self._new] = ()
        self.map.show_populations(self._n_units, self._populations, self._drives)

    def _show_units(self) -> None:
        for name, spec in self._specs.items():
            text = spec if isinstance(spec, str) else ", ".join(map(str, spec)) if isinstance(spec, list) else str(spec)
            if self.units[name].text() != text:
                self.units[name].setText(text)

    def show_problems(self, problems: dict[str, str]) -> set[str]:
        """Show what is wrong with populations; return the keys that have something here."""
        here = {key: text for key, text in problems.items() if key.partition(".")[0] == "populations"}
        self.wrong.setText("\n".join(f"{key.partition('.')[2] or key}: {text}" for key, text in here.items()))
        self.wrong.setVisible(bool(here))
        return set(here)

    def _rebuild(self, names: list[str]) -> None:
        for frame in self.frames.values():
            self._grid.removeWidget(frame)
            frame.hide()
            frame.deleteLater()
        for brush in self.brushes.values():
            self._one_of.removeButton(brush)
        self.frames.clear()
        self.swatches.clear()
        self.brushes.clear()
        self.names.clear()
        self.units.clear()
        for row, name in enumerate(names, 4):
            brush, title, units, remove = QRadioButton(), QLineEdit(name), QLineEdit(), QToolButton()
            frame, swatch = QFrame(), PlainLabel()
            frame.setFrameStyle(QFrame.Shape.Box | QFrame.Shadow.Plain)
            frame.setLineWidth(2)
            swatch.setFixedSize(_SWATCH_PX, _SWATCH_PX)
            brush.setToolTip(plain_tip(f"Units that the mouse runs over go to {name}"))
            brush.setAccessibleName(f"assign to {name}")
            title.setAccessibleName(f"name of {name}")
            title.setToolTip("The name of the population")
            units.setAccessibleName(f"populations.{name}")
            units.setPlaceholderText("drag over its units above, or write them")
            units.setToolTip("Numbers of units and ranges, such as 0-31, 40")
            title.setFixedWidth(130)
            remove.setText("✕")
            remove.setToolTip(plain_tip(f"Remove the population {name}"))
            brush.toggled.connect(lambda on, name=name: self._choose(name) if on else None)
            title.editingFinished.connect(lambda name=name, title=title: self._rename(name, title.text().strip()))
            units.editingFinished.connect(lambda name=name, units=units: self._write(name, units.text().strip()))
            remove.clicked.connect(lambda _, name=name: self._remove(name))
            inside = QHBoxLayout(frame)
            inside.setContentsMargins(5, 3, 5, 3)
            for widget in (brush, swatch, title, units, remove):
                inside.addWidget(widget)
            self._grid.addWidget(frame, row, 0)
            self._one_of.addButton(brush)
            self.frames[name], self.swatches[name] = frame, swatch
            self.brushes[name], self.names[name], self.units[name] = brush, title, units
        if names:
            self.brushes[self.map.brush if self.map.brush in names else names[0]].setChecked(True)
        self._grid.addWidget(self.add, 4 + len(names), 0)
        self._grid.addWidget(self.wrong, 5 + len(names), 0)  # below what the mouse is over: nothing jumps away under it
        self._show_units()
        self.restyle()

    def restyle(self) -> None:
        """Take every colour anew from the palette."""
        theme = theme_of(self.palette())
        self.wrong.setStyleSheet(f"color: {theme.failed.name()}")
        colours = population_colours(len(self.brushes), theme.is_dark, self._drives)[1:]
        for (name, swatch), colour in zip(self.swatches.items(), colours, strict=True):
            swatch.setStyleSheet(f"background: {colour.name()}; border-radius: 3px")
            edge = QPalette()  # in it only this colour, so that all others follow the appearance
            is_chosen = name == self.map.brush
            edge.setColor(QPalette.ColorRole.WindowText, theme.cursor if is_chosen else self.palette().window().color())
            self.frames[name].setPalette(edge)

    def _choose(self, name: str) -> None:
        """Have the mouse assign to a population, and frame its row."""
        self.map.brush = name
        self.restyle()

    def _rename(self, old: str, new: str) -> None:
        if new and new != old and new not in self._specs:
            if old == self._new:
                self._begin(new)
            else:
                self.renamed.emit(old, new)
        else:
            self.names[old].setText(old)

    def _write(self, name: str, text: str) -> None:
        if name == self._new and not text:
            return  # it waits for its units
        if (text != self._specs.get(name) and not isinstance(self._specs.get(name), list)) or (
            isinstance(self._specs.get(name), list) and text != ", ".join(map(str, self._specs[name]))
        ):
            self.edited.emit(f"populations.{name}", text)

    def _assign(self, units: list[int], to: str) -> None:
        for name, text in reassigned(self._specs, self._populations, units, to).items():
            self.edited.emit(f"populations.{name}", text)

    def _add(self) -> None:
        number = 1
        while f"population_{number}" in self.names:
            number += 1
        self._begin(f"population_{number}")
        self.names[self._new].setFocus()
        self.names[self._new].selectAll()

    def _begin(self, name: str) -> None:
        """Show a row for a population that is to be: it is written once it has units."""
        self._new = name
        self._drives = (*self._drives[: len(self._specs)], "")
        self._rebuild([*self._specs, name])
        self._populations = {known: units for known, units in self._populations.items() if known in self._specs}
        self._populations[name] = ()
        self.map.show_populations(self._n_units, self._populations, self._drives)
        self.brushes[name].setChecked(True)
        self.restyle()

    def _remove(self, name: str) -> None:
        if name == self._new:
            self._new = ""
            self._populations.pop(name, None)
            self._drives = self._drives[: len(self._specs)]
            self._rebuild(list(self._specs))
            self.map.show_populations(self._n_units, self._populations, self._drives)
        else:
            self.edited.emit(f"populations.{name}", ABSENT)
