"""Steer how the decoder adapts: learning, assist and gain; undo updates, save and load weights."""

import math
from pathlib import Path
from typing import Any

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from bmi_app.analysis.feed import Fresh
from bmi_app.analysis.session_source import SessionSource
from bmi_app.analysis.weight_changes import WeightChange
from bmi_app.gui.panels.declaration import Declaration
from bmi_app.gui.shell.plain_label import PlainLabel, plain_tip
from bmi_app.gui.shell.shortcuts import FIT_KEY, LOAD_KEY, SAVE_KEY, UNDO_KEY
from bmi_app.gui.shell.theme import Theme, theme_of
from bmi_app.gui.widgets.number_field import NumberField
from bmi_app.gui.widgets.percent_slider import PercentSlider
from bmi_app.record.audit import verdict_words

_LISTED = 300
_FROM_PX = {0: 320, 4: 220}  # the width of the list from which a column is shown
_TICK = Qt.ItemDataRole.UserRole
_ROW = Qt.ItemDataRole.UserRole + 1  # of the log of weights


class LearningPanel(QWidget):
    """Offer every knob of the decoder.

    A knob shows the engine's value and follows it, whichever view changed it; a request is shown in the log until it acts.

    Signals: `command_asked(request)`.
    """

    period_s = 0.2
    command_asked = pyqtSignal(dict)

    def __init__(self, source: SessionSource, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._source = source
        self._listed = 0
        self._takes_commands = True
        self.learning = QCheckBox("adapts (off: frozen)")
        self.learning.setToolTip("Off: the decoder is frozen, its weights stay as they are")
        self.rate = _number()
        self.assist, self.percent = PercentSlider(), PlainLabel("0 %")
        self.assist.setAccessibleName("assist")
        self.rate.setAccessibleName("learning rate")
        self.rate.setToolTip("How far one update moves the weights; it holds from the next update on")
        self.follow = QCheckBox("as the block says")
        self.follow.setToolTip("The assist follows the protocol's blocks; off: it stays where you set it")
        self.gains = {letter: _number() for letter, _ in source.protocol.axes.items()}
        for letter, gain in self.gains.items():
            gain.setAccessibleName(f"gain of {letter}")
            gain.setToolTip(plain_tip(f"The cursor's speed along {letter} for one unit of the decoder's output"))
        self.updates = QTreeWidget()
        self.updates.setHeaderLabels(["tick", "trial", "cause", "change", "error"])
        self.updates.setRootIsDecorated(False)
        self.updates.setIndentation(0)
        self.updates.setToolTip(
            "What changed the weights, and by how much (Frobenius norm; ✕: refused), and the error on what was taught, before"
            " and after: of the decoded velocity (cm/s), or of the features where the rule adapts a decoder's model"
        )
        self.updates.setUniformRowHeights(True)
        self.updates.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.updates.setAccessibleName("updates")
        self.undo = QPushButton("Undo from here on")
        self.undo.setToolTip(
            f"Put the weights back to what they were before the chosen update: it and all after it are undone ({UNDO_KEY})"
        )
        self.undo.setEnabled(False)
        self.hint = PlainLabel()
        self.hint.setMinimumWidth(1)
        self.hint.setToolTip("Rows stay where they are while the mouse is over them")
        self.fit = QPushButton("Fit now")
        self.fit.setToolTip(
            f"Fit the decoder to the samples that are kept (learning.history_s), and go on with it ({FIT_KEY})"
        )
        self.save, self.load = QPushButton("Save…"), QPushButton("Load…")
        self.save.setToolTip(f"Save the weights of this moment to a file ({SAVE_KEY})")
        self.load.setToolTip(f"Load weights from a file ({LOAD_KEY})")
        self.dialog: QFileDialog | None = None
        self._arrange()
        self._connect()
        self.why_off = PlainLabel("Off in this protocol: in the editor, Learning, choose When.")
        self.why_off.setWordWrap(True)
        self._form.insertRow(1, self.why_off)
        can_learn = source.protocol.learning.when != "off"
        self._form.setRowVisible(self.why_off, not can_learn)
        for knob in (self.learning, self.rate):
            knob.setEnabled(can_learn)
        self._offer_undo()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Leave out what there is no room for: it stands in the tooltip of the row."""
        super().resizeEvent(event)
        for column, width_px in _FROM_PX.items():
            self.updates.setColumnHidden(column, self.updates.width() < width_px)

    def take(self, fresh: Fresh) -> None:
        """Take nothing: the changes are shared with the decoder's panel."""

    def restart(self) -> None:
        """Forget the updates that were listed."""
        self._listed = 0
        self.updates.clear()

    def redraw(self, whole: bool = False) -> None:
        """Show what the engine has, and new updates."""
        model = self._source.model()
        adapts = model.learning_on and self._source.protocol.learning.when != "off"
        self._show(self.learning, self.learning.isChecked, self.learning.setChecked, adapts)
        self._show(self.follow, self.follow.isChecked, self.follow.setChecked, model.follows_block)
        if not self.assist.isSliderDown():
            percent = round(100 * model.assist)
            self._show(self.assist, self.assist.value, self.assist.setValue, percent)
            self.assist.setToolTip(f"{percent} % of the velocity comes from the computer")
            self.percent.setText(f"{percent} %")
        values = [(self.rate, model.learning_rate)]
        values += list(zip(self.gains.values(), model.gain.tolist(), strict=True))
        for knob, value in values:
            if not knob.hasFocus():  # else it would move while the operator drags it
                self._show(knob, knob.value, knob.setValue, value)
        self._list_changes()

    def _list_changes(self) -> None:
        """List new changes, but under the mouse: a row that moves away from it lets another be clicked."""
        changes = self._source.changes.listed
        n_waiting = len(changes) - self._listed
        if self.updates.underMouse() and self.updates.topLevelItemCount():
            if n_waiting:
                self.hint.setText(f"{n_waiting} newer, listed later")
            return
        fresh = changes[max(self._listed, len(changes) - _LISTED) :]
        self._listed = len(changes)
        if fresh:
            self._add([_row(change, theme_of(self.palette())) for change in reversed(fresh)])
            self._mark_undone()
            self._offer_undo()
        while self.updates.topLevelItemCount() > _LISTED:
            self.updates.takeTopLevelItem(self.updates.topLevelItemCount() - 1)

    def _mark_undone(self) -> None:
        """Strike out the rows that are undone; a row that an undo of the undo has brought back is not struck out any more."""
        undone, faint = self._source.changes.undone(), theme_of(self.palette()).muted
        for at in range(self.updates.topLevelItemCount()):
            row = self.updates.topLevelItem(at)
            assert row is not None
            is_undone = row.data(0, _ROW) in undone
            if is_undone == row.font(0).strikeOut():
                continue
            for column in range(row.columnCount()):
                font = row.font(column)
                font.setStrikeOut(is_undone)
                row.setFont(column, font)
                row.setData(column, Qt.ItemDataRole.ForegroundRole, faint if is_undone else None)

    def _add(self, rows: list[QTreeWidgetItem]) -> None:
        """Put the newest on top, and leave the rows that are read where they are."""
        bar = self.updates.verticalScrollBar()
        assert bar is not None
        place = bar.value()
        self.updates.insertTopLevelItems(0, rows)
        if place > 0 or self.updates.underMouse():
            bar.setValue(place + len(rows))  # it counts rows

    def offer_no_commands(self) -> None:
        """Show only; the list of updates can still be read."""
        self._takes_commands = False
        self.hint.clear()
        for knob in (self.learning, self.rate, self.assist, self.follow, *self.gains.values()):
            knob.setEnabled(False)
        for button in (self.undo, self.fit, self.save, self.load):
            button.setEnabled(False)

    def _offer_undo(self) -> None:
        is_chosen = bool(self.updates.selectedItems())
        self.undo.setEnabled(self._takes_commands and is_chosen)
        self.hint.setText("" if is_chosen or not self._takes_commands else "choose one above")

    def ask_to_undo(self) -> None:
        """Ask for the weights from before the chosen update."""
        for chosen in self.updates.selectedItems():
            self.command_asked.emit({"do": "undo", "to_tick": chosen.data(0, _TICK)})

    def ask_for_file(self, command: str) -> None:
        """Let a file be chosen to save the weights to, or to load them from."""
        self.dialog = QFileDialog(self, "Save weights" if command == "save_weights" else "Load weights")
        self.dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.dialog.setNameFilter("Weights (*.npz)")
        self.dialog.setDefaultSuffix("npz")
        self.dialog.setDirectory(str(self._source.folder.parent))
        if command == "save_weights":
            self.dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
            self.dialog.selectFile(f"{self._source.protocol.name}.npz")
        else:
            self.dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        self.dialog.fileSelected.connect(lambda path: self._ask_about(command, path))
        self.dialog.finished.connect(self._forget_dialog)
        self.dialog.open()  # not exec: the session is watched meanwhile

    def _ask_about(self, command: str, path: str) -> None:
        """Ask for a command with the file chosen; the dialog has asked whether one that is there may be replaced."""
        replaces = command == "save_weights" and Path(path).is_file()
        self.command_asked.emit({"do": command, "file": path} | ({"replace": True} if replaces else {}))

    def _forget_dialog(self) -> None:
        self.dialog = None

    @staticmethod
    def _show(knob: QWidget, shown: Any, show: Any, value: float | bool) -> None:
        """Set a knob without it asking for anything."""
        if shown() != value:
            knob.blockSignals(True)
            show(value)
            knob.blockSignals(False)

    def _ask(self, do: str, **arguments: Any) -> None:
        self.command_asked.emit({"do": do, **arguments})

    def _follow(self, follow: bool) -> None:
        self._ask("assist", value=None if follow else self.assist.value() / 100)

    def _connect(self) -> None:
        self.learning.toggled.connect(lambda on: self._ask("learning", on=on))
        self.rate.valueChanged.connect(lambda value: self._ask("learning_rate", value=value))
        self.assist.sliderMoved.connect(lambda percent: self.percent.setText(f"{percent} %"))
        self.assist.valueChanged.connect(lambda percent: self._ask("assist", value=percent / 100))
        self.follow.toggled.connect(self._follow)
        for letter, knob in self.gains.items():
            knob.valueChanged.connect(lambda value, letter=letter: self._ask("gain", axis=letter, value=value))
        self.updates.itemSelectionChanged.connect(self._offer_undo)
        self.undo.clicked.connect(self.ask_to_undo)
        self.fit.clicked.connect(lambda: self._ask("fit"))
        self.save.clicked.connect(lambda: self.ask_for_file("save_weights"))
        self.load.clicked.connect(lambda: self.ask_for_file("load_weights"))

    def _arrange(self) -> None:
        form = self._form = QFormLayout()
        form.setVerticalSpacing(5)
        form.addRow("Learning", self.learning)
        form.addRow("Rate", self.rate)
        assist = QHBoxLayout()
        assist.addWidget(self.assist, 1)
        self.percent.setMinimumWidth(self.percent.fontMetrics().horizontalAdvance("100 %"))
        self.percent.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        assist.addWidget(self.percent)
        form.addRow("Assist", assist)
        form.addRow("", self.follow)
        gains = QHBoxLayout()
        for knob in self.gains.values():
            gains.addWidget(knob, 1)
        form.addRow(f"Gain {', '.join(self.gains)}", gains)
        files = QHBoxLayout()
        files.addWidget(self.fit)
        files.addWidget(self.save)
        files.addWidget(self.load)
        knobs = QVBoxLayout()
        knobs.addLayout(form)
        knobs.addLayout(files)
        knobs.addStretch(1)
        listed = QVBoxLayout()
        listed.addWidget(self.updates, 1)
        listed.addWidget(self.undo)
        listed.addWidget(self.hint)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.addLayout(knobs, 2)
        layout.addLayout(listed, 3)
        columns = self.updates.header()
        assert columns is not None
        columns.setMinimumSectionSize(30)
        columns.setResizeContentsPrecision(20)  # rows that are looked at for the width
        columns.setStretchLastSection(False)
        columns.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        columns.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        self.updates.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)


