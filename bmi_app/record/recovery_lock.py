"""Hold a session while it is recovered, against other threads of this process and against other processes."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from bmi_app import permissions
from bmi_app.record.damage import JournalError

LOCK = ".recovering"

_begun_s: dict[Path, float] = {}  # of those that this process recovers
_changing = threading.Lock()


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a session. The system lets it go when this process ends, however it ends.

    Raises
    ------
    JournalError
        If another thread or process holds it, or if its folder cannot be written.
    """
    key = folder.resolve()
    with _changing:
        if key in _begun_s:
            raise JournalError(f"{folder.name}: is being recovered already; wait for it")
        _begun_s[key] = time.monotonic()
    try:
        with _file_locked(folder):
            yield
    finally:
        with _changing:
            del _begun_s[key]


def under_way_s(folder: Path) -> float | None:
    """Return for how long this process has been recovering a session; None where it is not."""
    begun_s = _begun_s.get(folder.resolve())
    return None if begun_s is None else time.monotonic() - begun_s


@contextmanager
def _file_locked(folder: Path) -> Iterator[None]:
    try:
        lock = FileLock(folder / LOCK, timeout=0, mode=0o666 & ~permissions.mask())  # it sets the mode itself: no umask
        lock.acquire()
    except permissions.PermissionsError as error:
        raise JournalError(str(error)) from error
    except Timeout:
        raise JournalError(f"{folder}: is being recovered by another process; look again when that is done") from None
    except OSError as error:
        raise JournalError(f"{folder}: cannot be recovered: {error.strerror}") from error
    try:
        yield
    finally:
        lock.release()
        with suppress(OSError):  # the next one holds it already, and finds what this one has left
            (folder / LOCK).unlink(missing_ok=True)
