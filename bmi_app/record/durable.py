"""Write small files so that they are there whole, or not at all."""

import contextlib
import errno
import os
from pathlib import Path

from bmi_app.record import disk
from bmi_app.record.damage import JournalError

# What network file systems answer that cannot sync a folder.
_CANNOT = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF, errno.EACCES, errno.EPERM)


def replace_file(path: Path, content: bytes) -> None:
    """Write `content` to `path` by way of a temporary name, and have it on the disk before returning.

    Raises
    ------
    JournalError
        If it cannot be written; what stood there before is then still there.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        write_file(temporary, content)
        try:
            disk.rename(temporary, path)
        except OSError as error:
            raise JournalError(f"{path}: cannot be written: {error.strerror}") from error
    except JournalError:
        with contextlib.suppress(OSError):
            disk.remove(temporary)
        raise
    sync_folder(path.parent)


def write_file(path: Path, content: bytes) -> None:
    """Write a file that no reader uses yet, in place of what an interrupted write left there, and sync it.

    Raises
    ------
    JournalError
        If it cannot be written.
    """
    try:
        if os.path.lexists(path):
            disk.remove(path)
        descriptor = disk.create(path)
        try:
            disk.write(descriptor, [content])
            disk.sync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise JournalError(f"{path}: cannot be written: {error.strerror}") from error


def sync_folder(folder: Path) -> None:
    """Have the names of a folder's files on the disk, where the system can be asked for it.

    Raises
    ------
    JournalError
        If it can be asked, and fails.
    """
    if os.name != "posix":
        return
    try:
        disk.sync_folder(folder)
    except OSError as error:
        if error.errno not in _CANNOT:  # the files themselves are synced
            raise JournalError(f"{folder}: cannot be synced: {error.strerror}") from error
