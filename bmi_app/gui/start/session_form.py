"""Ask what session shall run: protocol, driver, names, length, and where it is kept."""

import contextlib
import json
import math
from pathlib import Path

from PyQt6.QtCore import QSettings, Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QWidget,
)

from bmi_app import plugins
from bmi_app.gui.shell.plain_label import PlainLabel
from bmi_app.record.session_folder import sessions_root
from bmi_app.session.request import SessionRequest
from protocols.load import catalogue, first_choice, user_folder
from protocols.schema import Protocol

_SOURCE_TIMEOUT_S = 5.0
_AS_PROTOCOL = "as the protocol says"


class SessionForm(QWidget):
    """Show the choices, and make a request of them.

    Signals: `changed()`; `edit_asked(str)`, the protocol whose editing is wanted.
    """

    changed = pyqtSignal()
    edit_asked = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.protocol = QComboBox()
        self.protocol.setAccessibleName("protocol")
        self.protocol.setToolTip("What the session does: its task, decoder, learning and blocks")
        self.title = PlainLabel()
        self.title.setWordWrap(True)
        self.edit = QPushButton("Edit…")
        self.edit.setToolTip("Open this protocol on the page Protocol")
        self.driver = QComboBox()
        self.driver.setAccessibleName("driver")
        self.recording = QLineEdit()
        self.recording.setPlaceholderText("session folder or recording to replay")
        self.recording.setToolTip("What the driver plays back: a session folder, or a recording of its kind")
        self.recording.setAccessibleName("recording")
        self.subject, self.session = QLineEdit(), QLineEdit()
        self.subject.setPlaceholderText("for example M1")
        self.session.setPlaceholderText("for example day 3, morning")
        self.subject.setToolTip("Whom the session is recorded of; written into the session")
        self.session.setToolTip("A label of your own, kept with the session")
        self.duration_s = _optional_seconds()
        self.trials, self.seed = _optional_count(_AS_PROTOCOL), _optional_count(_AS_PROTOCOL)
        self.seed.setMinimum(-1)
        self.seed.setValue(-1)
        self.folder = QLineEdit(str(sessions_root()))
        self.folder.setPlaceholderText(f"blank: {sessions_root()}")
        self.folder.setAccessibleName("folder of sessions")
        self.free = PlainLabel()
        self.source: tuple[str, str] | None = (
            None  # the LSL stream that the operator chose: a key of `driver`, its value
        )
        self._arrange()
        self.reload()
        self._connect()
        self._show_what_applies()

    def reload(self, choose: str | None = None) -> None:
        """List the protocols and drivers that there are now; keep the choice, or make another one."""
        kept = choose or self.protocol.currentData()
        own = user_folder()
        self.protocol.blockSignals(True)
        self.protocol.clear()
        for name, path, title in catalogue():
            whose = "yours" if path.parent == own else "shipped"
            self.protocol.addItem(f"{name}   ({whose})", str(path))
            self.protocol.setItemData(self.protocol.count() - 1, title, Qt.ItemDataRole.ToolTipRole)
        if kept and self.protocol.findData(kept) < 0 and Path(kept).is_file():  # a file elsewhere
            self.protocol.addItem(Path(kept).name, kept)
        self.protocol.setCurrentIndex(max(self.protocol.findData(kept or str(first_choice())), 0))
        self.protocol.blockSignals(False)
        if not self.driver.count():
            self.driver.addItem(_AS_PROTOCOL, "")
            for name in plugins.names("drivers"):
                self.driver.addItem(_in_words(name), name)
        self._protocol_chosen()

    def request(self) -> SessionRequest:
        """Return what `bmi_app.session.view.launch.launch` takes."""
        values: dict[str, str] = {}
        if self._takes_recording():
            values["driver.settings.path"] = json.dumps(self.recording.text())
        if self.source is not None and self._takes_stream():
            values[f"driver.{self.source[0]}"] = json.dumps(self.source[1])
        return SessionRequest(
            protocol=self.protocol.currentData() or "",
            overrides=[f"{key}={value}" for key, value in values.items()],
            driver=self.driver.currentData() or None,
            duration_s=self.duration_s.value() if self.duration_s.value() > self.duration_s.minimum() else None,
            trials=self.trials.value() if self.trials.value() > self.trials.minimum() else None,
            seed=self.seed.value() if self.seed.value() > self.seed.minimum() else None,
            out=self.folder.text().strip() or str(sessions_root()),
            source_timeout_s=_SOURCE_TIMEOUT_S,
            subject=self.subject.text().strip(),
            session_name=self.session.text().strip(),
        )

    def remember(self, settings: QSettings) -> None:
        """Keep the choices, but neither the session's name nor the seed, which belong to one session."""
        for key, value in (
            ("protocol", self.protocol.currentData()),
            ("driver", self.driver.currentData()),
            ("recording", self.recording.text()),
            ("subject", self.subject.text()),
            ("duration_s", self.duration_s.value()),
            ("trials", self.trials.value()),
            ("stream_key", self.source[0] if self.source else ""),
            ("stream", self.source[1] if self.source else ""),
            ("folder", self.folder.text() if self.folder.text() != str(sessions_root()) else ""),
        ):
            settings.setValue(f"start/{key}", value)

    def recall(self, settings: QSettings) -> None:
        """Choose again what was chosen last."""
        self.reload(settings.value("start/protocol", "", str) or None)
        self.driver.setCurrentIndex(max(self.driver.findData(settings.value("start/driver", "", str)), 0))
        self.recording.setText(settings.value("start/recording", "", str))
        self.subject.setText(settings.value("start/subject", "", str))
        self.duration_s.setValue(settings.value("start/duration_s", 0.0, float))
        self.trials.setValue(settings.value("start/trials", 0, int))
        self.folder.setText(settings.value("start/folder", "", str) or str(sessions_root()))
        self.choose_source(settings.value("start/stream_key", "", str), settings.value("start/stream", "", str))

    def show_defaults(self, protocol: Protocol) -> None:
        """Say what the protocol says, where it is left to it."""
        if not self.driver.currentData():
            self.driver.setItemText(0, f"{_AS_PROTOCOL}: {protocol.driver.kind}")
        if self.duration_s.value() == self.duration_s.minimum():
            self.duration_s.setSpecialValueText(f"{_AS_PROTOCOL}: {_length_text(protocol)}")
        if self.trials.value() == self.trials.minimum():
            limit = protocol.session.trials
            self.trials.setSpecialValueText(f"{_AS_PROTOCOL}: {'any number' if limit is None else limit}")
        if self.seed.value() == self.seed.minimum():
            self.seed.setSpecialValueText(f"{_AS_PROTOCOL}: {protocol.session.seed}")

    def show_free(self, free_bytes: int | None) -> None:
        """Say how much more can be written."""
        is_new = not Path(str(self.request().out)).expanduser().exists()
        made = " · the folder will be made" if is_new else ""
        where = "" if self.folder.text().strip() else f" in {sessions_root()}"
        self.free.setText("" if free_bytes is None else f"{free_bytes / 1e9:,.1f} GB free{where}{made}")

    def choose_source(self, key: str, value: str) -> None:
        """Take the stream that this key of the protocol's `driver` table means; any, where it is empty."""
        self.source = (key, value) if key else None
        self.changed.emit()

    def _connect(self) -> None:
        self.protocol.currentIndexChanged.connect(self._protocol_chosen)
        self.driver.currentIndexChanged.connect(self._show_what_applies)
        self.edit.clicked.connect(lambda: self.edit_asked.emit(str(self.protocol.currentData())))
        for line in (self.recording, self.subject, self.session, self.folder):
            line.textChanged.connect(self.changed)
        for box in (self.duration_s, self.trials, self.seed):
            box.valueChanged.connect(self.changed)

    def _protocol_chosen(self) -> None:
        title = self.protocol.currentData(Qt.ItemDataRole.ToolTipRole) or ""
        self.title.setText(title)
        self.changed.emit()

    def _show_what_applies(self) -> None:
        self._rows.setRowVisible(self._recording_row, self._takes_recording())
        self.changed.emit()

    def _takes_recording(self) -> bool:
        """Tell whether the driver that is chosen reads a recording; what the protocol says, the protocol's file says too."""
        return plugins.driver_is(self.driver.currentData() or "", lambda traits: traits.takes_recording)

    def _takes_stream(self) -> bool:
        """Tell whether the driver may take an LSL stream: the protocol's may."""
        chosen = self.driver.currentData()
        return not chosen or plugins.driver_is(chosen, lambda traits: traits.takes_stream)

    def _arrange(self) -> None:
        self._rows = QFormLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setVerticalSpacing(9)
        self._rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._rows.addRow(_label("&Protocol", self.protocol), _beside(self.protocol, self.edit))
        self._rows.addRow("", self.title)
        self._rows.addRow("&Driver", self.driver)
        browse_recording = QPushButton("Browse…")
        browse_recording.setToolTip("Choose the recording")
        browse_recording.clicked.connect(self._browse_recording)
        self._recording_row = self._rows.rowCount()
        self._rows.addRow("Recording", _beside(self.recording, browse_recording))
        self._rows.addRow("S&ubject", self.subject)
        self._rows.addRow("S&ession name", self.session)
        self._rows.addRow("&Length", self.duration_s)
        self._rows.addRow("&Trials", self.trials)
        self._rows.addRow("Seed", self.seed)
        browse = QPushButton("Browse…")
        browse.setToolTip("Choose the folder in which sessions are written")
        browse.clicked.connect(self._browse_folder)
        self._rows.addRow(_label("&Output folder", self.folder), _beside(self.folder, browse))
        self._rows.addRow("", self.free)
        self.driver.setToolTip("Where the spikes come from: the simulated rig, LSL, or a recording")
        self.duration_s.setToolTip("The session ends after this time; you can stop it earlier")
        self.trials.setToolTip("The session ends after this many trials")
        self.seed.setToolTip("Seed of every random number: the same seed gives the same target order")
        self.folder.setToolTip("A new folder is made here for each session; nothing is ever overwritten")

    def _browse_folder(self) -> None:
        found = QFileDialog.getExistingDirectory(self, "Where sessions are kept", self.folder.text())
        if found:
            self.folder.setText(found)

    def _browse_recording(self) -> None:
        found = QFileDialog.getExistingDirectory(self, "Session folder to replay", str(sessions_root()))
        if found:
            self.recording.setText(found)