def _number() -> NumberField:
    field = NumberField(0.0, 1e6, 6)
    field.setMinimumWidth(62)
    return field


def _row(change: WeightChange, theme: Theme) -> QTreeWidgetItem:
    size = f"{'✕ ' if change.is_rejected else ''}{change.norm:.3g}"
    trial = f"{change.trial + 1}" if change.trial >= 0 else "–"
    errors = f"{change.error_before:.2f} → {change.error_after:.2f}"
    if not math.isfinite(change.error_before + change.error_after):
        errors = ""
    row = QTreeWidgetItem([f"{change.tick:,}" if change.tick >= 0 else "start", trial, change.cause, size, errors])
    row.setData(0, _TICK, change.tick)
    row.setData(0, _ROW, change.row)
    told = [
        f"{f'tick {change.tick:,}' if change.tick >= 0 else 'before the first tick'}: {change.cause.replace('↶', 'back to')}"
    ]
    told += [verdict_words(change.verdict)] if change.verdict >= 0 else []
    told += [f"error {errors}"] if errors else []
    for column in range(row.columnCount()):
        row.setToolTip(column, plain_tip("\n".join(told)))
    if change.is_rejected or change.cause == "start":  # nothing there that could be undone
        row.setFlags(row.flags() & ~Qt.ItemFlag.ItemIsSelectable)
    if change.is_rejected:
        for column in range(row.columnCount()):
            row.setForeground(column, theme.failed)
    return row


PANEL = Declaration("Learning", lambda shared: LearningPanel(shared.source), tab=(1, 1), grid=(1, 1))
