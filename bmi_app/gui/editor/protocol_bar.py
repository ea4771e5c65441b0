"""Offer above the editor which protocol is edited, what becomes of it, and the steps back and forth."""

from pathlib import Path

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QKeySequence, QShortcut
from PyQt6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QPushButton, QWidget

from bmi_app.gui.editor.toml_text import TomlText
from bmi_app.gui.shell.plain_label import PlainLabel, plain_tip
from bmi_app.gui.shell.shortcuts import SAVE_KEY
from protocols.load import catalogue, user_folder


class ProtocolBar(QWidget):
    """Hold the choice of a protocol, the name to save under and the buttons.

    Parameters
    ----------
    text : TomlText
        Whose steps are undone; edits of the form are steps of it.
    """

    def __init__(self, text: TomlText, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.choice, self.name = QComboBox(), QLineEdit()
        self.choice.setMinimumWidth(200)
        self.choice.setAccessibleName("protocol to edit")
        self.choice.setToolTip("The protocol that is edited here: a shipped one, or one of yours")
        self.name.setMaximumWidth(240)
        self.name.setAccessibleName("name to save under")
        self.name.setToolTip("The name under which it is saved among your protocols: letters, digits, _ and -")
        self.open_file, self.save = QPushButton("Open file…"), QPushButton("&Save")
        self.save_elsewhere, self.run = QPushButton("Save elsewhere…"), QPushButton("&Run…")
        self.open_file.setToolTip("Edit a protocol from another place")
        self.save.setToolTip(f"Save among your protocols, under this name ({SAVE_KEY})")
        self.save_elsewhere.setToolTip("Save into a file of your choice")
        self.open_file.setToolTip("Edit a file of another folder")
        self.save_elsewhere.setToolTip("Save into another folder")
        self.run.setToolTip("Save, and choose it on the start page")
        self.undo, self.redo = QPushButton("Undo"), QPushButton("Redo")
        document = text.document()
        assert document is not None
        for button, act, possible, keys, what in (
            (self.undo, text.undo, document.undoAvailable, QKeySequence.StandardKey.Undo, "Take back the last change"),
            (self.redo, text.redo, document.redoAvailable, QKeySequence.StandardKey.Redo, "Make it again"),
        ):
            button.setEnabled(False)
            button.clicked.connect(act)
            possible.connect(button.setEnabled)
            shortcut = QShortcut(keys, self)
            shortcut.setContext(Qt.ShortcutContext.WindowShortcut)
            shortcut.activated.connect(button.click)  # of a bar that is not seen, no key acts
            button.setToolTip(plain_tip(f"{what} of the form or the text ({QKeySequence(keys).toString()})"))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for left_hand in (PlainLabel("Protocol"), self.choice, self.open_file, self.undo, self.redo):
            row.addWidget(left_hand)
        row.addStretch(1)
        for right_hand in (PlainLabel("Save as"), self.name, self.save, self.save_elsewhere, self.run):
            row.addWidget(right_hand)

    def reload(self, open_now: Path) -> None:
        """List the protocols that there are now."""
        self.choice.clear()
        for name, path, title in catalogue():
            whose = "yours" if path.parent == user_folder() else "shipped"
            self.choice.addItem(f"{name}   ({whose})", str(path))
            self.choice.setItemData(self.choice.count() - 1, title, Qt.ItemDataRole.ToolTipRole)
        self.show_choice(open_now)

    def show_choice(self, path: Path) -> None:
        """Show which file is open; one that is in neither folder is listed as well."""
        if path != Path() and self.choice.findData(str(path)) < 0:
            self.choice.addItem(str(path), str(path))
        self.choice.setCurrentIndex(self.choice.findData(str(path)))
