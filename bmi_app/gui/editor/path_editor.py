"""Edit a path: as text, or by choosing a file or a folder."""

from pathlib import Path
from typing import Any, Literal

from pydantic.fields import FieldInfo
from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QMenu, QToolButton, QWidget

from bmi_app.gui.editor.protocol_document import ABSENT

PathKind = Literal["file", "folder", "either"]
_BY_NAME: dict[str, PathKind] = {"file": "file", "start_from": "file", "folder": "folder", "path": "either"}


class PathEditor(QWidget):
    """Show a path with a button that lets one be chosen."""

    edited = pyqtSignal(object)

    def __init__(self, kind: PathKind, hint: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown = ""
        self.line, self.browse = QLineEdit(), QToolButton()
        self.line.setPlaceholderText(hint)
        self.line.setToolTip("A path; the button beside it lets you choose one")
        self.line.editingFinished.connect(lambda: self._tell(self.line.text().strip()))
        self.browse.setText("…")
        self.browse.setToolTip("Choose")
        menu = QMenu(self.browse)
        if kind != "folder":
            menu.addAction("File…", lambda: self._choose(QFileDialog.FileMode.ExistingFile))
        if kind != "file":
            menu.addAction("Folder…", lambda: self._choose(QFileDialog.FileMode.Directory))
        if len(menu.actions()) > 1:
            self.browse.setMenu(menu)
            self.browse.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        else:
            self.browse.clicked.connect(menu.actions()[0].trigger)
        self.dialog: QFileDialog | None = None
        self.setFocusProxy(self.line)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        row.addWidget(self.line, 1)
        row.addWidget(self.browse)

    def show_value(self, value: Any) -> None:
        """Show a value, unless it is just being typed."""
        self._shown = "" if value is None else str(value)
        if self._shown != self.line.text():
            self.line.setText(self._shown)

    def setAccessibleName(self, name: str | None) -> None:
        """Name what is typed into."""
        super().setAccessibleName(name)
        self.line.setAccessibleName(name)

    def _choose(self, mode: QFileDialog.FileMode) -> None:
        self.dialog = QFileDialog(self, "Choose", str(Path(self._shown).expanduser().parent) if self._shown else "")
        self.dialog.setFileMode(mode)
        self.dialog.fileSelected.connect(self._tell)
        self.dialog.finished.connect(self._forget_dialog)
        self.dialog.open()

    def _forget_dialog(self) -> None:
        if self.dialog is not None:
            self.dialog.deleteLater()
        self.dialog = None

    def _tell(self, text: str) -> None:
        if text != self._shown:
            self.show_value(text)
            self.edited.emit(text or ABSENT)


def path_kind(name: str, info: FieldInfo) -> PathKind | None:
    """Return what the text of a field names on the disk, or None.

    A field says so with `json_schema_extra={"path": True}` (or `"file"`, `"folder"`), or by its name: `file`, `folder`,
    `path`, or one that ends so, as in `weights_file`.
    """
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    if extra.get("path") in ("file", "folder"):
        return extra["path"]  # type: ignore[return-value]
    return _BY_NAME.get(name) or _BY_NAME.get(name.rpartition("_")[2]) or ("either" if extra.get("path") else None)
