"""Keep the arrays of adoptions: one ``.npz`` file each, which `numpy.load` reads.

The comment at the end of the zip archive is ``session=ID blob=000001 crc32=1a2b3c4d``: the session's id, the number of the
blob, and zlib's CRC32 over the whole file with its eight digits as zeros. In format 1 it is the CRC32 alone.
"""

import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bmi_app.record import identity
from bmi_app.record.damage import JournalError
from bmi_app.record.durable import replace_file

FOLDER = "blobs"
_BLANK = b"crc32=00000000"
_OWNER = re.compile(rb"session=([0-9a-f]{32}) blob=([0-9]{6,}) \Z")
_NAME = re.compile(r"([0-9]{6,})\.npz")


def path_of(folder: Path, blob_id: int) -> Path:
    """Return the path of a blob in a session folder."""
    return folder / FOLDER / f"{blob_id:06d}.npz"


def is_name(name: str) -> bool:
    """Tell whether a file's name is that of a blob."""
    return _NAME.fullmatch(name) is not None


def ids(folder: Path) -> list[int]:
    """List the blobs of a session folder."""
    if not (folder / FOLDER).is_dir():
        return []
    found = (_NAME.fullmatch(path.name) for path in (folder / FOLDER).iterdir())
    return sorted(int(match[1]) for match in found if match)


def write(
    folder: Path, blob_id: int, arrays: Mapping[str, np.ndarray], session_id: str = ""
) -> tuple[Path, dict[str, Any]]:
    """Write a blob so that it is there whole or not at all; return its path, and its size and SHA-256 (`seal`).

    Raises
    ------
    JournalError
        If it exists already, or cannot be written.
    """
    path = path_of(folder, blob_id)
    if path.exists():
        raise JournalError(f"{path}: exists already")
    archive = io.BytesIO()
    np.savez(archive, allow_pickle=False, **arrays)
    with zipfile.ZipFile(archive, "a") as directory:
        owner = b"session=%s blob=%06d " % (session_id.encode(), blob_id) if session_id else b""
        directory.comment = owner + _BLANK
    content = archive.getvalue()
    content = content[: -len(_BLANK)] + b"crc32=%08x" % zlib.crc32(content)
    try:
        path.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise JournalError(f"{path.parent}: cannot be created: {error.strerror}") from error
    replace_file(path, content)
    return path, {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def read(folder: Path, blob_id: int) -> dict[str, np.ndarray]:
    """Read a blob.

    Raises
    ------
    JournalError
        If it is missing or damaged, or belongs to another session.
    """
    path = path_of(folder, blob_id)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise JournalError(f"{path}: cannot be read: {error.strerror}") from error
    body = content[: -len(_BLANK)]
    if content[-len(_BLANK) :] != b"crc32=%08x" % zlib.crc32(body + _BLANK):
        raise JournalError(f"{path}: its CRC32 is wrong: bytes were changed, or it is cut off")
    owner = _OWNER.search(body[-80:])
    foreign = identity.foreign(owner[1].decode() if owner else "", identity.expected_id(folder))
    if foreign:
        raise JournalError(f"{path}: {foreign}")
    if owner and int(owner[2]) != blob_id:
        raise JournalError(f"{path}: is blob {int(owner[2])}, under another name")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = dict(archive)
    except Exception as error:  # zipfile and numpy raise a dozen kinds where a file was made to look whole
        raise JournalError(f"{path}: is no archive of arrays: {error}") from error
    for name, array in arrays.items():
        if array.dtype != np.float64:
            raise JournalError(f"{path}: {name} holds {array.dtype}; it must be float64")
        if np.isinf(array).any():  # NaN says: as it was
            raise JournalError(f"{path}: {name} holds an infinite number")
    return arrays


def read_adoption(folder: Path, blob_id: int, least_words: int = 0) -> dict[str, np.ndarray]:
    """Read the arrays of an adoption: `blob`, one row of numbers, and in newer sessions `before`, one that is as long.

    Parameters
    ----------
    folder : Path
        The session folder.
    blob_id : int
        Number of the blob.
    least_words : int
        How many numbers any adoption of this session has, 0 where that is not known.

    Raises
    ------
    JournalError
        If it cannot be read, or has another shape.
    """
    arrays, path = read(folder, blob_id), path_of(folder, blob_id)
    if "blob" not in arrays:
        raise JournalError(f"{path}: holds no array `blob`, only {', '.join(sorted(arrays)) or 'nothing'}")
    for name in ("blob", "before"):
        if name in arrays and arrays[name].ndim != 1:
            raise JournalError(f"{path}: {name} has the shape {arrays[name].shape}; it must be one row of numbers")
    n_words = len(arrays["blob"])
    if n_words < least_words:
        raise JournalError(f"{path}: blob holds {n_words} numbers; weights, bias and gain alone are {least_words}")
    if "before" in arrays and len(arrays["before"]) != n_words:
        raise JournalError(f"{path}: before holds {len(arrays['before'])} numbers, and blob {n_words}")
    return arrays
