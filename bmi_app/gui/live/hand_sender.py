"""Tell the engine where a person's hand is: the mouse over the task."""

import threading

from PyQt6.QtCore import QObject

from bmi_app.session.view.attachment import AttachError, Attachment
from protocols.schema import Protocol
from protocols.task_checks import HAND_KINDS

_REPEAT_S = 0.2  # the engine forgets a hand of which it hears nothing for half a second
_LEAST_S = 0.004  # a mouse may tell of a thousand places a second
_ANSWER_S = 1.0


def takes_hand(protocol: Protocol) -> bool:
    """Tell whether a session has a use for a person's hand."""
    by_hand = any(block.kind in HAND_KINDS for block in protocol.blocks)
    return by_hand or protocol.subject.intent == "mouse" or protocol.learning.intent == "recorded"


class HandSender(QObject):
    """Send the newest place, and no other, from a thread of its own; say it again while the hand is there."""

    def __init__(self, attachment: Attachment, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._folder = attachment.folder
        self._place_cm: tuple[float, float] | None = None
        self._told = threading.Event()
        self._closed = False
        # A daemon: where the engine hangs, the thread does too, and the window must still be able to go.
        self._thread = threading.Thread(target=self._run, name="hand", daemon=True)
        self._thread.start()

    def move(self, x_cm: float, y_cm: float) -> None:
        """Take the hand's new place; returns at once."""
        self._place_cm = (x_cm, y_cm)
        self._told.set()

    def leave(self) -> None:
        """Take it that the hand is away."""
        self._place_cm = None
        self._told.set()

    def close(self) -> None:
        """Send nothing more."""
        self._closed = True
        self._told.set()
        self._thread.join(0.5)

    def _run(self) -> None:
        try:
            attachment = Attachment(self._folder)
        except AttachError:
            return  # the session is over
        try:
            while not self._closed:
                self._told.wait(None if self._place_cm is None else _REPEAT_S)
                self._told.clear()
                place_cm = self._place_cm
                where = {} if place_cm is None else {"x_cm": place_cm[0], "y_cm": place_cm[1]}
                attachment.send({"do": "hand", **where}, _ANSWER_S)
                threading.Event().wait(_LEAST_S)
        except AttachError:
            pass  # it has ended: the window says so
        finally:
            attachment.close()
