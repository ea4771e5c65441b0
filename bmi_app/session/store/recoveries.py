"""See to it that a session is recovered once at a time, whichever of the program's pages and windows asks for it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_begun_s: dict[Path, float] = {}
_changing = threading.Lock()


@contextmanager
def alone(folder: Path) -> Iterator[bool]:
    """Hold a session while it is recovered; any thread may ask. False: another thread of this process holds it."""
    key = folder.resolve()
    with _changing:
        is_first = key not in _begun_s
        if is_first:
            _begun_s[key] = time.monotonic()
    try:
        yield is_first
    finally:
        if is_first:
            with _changing:
                del _begun_s[key]


def under_way_s(folder: Path) -> float | None:
    """Return for how long a session has been recovered; None where it is not being recovered."""
    begun_s = _begun_s.get(folder.resolve())
    return None if begun_s is None else time.monotonic() - begun_s
