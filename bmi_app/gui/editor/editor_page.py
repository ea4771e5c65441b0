"""Edit a protocol as a form and as text, both ways, with a preview; save it where it can be run at once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PyQt6.QtCore import Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QPalette
from PyQt6.QtWidgets import (
    QFileDialog,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from bmi_app.gui.editor.protocol_bar import ProtocolBar
from bmi_app.gui.editor.protocol_check import Checked, check_text
from bmi_app.gui.editor.protocol_document import ABSENT, ProtocolDocument
from bmi_app.gui.editor.protocol_form import ProtocolForm
from bmi_app.gui.editor.protocol_preview import ProtocolPreview
from bmi_app.gui.editor.toml_text import TomlText
from bmi_app.gui.shell.follows_palette import FollowsPalette
from bmi_app.gui.shell.plain_label import MarkedLabel
from bmi_app.gui.shell.question import Answer, Question
from bmi_app.gui.shell.worker import Worker
from bmi_app.gui.widgets.verdict import COMPILING, Tone, Verdict
from bmi_app.record.damage import JournalError
from bmi_app.record.durable import replace_file
from protocols.load import SHIPPED_FOLDER, first_choice, user_folder
from protocols.problems import Problem
from protocols.rig import FIRST_OUTPUT

_TYPING_MS, _SLOW_MS = 250, 2500
_CHECKING = "Checking…"
_NEW_ENTRIES: dict[str, dict[str, Any]] = {
    "blocks": {"kind": "closed_loop", "trials": 40},
    "outputs": {"on": "reward", "kind": FIRST_OUTPUT},
}


class EditorPage(FollowsPalette, QWidget):
    """Show one protocol.

    Signals: `saved(Path)`; `run_asked(Path)`, a saved protocol that shall be run.
    """

    saved = pyqtSignal(Path)
    run_asked = pyqtSignal(Path)

    def __init__(self, checks: Worker, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._checks = checks
        self.document = ProtocolDocument("")
        self._saved_text = ""
        self._mistaken: str | None = None  # the text in which mistakes were found last
        self.path = Path()
        self.question = Question(self)
        self.form, self.text, self.preview = ProtocolForm(), TomlText(), ProtocolPreview()
        self.bar = ProtocolBar(self.text)
        self.choice, self.name = self.bar.choice, self.bar.name
        self.save, self.run = self.bar.save, self.bar.run
        self.state = Verdict()
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._take_text)
        self._slow = QTimer(self)
        self._slow.setSingleShot(True)
        self._slow.timeout.connect(self._say_slow)
        self._arrange()
        self._connect()
        self.reload()
        self.open(first_choice())

    @property
    def is_dirty(self) -> bool:
        """Tell whether something would be lost."""
        return self.text.toPlainText() != self._saved_text

    def reload(self) -> None:
        """List the protocols that there are now."""
        self.bar.reload(self.path)

    def ask_to_open(self, path: Path) -> None:
        """Open another protocol, after a question where something would be lost."""
        if not self.is_dirty:
            self.open(path)
            return
        self.bar.show_choice(self.path)
        self.ask_to_leave(lambda: self.open(path), "&Keep editing")

    def ask_to_leave(self, leave: Callable[[], object], stay: str = "&Cancel") -> None:
        """Ask what becomes of changes that are not saved; `leave` is called unless the operator stays."""
        self.question.ask(
            "Save the changes?",
            f"{self.path.name} was changed and not saved.",
            Answer("&Save", lambda: self._save_then(leave), is_destructive=False),
            Answer("&Discard", leave),
            stay=stay,
        )

    def open(self, path: Path) -> None:
        """Show a file; a shipped one is saved under another name, as the user's own."""
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            self.state.say(f"{path} cannot be read: {error}", Tone.BAD)
            return
        self.path = path
        self.name.setText(f"my_{path.stem}" if path.parent == SHIPPED_FOLDER else path.stem)
        self._saved_text = text
        self.text.begin_with(text)
        self.bar.show_choice(self.path)
        self._take_text()

    def restyle(self) -> None:
        """Colour anew what is wrong."""
        self._take_text()

    def _change(self, key: str, value: Any) -> None:
        """Take an edit of the form into the text."""
        self._sync_document()
        if value is ABSENT:
            self.document.unset(key)
        else:
            self.document.set(key, value)
        self._show_document()

    def _rename(self, old: str, new: str) -> None:
        """Rename a population, in the axes as well."""
        self.document.rename("populations", old, new)
        for axis in ("x", "y"):
            for key in ("population", "push", "pull"):
                if self.document.get(f"axes.{axis}.{key}") == old:
                    self.document.set(f"axes.{axis}.{key}", new)
        self._show_document()

    def _add(self, name: str) -> None:
        self.document.add_entry(name, _NEW_ENTRIES[name])
        self._show_document()

    def _remove(self, name: str, index: int) -> None:
        self.document.remove_entry(name, index)
        self._show_document()

    def _copy(self, name: str, index: int) -> None:
        self.document.add_entry(name, self.document.get(f"{name}.{index}"))
        self.document.move_entry(name, self.document.count(name) - 1, index + 1)
        self._show_document()

    def _move(self, name: str, index: int, to: int) -> None:
        self.document.move_entry(name, index, to)
        self._show_document()

    def _sync_document(self) -> None:
        """Take what was typed a moment ago, so that an edit of the form does not undo it."""
        if self._later.isActive():
            self._later.stop()
            self.document = ProtocolDocument(self.text.toPlainText())

    def _show_document(self) -> None:
        self.text.show_text(self.document.text)
        self._take_text()

    def _take_text(self) -> None:
        """Take the text into the form, and check it."""
        text = self.text.toPlainText()
        try:
            self.document = ProtocolDocument(text)
        except ValueError:
            self.form.setEnabled(False)  # until the text can be read again, the form has nothing to write to
        else:
            self.form.setEnabled(True)
            self.form.show_values(self.document.get)
        self._offer()
        folder = self.path.parent
        self.state.say(_CHECKING, Tone.UNKNOWN)  # what was found of another text says nothing of this one
        self._slow.start(_SLOW_MS)
        self._checks.submit(lambda: check_text(text, self.path.name, folder), lambda found: self._show(text, found))

    def _say_slow(self) -> None:
        """Say why a check may take long: the plugins that a text names are imported, and compiled once."""
        self.state.say(f"{_CHECKING} {COMPILING}", Tone.UNKNOWN)

    def _show(self, text: str, found: Checked) -> None:
        if text != self.text.toPlainText():
            return  # it was typed on meanwhile
        self._slow.stop()
        self._mistaken = text if found.problems else None
        self.form.show_plugins(found.settings, found.own_rate)
        placed = self.form.show_problems({problem.key: problem.message for problem in found.problems})
        self.text.mark(problem.line for problem in found.problems if problem.line is not None)
        self.preview.show_protocol(found.protocol, found.sequence_cm)
        unplaced = [problem for problem in found.problems if problem.key not in placed]
        saved = "Not saved yet." if self.is_dirty else f"As saved in {self.path}."
        if found.problems:
            many = f"{len(found.problems)} mistake{'s' if len(found.problems) > 1 else ''}"
            if len(unplaced) < len(found.problems):
                many += ", shown at the fields" if not unplaced else f", {len(placed)} of them shown at the fields"
            kept = "Not saved yet" if self.is_dirty else f"Saved in {self.path}"
            placed_ones = [problem for problem in found.problems if problem.key in placed]
            lines = [_in_words(problem) for problem in (*unplaced, *placed_ones)]  # whole; at a field it may be cut
            self.state.say("\n".join([f"✕ {many}. {kept}; it cannot run yet.", *lines[:3]]), Tone.BAD)
        else:
            self.state.say(f"✔ No mistake found. {saved}", Tone.GOOD, found.notes)

    def _save(self) -> None:
        self._save_then(lambda: None)

    def _save_then(self, then: Callable[[], object]) -> None:
        """Save under the name in the user's folder, or where the file is, if it is the user's; then do something, once it is saved."""
        name = self.name.text().strip().removesuffix(".toml")
        if not name or Path(name).name != name:
            self.state.say("Give a name to save under: letters, digits, _ and -", Tone.BAD)
            return
        is_same = name == self.path.stem and self.path.parent != SHIPPED_FOLDER
        target = self.path if is_same else user_folder() / f"{name}.toml"

        def write() -> None:
            if self.write(target):
                then()

        if is_same or not target.exists():
            write()
            return
        self.question.ask(
            f"Replace {target.name}?", "You have a protocol of this name.", Answer("&Replace", write), stay="&Cancel"
        )

    def write(self, path: Path) -> bool:
        """Write the text to a file; its key `name` follows the file's, where they were the same."""
        self._later.stop()
        try:
            self.document = ProtocolDocument(self.text.toPlainText())
            if self.document.get("name") == self.path.stem != path.stem:
                self.document.set("name", path.stem)
                self.text.show_text(self.document.text)
        except ValueError:
            pass  # a draft that is not TOML is kept as it is
        text = self.text.toPlainText()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(
                path.resolve(), text.encode()
            )  # whole or not at all; a link that the user has laid is followed
        except (OSError, JournalError) as error:
            self.state.say(f"✕ Cannot be saved: {error}", Tone.BAD)
            return False
        self.path, self._saved_text = path, text
        self.name.setText(path.stem)
        self.reload()
        self._take_text()
        self.saved.emit(path)
        return True

    def _run(self) -> None:
        is_mistaken = self.text.toPlainText() == self._mistaken

        def ask() -> None:
            if not is_mistaken:  # else the mistakes are told here
                self.run_asked.emit(self.path)

        if self.is_dirty:
            self._save_then(ask)
        else:
            ask()

    def _save_elsewhere(self) -> None:
        found, _ = QFileDialog.getSaveFileName(self, "Save the protocol", f"{self.name.text()}.toml", "TOML (*.toml)")
        if found:
            self.write(Path(found))

    def _open_file(self) -> None:
        found, _ = QFileDialog.getOpenFileName(self, "Open a protocol", str(self.path.parent), "TOML (*.toml)")
        if found:
            self.ask_to_open(Path(found))

    def _typed(self) -> None:
        self._offer()
        self.state.say(_CHECKING, Tone.UNKNOWN)
        self._later.start(_TYPING_MS)

    def _offer(self) -> None:
        self.save.setEnabled(self.is_dirty or self.name.text().strip() != self.path.stem)

    def _connect(self) -> None:
        self.choice.activated.connect(lambda _: self.ask_to_open(Path(self.choice.currentData())))
        self.bar.open_file.clicked.connect(self._open_file)
        self.save.clicked.connect(self._save)
        self.bar.save_elsewhere.clicked.connect(self._save_elsewhere)
        self.run.clicked.connect(self._run)
        self.text.textChanged.connect(self._typed)
        self.name.textChanged.connect(self._offer)
        self.form.edited.connect(self._change)
        self.form.renamed.connect(self._rename)
        self.form.entry_added.connect(self._add)
        self.form.entry_removed.connect(self._remove)
        self.form.entry_copied.connect(self._copy)
        self.form.entry_moved.connect(self._move)

    def _arrange(self) -> None:
        right = QSplitter(Qt.Orientation.Vertical)
        right.addWidget(self.preview)
        right.addWidget(self.text)
        right.setChildrenCollapsible(False)
        right.setSizes([330, 300])
        left = QWidget()
        rows = QVBoxLayout(left)
        rows.setContentsMargins(0, 0, 0, 0)
        legend = MarkedLabel(
            "<b>Bold</b>: the file says so.   ↺: back to the default.   Names and fields say more under the mouse."
        )
        legend.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        rows.addWidget(legend)
        rows.addWidget(self.form, 1)
        self.splitter = QSplitter()
        self.splitter.addWidget(left)
        self.splitter.addWidget(right)
        self.splitter.setChildrenCollapsible(False)
        tabs = self.form.tabBar()
        assert tabs is not None
        self.form.setMinimumWidth(tabs.sizeHint().width() + 12)  # no tab hides behind another
        self.splitter.setSizes([600, 640])
        column = QVBoxLayout(self)
        column.addWidget(self.bar)
        column.addWidget(self.splitter, 1)
        column.addWidget(self.state)


def _in_words(problem: Problem) -> str:
    """Say a mistake that has no field of its own: where it is, and what."""
    place = problem.key or ("the text" if problem.line is None else f"line {problem.line}")
    return f"{place} {problem.message}" if not problem.key else f"{place}: {problem.message}"
