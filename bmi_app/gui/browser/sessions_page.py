"""Browse the recorded sessions: find one, see how it went, and do with it what its state allows."""

from collections.abc import Callable
from pathlib import Path

from PyQt6.QtCore import Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QHideEvent, QIcon, QShowEvent
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from bmi_app.analysis.told_moments import Told, read_told
from bmi_app.gui.browser.learning_curve import THUMBNAIL, success_curve, thumbnail
from bmi_app.gui.browser.recent_folders import RecentFolders
from bmi_app.gui.browser.result_card import summary_text
from bmi_app.gui.browser.session_actions import SessionActions
from bmi_app.gui.browser.session_listing import Listed, list_sessions
from bmi_app.gui.shell.opened_folder import trouble_opening
from bmi_app.gui.shell.plain_label import PlainLabel, plain_tip
from bmi_app.gui.shell.theme import bold, theme_of
from bmi_app.gui.shell.worker import Worker
from bmi_app.gui.widgets.moments_list import MomentsList

_COLUMNS = (
    *("Session", "Begun", "Name", "Subject", "Protocol", "Status", "Length", "Trials", "Success"),
    "Learning curve",
)
_STATUS, _CURVE = _COLUMNS.index("Status"), len(_COLUMNS) - 1
_NUMBERS = tuple(map(_COLUMNS.index, ("Length", "Trials", "Success")))
_FAULTY = ("interrupted", "recovery unfinished", "damaged", "unreadable")
_RECOVERABLE = ("interrupted", "recovery unfinished", "perhaps running", "damaged")
_REFRESH_MS = 3000
_FOLDER_WIDTH_PX = 360
_MOMENTS_PX = 120
_ALL, _OTHER = "All folders", "Another folder…"

_BUTTONS = {
    "Attach": "Show the window of this running session",
    "Stop…": "End this running session; asks first",
    "Replay": "Play the session back on the page Replay",
    "Verify": "Check every file, and recompute every tick from the recorded spikes",
    "Recover": "Recover a session that was cut off or damaged",
    "Export NWB…": "Write the session as a file in the format NWB",
    "Open folder": "Show the session's folder in the file manager",
    "Remove…": "Delete the session's folder; asks first",
}


