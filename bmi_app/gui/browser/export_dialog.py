"""Ask what an NWB file shall say of the subject, and where it shall stand."""

import re
from pathlib import Path

from PyQt6.QtCore import QSettings, pyqtSignal
from PyQt6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from bmi_app.gui.shell.plain_label import PlainLabel

_SPECIES = ("", "Macaca mulatta", "Macaca fascicularis", "Homo sapiens", "Rattus norvegicus", "Mus musculus")
_SEXES = {"U": "unknown", "F": "female", "M": "male", "O": "other"}
_AGE = re.compile(r"P(?=.)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?")
_WIDTH_PX = 520


class ExportDialog(QDialog):
    """Offer what was said last; the subject's name is that of the session unless another is given.

    Of a session that is known to be damaged, `damage` says how: it is exported only where that is asked for.

    Signals: `export_asked(where, described, damaged_too)`: a Path, a dict of `subject_id`, `species`, `sex`, `age`, and
    whether what is whole shall be written of a damaged session.
    """

    export_asked = pyqtSignal(Path, dict, bool)

    def __init__(self, folder: Path, subject_id: str, parent: QWidget | None = None, damage: str = "") -> None:
        super().__init__(parent)
        self._damage = damage
        self.setWindowTitle(f"Export {folder.name} as NWB")
        self.setMinimumWidth(_WIDTH_PX)
        self.subject_id = QLineEdit(subject_id)
        self.subject_id.setPlaceholderText("as the session is labelled")
        self.species = QComboBox()
        self.species.setEditable(True)
        self.species.addItems(_SPECIES)
        field = self.species.lineEdit()
        assert field is not None
        field.setPlaceholderText("Latin name, such as Macaca mulatta")
        self.age = QLineEdit()
        self.age.setPlaceholderText("ISO 8601: P8Y is eight years, P90D ninety days")
        self.sex = QComboBox()
        for letter, word in _SEXES.items():
            self.sex.addItem(word, letter)
        self.where = QLineEdit(str(folder))
        self.browse = QPushButton("Browse…")
        self.browse.clicked.connect(self._browse)
        self.damaged_too = QCheckBox("Of a damaged session, write what is &whole; the file says what is missing")
        self.wrong = PlainLabel()
        self.wrong.setWordWrap(True)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        export = self.buttons.addButton("&Export", QDialogButtonBox.ButtonRole.AcceptRole)
        assert export is not None
        self.export = export
        self._arrange()
        self._recall()
        self.age.textChanged.connect(self._check)
        self.species.editTextChanged.connect(self._check)
        self.where.textChanged.connect(self._check)
        self.damaged_too.toggled.connect(self._check)
        self.buttons.accepted.connect(self._accept)
        self.buttons.rejected.connect(self.reject)
        self._check()

    def _check(self) -> None:
        age = self.age.text().strip()
        is_age = not age or _AGE.fullmatch(age) is not None
        refused = self._damage if not self.damaged_too.isChecked() else ""
        self.export.setEnabled(is_age and bool(self.where.text().strip()) and not refused)
        if refused:
            self.wrong.setText(f"The session is {refused}: it is not exported as if it were whole")
        elif not is_age:
            self.wrong.setText(f"An age is written as P8Y (years), P6M (months) or P90D (days), not as {age!r}")
        elif not (age and self.species.currentText().strip()):
            self.wrong.setText("Archives such as DANDI ask for the species and the age")
        else:
            self.wrong.setText("")

    def _accept(self) -> None:
        described = {
            "subject_id": self.subject_id.text().strip(),
            "species": self.species.currentText().strip(),
            "sex": str(self.sex.currentData()),
            "age": self.age.text().strip(),
        }
        settings = QSettings("bmi_app", "bmi")
        for key in ("species", "sex", "age"):
            settings.setValue(f"export/{key}", described[key])
        where = Path(self.where.text().strip()).expanduser()
        self.export_asked.emit(where, described, self.damaged_too.isChecked())
        self.accept()

    def _recall(self) -> None:
        settings = QSettings("bmi_app", "bmi")
        self.species.setEditText(settings.value("export/species", "", str))
        self.age.setText(settings.value("export/age", "", str))
        self.sex.setCurrentIndex(max(self.sex.findData(settings.value("export/sex", "U", str)), 0))

    def _browse(self) -> None:
        found = QFileDialog.getExistingDirectory(self, "Folder for the file", self.where.text())
        if found:
            self.where.setText(found)

    def _arrange(self) -> None:
        form = QFormLayout()
        form.addRow("Subject", self.subject_id)
        form.addRow("Species", self.species)
        form.addRow("Age", self.age)
        form.addRow("Sex", self.sex)
        place = QHBoxLayout()
        place.addWidget(self.where, 1)
        place.addWidget(self.browse)
        form.addRow("Folder", place)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addWidget(self.damaged_too)
        column.addWidget(self.wrong)
        column.addWidget(self.buttons)
