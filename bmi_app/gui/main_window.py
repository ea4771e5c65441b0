"""Hold the pages between sessions, and open the live window on a session that was started or is running."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import platformdirs
from PyQt6.QtCore import QEvent, QObject, QSettings, QTimer
from PyQt6.QtGui import QCloseEvent
from PyQt6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QMenu,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from bmi_app.gui import widget_map
from bmi_app.gui.browser.recent_folders import RecentFolders
from bmi_app.gui.browser.sessions_page import SessionsPage
from bmi_app.gui.editor.editor_page import EditorPage
from bmi_app.gui.live.window import OperatorWindow
from bmi_app.gui.replay.replay_page import ReplayPage
from bmi_app.gui.shell import appearance
from bmi_app.gui.shell.faults import shown_faults
from bmi_app.gui.shell.garbage import collected_here
from bmi_app.gui.shell.held_window import HeldWindow
from bmi_app.gui.shell.shortcuts import KEYS_KEY, PAGE_KEYS, SAVE_KEY, SEARCH_KEY, START_KEY, ShortcutsDialog, bind
from bmi_app.gui.shell.worker import Worker
from bmi_app.gui.start.start_page import StartPage
from bmi_app.gui.widgets.log_panel import LogPanel
from bmi_app.record.damage import JournalError
from bmi_app.session.request import SessionRequest
from bmi_app.session.store.standing import outcome_of
from bmi_app.session.view.attachment import AttachError, Attachment
from bmi_app.session.view.launch import LaunchError, launch

_REAP_MS = 500
_LOG_HEIGHT_PX = 110


class MainWindow(HeldWindow):
    """Start sessions, watch each in a window of its own, and come back when it ends.

    Parameters
    ----------
    settings : QSettings
        Where choices and geometry are remembered.
    """

    def __init__(self, settings: QSettings) -> None:
        super().__init__()
        self._settings = settings
        cache = Path(platformdirs.user_cache_dir("bmi_app", appauthor=False)) / "learning_curves"
        # Made before the window lowers itself: an engine inherits the priority of the thread that starts it.
        self._launches = Worker("launches", self, lowered=False)
        self._checks = Worker("checks", self)
        self._reads = Worker("reads", self)
        self._computes = Worker("computes", self)
        self.engines: list[subprocess.Popen[bytes]] = []
        self._may_close = False
        self.live: OperatorWindow | None = None
        self.live_folder: Path | None = None
        self.start_page = StartPage(self._checks, self._computes)
        self.pages = QTabWidget()
        self.pages.setDocumentMode(True)
        self.pages.addTab(self.start_page, "Start")
        self.folders = RecentFolders(settings)
        self.sessions_page = SessionsPage(self._reads, self._computes, cache, self.folders)
        self.pages.addTab(self.sessions_page, "Sessions")
        self._edits = Worker("edits", self)
        self.editor_page = EditorPage(self._edits)
        self.pages.addTab(self.editor_page, "Protocol")
        self.replay_page = ReplayPage(self._reads, self._computes)
        self.pages.addTab(self.replay_page, "Replay")
        self.log = LogPanel()
        self.log.setMaximumHeight(_LOG_HEIGHT_PX)
        self.log.hide()  # until there is a fault to show
        whole = QWidget()
        rows = QVBoxLayout(whole)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addWidget(self.pages, 1)
        rows.addWidget(self.log)
        self.setCentralWidget(whole)
        self.keys: ShortcutsDialog | None = None
        self._fill_corner()
        self._bind()
        self.pages.currentChanged.connect(self._name_window)
        self._name_window()
        self.setMinimumSize(960, 600)
        self.resize(1240, 700)
        self.start_page.start_asked.connect(self.begin_session)
        self.start_page.form.edit_asked.connect(self._edit)
        self.editor_page.saved.connect(lambda _: self.start_page.form.reload())
        self.editor_page.run_asked.connect(self._choose_protocol)
        self.start_page.attach_asked.connect(self.open_session)
        self.sessions_page.replay_asked.connect(self._replay)
        self.sessions_page.attach_asked.connect(self.open_session)
        self.start_page.result.recover_asked.connect(self._recover)
        self.start_page.result.replay_asked.connect(self._replay)
        self._reaper = QTimer(self)
        self._reaper.timeout.connect(self._reap)
        self._recall()

    def begin_session(self, request: SessionRequest) -> None:
        """Launch an engine off the window's thread, and open its session once it runs."""
        self._remember()
        self.start_page.show_progress("Starting the engine…")

        def progress(text: str) -> None:
            said = "Starting the session…" if text == "starting" else f"Starting: {text}"
            self._launches.post(lambda: self.start_page.show_progress(said))

        self._launches.submit(lambda: launch(request, progress), lambda found: self._launched(*found), self._failed)

    def open_session(self, folder: Path) -> None:
        """Show the live window on a running session, instead of this one."""
        try:
            self.show_live(Attachment(folder))
        except (AttachError, JournalError):
            self._come_back(folder)  # it was so short that it has ended

    def show_live(self, attachment: Attachment) -> None:
        """Show the live window on a session that was attached to, instead of this one."""
        self.live_folder = attachment.folder
        self.folders.add(attachment.folder.parent)
        self.live = OperatorWindow(attachment, close_at_end=True)
        self.live.recovered.connect(self.live.close)
        self.live.installEventFilter(self)
        self.live.show()
        self.hide()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Come back when the live window is closed, by its operator or at the session's end."""
        is_hidden = event is not None and event.type() == QEvent.Type.Hide and not event.spontaneous()
        if is_hidden and watched is self.live and self.live is not None:
            live, folder, self.live = self.live, self.live_folder, None
            live.removeEventFilter(self)
            live.deleteLater()
            assert folder is not None
            QTimer.singleShot(0, lambda: self._come_back(folder))
        return False

    def say_fault(self, text: str) -> None:
        """Show a fault where the operator looks: in the live window's log, else in one below the pages."""
        if self.live is not None:
            self.live.log.say(text)
        else:
            self.log.show()
            self.log.say(text)

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Remember the choices, and end the program; no session depends on it."""
        assert event is not None
        if self.editor_page.is_dirty and not self._may_close:
            event.ignore()
            self.pages.setCurrentWidget(self.editor_page)
            self.editor_page.ask_to_leave(self.leave)
            return
        self._remember()
        self.start_page.close_page()
        self._reaper.stop()
        for worker in (self._launches, self._checks, self._reads, self._edits, self._computes):
            worker.close()
        super().closeEvent(event)
        QApplication.quit()

    def _name_window(self) -> None:
        """Say in the title which page is shown: a list of windows names it."""
        self.setWindowTitle(f"{self.pages.tabText(self.pages.currentIndex())} – bmi")

    def show_keys(self) -> None:
        """List the keyboard shortcuts."""
        if self.keys is None:
            self.keys = ShortcutsDialog(self)
        self.keys.show()
        self.keys.raise_()

    def leave(self) -> None:
        """Close everything without a question; a session that runs goes on."""
        if self.live is not None:
            self.live.removeEventFilter(self)
            self.live.leave()
            self.live = None
        self._may_close = True
        self.close()

    def _launched(self, process: "subprocess.Popen[bytes]", folder: Path) -> None:
        self.engines.append(process)
        self._reaper.start(_REAP_MS)
        self.start_page.show_started([])
        self.open_session(folder)

    def _failed(self, error: Exception) -> None:
        self.start_page.show_started(error.lines if isinstance(error, LaunchError) else [str(error)])

    def _reap(self) -> None:
        """Ask after the engines that were started here, so that none remains as a zombie."""
        self.engines = [process for process in self.engines if process.poll() is None]
        if not self.engines:
            self._reaper.stop()

    def _come_back(self, folder: Path) -> None:
        self.show()
        self.pages.setCurrentWidget(self.start_page)
        self.show_result(folder)

    def show_result(self, folder: Path) -> None:
        """Show on the start page what came of a session."""
        self.start_page.result.show_outcome(outcome_of(folder))
        self.start_page.look()

    def _edit(self, path: str) -> None:
        self.pages.setCurrentWidget(self.editor_page)
        if Path(path) != self.editor_page.path:
            self.editor_page.ask_to_open(Path(path))

    def _choose_protocol(self, path: Path) -> None:
        self.start_page.form.reload(choose=str(path))
        self.pages.setCurrentWidget(self.start_page)

    def _replay(self, folder: Path) -> None:
        self.pages.setCurrentWidget(self.replay_page)
        self.replay_page.open(folder)

    def _recover(self, folder: Path) -> None:
        from bmi_app.session.store import catalogue

        self._computes.submit(
            lambda: catalogue.recover(folder),
            lambda _: self.show_result(folder),
            lambda error: self.start_page.result.tell_failure(folder, f"✕ Cannot be recovered: {error}"),
        )

    def _fill_corner(self) -> None:
        """Put the appearance and the keys beside the tabs, where no height is lost to a menu bar."""
        corner, looks, keys = QWidget(), QToolButton(), QToolButton()
        looks.setText("View")
        looks.setToolTip("Light or dark")
        looks.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(looks)
        appearance.fill_menu(menu)
        looks.setMenu(menu)
        keys.setText("Keys (?)")
        keys.setToolTip("List every keyboard shortcut")
        keys.clicked.connect(self.show_keys)
        row = QHBoxLayout(corner)
        row.setContentsMargins(0, 0, 6, 0)
        for button in (looks, keys):
            button.setAutoRaise(True)
            row.addWidget(button)
        self.pages.setCornerWidget(corner)

    def _bind(self) -> None:
        def search() -> None:
            self.pages.setCurrentWidget(self.sessions_page)
            self.sessions_page.search.setFocus()

        def save() -> None:
            if self.pages.currentWidget() is self.editor_page:
                self.editor_page.save.click()

        def start() -> None:
            if self.pages.currentWidget() is self.start_page:
                self.start_page.start.click()

        bind(self, {KEYS_KEY: self.show_keys, SEARCH_KEY: search, SAVE_KEY: save, START_KEY: start})
        bind(self, {key: partial(self.pages.setCurrentIndex, at) for at, key in enumerate(PAGE_KEYS)})

    def _remember(self) -> None:
        self.replay_page.keep_layout()
        self.start_page.form.remember(self._settings)
        self._settings.setValue("window/geometry", self.saveGeometry())
        self._settings.setValue("editor/split", self.editor_page.splitter.saveState())
        self._settings.setValue("editor/protocol", str(self.editor_page.path))

    def _recall(self) -> None:
        self.start_page.form.recall(self._settings)
        geometry = self._settings.value("window/geometry")
        if geometry is not None:
            self.restoreGeometry(geometry)
        split = self._settings.value("editor/split")
        if split is not None:
            self.editor_page.splitter.restoreState(split)
        edited = Path(self._settings.value("editor/protocol", "", str))
        if edited.is_file():
            self.editor_page.open(edited)


def run(attach: Path | None = None) -> int:
    """Show the application until its window is closed; return the exit code.

    Parameters
    ----------
    attach : Path, optional
        A running session, to be shown before anything else.

    Raises
    ------
    AttachError
        If that session does not run.
    KeyboardInterrupt
        At Ctrl-C in the terminal; a session that runs goes on.
    """
    from bmi_app.session.priority import lower_view

    attachment = None if attach is None else Attachment(attach)
    application = QApplication.instance() or QApplication(["bmi"])
    assert isinstance(application, QApplication)
    application.setQuitOnLastWindowClosed(False)  # none is open while one gives way to the other
    appearance.begin()
    window = MainWindow(QSettings("bmi_app", "bmi"))  # one file for all that is remembered
    widget_map.install(window)
    if sys.platform == "linux":  # elsewhere a process is lowered as a whole, and its engines with it
        lower_view()
    with collected_here(), shown_faults(window.say_fault, window.leave):
        if attachment is None:
            window.show()
        else:
            window.show_live(attachment)
        application.exec()
    return 0
