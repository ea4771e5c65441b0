"""A disk that stops, fails or loses its power at a chosen operation."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bmi_app.record import disk

OPERATIONS = ("create", "write", "cut", "sync", "link", "rename", "remove", "sync_folder")
TAKES_ROOM = ("create", "write", "link", "sync", "rename", "sync_folder")


class Stopped(BaseException):
    """What a process that was killed would do next: nothing."""


class BreakingDisk:
    """Count the operations on a folder; stop at the n-th, or let it fail, or forget what was not synced.

    Parameters
    ----------
    monkeypatch
        Puts this in place of the real operations.
    folder, attic : Path
        Of the session; and a place on the same disk where every file that ever was there is kept under a second name.
    at : int
        Which operation, from 0, stops or fails; the half of what it writes is written.
    fails : str
        Empty: everything stops there. ``once``: that operation finds no room. ``on``: so do all that follow and need room.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, attic: Path, at: int, fails: str = "") -> None:
        self.count, self._at, self._fails = 0, at, fails
        self._folder, self._attic = folder, attic
        self._content: dict[int, bytes] = {}  # of each file, what is on the disk for sure
        attic.mkdir()
        for path in self._files():
            self._keep(path)
            self._content[path.stat().st_ino] = path.read_bytes()
        self._names = {path.name: path.stat().st_ino for path in self._files()}
        for name in OPERATIONS:
            monkeypatch.setattr(disk, name, self._breaking(name, getattr(disk, name)))

    def lose_power(self, names: bool) -> None:
        """Take back what was not synced: the content of files and, if asked, what names there are."""
        if names:
            for path in self._files():
                path.unlink()
            for name, number in self._names.items():
                os.link(self._attic / str(number), self._folder / name)
        for kept in self._attic.iterdir():
            kept.write_bytes(self._content.get(int(kept.name), b""))

    def _breaking(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*arguments: Any) -> Any:
            number, self.count = self.count, self.count + 1
            if not self._fails and number >= self._at:
                if number == self._at and name == "write":
                    real(arguments[0], [b"".join(arguments[1])[: sum(map(len, arguments[1])) // 2]])
                raise Stopped
            if number == self._at or (self._fails == "on" and number > self._at and name in TAKES_ROOM):
                if name == "write":
                    real(arguments[0], [b"".join(arguments[1])[: sum(map(len, arguments[1])) // 2]])
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            done = real(*arguments)
            if name == "create":
                self._keep(arguments[0])
            elif name == "sync":
                number = os.fstat(arguments[0]).st_ino
                self._content[number] = (self._attic / str(number)).read_bytes()
            elif name == "sync_folder":
                self._names = {path.name: path.stat().st_ino for path in self._files()}
            return done

        return operation

    def _files(self) -> list[Path]:
        return [path for path in self._folder.iterdir() if path.is_file() and path.name != ".recovering"]

    def _keep(self, path: Path) -> None:
        kept = self._attic / str(path.stat().st_ino)
        if not kept.exists():
            os.link(path, kept)
