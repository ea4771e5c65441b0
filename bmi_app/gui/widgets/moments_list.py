"""List what a recorded session tells in words; choose a line to go there."""

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QComboBox, QHBoxLayout, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from bmi_app.analysis.told_moments import SORTS, Moment, Sort
from bmi_app.gui.shell.plain_label import PlainLabel, plain_tip
from bmi_app.session.view.observer import clock_text

_NAMES: dict[Sort, str] = {
    "note": "Notes",
    "label": "Labels (F1 to F8)",
    "pause": "Pauses",
    "move": "Moves of units",
    "command": "Other commands",
    "event": "Events",
}
_TIME_S = Qt.ItemDataRole.UserRole


class MomentsList(QWidget):
    """Show one line for each note, command and event, all of them or one sort.

    Signals: `chosen(time_s)`, of a line that was clicked, or left with Enter.
    """

    chosen = pyqtSignal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._moments: tuple[Moment, ...] = ()
        self.sort, self.list, self.count = QComboBox(), QListWidget(), PlainLabel()
        self.sort.setAccessibleName("which notes and events are listed")
        self.sort.setToolTip("List everything, or one sort only")
        self.sort.addItem("All", "")
        for sort in SORTS:
            self.sort.addItem(_NAMES[sort], sort)
        self.list.setAccessibleName("notes and events")
        self.list.setToolTip("What was noted, commanded and told while the session ran")
        self.list.setWordWrap(True)
        self.list.setAlternatingRowColors(True)
        top = QHBoxLayout()
        top.addWidget(self.sort)
        top.addWidget(self.count, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(top)
        column.addWidget(self.list, 1)
        self.sort.currentIndexChanged.connect(self._fill)
        self.list.itemClicked.connect(self._choose)
        self.list.itemActivated.connect(self._choose)

    def show_moments(self, moments: tuple[Moment, ...]) -> None:
        """Show what another session tells."""
        self._moments = moments
        self._fill()

    def lines(self) -> list[str]:
        """Return the lines that are listed."""
        items = (self.list.item(row) for row in range(self.list.count()))
        return [item.text() for item in items if item is not None]

    def _fill(self) -> None:
        sort = self.sort.currentData()
        listed = [moment for moment in self._moments if not sort or moment.sort == sort]
        self.list.clear()
        for moment in listed:
            item = QListWidgetItem(f"{clock_text(moment.time_s)}  {moment.text}")
            item.setData(_TIME_S, moment.time_s)
            item.setToolTip(plain_tip(f"{moment.text}\ntick {moment.tick:,} ({moment.time_s:.2f} s)"))
            self.list.addItem(item)
        self.count.setText(f"{len(listed):,} of {len(self._moments):,}" if self._moments else "nothing was noted")

    def _choose(self, item: QListWidgetItem) -> None:
        self.chosen.emit(float(item.data(_TIME_S)))
