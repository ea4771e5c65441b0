"""Share a session's arrays with its views: one file in shared memory, fully allocated, read-only to views.

    bytes 0-7     the magic b"BMILIVE1"
    bytes 8-15    length n of the description, little-endian
    bytes 16-...  the description, JSON: {"arrays": {name: {"dtype": ..., "shape": ..., "offset": ...}}}
    from `offset` each array, C-contiguous, on a boundary of 64 bytes

Only numpy is imported here, so that a view starts quickly.
"""

import json
import mmap
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from bmi_app.rt.arrays import Sizes, describe

_MAGIC = b"BMILIVE1"
_ALIGNMENT = 64


class LiveFileError(Exception):
    """Tell in one line why a live file cannot be made or read."""


def folder() -> Path:
    """Return where live files lie: $BMI_LIVE_FOLDER, or shared memory where there is, else that of temporary files."""
    named = os.environ.get("BMI_LIVE_FOLDER")
    if named:
        return Path(named)
    shared = Path("/dev/shm")
    return shared if sys.platform == "linux" and shared.is_dir() else Path(tempfile.gettempdir())


def create(path: Path, sizes: Sizes) -> dict[str, np.ndarray]:
    """Create a live file that did not exist, and return its arrays, writable and zeroed.

    Every page is allocated now: a full disk is an error here, and not a crash of the loop later.

    Raises
    ------
    LiveFileError
        If there is not enough room.
    """
    arrays, total = _places(sizes)
    described = json.dumps({"arrays": arrays}).encode()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(descriptor, 0, total)
        else:
            os.truncate(descriptor, total)
        memory = mmap.mmap(descriptor, total)
    except OSError as error:
        path.unlink()
        raise LiveFileError(f"{path}: {total / 1e6:.0f} MB of shared memory are needed: {error.strerror}") from error
    finally:
        os.close(descriptor)
    memory[8:16] = len(described).to_bytes(8, "little")
    memory[16 : 16 + len(described)] = described
    memory[0:8] = _MAGIC
    return _views(memory, arrays)


def attach(path: Path) -> dict[str, np.ndarray]:
    """Map a live file and return its arrays, read-only.

    Raises
    ------
    LiveFileError
        If it is not there (the session has ended), or is no live file.
    """
    try:
        with path.open("rb") as file:
            memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise LiveFileError(f"{path}: cannot be read; its session has probably ended ({error})") from error
    if memory[0:8] != _MAGIC:
        raise LiveFileError(f"{path}: is no live file of this version")
    n = int.from_bytes(memory[8:16], "little")
    return _views(memory, json.loads(memory[16 : 16 + n])["arrays"])


def _places(sizes: Sizes) -> tuple[dict[str, Any], int]:
    """Lay the arrays one after the other behind the description, which is shorter than the first 32 kB."""
    arrays, at = {}, 1 << 15
    for name, (dtype, shape) in describe(sizes).items():
        kind: Any = dtype.descr if dtype.names else dtype.str
        arrays[name] = {"dtype": kind, "shape": shape, "offset": at}
        at += -(-int(np.prod(shape)) * dtype.itemsize // _ALIGNMENT) * _ALIGNMENT
    return arrays, at


def _views(memory: mmap.mmap, arrays: dict[str, Any]) -> dict[str, np.ndarray]:
    return {
        name: np.ndarray(tuple(place["shape"]), _dtype(place["dtype"]), memory, place["offset"])
        for name, place in arrays.items()
    }


def _dtype(kind: Any) -> np.dtype:
    return np.dtype(kind) if isinstance(kind, str) else np.dtype([tuple(field) for field in kind])
