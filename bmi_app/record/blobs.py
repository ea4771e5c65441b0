"""Keep the arrays of adoptions: one ``.npz`` file each, which `numpy.load` reads.

The comment at the end of the zip archive is ``crc32=1a2b3c4d``: zlib's CRC32 over the whole file with these eight
digits as zeros.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from bmi_app.record.damage import JournalError
from bmi_app.record.durable import replace_file

FOLDER = "blobs"
_BLANK = b"crc32=00000000"
_NAME = re.compile(r"([0-9]{6,})\.npz")


def path_of(folder: Path, blob_id: int) -> Path:
    """Return the path of a blob in a session folder."""
    return folder / FOLDER / f"{blob_id:06d}.npz"


def ids(folder: Path) -> list[int]:
    """List the blobs of a session folder."""
    if not (folder / FOLDER).is_dir():
        return []
    found = (_NAME.fullmatch(path.name) for path in (folder / FOLDER).iterdir())
    return sorted(int(match[1]) for match in found if match)


def write(folder: Path, blob_id: int, arrays: Mapping[str, np.ndarray]) -> tuple[Path, int]:
    """Write a blob so that it is there whole or not at all; return its path and size.

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
        directory.comment = _BLANK
    content = archive.getvalue()
    content = content[: -len(_BLANK)] + b"crc32=%08x" % zlib.crc32(content)
    try:
        path.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise JournalError(f"{path.parent}: cannot be created: {error.strerror}") from error
    replace_file(path, content)
    return path, len(content)


def read(folder: Path, blob_id: int) -> dict[str, np.ndarray]:
    """Read a blob.

    Raises
    ------
    JournalError
        If it is missing or damaged.
    """
    path = path_of(folder, blob_id)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise JournalError(f"{path}: cannot be read: {error.strerror}") from error
    body = content[: -len(_BLANK)]
    if content[-len(_BLANK) :] != b"crc32=%08x" % zlib.crc32(body + _BLANK):
        raise JournalError(f"{path}: its CRC32 is wrong: bytes were changed, or it is cut off")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return dict(arrays)
