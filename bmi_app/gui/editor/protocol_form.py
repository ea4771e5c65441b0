"""Lay out the whole form of a protocol, in tabs that follow the order in which an experiment is planned."""

from collections.abc import Callable
from typing import Any, get_args

from pydantic import BaseModel
from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QCheckBox, QFrame, QScrollArea, QTabWidget, QVBoxLayout, QWidget

from bmi_app import plugins
from bmi_app.gui.editor.entries_form import EntriesForm
from bmi_app.gui.editor.populations_form import PopulationsForm
from bmi_app.gui.editor.protocol_document import ABSENT
from bmi_app.gui.editor.section_form import SectionForm
from bmi_app.gui.editor.settings_form import SettingsForm
from protocols.neurons import Neurons
from protocols.rig import PLUGIN_CHOICES, Driver, Output, Safety, Session, Subject
from protocols.schema import Protocol
from protocols.signal import Axis, Decoder, Learning, Tick, Units, Workspace
from protocols.task import Block, Task

_OWN_RATE = "not set: the rule's own"
_OUTPUTS = (
    "What moments of the session set off outside of the program: a reward pump or a sync pulse on a serial port, "
    "markers for other programs on the network. Without any, the session runs all the same."
)


class ProtocolForm(QTabWidget):
    """Show every key of a protocol.

    Signals: `edited(key, value)`; `renamed(old, new)`, of a population; `entry_added(list)`,
    `entry_removed(list, index)`, `entry_copied(list, index)`, `entry_moved(list, index, to)`.
    """

    edited = pyqtSignal(str, object)
    renamed = pyqtSignal(str, str)
    entry_added = pyqtSignal(str)
    entry_removed = pyqtSignal(str, int)
    entry_copied = pyqtSignal(str, int)
    entry_moved = pyqtSignal(str, int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setDocumentMode(True)
        self.setUsesScrollButtons(True)
        general = SectionForm("Protocol", Protocol, "")
        self.populations = PopulationsForm()
        self.x_axis, self.y_axis = SectionForm("x axis", Axis, "axes.x"), SectionForm("y axis", Axis, "axes.y")
        self.has_y = QCheckBox("The cursor moves along y, too")
        self.has_y.setToolTip("Off: the task has one axis, x")
        self.has_y.clicked.connect(lambda on: self.edited.emit("axes.y", {} if on else ABSENT))
        self.blocks = EntriesForm("block", Block, "blocks", _block_in_words)
        self.outputs = EntriesForm("output", Output, "outputs", _output_in_words, "kind", about=_OUTPUTS)
        decoder, learning = SettingsForm(Decoder, "decoder", "kind"), SettingsForm(Learning, "learning", "rule")
        driver, subject = SettingsForm(Driver, "driver", "kind"), SettingsForm(Subject, "subject", "kind")
        self.subject, self.learning = _form(Subject), _form(Learning)
        self.settings = (decoder, learning, driver, subject)
        self.pages: list[tuple[str, list[Any]]] = [
            ("General", [general, SectionForm("Session", Session, "session"), _form(Workspace), _form(Tick)]),
            ("Units", [self.populations, _form(Units)]),
            ("Axes", [self.x_axis, self.has_y, self.y_axis, _form(Decoder), decoder]),
            ("Learning", [self.learning, learning]),
            ("Task", [_form(Task)]),
            ("Blocks", [self.blocks]),
            ("Rig", [_form(Driver), driver, _form(Safety)]),
            ("Subject", [self.subject, subject, _form(Neurons)]),
            ("Outputs", [self.outputs]),
        ]
        for title, forms in self.pages:
            self.addTab(_scrolled(forms), title)
            for form in forms:
                if form is not self.has_y:
                    form.edited.connect(self.edited)
        self.populations.renamed.connect(self.renamed)
        for name, entries in (("blocks", self.blocks), ("outputs", self.outputs)):
            entries.added.connect(lambda name=name: self.entry_added.emit(name))
            entries.removed.connect(lambda index, name=name: self.entry_removed.emit(name, index))
            entries.copied.connect(lambda index, name=name: self.entry_copied.emit(name, index))
            entries.moved.connect(lambda index, to, name=name: self.entry_moved.emit(name, index, to))

    def editor(self, key: str) -> Any:
        """Return the editor of a key."""
        for _, forms in self.pages:
            for form in forms:
                sections = [*form.forms, *form.settings] if isinstance(form, EntriesForm) else [form]
                for section in sections:
                    if isinstance(section, SectionForm | SettingsForm) and key in section.editors:
                        return section.editors[key]
        raise KeyError(key)

    def show_values(self, get: Callable[[str], Any]) -> None:
        """Show what the file says."""
        populations = get("populations")
        names = list(populations) if isinstance(populations, dict) else []
        for axis in (self.x_axis, self.y_axis):
            for key in ("population", "push", "pull"):
                axis.offer(key, names)
        has_y = get("axes.y") is not ABSENT
        self.has_y.setChecked(has_y)
        self.y_axis.setVisible(has_y)
        for _, forms in self.pages:
            for form in forms:
                if form is not self.has_y:
                    form.show_values(get)

    def show_plugins(self, models: dict[str, type[BaseModel]], own_rate: float | None) -> None:
        """Make the forms of the plugins' settings, by the path of the table that names each; show the rule's own rate."""
        self.learning.show_unset("rate", f"{_OWN_RATE}: {own_rate:g}" if own_rate is not None else _OWN_RATE)
        for form in self.settings:
            form.show_plugin(models.get(form.table))
        for name, words in _choices(models.get("subject")).items():
            self.subject.offer(name, words)
            self.subject.note(name, "" if len(words) > 1 else self._only_choice())
        self.outputs.show_plugins(models)

    def _only_choice(self) -> str:
        """Say why a list has one entry: the subject that is chosen has no other; which ones there are beside it."""
        kind = self.subject.editors["subject.kind"].currentData()
        others = [name for name in plugins.names("subjects") if name != kind]
        return f'The kind "{kind}" has no other choice here. Other kinds: {", ".join(others)}.'

    def show_problems(self, problems: dict[str, str]) -> set[str]:
        """Show mistakes at their fields, and which tabs have some; return the keys that have a place."""
        shown = set()
        for index, (title, forms) in enumerate(self.pages):
            here = set()
            for form in forms:
                if form is not self.has_y:
                    here |= form.show_problems(problems)
            self.setTabText(index, f"{title} ✕" if here else title)
            shown |= here
        return shown


def _form(model: Any) -> SectionForm:
    return SectionForm(model.__name__, model, model.__name__.lower())


def _choices(settings: type[BaseModel] | None) -> dict[str, list[str]]:
    """Return the words that a subject allows for the keys that it takes from its table."""
    fields = settings.model_fields if settings is not None else {}
    return {
        key: [str(word) for word in get_args(fields[key].annotation)] if key in fields else [] for key in PLUGIN_CHOICES
    }


def _block_in_words(block: dict[str, Any]) -> str:
    length = "until the end"
    if "duration_s" in block:
        length = f"{block['duration_s']} s"
    elif "trials" in block:
        length = f"{block['trials']} trials"
    kind = str(block.get("kind", "?")).replace("_", " ")
    words = [f"{block['name']} ({kind})" if block.get("name") else kind, length]
    if block.get("assist"):
        words.append(f"assist {block['assist']}")
    if block.get("learning") is False:
        words.append("no learning")
    return " · ".join(words)


def _output_in_words(output: dict[str, Any]) -> str:
    return f"{str(output.get('on', '?')).replace('_', ' ')} → {output.get('kind', '?')}"


def _scrolled(forms: list[QWidget]) -> QScrollArea:
    inside = QWidget()
    column = QVBoxLayout(inside)
    column.setContentsMargins(6, 8, 10, 8)
    column.setSpacing(12)
    for form in forms:
        column.addWidget(form)
    column.addStretch(1)
    area = QScrollArea()
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
    area.setWidget(inside)
    return area
