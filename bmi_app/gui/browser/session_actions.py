"""Do to a recorded session what the browser offers, off the window's thread, and say what came of it."""

from pathlib import Path
from typing import Any

from PyQt6.QtCore import QObject, pyqtSignal
from PyQt6.QtWidgets import QMessageBox, QWidget

from bmi_app.gui.browser.export_dialog import ExportDialog
from bmi_app.gui.shell.question import Answer, Question
from bmi_app.gui.shell.verifying import Verifier
from bmi_app.gui.shell.worker import Worker
from bmi_app.record import recovery_lock

_END_S = 30.0  # that a session may take to write what is left


class SessionActions(QObject):
    """Verify, recover, stop, export and remove sessions.

    Signals: `told(folder, text)`, what is going on, or what came of it; `changed()`, where the list is out of date.
    """

    told = pyqtSignal(Path, str)
    changed = pyqtSignal()

    def __init__(self, computes: Worker, window: QWidget) -> None:
        super().__init__(window)
        self._computes, self._window = computes, window
        self._verifier = Verifier(computes, self)
        self._verifier.told.connect(self._tell_verified)
        self._recovering: set[Path] = set()  # what was asked for here; it may wait behind other work
        self.question = Question(window, QMessageBox.Icon.Warning)
        self.dialog: ExportDialog | None = None

    def verify(self, folder: Path) -> None:
        """Recompute every tick."""
        self._verifier.verify(folder)

    def is_recovering(self, folder: Path) -> bool:
        """Tell whether a session is being recovered, whichever page asked for it."""
        return folder in self._recovering or recovery_lock.under_way_s(folder) is not None

    def recover(self, folder: Path) -> None:
        """Keep what is whole of a session that was cut off or damaged."""

        def tell(text: str) -> None:
            self._recovering.discard(folder)
            self._tell(folder, text)

        def work() -> Any:
            from bmi_app.session.store import catalogue

            return catalogue.told(catalogue.recover(folder))

        self._recovering.add(folder)
        self.told.emit(folder, "Recovering…")
        self._computes.submit(
            work,
            lambda told: tell(f"{'✔' if told[1] else '✕'} Recovered, {told[0]}"),
            lambda error: tell(f"✕ Cannot be recovered: {error}"),
        )

    def ask_to_stop(self, folder: Path) -> None:
        """Ask whether a running session shall end, and end it where the answer is yes."""
        question = f"Stop {folder.name}?"
        stop = Answer("&Stop the session", lambda: self.stop(folder))
        self.question.ask(question, "What was recorded so far is kept.", stop, stay="&Go on")

    def stop(self, folder: Path) -> None:
        """End a running session, and wait until it is complete."""

        def work() -> str:
            from bmi_app.session.view.attachment import Attachment
            from bmi_app.session.view.observer import stop_and_wait

            attachment = Attachment(folder)
            try:
                return stop_and_wait(attachment, _END_S)
            finally:
                attachment.close()

        def tell(failure: str) -> None:
            self._tell(folder, f"✕ {failure}" if failure else "✔ Stopped")

        self.told.emit(folder, "Stopping…")
        self._computes.submit(work, tell, lambda error: self._tell(folder, f"✕ Cannot be stopped: {error}"))

    def ask_to_export(self, folder: Path, damage: str = "") -> None:
        """Ask what the file shall say of the subject, and write the session as NWB; `damage` says what is known of it."""
        self.dialog = ExportDialog(folder, "", self._window, damage)
        self.dialog.export_asked.connect(
            lambda where, described, damaged_too: self.export(folder, where, described, damaged_too=damaged_too)
        )
        self.dialog.finished.connect(self._forget_dialog)
        self.dialog.open()

    def export(self, folder: Path, to: Path, described: dict[str, str], *, damaged_too: bool = False) -> None:
        """Write a session as NWB into a folder."""

        def work() -> str:
            from bmi_app.record import integrity
            from bmi_app.record.nwb import Subject
            from bmi_app.record.nwb_process import export_apart

            remarks: list[str] = []
            path = export_apart(folder, to, Subject(**described), remarks.append, damaged_too=damaged_too)
            said = "; ".join((str(path), *remarks))
            standing = integrity.known_or_full(folder)
            return (
                f"Only what is whole was exported to {said}; {standing.words}"
                if standing.damage
                else f"✔ Exported to {said}"
            )

        self.told.emit(folder, "Writing NWB…")
        self._computes.submit(
            work,
            lambda said: self._tell(folder, said),
            lambda error: self._tell(folder, f"✕ Cannot be exported: {error}"),
        )

    def ask_to_remove(self, folder: Path) -> None:
        """Ask whether a session shall be deleted, and delete it where the answer is yes."""
        question = f"Delete {folder.name} for good?"
        delete = Answer("&Delete", lambda: self._remove(folder))
        self.question.ask(question, "All that was recorded in it is lost.", delete, stay="&Keep")

    def _remove(self, folder: Path) -> None:
        from bmi_app.session.store import catalogue

        self._computes.submit(
            lambda: catalogue.remove(folder),
            lambda _: self.changed.emit(),
            lambda error: self._tell(folder, f"✕ Cannot be removed: {error}"),
        )

    def _tell_verified(self, folder: Path, text: str, is_done: bool, _is_exact: bool) -> None:
        self.told.emit(folder, text)
        if is_done:  # the list says what was found
            self.changed.emit()

    def _tell(self, folder: Path, text: str) -> None:
        self.told.emit(folder, text)
        self.changed.emit()

    def _forget_dialog(self) -> None:
        if self.dialog is not None:
            self.dialog.deleteLater()
        self.dialog = None
