"""List the trials: target, outcome, time, and why one failed."""

from typing import Any

import numpy as np
from PyQt6.QtCore import QAbstractTableModel, QModelIndex, Qt
from PyQt6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QVBoxLayout, QWidget

from bmi_app.analysis.feed import Fresh
from bmi_app.analysis.trials import REASONS, Trial, Trials
from bmi_app.gui.panels.declaration import Declaration
from bmi_app.gui.shell.theme import theme_of

_COLUMNS = ("trial", "target", "outcome", "time (s)", "path", "reason")
_MOST_ROWS = 1000
_TIPS = {
    "time (s)": "To the target; of a failed trial until it failed",
    "path": "Straight way divided by the way taken",
}


class _TrialModel(QAbstractTableModel):
    """Offer the last trials to the table, the newest on top."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self._widget = widget
        self._trials: list[Trial] = []

    def show_trials(self, trials: list[Trial]) -> None:
        self.beginResetModel()
        self._trials = trials[: -_MOST_ROWS - 1 : -1]
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._trials)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(_COLUMNS)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        trial = self._trials[index.row()]
        name = _COLUMNS[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return _text(trial, name)
        if role == Qt.ItemDataRole.ToolTipRole:
            return "; ".join(_reasons(trial)) or None
        if role == Qt.ItemDataRole.TextAlignmentRole and name in ("trial", "target", "time (s)", "path"):
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ForegroundRole and name == "outcome":
            theme = theme_of(self._widget.palette())
            return theme.held if trial.is_success else theme.failed if trial.is_failure else theme.muted
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:  # fmt: skip
        if orientation == Qt.Orientation.Horizontal:
            if role == Qt.ItemDataRole.DisplayRole:
                return _COLUMNS[section]
            if role == Qt.ItemDataRole.ToolTipRole:
                return _TIPS.get(_COLUMNS[section])
        return None


class TrialTable(QWidget):
    """Show the trials as a table; it is drawn only when a trial has ended."""

    period_s = 0.2

    def __init__(self, trials: Trials, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._trials = trials
        self._shown = -1
        self.model = _TrialModel(self)
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setShowGrid(False)
        self.table.setAlternatingRowColors(True)
        self.table.setAccessibleName("trials")
        self.table.setToolTip("The last trials, the newest on top")
        rows, columns = self.table.verticalHeader(), self.table.horizontalHeader()
        assert rows is not None
        assert columns is not None
        rows.hide()
        rows.setDefaultSectionSize(22)
        columns.setMinimumSectionSize(36)
        columns.setResizeContentsPrecision(20)  # rows that are looked at for the width
        columns.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        columns.setSectionResizeMode(len(_COLUMNS) - 1, QHeaderView.ResizeMode.Stretch)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.table)

    def take(self, fresh: Fresh) -> None:
        """Take nothing: the trials are shared with the other panels."""

    def restart(self) -> None:
        """Show the trials anew."""
        self._shown = -1

    def redraw(self, whole: bool = False) -> None:
        """Show new trials."""
        if len(self._trials.ended) != self._shown:
            self._shown = len(self._trials.ended)
            self.model.show_trials(self._trials.ended)


def _text(trial: Trial, name: str) -> str:
    if name == "trial":
        return str(trial.number + 1)
    if name == "target":
        return str(trial.target + 1) if trial.target >= 0 else "random"
    if name == "outcome":
        return "● success" if trial.is_success else "✕ failed" if trial.is_failure else "○ neither"
    if name == "reason":
        return "; ".join(_reasons(trial))
    value = trial.time_s if name == "time (s)" else trial.efficiency
    return f"{value:.2f}" if np.isfinite(value) else "–"


def _reasons(trial: Trial) -> list[str]:
    held = [f"held for {trial.caught_up_s:.2f} s: its ticks were behind"] if trial.caught_up_s else []
    return [REASONS[trial.outcome]] * bool(REASONS[trial.outcome]) + held


PANEL = Declaration("Trials", lambda shared: TrialTable(shared.source.trials), tab=(0, 2), grid=(0, 2))