def _in_words(driver: str) -> str:
    """Return a driver's name, with what it is."""
    title = ""
    with contextlib.suppress(LookupError, OSError, SyntaxError):
        title = plugins.driver_traits(driver).title
    return f"{driver} – {title}" if title else driver


def _length_text(protocol: Protocol) -> str:
    if protocol.session.duration_s is not None:
        return f"{protocol.session.duration_s:g} s"
    last = protocol.blocks[-1]
    is_open = last.duration_s is None and last.trials is None and protocol.session.trials is None
    return "until you stop it" if is_open else "until all is done"


def _beside(field: QWidget, button: QPushButton) -> QHBoxLayout:
    row = QHBoxLayout()
    row.addWidget(field, 1)
    row.addWidget(button)
    return row


def _label(text: str, field: QWidget) -> QLabel:
    """Return the name of a field that shares its row, with its key."""
    label = PlainLabel(text)
    label.setBuddy(field)
    return label


def _optional_seconds() -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(0, 7 * 24 * 3600)
    box.setDecimals(1)
    box.setSingleStep(30)
    box.setSuffix(" s")
    box.setSpecialValueText(_AS_PROTOCOL)
    return box


def _optional_count(unset: str) -> QSpinBox:
    box = QSpinBox()
    box.setRange(0, int(math.pow(2, 31)) - 1)
    box.setSpecialValueText(unset)
    return box
