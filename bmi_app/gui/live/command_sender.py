"""Send commands to the engine from a thread of their own: an engine that hangs must not freeze the window."""

import threading
from queue import SimpleQueue
from typing import Any

from PyQt6.QtCore import QObject, pyqtSignal

from bmi_app.session.view.attachment import AttachError, Attachment

_ANSWER_S = 3.0  # a command acts within a tick or two; the operator should know soon that it did not


class CommandSender(QObject):
    """Send one command after the other, and tell what came of each.

    Signals (on the thread of the receiver): `answered(request, answer)`, and `failed(request, why)` where the engine
    refused or did not answer.
    """

    answered = pyqtSignal(dict, dict)
    failed = pyqtSignal(dict, str)

    def __init__(self, attachment: Attachment, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._folder = attachment.folder
        self._requests: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        self._closed = threading.Event()
        # A daemon: where the engine hangs, the thread does too, and the window must still be able to go.
        self._thread = threading.Thread(target=self._run, name="commands", daemon=True)
        self._thread.start()

    def send(self, request: dict[str, Any]) -> None:
        """Queue a command; returns at once."""
        self._requests.put(request)

    def close(self) -> None:
        """Send nothing more; wait a moment for a command that is on its way."""
        self._closed.set()
        self._requests.put(None)
        self._thread.join(0.5)

    def _run(self) -> None:
        # An attachment of this thread's own, which goes with it: its socket is closed whoever still holds the window's.
        attachment: Attachment | None = None
        while (request := self._requests.get()) is not None:
            try:
                attachment = attachment or Attachment(self._folder)
                answer = attachment.send(request, _ANSWER_S)
            except (AttachError, ValueError) as error:
                self._tell(self.failed, request, str(error))
                continue
            if answer.get("ok"):
                self._tell(self.answered, request, answer)
            else:
                self._tell(self.failed, request, str(answer.get("error", "refused")))
        if attachment is not None:
            attachment.close()

    def _tell(self, signal: Any, request: dict[str, Any], what: Any) -> None:
        if not self._closed.is_set():
            signal.emit(request, what)
