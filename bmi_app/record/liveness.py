"""Tell whether the engine of a session runs, also from another container or another machine.

A process number says nothing outside of its own PID namespace, and a lock may say nothing across a network drive. So an
engine has both a lock of the system on a file of its own, which dies with it, and a heartbeat: a small file that it
rewrites each second, with its machine, the machine's boot, and a counter. Neither file is ever removed.

=================================================  ==============================================================
the lock is held                                   it runs
same machine, another boot                         it is dead
same boot, and the lock is free                    it is dead
else                                               unknown: `moves` watches the counter, by the observer's clock
=================================================  ==============================================================
"""

import contextlib
import importlib
import json
import os
import platform
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

from bmi_app.record.damage import JournalError
from bmi_app.record.process_id import process_start

fcntl: Any = importlib.import_module("fcntl") if os.name == "posix" else None  # else the process number must do

LOCK, HEARTBEAT = "engine.lock", "heartbeat.json"
Life = Literal["running", "dead", "unknown"]
BEAT_S = 1.0
WATCH_S = 10.0  # several beats of an engine whose disk is slow
_BEAT_BYTES = 512
_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)


class Hold:
    """Hold the lock of a session and beat its heart, on a thread of its own, until `close` or the process's end.

    The heartbeat is written in place and never synced: only its newest content counts, and a sync would load the disk.

    Parameters
    ----------
    folder : Path
        The session folder.
    session_id : str
        From `session.toml`.

    Attributes
    ----------
    on_lost : callable
        Told once, in one line, when the lock is not the session's any more.

    Raises
    ------
    JournalError
        If the files cannot be written.
    """

    def __init__(self, folder: Path, session_id: str) -> None:
        self.on_lost: Callable[[str], object] = lambda text: None
        self._path = folder / LOCK
        self._counter = 0
        self._over = threading.Event()
        self._changing = threading.Lock()
        self._descriptors: list[int] = []
        try:
            for path in (self._path, folder / HEARTBEAT):
                self._descriptors.append(os.open(path, _FLAGS, 0o666))  # less what `permissions` takes away
            self._is_locked = self._lock(wait=True)
            self._said = {"session": session_id, "machine": machine_id(), "boot": boot_id(), "locked": self._is_locked}
            self._beat()
        except OSError as error:
            self._close_files()
            raise JournalError(f"{folder}: cannot be written: {error.strerror}") from error
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._thread.start()

    def lock_as_well(self, path: Path) -> None:
        """Hold the lock on another file of the session, until `close`."""
        if fcntl is None:
            return
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            with self._changing:
                self._descriptors.append(descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)

    def close(self) -> None:
        """Let go of the session; may be called twice."""
        self._over.set()
        if self._thread is not threading.current_thread():
            self._thread.join()
        self._close_files()

    def _run(self) -> None:
        told = False
        while not self._over.wait(BEAT_S):
            with contextlib.suppress(OSError):  # the journal reports a disk that fails
                self._beat()
            if not told and (lost := self._lost()):
                told = True
                self.on_lost(lost)

    def _beat(self) -> None:
        self._counter += 1
        text = json.dumps({**self._said, "counter": self._counter}).encode().ljust(_BEAT_BYTES - 1) + b"\n"
        if hasattr(os, "pwrite"):
            os.pwrite(self._descriptors[1], text, 0)
        else:  # pragma: no cover
            os.lseek(self._descriptors[1], 0, os.SEEK_SET)
            os.write(self._descriptors[1], text)

    def _lock(self, *, wait: bool) -> bool:
        """Take the lock, or find that it is still held; False where the file system knows no locks."""
        if fcntl is None:
            return False
        try:
            fcntl.flock(self._descriptors[0], fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError:
            return False
        return True

    def _lost(self) -> str:
        """Say what has become of the lock; an empty text while all is well."""
        try:
            there, ours = self._path.stat(), os.fstat(self._descriptors[0])
        except OSError as error:
            return f"{self._path}: the lock of this session is lost ({error.strerror}): others may take it for dead"
        if (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino):
            return f"{self._path}: the lock of this session was replaced: others may take it for dead"
        if self._is_locked and not self._lock(wait=False):
            return f"{self._path}: the lock of this session is lost: others may take it for dead"
        return ""

    def _close_files(self) -> None:
        with self._changing:
            for descriptor in self._descriptors:
                os.close(descriptor)
            self._descriptors = []


def life_of(folder: Path, session: Mapping[str, Any]) -> Life:
    """Tell whether the engine of a session runs; `session` is its `session.toml`, or what of it can be read."""
    held = is_held(folder / LOCK)
    if held:
        return "running"
    beat = _read_beat(folder)
    if held is None or beat is None:  # of an earlier version, or not yet made
        return "running" if is_process_alive(session) else "dead"
    same_machine = bool(beat["machine"]) and beat["machine"] == machine_id()
    same_boot = bool(beat["boot"]) and beat["boot"] == boot_id()
    if same_boot or (same_machine and not beat["boot"]):
        if beat["locked"]:
            return "dead"
        return "running" if is_process_alive(session) else "dead"
    return "dead" if same_machine else "unknown"


def moves(
    folder: Path,
    for_s: float = WATCH_S,
    clock: Callable[[], float] = time.monotonic,
    wait: Callable[[float], object] = time.sleep,
) -> bool:
    """Watch the heartbeat of a session for a while; tell as soon as it has moved."""
    first, until_s = _read_beat(folder), clock() + for_s
    while clock() < until_s:
        wait(min(0.25, for_s))
        now = _read_beat(folder)
        if now is not None and now != first:
            return True
    return False


def is_process_alive(session: Mapping[str, Any]) -> bool:
    """Tell whether the process that writes a session is alive, as far as this PID namespace knows."""
    engine = session.get("engine")
    if not isinstance(engine, Mapping) or type(engine.get("pid")) is not int:
        return False
    start = process_start(engine["pid"])
    return start != "" and start == engine.get("start")


@cache
def machine_id() -> str:
    """Return what tells this machine from others."""
    for path in (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id")):
        with contextlib.suppress(OSError, ValueError):
            if text := path.read_text(encoding="ascii").strip():
                return text
    return f"{platform.node()}-{uuid.getnode():x}"


@cache
def boot_id() -> str:
    """Return what tells this boot of the machine from others; empty where nothing does."""
    with contextlib.suppress(OSError, ValueError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ""


def is_held(path: Path) -> bool | None:
    """Tell whether an engine holds the lock on a file; None where there is no file to ask."""
    if fcntl is None:
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two that ask do not see each other
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return False


def _read_beat(folder: Path) -> dict[str, Any] | None:
    try:
        with (folder / HEARTBEAT).open("rb") as file:
            beat = json.loads(file.read(_BEAT_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    known: dict[str, type] = {"session": str, "machine": str, "boot": str, "locked": bool, "counter": int}
    if not isinstance(beat, dict) or not all(type(beat.get(key)) is kind for key, kind in known.items()):
        return None
    return beat
