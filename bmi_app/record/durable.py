"""Write small files so that they are there whole, or not at all."""

import contextlib
import os
from pathlib import Path

from bmi_app.record.damage import JournalError


def replace_file(path: Path, content: bytes) -> None:
    """Write `content` to `path` by way of a temporary name, and have it on the disk before returning.

    Raises
    ------
    JournalError
        If it cannot be written; what stood there before is then still there.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise JournalError(f"{path}: cannot be written: {error.strerror}") from error
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have the names of a folder's files on the disk, where the system can be asked for it."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):  # some network file systems refuse; the files themselves are synced
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
