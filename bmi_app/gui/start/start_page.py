"""Let the operator choose a session and start it, once it can run; say why not before."""

from pathlib import Path
from typing import Any

from PyQt6.QtCore import Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QHideEvent, QPalette, QShowEvent
from PyQt6.QtWidgets import (
    QFrame,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from bmi_app import plugins
from bmi_app.gui.browser.result_card import ResultCard
from bmi_app.gui.shell.follows_palette import FollowsPalette
from bmi_app.gui.shell.plain_label import PlainLabel, plain_tip
from bmi_app.gui.shell.shortcuts import START_KEY
from bmi_app.gui.shell.theme import theme_of
from bmi_app.gui.shell.worker import Worker
from bmi_app.gui.start.session_form import SessionForm
from bmi_app.gui.start.streams_table import StreamsTable
from bmi_app.gui.widgets.verdict import COMPILING, Tone, Verdict
from bmi_app.session.readiness import Readiness
from bmi_app.session.request import SessionRequest
from bmi_app.session.store.standing import Outcome, last_of, outcome_of

_CHECK_MS = 1000  # streams come and go
_TYPING_MS = 200
_SLOW_MS = 2500
_MOST_REASONS = 4
_LOOKING = "Looking…"
_APPEAR = "Streams of every computer on the network appear here by themselves; the driver {} takes one as its source."
_CHOOSE = "Double click on a stream to take it as the source of the session."


class StartPage(FollowsPalette, QWidget):
    """Show the choices, what can be connected to, and Start.

    Signals: `start_asked(SessionRequest)`; `attach_asked(Path)`, a running session.
    """

    start_asked = pyqtSignal(object)
    attach_asked = pyqtSignal(Path)

    def __init__(self, checks: Worker, verifies: Worker, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._checks = checks
        self._watch: Any = None
        self._is_checking = False
        self._is_starting = False
        self._checked: SessionRequest | None = None  # the request that was found ready
        self._closed = False
        self.form = SessionForm()
        self.streams = StreamsTable()
        self.any_stream = QPushButton("Take any that fits")
        self.any_stream.setToolTip("Choose no stream: the session takes the first that fits the protocol")
        self.running = QListWidget()
        self.running.setAccessibleName("running sessions")
        self.running.setToolTip("Sessions that run on this machine now, with a window or without")
        self.attach = QPushButton("&Attach")
        self.attach.setToolTip("Show the window of the chosen running session")
        self.result = ResultCard(verifies)
        self.reasons = Verdict(_LOOKING)
        self.start = QPushButton("&Start session")
        self.start.setToolTip(f"Start the engine, and show its window ({START_KEY})")
        self.start.setEnabled(False)
        self.start.setMinimumSize(190, 46)
        self.restyle()
        self._arrange()
        self._slow = QTimer(self)
        self._slow.setSingleShot(True)
        self._slow.timeout.connect(self._say_slow)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self.look)
        self.form.changed.connect(self._changed)
        self.start.clicked.connect(lambda: self.start_asked.emit(self.form.request()))
        self.streams.chosen.connect(self.form.choose_source)
        self.any_stream.clicked.connect(lambda: self.form.choose_source("", ""))
        self.attach.clicked.connect(self._attach)
        self.running.itemDoubleClicked.connect(lambda _: self._attach())
        self.running.itemSelectionChanged.connect(self._offer_attach)

    def look(self) -> None:
        """Check, off the window's thread, whether the session can run, and what runs already."""
        if self._is_checking or self._closed:
            return
        self._is_checking = True
        self._slow.start(_SLOW_MS)
        request, card = self.form.request(), self.result.folder

        def check() -> tuple[Readiness, list[Path]]:
            from bmi_app.record import session_folder

            roots = {Path(str(request.out)).expanduser(), session_folder.sessions_root()}
            # Told at once: the first check of a protocol may have to compile plugins.
            outcome = outcome_of(card) if card is not None else last_of(roots)
            self._checks.post(lambda: self._show_outcome(outcome))
            running = [
                folder
                for root in sorted(roots)
                for folder in session_folder.sessions(root)
                if not (folder / "summary.json").exists() and session_folder.status(folder) == "running"
            ]
            from bmi_app.session import readiness
            from bmi_app.session.streams import StreamWatch

            if self._watch is None:
                self._watch = StreamWatch()
            return readiness.check(request, self._watch), running

        self._checks.submit(check, lambda found: self._show(request, *found), self._check_failed)

    def show_progress(self, text: str) -> None:
        """Say what the engine does before the session runs."""
        self._is_starting = True
        self.start.setEnabled(False)
        self.start.setText("Starting…")
        self.form.setEnabled(False)
        self.reasons.say(text, Tone.UNKNOWN)

    def show_started(self, failure: list[str]) -> None:
        """Take choices again; where the engine could not start, say why until something is changed."""
        self._is_starting = False
        self._checked = None
        self.form.setEnabled(True)
        self.start.setText("&Start session")
        if failure:
            self.reasons.say("\n".join(failure[:_MOST_REASONS]), Tone.BAD)
            self._later.start(8000)
        else:
            self.look()

    def close_page(self) -> None:
        """Look no more."""
        self._closed = True
        self._later.stop()

    def showEvent(self, event: QShowEvent | None) -> None:
        """Look for streams while the page is seen."""
        self.look()
        super().showEvent(event)

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Do nothing while the page is hidden."""
        self._later.stop()
        super().hideEvent(event)

    def restyle(self) -> None:
        """Take every colour anew from the palette."""
        theme = theme_of(self.palette())
        idle = self.palette().color(QPalette.ColorGroup.Active, QPalette.ColorRole.Button)
        self.start.setStyleSheet(
            "QPushButton { font-weight: 600; border-radius: 6px; }"
            "QPushButton:enabled { background: #0072B2; color: white; }"
            f"QPushButton:disabled {{ background: {idle.name()}; color: #8a9099; border: 1px solid {theme.border.name()}; }}"
            "QPushButton:enabled:hover, QPushButton:enabled:focus { background: #005f96; }"
        )

    def _changed(self) -> None:
        """Trust no earlier check: what is typed may not be ready."""
        if self.form.request() != self._checked:
            self.start.setEnabled(False)
        self._later.start(_TYPING_MS)

    def _say_slow(self) -> None:
        """Say why the first look may take long: the plugins that a protocol names are imported, and compiled once."""
        if self._is_checking and not self._checked and self.reasons.text() == _LOOKING:
            self.reasons.say(f"{_LOOKING} {COMPILING}", Tone.UNKNOWN)

    def _check_failed(self, error: Exception) -> None:
        self._is_checking = False
        self.reasons.say(f"Cannot be checked: {error}", Tone.BAD)
        self._later.start(_CHECK_MS)

    def _show_outcome(self, outcome: Outcome | None) -> None:
        if outcome is not None and self.result.folder in (None, outcome.folder):  # else another was shown meanwhile
            self.result.show_outcome(outcome)

    def _show(self, request: SessionRequest, found: Readiness, running: list[Path]) -> None:
        self._is_checking = False
        if self._closed:
            return
        self.streams.show_streams(found.streams)
        self.any_stream.setVisible(self.form.source is not None)
        driver = found.protocol.driver.kind if found.protocol is not None else ""
        takes_stream = not driver or plugins.driver_is(driver, lambda traits: traits.takes_stream)
        is_choice = takes_stream and any(stream.is_there for stream in found.streams)
        self.stream_hint.setText(
            _CHOOSE
            if is_choice
            else _APPEAR.format(_takers())
            if takes_stream
            else f"The driver {driver} needs none of these; the driver {_takers()} takes one."
        )
        self.form.show_free(found.free_bytes)
        if found.protocol is not None and request == self.form.request():
            self.form.show_defaults(found.protocol)
        if not self._is_starting:  # else the one that is just being started stands there to be attached to
            self._list_running(running)
        if self.isVisible():
            self._later.start(_CHECK_MS if request == self.form.request() else 0)
        if self._is_starting or request != self.form.request():
            return
        self._checked = request if not found.obstacles else None
        self.start.setEnabled(not found.obstacles)
        if found.obstacles:
            more = len(found.obstacles) - _MOST_REASONS
            lines = [*found.obstacles[:_MOST_REASONS], *([f"and {more} more"] if more > 0 else [])]
            self.reasons.say("✕ Cannot start:\n" + "\n".join(f"• {line}" for line in lines), Tone.BAD)
        else:
            self.reasons.say("✔ Ready", Tone.GOOD, found.notes)

    def _list_running(self, running: list[Path]) -> None:
        shown = [self.running.item(row).data(Qt.ItemDataRole.UserRole) for row in range(self.running.count())]  # type: ignore[union-attr]
        if shown == running and self.running.count():
            return
        self.running.clear()
        for folder in running:
            item = QListWidgetItem(folder.name)
            item.setData(Qt.ItemDataRole.UserRole, folder)
            item.setToolTip(plain_tip(str(folder)))
            self.running.addItem(item)
        if running:
            self.running.setCurrentRow(0)
        self._running_box.setVisible(bool(running))
        self._offer_attach()

    def _offer_attach(self) -> None:
        self.attach.setEnabled(self.running.currentItem() is not None)

    def _attach(self) -> None:
        if (item := self.running.currentItem()) is not None:
            self.attach_asked.emit(item.data(Qt.ItemDataRole.UserRole))

    def _arrange(self) -> None:
        left = _grouped("New session", self.form)
        left.setFixedWidth(470)
        self.stream_hint = PlainLabel(_APPEAR)
        self.stream_hint.setWordWrap(True)
        streams = _grouped("LSL streams on the network", self.streams, self.stream_hint, self.any_stream)
        self.any_stream.setVisible(False)
        self._running_box = _grouped("Running sessions", self.running, self.attach)
        self.running.setMaximumHeight(110)
        self._running_box.setVisible(False)
        right = QVBoxLayout()
        right.addWidget(self.result)
        right.addWidget(streams, 1)
        right.addWidget(self._running_box)
        panels = QHBoxLayout()
        panels.setSpacing(14)
        panels.addWidget(_scrolled(left))
        panels.addLayout(right, 1)
        bottom = QHBoxLayout()
        bottom.setSpacing(16)
        bottom.addWidget(self.reasons, 1)
        bottom.addWidget(self.start)
        rows = QVBoxLayout(self)
        rows.addLayout(panels, 1)
        rows.addLayout(bottom)


def _scrolled(widget: QWidget) -> QScrollArea:
    """Let a small screen scroll rather than cut off."""
    area = QScrollArea()
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFixedWidth(widget.maximumWidth() + 14)
    area.setWidget(widget)
    return area


def _grouped(title: str, *widgets: QWidget) -> QGroupBox:
    box = QGroupBox(title)
    column = QVBoxLayout(box)
    for widget in widgets:
        column.addWidget(widget, 0 if isinstance(widget, QPushButton | QLabel) else 1)
    if isinstance(widgets[0], SessionForm):
        column.addStretch(1)
    return box


def _takers() -> str:
    """Name the drivers that take an LSL stream."""
    return " or ".join(plugins.drivers_that(lambda traits: traits.takes_stream))
