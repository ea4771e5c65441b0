"""Read small files that may have been damaged, or written by any program: never a device, a pipe, or more bytes than were expected.

Errors are `OSError`, whose `strerror` says in words what is wrong, and `ValueError` with one line; whoever reads adds the
file's name. No content of a file may cause a traceback, a hang or an allocation of absurd size.
"""

import errno
import io
import json
import math
import os
import stat
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

TEXT_BYTES = 4 << 20  # no protocol, description or summary comes near it
ARRAYS_BYTES = 256 << 20  # of the arrays of one file in memory: a model of 1024 units takes about 10 MB
_DEEPEST = 32  # tables and lists inside each other; protocols need 5
_NO_NAME = "no file can have this name"  # it has a NUL in it, or characters that cannot be written
_INTEGERS = 1 << 63  # TOML's integers have 64 bits


def user_path(text: str | os.PathLike[str]) -> Path:
    """Return a path in which `~` and `~user` are replaced by the home folder.

    Raises
    ------
    OSError
        If there is no such user.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise OSError(errno.ENOENT, "there is no home folder of this name", str(text)) from error


def read_bytes(path: Path, limit_bytes: int = TEXT_BYTES) -> bytes:
    """Return what a regular file holds.

    Raises
    ------
    OSError
        If it cannot be read, is no regular file (a folder, a device, a pipe), or holds more than `limit_bytes`.
    """
    check_regular(path)  # before it is opened, which some devices notice
    try:
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb") as file:
            size = _regular(os.fstat(file.fileno()), path)
            content = file.read(min(size, limit_bytes) + 1)
    except ValueError as error:
        raise OSError(errno.EINVAL, _NO_NAME, str(path)) from error
    if len(content) > limit_bytes:
        raise OSError(errno.EFBIG, f"holds more than {limit_bytes >> 20} MB, which such a file never does", str(path))
    return content


def check_regular(path: Path) -> None:
    """Refuse what is no regular file, without opening it: a pipe would hold up whoever opens it.

    Raises
    ------
    OSError
        If it is a folder, a device or a pipe, or is not there.
    """
    try:
        _regular(os.stat(path), path)
    except ValueError as error:
        raise OSError(errno.EINVAL, _NO_NAME, str(path)) from error


def read_text(path: Path) -> str:
    """Return the text of a small file in UTF-8.

    Raises
    ------
    OSError
        As `read_bytes`.
    UnicodeDecodeError
        If it is not UTF-8.
    """
    return read_bytes(path).decode().replace("\r\n", "\n")


def parse_toml(text: str) -> dict[str, Any]:
    """Return a TOML document.

    Raises
    ------
    ValueError
        If it is not valid (`tomllib.TOMLDecodeError`, which names the line), is nested too deep, or holds an integer beyond 64 bits.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError:
        raise ValueError(f"tables and lists are nested too deep; allowed: {_DEEPEST}") from None
    except ValueError as error:  # Python refuses integers of more than 4,300 digits
        raise ValueError("an integer is beyond 64 bits") from error
    _check_shape(document, finite=False)
    return document


def parse_json(text: str | bytes) -> Any:
    """Return a JSON document.

    Raises
    ------
    ValueError
        If it is not valid, is nested too deep, or holds an integer beyond 64 bits, NaN or an infinite number.
    """
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError:
        raise
    except RecursionError:
        raise ValueError(f"objects and lists are nested too deep; allowed: {_DEEPEST}") from None
    _check_shape(document, finite=True)
    return document


def read_arrays(file: Path | bytes, limit_bytes: int = ARRAYS_BYTES) -> dict[str, np.ndarray]:
    """Return the arrays of an `.npz` file, given as its path or its content; sizes are checked before they are used.

    Raises
    ------
    OSError
        As `read_bytes`.
    ValueError
        If it is no `.npz` file, is damaged, holds objects, or would take more than `limit_bytes` in memory.
    """
    content = file if isinstance(file, bytes) else read_bytes(file, limit_bytes)
    if content.startswith(b"\x93NUMPY"):
        raise ValueError("is a single array (.npy), not an archive of arrays (.npz)")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            claimed = sum(member.file_size for member in members)
            if claimed > limit_bytes:
                raise ValueError(f"its arrays would take {claimed:,} bytes; allowed: {limit_bytes:,}")
            return {member.filename.removesuffix(".npy"): _array(archive.read(member)) for member in members}
    except (MemoryError, RecursionError):
        raise ValueError("is damaged") from None
    except ValueError:
        raise
    except (
        Exception
    ) as error:  # zipfile raises BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ...
        raise ValueError(f"is no archive of arrays (.npz), or is damaged: {error}") from error


def _array(content: bytes) -> np.ndarray:
    """Return the array of one member."""
    member = io.BytesIO(content)
    version = np.lib.format.read_magic(member)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read_header is None:
        raise ValueError(f"holds an array of the unknown version {version}")
    shape, in_columns, dtype = read_header(member)
    if dtype.hasobject:
        raise ValueError("holds Python objects, which are never read")
    n_items = 1
    for length in shape:
        n_items *= length
    if any(length < 0 for length in shape) or n_items * dtype.itemsize != len(content) - member.tell():
        raise ValueError(f"is damaged: an array of shape {shape} stands where there are other bytes")
    flat = np.frombuffer(content, dtype, n_items, member.tell())
    return flat.reshape(shape, order="F" if in_columns else "C").copy()


def _regular(found: os.stat_result, path: Path) -> int:
    """Return the size of a regular file; refuse anything else."""
    if stat.S_ISDIR(found.st_mode):
        raise OSError(errno.EISDIR, "is a folder, not a file", str(path))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "is a device or a pipe, not a file", str(path))
    return found.st_size


def _check_shape(document: Any, *, finite: bool) -> None:
    """Refuse what is nested too deep for those that walk through it, and integers that no field can hold."""
    level: list[Any] = [document]
    for _ in range(_DEEPEST + 1):
        level = [part for holder in level for part in _parts(holder, finite)]
        if not level:
            return
    raise ValueError(f"tables and lists are nested too deep; allowed: {_DEEPEST}")


def _parts(value: Any, finite: bool) -> Iterator[Any]:
    if finite and isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number is beyond what a double holds")
    if isinstance(value, int) and not -_INTEGERS <= value < _INTEGERS:
        raise ValueError("an integer is beyond 64 bits")
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
