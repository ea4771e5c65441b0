"""Attach to a running session, as every view does: read its live file, send it commands. Nothing here can disturb it.

Neither numba nor Qt is imported, so that a view starts quickly.
"""

import json
import os
import socket
import time
from pathlib import Path
from typing import Any, cast

import numpy as np

from bmi_app.record import session_folder
from bmi_app.record.damage import JournalError
from bmi_app.record.liveness import life_of
from bmi_app.record.reading import protocol_of, read_texts
from bmi_app.rt import livefile
from bmi_app.rt.rings import Reader, half
from bmi_app.session.engine.rescue_folder import now_in


class AttachError(Exception):
    """Tell in one line why a session cannot be attached to."""


class Attachment:
    """Hold a view's side of a session.

    Attributes
    ----------
    folder : Path
    session : dict
        What `session.toml` says.
    protocol : Protocol
    arrays : dict of ndarray
        As `bmi_app.rt.arrays.describe` names them, read-only.

    Raises
    ------
    AttachError
        If the session does not run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.session, text = read_texts(folder)
            self.protocol = protocol_of(folder, text)
            self.arrays = livefile.attach(Path(self.session["engine"]["live_file"]))
        except JournalError as error:
            raise AttachError(str(error)) from error
        except (livefile.LiveFileError, KeyError) as error:
            raise AttachError(why_not(folder)) from error
        self._connection: socket.socket | None = None
        self._answers: Any = None

    @property
    def head(self) -> int:
        """Return how many frames were made so far."""
        return self.reader("frames").head

    def is_alive(self) -> bool:
        """Tell whether the engine process lives."""
        return life_of(self.folder, self.session) != "dead"

    def has_ended(self) -> bool:
        """Tell whether the session is complete: its summary is written."""
        return (now_in(self.folder) / "summary.json").exists()

    def latest(self) -> np.ndarray | None:
        """Return a copy of the newest frame, FRAME[()], or None before the first."""
        head = self.head
        if head == 0:
            return None
        frames = self.arrays["frames"]
        return cast("np.ndarray", frames[(head - 1) & (len(frames) - 1)].copy())

    def since(self, tail: int, *names: str) -> tuple[int, tuple[np.ndarray, ...]]:
        """Return the present head, and copies of the rows of frame rings (`frames`, `counts`, `health`) from `tail` on.

        Rows that were overwritten meanwhile, or may be while they are copied, are left out.
        """
        reader = self.reader("frames")
        head = reader.head
        at = reader.at(max(tail, head - half(reader)), head)
        return head, tuple(self.arrays[name][at] for name in names or ("frames",))

    def reader(self, kind: str, tail: int = 0) -> Reader:
        """Return a reader of a ring (`bmi_app.rt.rings`), from the record of number `tail` on."""
        return Reader(self.arrays, kind, tail)

    def events_since(self, tail: int) -> tuple[int, np.ndarray]:
        """Return the present head of the events, and a copy of those from `tail` on."""
        reader = self.reader("events", tail)
        events = reader.take(half(reader)).records
        return reader.tail, events

    def send(self, request: dict[str, Any], timeout_s: float = 5.0) -> dict[str, Any]:
        """Send a command and return the engine's answer: {"ok": true, "tick": k, ...} or {"ok": false, "error": ...}.

        Raises
        ------
        AttachError
            If the engine does not answer.
        """
        try:
            if self._connection is None:
                self._connection = connect(self.session["engine"]["socket"], timeout_s)
                self._answers = self._connection.makefile("r", encoding="utf-8")
            self._connection.settimeout(timeout_s)
            self._connection.sendall(json.dumps(request).encode() + b"\n")
            line = self._answers.readline()
        except OSError as error:
            self.close()
            gone = not self.is_alive()
            raise AttachError(
                why_not(self.folder) if gone else f"{self.folder.name}: the engine does not answer ({error})"
            ) from error
        if not line:
            self.close()
            raise AttachError(f"{self.folder.name}: the engine has closed the connection; the session has ended")
        return cast("dict[str, Any]", json.loads(line))

    def wait_for_end(self, timeout_s: float) -> bool:
        """Wait until the engine is gone; tell whether that happened in time."""
        give_up_s = time.monotonic() + timeout_s
        while self.is_alive():
            if time.monotonic() > give_up_s:
                return False
            time.sleep(0.02)
        return True

    def close(self) -> None:
        """Close the command socket; the session goes on."""
        if self._connection is not None:
            if self._answers is not None:
                self._answers.close()
            self._connection.close()
            self._connection = self._answers = None


def why_not(folder: Path) -> str:
    """Say why a session cannot be attached to, and what can be done instead."""
    if (folder / "summary.json").exists():
        return f"{folder.name}: has ended; `bmi sessions show {session_folder.call_it(folder)}` says how it went"
    if session_folder.status(folder) == "interrupted":
        name = session_folder.call_it(folder)
        return f"{folder.name}: its engine has died; `bmi sessions recover {name}` keeps what is whole of it"
    return f"{folder}: this session is not running; `bmi sessions list` shows those that are"


def connect(address: str, timeout_s: float) -> socket.socket:
    """Connect to an engine's command socket; raise OSError where that fails."""
    if hasattr(socket, "AF_UNIX") and os.path.sep in address:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(timeout_s)
        try:
            connection.connect(address)
        except OSError:
            connection.close()
            raise
        return connection
    host, _, port = address.rpartition(":")  # where there are no local sockets
    return socket.create_connection((host, int(port)), timeout_s)