class SessionsPage(QWidget):
    """Show a table of sessions, the newest first, and what can be done with the chosen one.

    Signals: `attach_asked(Path)`; `replay_asked(Path)`.
    """

    attach_asked = pyqtSignal(Path)
    replay_asked = pyqtSignal(Path)

    def __init__(
        self, reads: Worker, computes: Worker, cache: Path, folders: RecentFolders, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._reads, self._cache, self.folders = reads, cache, folders
        self._is_reading = False
        self._listed: list[Listed] = []
        self._verdicts: dict[Path, str] = {}
        self.acts = SessionActions(computes, self)
        self.acts.told.connect(self._tell_verdict)
        self.acts.changed.connect(self.look)
        self.folder = QComboBox()
        self.folder.setAccessibleName("folder of sessions")
        self.folder.setMaximumWidth(_FOLDER_WIDTH_PX)
        self.folder.setToolTip("Sessions of every folder that was used are listed; choose one, or add another")
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search: name, subject, protocol, status")
        self.search.setToolTip("Show only sessions in which every one of these words stands")
        self.search.setAccessibleName("search")
        self.search.setClearButtonEnabled(True)
        self.table = QTableWidget(0, len(_COLUMNS))
        self.detail, self.verdict = PlainLabel(), PlainLabel()
        self.moments = MomentsList()
        self._told_of = ("", "")  # the session whose notes are shown or asked for, and how it stood
        self.buttons = {name: QPushButton(name) for name in _BUTTONS}
        for name, says in _BUTTONS.items():
            self.buttons[name].setToolTip(plain_tip(says))
        self._arrange()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.look)
        self.search.textChanged.connect(self._filter)
        self.table.itemSelectionChanged.connect(self._offer)
        self.folder.activated.connect(self._choose_folder)
        each = (
            self.attach_asked.emit,
            self.acts.ask_to_stop,
            self.replay_asked.emit,
            self.acts.verify,
            self.acts.recover,
            self._ask_to_export,
            self._open,
            self.acts.ask_to_remove,
        )
        for button, act in zip(self.buttons.values(), each, strict=True):
            button.clicked.connect(lambda _checked, act=act: self._do(act))
        self.list_folders()
        self._offer()

    def look(self) -> None:
        """Read off the window's thread what sessions there are."""
        if self._is_reading:
            return
        self._is_reading = True
        roots = self._roots()

        def show(listed: list[Listed]) -> None:
            self._show(listed)
            if roots != self._roots():  # others were chosen meanwhile
                self.look()

        self._reads.submit(lambda: list_sessions(roots), show, self._failed)

    def list_folders(self, choose: Path | None = None) -> None:
        """List the folders that there are now; keep the choice, or make another one."""
        kept = str(choose) if choose is not None else self.folder.currentData()
        self.folder.clear()
        self.folder.addItem(_ALL, "")
        for folder in self.folders.all():
            self.folder.addItem(str(folder), str(folder))
        self.folder.addItem(_OTHER, "")
        self.folder.setCurrentIndex(max(self.folder.findData(kept), 0) if kept else 0)

    def chosen(self) -> Listed | None:
        """Return the session whose row is selected."""
        row = self.table.currentRow()
        return self._listed[row] if self.table.selectedItems() and 0 <= row < len(self._listed) else None

    def showEvent(self, event: QShowEvent | None) -> None:
        """List anew whenever the page is seen."""
        self.list_folders()
        self.look()
        super().showEvent(event)

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Read nothing while the page is hidden."""
        self._timer.stop()
        super().hideEvent(event)

    def _failed(self, error: Exception) -> None:
        self._is_reading = False
        self.detail.setText(f"The sessions cannot be listed: {error}")

    def _show(self, listed: list[Listed]) -> None:
        self._is_reading = False
        if self.isVisible():
            self._timer.start(_REFRESH_MS)
        if listed == self._listed:
            return
        kept = self.chosen()
        self._listed = listed
        self.table.setRowCount(len(listed))
        theme = theme_of(self.palette())
        for row, session in enumerate(listed):
            texts = (
                session.folder.name,
                session.begun_text,
                session.label,
                session.subject,
                session.protocol,
                session.words,
                session.length_text,
                session.trials_text,
                session.success_text,
                "",
            )
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                if column in _NUMBERS:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                if column == _STATUS:
                    item.setToolTip(plain_tip(session.words))
                if column == _STATUS and session.status in _FAULTY:
                    item.setForeground(theme.failed)
                elif column == _STATUS and session.status == "running":
                    item.setForeground(theme.held)
                self.table.setItem(row, column, item)
            self._ask_for_curve(session.folder)
        self._filter()
        folders = [session.folder for session in listed]
        if kept is not None and kept.folder in folders:
            self.table.selectRow(folders.index(kept.folder))
        else:
            self.table.clearSelection()
        self._offer()

    def _ask_for_curve(self, folder: Path) -> None:
        def show(curve: list[float]) -> None:
            row = next((row for row, session in enumerate(self._listed) if session.folder == folder), None)
            item = self.table.item(row, _CURVE) if row is not None else None
            if item is not None:
                picture = thumbnail(curve, theme_of(self.palette()), self.devicePixelRatioF())
                icon = QIcon(picture)
                icon.addPixmap(picture, QIcon.Mode.Selected)  # else it is tinted beyond reading
                item.setIcon(icon)
                item.setToolTip("Success over the trials: of the ten that end there" if curve else "no trials")

        self._reads.submit(lambda: success_curve(folder, self._cache), show, lambda _: None)

    def _filter(self) -> None:
        words = self.search.text().lower().split()
        for row, session in enumerate(self._listed):
            self.table.setRowHidden(row, not all(word in session.searched for word in words))
        hidden = sum(self.table.isRowHidden(row) for row in range(len(self._listed)))
        self.count.setText(f"{len(self._listed) - hidden} of {len(self._listed)} sessions")

    def _offer(self) -> None:
        session = self.chosen()
        status = session.status if session is not None else ""
        self.buttons["Attach"].setEnabled(status == "running")
        self.buttons["Stop…"].setEnabled(status == "running")
        is_ended = status in ("complete", "recovered")
        self.buttons["Replay"].setEnabled(is_ended or status == "damaged")
        self.buttons["Export NWB…"].setEnabled(is_ended or status == "damaged")
        self.buttons["Verify"].setEnabled(is_ended or status == "damaged")
        self.buttons["Recover"].setEnabled(
            session is not None and status in _RECOVERABLE and not self.acts.is_recovering(session.folder)
        )
        self.buttons["Open folder"].setEnabled(session is not None)
        self.buttons["Remove…"].setEnabled(session is not None and status != "running")
        if session is None:
            self.detail.setText("Choose a session to see how it went.")
        else:
            words = {
                "running": "It is recording now.",
                "interrupted": "It was cut off; recovering keeps what was recorded, as far as it is whole.",
                "recovery unfinished": "Its recovery was cut off; recovering it again continues it.",
                "perhaps running": "Another machine began it, and may be recording it now.",
            }.get(status, f"{session.words[:1].upper()}{session.words[1:]}.")
            went = f"\n{summary_text(session.summary)}" if session.summary else ""
            self.detail.setText(f"{session.folder}\n{words}{went}")
        self.verdict.setText(self._verdicts.get(session.folder, "") if session is not None else "")
        self._ask_for_moments(session)

    def _ask_for_moments(self, session: Listed | None) -> None:
        """Read what the chosen session tells, off the window's thread; what cannot be read the detail names already."""
        asked = (str(session.folder), session.words) if session is not None else ("", "")
        if asked == self._told_of:
            return
        self._told_of = asked
        self.moments.hide()
        if session is None:
            return

        def show(told: Told) -> None:
            if asked == self._told_of:
                self.moments.show_moments(told.moments)
                self.moments.setVisible(bool(told.moments))

        folder = session.folder
        self._reads.submit(lambda: read_told(folder), show, lambda _: None)

    def _do(self, act: Callable[[Path], object]) -> None:
        if (session := self.chosen()) is not None:
            act(session.folder)

    def _ask_to_export(self, folder: Path) -> None:
        session = self.chosen()
        is_damaged = session is not None and session.status == "damaged"
        self.acts.ask_to_export(folder, session.words if session and is_damaged else "")

    def _roots(self) -> list[Path]:
        chosen = self.folder.currentData()
        return [Path(chosen)] if chosen else self.folders.all()

    def _choose_folder(self, index: int) -> None:
        if self.folder.itemText(index) == _OTHER:
            self.folder.setCurrentIndex(0)
            found = QFileDialog.getExistingDirectory(self, "Another folder of sessions", str(self.folders.all()[0]))
            if found:
                self.folders.add(Path(found))
                self.list_folders(Path(found))
        self.look()

    def _open(self, folder: Path) -> None:
        self._tell_verdict(folder, trouble_opening(folder))

    def _tell_verdict(self, folder: Path, text: str) -> None:
        self._verdicts[folder] = text
        if (session := self.chosen()) is not None and session.folder == folder:
            self._offer()

    def _arrange(self) -> None:
        self.table.setHorizontalHeaderLabels(_COLUMNS)
        self.table.setAccessibleName("sessions")
        self.table.setToolTip("Recorded sessions; a click on a head sorts by it")
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setShowGrid(False)
        self.table.setAlternatingRowColors(True)
        self.table.setIconSize(THUMBNAIL)
        rows, header = self.table.verticalHeader(), self.table.horizontalHeader()
        assert rows is not None
        assert header is not None
        rows.hide()
        rows.setDefaultSectionSize(THUMBNAIL.height() + 4)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(_CURVE, QHeaderView.ResizeMode.Fixed)
        header.resizeSection(_CURVE, THUMBNAIL.width() + 16)
        self.moments.setMaximumHeight(_MOMENTS_PX)
        self.moments.hide()
        self.count = PlainLabel()
        top = QHBoxLayout()
        top.addWidget(self.search, 1)
        top.addWidget(self.folder)
        top.addWidget(self.count)
        for label in (self.detail, self.verdict):
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.verdict.setFont(bold(self.verdict.font()))
        acts = QHBoxLayout()
        for button in self.buttons.values():
            acts.addWidget(button)
        acts.insertStretch(len(self.buttons) - 1, 1)  # what deletes stands apart
        column = QVBoxLayout(self)
        column.addLayout(top)
        column.addWidget(self.table, 1)
        column.addWidget(self.moments)
        column.addWidget(self.detail)
        column.addWidget(self.verdict)
        column.addLayout(acts)
