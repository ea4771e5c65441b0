"""Share a session's arrays with its views: one file in shared memory, fully allocated, read-only to views.

    bytes 0-7     the magic b"BMILIVE1"
    bytes 8-15    length n of the description, little-endian
    bytes 16-...  the description, JSON: {"arrays": {name: {"dtype": ..., "shape": ..., "offset": ...}}}
    from `offset` each array, C-contiguous, on a boundary of 64 bytes

Only numpy is imported here, so that a view starts quickly.
"""

import json
import math
import mmap
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from bmi_app.rt import rings
from bmi_app.rt.arrays import Sizes, describe

MAGIC = b"BMILIVE1"
_ALIGNMENT = 64
_DESCRIPTION_BYTES = 1 << 15  # room for it, with what stands before; it is shorter
_ANY_SIZES = Sizes(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 2, 2)


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
    memory[0:8] = MAGIC
    return _views(memory, arrays)


def attach(path: Path) -> dict[str, np.ndarray]:
    """Map a live file and return its arrays, read-only.

    Raises
    ------
    LiveFileError
        If it is not there (the session has ended), or is no live file of this version of the program.
    """
    try:
        with path.open("rb") as file:
            memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise LiveFileError(f"{path}: cannot be read; its session has probably ended ({error})") from error
    if memory[0:8] != MAGIC:
        raise LiveFileError(f"{path}: is no live file of this version")
    try:
        return _views(memory, _described(memory))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise LiveFileError(f"{path}: is no live file of this version: {error}") from error


def _described(memory: mmap.mmap) -> dict[str, Any]:
    """Return where the arrays lie, as the file says it, once nothing of that can lead anywhere else.

    Whoever can write into the folder can write a live file: types are the program's own, and places and sizes are
    accepted only within the file.
    """
    n = int.from_bytes(memory[8:16], "little")
    if n > _DESCRIPTION_BYTES:
        raise ValueError(f"a description of {n} bytes")
    arrays = json.loads(memory[16 : 16 + n])["arrays"]
    for name, (dtype, n_dimensions) in _own_types().items():
        place = arrays[name]
        shape, offset = place["shape"], place["offset"]
        if place["dtype"] != json.loads(json.dumps(_type_text(dtype))):
            raise ValueError(f"{name} is of another type")
        if len(shape) != n_dimensions or not all(type(size) is int and size >= 0 for size in (*shape, offset)):
            raise ValueError(f"{name} has another shape")
        if offset % _ALIGNMENT or offset + math.prod(shape) * dtype.itemsize > len(memory):
            raise ValueError(f"{name} lies outside of the file")
        if name in rings.ARRAYS and shape[0] & (shape[0] - 1) | (shape[0] == 0):
            raise ValueError(f"{name} is no ring: {shape[0]} slots")
    if arrays["ctl"]["shape"] != list(describe(_ANY_SIZES)["ctl"][1]) or any(
        arrays[name]["shape"][0] != arrays[ring]["shape"][0] for name, ring in rings.BESIDE.items()
    ):
        raise ValueError("its arrays do not belong together")
    return {name: arrays[name] for name in _own_types()}


def _own_types() -> dict[str, tuple[np.dtype, int]]:
    """Return the type and the number of dimensions of each array: they do not depend on a session's sizes."""
    return {name: (dtype, len(shape)) for name, (dtype, shape) in describe(_ANY_SIZES).items()}


def _places(sizes: Sizes) -> tuple[dict[str, Any], int]:
    """Lay the arrays one after the other behind the description."""
    arrays, at = {}, _DESCRIPTION_BYTES
    for name, (dtype, shape) in describe(sizes).items():
        arrays[name] = {"dtype": _type_text(dtype), "shape": shape, "offset": at}
        at += -(-int(np.prod(shape)) * dtype.itemsize // _ALIGNMENT) * _ALIGNMENT
    return arrays, at


def _views(memory: mmap.mmap, arrays: dict[str, Any]) -> dict[str, np.ndarray]:
    types = _own_types()
    return {
        name: np.ndarray(tuple(place["shape"]), types[name][0], memory, place["offset"])
        for name, place in arrays.items()
    }


def _type_text(dtype: np.dtype) -> Any:
    return dtype.descr if dtype.names else dtype.str
