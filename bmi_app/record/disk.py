"""Change the disk: every operation that has to survive a loss of power goes through here, one function a system call.

So a test can stop a recovery before each of them, in turn, or let each fail, and ask what is left.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_FLAGS = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def create(path: Path) -> int:
    """Create a file that did not exist; return its descriptor, for appending."""
    return os.open(path, _FLAGS, 0o666)  # less what `permissions` takes away


def write(descriptor: int, parts: Sequence[Any]) -> None:
    """Append all parts to a file."""
    n_bytes = sum(len(part) for part in parts)
    written = os.writev(descriptor, parts) if hasattr(os, "writev") else 0
    if written < n_bytes:
        rest = memoryview(b"".join(parts))[written:]
        while len(rest) > 0:
            rest = rest[os.write(descriptor, rest) :]


def cut(descriptor: int, n_bytes: int) -> None:
    """Shorten a file."""
    os.ftruncate(descriptor, n_bytes)


def sync(descriptor: int) -> None:
    """Have a file's content on the disk."""
    os.fsync(descriptor)


def link(path: Path, other: Path) -> None:
    """Give a file a second name."""
    os.link(path, other)


def rename(path: Path, other: Path) -> None:
    """Give a file another name; what had that name is gone."""
    os.replace(path, other)


def remove(path: Path) -> None:
    """Take a name away."""
    os.unlink(path)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
