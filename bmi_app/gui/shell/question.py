"""Ask the operator a question that leaves the window alive while it waits for the answer."""

from collections.abc import Callable
from dataclasses import dataclass

from PyQt6.QtWidgets import QMessageBox, QWidget

from bmi_app.gui.shell.plain_label import plain_box


@dataclass(frozen=True)
class Answer:
    """Hold an answer: the label of its button, what is done then, and whether something is lost or ended by it."""

    label: str
    act: Callable[[], object]
    is_destructive: bool = True


class Question:
    """Ask one question at a time over a window; the answer that changes nothing is the default, and Escape gives it.

    Parameters
    ----------
    window
        The window, or a widget in it, over which the box stands.
    icon
        Whether the box asks or warns.
    """

    def __init__(self, window: QWidget, icon: QMessageBox.Icon = QMessageBox.Icon.Question) -> None:
        self._window, self._icon = window, icon
        self.box: QMessageBox | None = None

    def ask(self, question: str, circumstances: str, *answers: Answer, stay: str) -> None:
        """Ask, in place of a question that still waits; `stay` is the label of the answer that changes nothing."""
        self.dismiss()
        box = self.box = plain_box(self._icon, question, circumstances, self._window)
        acts: list[tuple[object, Callable[[], object]]] = []
        for answer in answers:
            role = (
                QMessageBox.ButtonRole.DestructiveRole if answer.is_destructive else QMessageBox.ButtonRole.AcceptRole
            )
            acts.append((box.addButton(answer.label, role), answer.act))
        no = box.addButton(stay, QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(no)
        box.setEscapeButton(no)

        def answered(button: object) -> None:
            for theirs, act in acts:
                if theirs is button:
                    act()

        def over() -> None:
            box.deleteLater()
            if self.box is box:  # an answer may have asked the next question
                self.box = None

        box.buttonClicked.connect(answered)
        box.finished.connect(over)
        box.open()

    def dismiss(self) -> None:
        """Take back a question that still waits, as if it had never been asked."""
        if self.box is not None:
            self.box.done(QMessageBox.StandardButton.NoButton.value)
