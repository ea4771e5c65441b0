"""Take commands over a local socket, check them, let them act, and say at which tick they did.

One thread serves every view. A request is a line of JSON (`bmi_app.session.engine.commands`), so is its answer. Nothing here
touches the tick but the command queue, which it reads at the start of a tick. Requests that need files are done by a thread of
their own, one after the other: a network drive that hangs must not keep a session from being stopped.
"""

import errno
import json
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from bmi_app.session.engine import command_socket
from bmi_app.session.engine.commands import CommandError, needs_files

_LONGEST_LINE = 1 << 20
_POLL_S, _IDLE_S = 0.002, 0.05
_MOST_VIEWS = 32
_ACCEPT_AGAIN_S = 1.0  # after the process has run out of files
_MOST_SLOW = 4  # requests that wait for a file
_LAST_FILE_S = 2.0  # that a file may still take when the session ends


@dataclass
class _Client:
    connection: socket.socket
    received: bytes = b""


@dataclass(frozen=True)
class _Waiting:
    connection: socket.socket | None
    command_id: int
    answer: dict[str, Any]


@dataclass(frozen=True)
class _Slow:
    """A request that needs files, and in `outcome` what came of it: the command's id and the answer, or what was wrong."""

    connection: socket.socket | None
    text: str
    request: Any
    outcome: tuple[int | None, dict[str, Any]] | Exception | None = None


class Control(threading.Thread):
    """Serve the command socket of one engine.

    Parameters
    ----------
    handle : callable
        Does what a request asks; returns the id of the command that was queued (or None) and the answer's content.
        Raises `CommandError`.
    acted : callable
        Returns what to answer of a command that a tick has taken, or None while it waits.
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
        acted: Callable[[int], dict[str, Any] | None],
        refused: Callable[[str, str], object],
    ) -> None:
        super().__init__(name="control", daemon=True)
        self._handle, self._acted, self._refused = handle, acted, refused
        self._listener, self.address = command_socket.listen(name)
        self._closing = threading.Event()
        self._stop_asked = False
        self._waiting: list[_Waiting] = []
        self._selector = selectors.DefaultSelector()
        self._n_views = 0
        self._accept_at_s = 0.0  # when the listener is looked at again; 0: it is
        self._slow: SimpleQueue[_Slow | None] = SimpleQueue()
        self._done: SimpleQueue[_Slow] = SimpleQueue()
        self._n_slow = 0
        # A daemon: where a drive hangs, the thread does too, and the engine must still be able to go.
        self._files = threading.Thread(target=self._do_slow, name="files", daemon=True)

    def run(self) -> None:
        """Serve until `close`."""
        self._files.start()
        self._selector.register(self._listener, selectors.EVENT_READ)
        while not self._closing.is_set():
            if self._accept_at_s and time.monotonic() >= self._accept_at_s:
                self._accept_at_s = 0.0
                self._selector.register(self._listener, selectors.EVENT_READ)
            for key, _ in self._selector.select(_POLL_S if self._waiting or self._n_slow else _IDLE_S):
                if key.data is None:
                    self._accept()
                else:
                    self._receive(key.data)
            if self._stop_asked:
                self._stop_asked = False
                self._serve(None, b'{"do": "stop"}')
            self._take_done()
            self._answer_those_that_acted()
        self._slow.put(None)
        self._files.join(_LAST_FILE_S)
        self._take_done()
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
        except OSError as error:
            if error.errno in (
                errno.EMFILE,
                errno.ENFILE,
                errno.ENOBUFS,
                errno.ENOMEM,
            ):  # it would be told again at once
                self._selector.unregister(self._listener)
                self._accept_at_s = time.monotonic() + _ACCEPT_AGAIN_S
            return  # otherwise the view has gone again
        connection.setblocking(False)
        if self._n_views >= _MOST_VIEWS:
            said = f"{_MOST_VIEWS} views are connected to this session already; close one of them"
            self._send(connection, {"ok": False, "error": said})
            connection.close()
            return
        self._n_views += 1
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
            request = _parsed(text)
            if needs_files(request):
                self._put_off(_Slow(connection, text, request))
                return
            outcome: tuple[int | None, dict[str, Any]] | Exception = self._handle(request)
        except Exception as error:  # noqa: BLE001 - whatever a request brings about, the next one must be served
            outcome = error
        self._take(connection, text, outcome)

    def _take(
        self, connection: socket.socket | None, text: str, outcome: tuple[int | None, dict[str, Any]] | Exception
    ) -> None:
        """Answer a request that was done or refused, or let its answer wait until its command has acted."""
        if isinstance(outcome, Exception):
            message = str(outcome) if isinstance(outcome, CommandError) else f"{type(outcome).__name__}: {outcome}"
            self._refused(text, message)
            self._send(connection, {"ok": False, "error": message})
            return
        command_id, answer = outcome
        if command_id is None:
            self._send(connection, {"ok": True, **answer})
        else:
            self._waiting.append(_Waiting(connection, command_id, answer))

    def _put_off(self, slow: _Slow) -> None:
        if self._n_slow >= _MOST_SLOW:
            raise CommandError(f"{_MOST_SLOW} requests wait for files already; does a drive hang?")
        self._n_slow += 1
        self._slow.put(slow)

    def _do_slow(self) -> None:
        """Do the requests that need files, one after the other; the thread of these."""
        while (slow := self._slow.get()) is not None:
            try:
                outcome: tuple[int | None, dict[str, Any]] | Exception = self._handle(slow.request)
            except Exception as error:  # noqa: BLE001 - as in `_serve`
                outcome = error
            self._done.put(_Slow(slow.connection, slow.text, slow.request, outcome))

    def _take_done(self) -> None:
        while not self._done.empty():
            slow = self._done.get()
            self._n_slow -= 1
            assert slow.outcome is not None
            self._take(slow.connection, slow.text, slow.outcome)

    def _answer_those_that_acted(self) -> None:
        waiting, self._waiting = self._waiting, []
        for item in waiting:
            echo = self._acted(item.command_id)
            if echo is None:
                self._waiting.append(item)
            else:
                self._send(item.connection, {"ok": True, **echo, **item.answer})

    def _send(self, connection: socket.socket | None, answer: dict[str, Any]) -> None:
        if connection is None:  # a signal waits for no answer
            return
        try:
            connection.sendall(json.dumps(answer).encode() + b"\n")
        except OSError:  # the view is gone, or does not read: its loss alone
            self._forget(connection)

    def _forget(self, connection: socket.socket) -> None:
        self._waiting = [item for item in self._waiting if item.connection is not connection]
        if connection.fileno() >= 0 and connection in self._selector.get_map():
            self._selector.unregister(connection)
            self._n_views -= 1
        connection.close()


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CommandError(f"not JSON: {error}") from error
