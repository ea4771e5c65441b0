"""Browse the recorded sessions: find one, see how it went, verify, recover or remove it, or attach to it."""

from collections.abc import Callable
from pathlib import Path

from PyQt6.QtCore import Qt, QTimer, QUrl, pyqtSignal
from PyQt6.QtGui import QDesktopServices, QHideEvent, QIcon, QShowEvent
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from bmi_app.gui.learning_curve import THUMBNAIL, success_curve, thumbnail
from bmi_app.gui.result_card import summary_text
from bmi_app.gui.session_listing import Listed, list_sessions
from bmi_app.gui.theme import theme_of
from bmi_app.gui.verifying import Verifier
from bmi_app.gui.worker import Worker
from bmi_app.record.session_folder import sessions_root

_COLUMNS = ("Session", "Subject", "Protocol", "Status", "Length", "Trials", "Success", "Learning curve")
_REFRESH_MS = 3000
_CURVE = len(_COLUMNS) - 1


class SessionsPage(QWidget):
    """Show a table of sessions, the newest first, and what can be done with the chosen one.

    Signals: `attach_asked(Path)`; `replay_asked(Path)`.
    """

    attach_asked = pyqtSignal(Path)
    replay_asked = pyqtSignal(Path)

    def __init__(self, reads: Worker, computes: Worker, cache: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._reads, self._computes, self._cache = reads, computes, cache
        self._is_reading = False
        self._listed: list[Listed] = []
        self._verdicts: dict[Path, str] = {}
        self.root: Callable[[], Path] = sessions_root  # the start page's folder may be another one
        self._verifier = Verifier(computes, self)
        self._verifier.told.connect(self._tell_verdict)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search: name, subject, protocol, status")
        self.search.setClearButtonEnabled(True)
        self.table = QTableWidget(0, len(_COLUMNS))
        self.detail, self.verdict = QLabel(), QLabel()
        self.question: QMessageBox | None = None
        self.buttons = {
            name: QPushButton(name) for name in ("Attach", "Replay", "Verify", "Recover", "Open folder", "Remove…")
        }
        self._arrange()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.look)
        self.search.textChanged.connect(self._filter)
        self.table.itemSelectionChanged.connect(self._offer)
        acts = (self._attach, self._replay, self._verify, self._recover, self._open, self._ask_to_remove)
        for button, act in zip(self.buttons.values(), acts, strict=True):
            button.clicked.connect(act)
        self._offer()

    def look(self) -> None:
        """Read off the window's thread what sessions there are."""
        if self._is_reading:
            return
        self._is_reading = True
        root = self.root()
        self._reads.submit(lambda: list_sessions(root), self._show, self._failed)

    def chosen(self) -> Listed | None:
        """Return the session whose row is selected."""
        row = self.table.currentRow()
        return self._listed[row] if self.table.selectedItems() and 0 <= row < len(self._listed) else None

    def showEvent(self, event: QShowEvent | None) -> None:
        """List anew whenever the page is seen."""
        self.look()
        super().showEvent(event)

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Read nothing that nobody sees."""
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
                session.subject,
                session.protocol,
                session.status,
                session.length_text,
                session.trials_text,
                session.success_text,
                "",
            )
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                if column in (4, 5, 6):
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                if column == 3 and session.status in ("interrupted", "unreadable"):
                    item.setForeground(theme.failed)
                elif column == 3 and session.status == "running":
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
        self.buttons["Replay"].setEnabled(status == "complete")
        self.buttons["Verify"].setEnabled(status == "complete")
        self.buttons["Recover"].setEnabled(status == "interrupted")
        self.buttons["Open folder"].setEnabled(session is not None)
        self.buttons["Remove…"].setEnabled(session is not None and status != "running")
        if session is None:
            self.detail.setText("Choose a session to see how it went.")
        else:
            words = {
                "running": "It is recording now.",
                "interrupted": "It was cut off; recovering makes a complete session of what was recorded.",
                "unreadable": "A file of it is missing or damaged.",
                "complete": "",
            }[status]
            self.detail.setText(f"{session.folder}\n{summary_text(session.summary) if session.summary else words}")
        self.verdict.setText(self._verdicts.get(session.folder, "") if session is not None else "")

    def _attach(self) -> None:
        if (session := self.chosen()) is not None:
            self.attach_asked.emit(session.folder)

    def _replay(self) -> None:
        if (session := self.chosen()) is not None:
            self.replay_asked.emit(session.folder)

    def _verify(self) -> None:
        if (session := self.chosen()) is not None:
            self._verifier.verify(session.folder)

    def _tell_verdict(self, folder: Path, text: str, _is_done: bool, _is_exact: bool) -> None:
        self._verdicts[folder] = text
        if (session := self.chosen()) is not None and session.folder == folder:
            self.verdict.setText(text)

    def _recover(self) -> None:
        from bmi_app.session import catalogue

        if (session := self.chosen()) is None:
            return
        folder = session.folder

        def tell(text: str) -> None:
            self._tell_verdict(folder, text, True, True)
            self.look()

        tell("Recovering…")
        self._computes.submit(
            lambda: catalogue.recover(folder),
            lambda report: tell(f"✔ Recovered, complete up to tick {report.last_tick:,}"),
            lambda error: tell(f"✕ Cannot be recovered: {error}"),
        )

    def _open(self) -> None:
        if (session := self.chosen()) is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(session.folder)))

    def _ask_to_remove(self) -> None:
        if (session := self.chosen()) is None:
            return
        folder = session.folder
        self.question = QMessageBox(QMessageBox.Icon.Warning, "bmi", f"Delete {folder.name} for good?", parent=self)
        self.question.setInformativeText("All that was recorded in it is lost.")
        self.question.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        yes = self.question.addButton("&Delete", QMessageBox.ButtonRole.DestructiveRole)
        no = self.question.addButton("&Keep", QMessageBox.ButtonRole.RejectRole)
        self.question.setDefaultButton(no)
        self.question.setEscapeButton(no)
        self.question.buttonClicked.connect(lambda button: self._remove(folder) if button is yes else None)
        self.question.open()

    def _remove(self, folder: Path) -> None:
        from bmi_app.session import catalogue

        def failed(error: Exception) -> None:
            self._tell_verdict(folder, f"✕ Cannot be removed: {error}", True, False)

        self._computes.submit(lambda: catalogue.remove(folder), lambda _: self.look(), failed)

    def _arrange(self) -> None:
        self.table.setHorizontalHeaderLabels(_COLUMNS)
        self.table.setAccessibleName("sessions")
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
        self.count = QLabel()
        top = QHBoxLayout()
        top.addWidget(self.search, 1)
        top.addWidget(self.count)
        for label in (self.detail, self.verdict):
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.verdict.setStyleSheet("font-weight: 600")
        acts = QHBoxLayout()
        for button in self.buttons.values():
            acts.addWidget(button)
        acts.insertStretch(len(self.buttons) - 1, 1)  # what deletes stands apart
        column = QVBoxLayout(self)
        column.addLayout(top)
        column.addWidget(self.table, 1)
        column.addWidget(self.detail)
        column.addWidget(self.verdict)
        column.addLayout(acts)
