"""Make a form of a plugin's own settings, whichever plugin is chosen."""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel
from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QVBoxLayout, QWidget

from bmi_app.gui.editor.applicability import why_not
from bmi_app.gui.editor.protocol_document import ABSENT
from bmi_app.gui.editor.section_form import SectionForm, default_of
from protocols.section import Section


class SettingsForm(QWidget):
    """Show the `settings` of one table; nothing until the plugin has been loaded, which another thread does.

    Parameters
    ----------
    model : type of Section
        Schema of the table that names the plugin.
    path : str
        Dotted path of that table.
    key : str
        Its key with the plugin's name.

    Signals: `edited(key, value)`.
    """

    edited = pyqtSignal(str, object)

    def __init__(self, model: type[Section], path: str, key: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model, self.table, self._key = model, path, key
        self.path = f"{path}.settings"
        self.form: SectionForm | None = None
        self._settings: type[BaseModel] | None = None
        self._get: Callable[[str], Any] | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)

    @property
    def editors(self) -> dict[str, Any]:
        """Return the editor of each key."""
        return self.form.editors if self.form is not None else {}

    def show_plugin(self, settings: type[BaseModel] | None) -> None:
        """Make the form for the `Settings` of a plugin; None where there is no such plugin."""
        if settings is self._settings:
            return
        self._settings = settings
        if self.form is not None:
            self._column.removeWidget(self.form)
            self.form.hide()
            self.form.deleteLater()
            self.form = None
        if settings is not None:
            # What the table has itself, such as the prior of a subject, the plugin is given from there.
            self.form = SectionForm("", settings, self.path, left_out=tuple(self._model.model_fields))
            self.form.edited.connect(self.edited)
            self._column.addWidget(self.form)
        if self._get is not None:
            self.show_values(self._get)

    def show_values(self, get: Callable[[str], Any]) -> None:
        """Show what the file says."""
        self._get = get

        def value_of(name: str) -> Any:
            value = get(f"{self.table}.{name}")
            return value if value is not ABSENT else default_of(self._model.model_fields[name])

        self.setVisible(get(self.path) is not ABSENT or not why_not(self.path, value_of))
        if self.form is not None:
            self.form.setTitle(f"Settings of {value_of(self._key)}")
            self.form.show_values(get)

    def show_problems(self, problems: dict[str, str]) -> set[str]:
        """Show what is wrong at each field; return the keys that have one here."""
        return self.form.show_problems(problems) if self.form is not None else set()
