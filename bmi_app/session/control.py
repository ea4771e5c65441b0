"""Take commands over a local socket, check them, let them act, and say at which tick they did.

One thread serves every view. A request is a line of JSON (`bmi_app.session.commands`), so is its answer. Nothing here
touches the tick but the command queue, which it reads at the start of a tick.
"""

import json
import os
import selectors
import socket
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bmi_app.session.commands import CommandError

_LONGEST_LINE = 1 << 20
_POLL_S, _IDLE_S = 0.002, 0.05


@dataclass
class _Client:
    connection: socket.socket
    received: bytes = b""


@dataclass(frozen=True)
class _Waiting:
    connection: socket.socket | None
    command_id: int
    answer: dict[str, Any]


class Control(threading.Thread):
    """Serve the command socket of one engine.

    Parameters
    ----------
    handle : callable
        Does what a request asks; returns the id of the command that was queued (or None) and the answer's content.
        Raises `CommandError`.
    acted : callable
        Returns the tick at which the command of an id acted, or None while it waits.
    refused : callable
        Is told of each refused request and why.

    Attributes
    ----------
    address : str
        Where views connect: a path, or host:port where there are no local sockets.
    """

    def __init__(
        self,
        name: str,
        handle: Callable[[Any], tuple[int | None, dict[str, Any]]],
        acted: Callable[[int], int | None],
        refused: Callable[[str, str], object],
    ) -> None:
        super().__init__(name="control", daemon=True)
        self._handle, self._acted, self._refused = handle, acted, refused
        self._listener, self.address = _listen(name)
        self._closing = threading.Event()
        self._stop_asked = False
        self._waiting: list[_Waiting] = []
        self._selector = selectors.DefaultSelector()

    def run(self) -> None:
        """Serve until `close`."""
        self._selector.register(self._listener, selectors.EVENT_READ)
        while not self._closing.is_set():
            for key, _ in self._selector.select(_POLL_S if self._waiting else _IDLE_S):
                if key.data is None:
                    self._accept()
                else:
                    self._receive(key.data)
            if self._stop_asked:
                self._stop_asked = False
                self._serve(None, b'{"do": "stop"}')
            self._answer_those_that_acted()
        self._answer_those_that_acted()  # what acted last: the stop itself
        for waiting in self._waiting:
            self._send(waiting.connection, {"ok": False, "error": "the session ended before this command acted"})
        for key in list(self._selector.get_map().values()):
            self._selector.unregister(key.fileobj)
            if key.data is not None:
                key.data.connection.close()
        self._selector.close()
        self._listener.close()

    def ask_to_stop(self) -> None:
        """Have the session stopped as by an operator; may be called from a signal handler."""
        self._stop_asked = True

    def close(self) -> None:
        """Stop serving and take the socket away; may be called twice, and without `start`."""
        self._closing.set()
        if self.is_alive():
            self.join()
        self._listener.close()
        if os.path.sep in self.address:
            Path(self.address).unlink(missing_ok=True)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:  # the view has gone again, or there are too many
            return
        connection.setblocking(False)
        self._selector.register(connection, selectors.EVENT_READ, _Client(connection))

    def _receive(self, client: _Client) -> None:
        try:
            fresh = client.connection.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            fresh = b""
        client.received += fresh
        if not fresh or len(client.received) > _LONGEST_LINE:
            self._forget(client.connection)
            return
        *lines, client.received = client.received.split(b"\n")
        for line in lines:
            self._serve(client.connection, line)

    def _serve(self, connection: socket.socket | None, line: bytes) -> None:
        text = line.decode(errors="replace")
        try:
            command_id, answer = self._handle(_parsed(text))
        except Exception as error:  # noqa: BLE001 - whatever a request brings about, the next one must be served
            message = str(error) if isinstance(error, CommandError) else f"{type(error).__name__}: {error}"
            self._refused(text, message)
            self._send(connection, {"ok": False, "error": message})
            return
        if command_id is None:
            self._send(connection, {"ok": True, **answer})
        else:
            self._waiting.append(_Waiting(connection, command_id, answer))

    def _answer_those_that_acted(self) -> None:
        waiting, self._waiting = self._waiting, []
        for item in waiting:
            tick = self._acted(item.command_id)
            if tick is None:
                self._waiting.append(item)
            else:
                self._send(item.connection, {"ok": True, "tick": tick, **item.answer})

    def _send(self, connection: socket.socket | None, answer: dict[str, Any]) -> None:
        if connection is None:  # a signal waits for no answer
            return
        try:
            connection.sendall(json.dumps(answer).encode() + b"\n")
        except OSError:  # the view is gone, or does not read: its loss alone
            self._forget(connection)

    def _forget(self, connection: socket.socket) -> None:
        self._waiting = [item for item in self._waiting if item.connection is not connection]
        if connection.fileno() >= 0:
            self._selector.unregister(connection)
            connection.close()


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CommandError(f"not JSON: {error}") from error


def _listen(name: str) -> tuple[socket.socket, str]:
    """Listen where only the same user can connect."""
    if hasattr(socket, "AF_UNIX"):
        folder = _socket_folder()
        # A local socket's path may have 107 bytes; the process makes it unique among folders of one name.
        path = folder / f"{name[-60:]}-{os.getpid()}.sock"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(path))
        path.chmod(0o600)
        address = str(path)
    else:  # pragma: no cover
        listener = socket.create_server(("127.0.0.1", 0))
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    listener.listen(8)
    listener.setblocking(False)
    return listener, address


def _socket_folder() -> Path:
    """Return a folder of short path that only this user can enter."""
    named = os.environ.get("XDG_RUNTIME_DIR")
    folder = Path(named) / "bmi" if named and len(named) < 30 else Path(tempfile.gettempdir()) / f"bmi-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    info = folder.stat()
    if info.st_uid != os.getuid() or info.st_mode & 0o077:
        raise OSError(f"{folder}: must belong to this user alone (mode 700); remove it and start again")
    return folder
