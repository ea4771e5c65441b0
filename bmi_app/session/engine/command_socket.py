"""Listen on a local socket where only the same user can connect."""

import contextlib
import os
import socket
import stat
import tempfile
from pathlib import Path

_LONGEST_PATH = 107  # bytes that the address of a local socket holds, beside its closing zero
_SHORTEST_NAME = len(b"s-4194304.sock")  # of a socket: process numbers are no longer than that
_BACKLOG = 128


class NoSocketError(OSError):
    """Tell in one line why there is no place for a socket, and what to do."""


def listen(name: str) -> tuple[socket.socket, str]:
    """Return a listening socket for the session of a name, and its address: a path, or host:port where there are no local sockets.

    Raises
    ------
    NoSocketError
        If there is no folder for it.
    """
    if hasattr(socket, "AF_UNIX"):
        folder = _folder()
        # The process makes it unique among folders of one name, of which the end stays where the path has no room for all.
        ending = f"-{os.getpid()}.sock"
        room = _LONGEST_PATH - len(os.fsencode(folder)) - 1 - len(ending)
        path = folder / f"{name[-min(room, 60) :]}{ending}"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(str(path))
            path.chmod(0o600)
        except OSError as error:
            listener.close()
            raise NoSocketError(f"{path}: the command socket cannot be made: {error.strerror or error}") from error
        address = str(path)
    else:  # pragma: no cover
        listener = socket.create_server(("127.0.0.1", 0))
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    return listener, address


def _folder() -> Path:
    """Return a folder that only this user can enter, and that leaves room for a socket's name."""
    named = os.environ.get("XDG_RUNTIME_DIR", "")
    # After `su`, in cron and in containers it is often named and not there, or somebody else's.
    if named and os.access(named, os.W_OK | os.X_OK) and _has_room(Path(named) / "bmi"):
        with contextlib.suppress(OSError):
            return _own(Path(named) / "bmi")
    folder = Path(tempfile.gettempdir()) / f"bmi-{os.getuid()}"
    if not _has_room(folder):
        raise NoSocketError(
            f"TMPDIR: {folder.parent} is too long for a command socket, whose path has at most {_LONGEST_PATH} bytes; "
            "set TMPDIR or XDG_RUNTIME_DIR to a shorter folder"
        )
    try:
        return _own(folder)
    except OSError as error:
        raise NoSocketError(f"{folder}: {error.strerror or error}") from error


def _has_room(folder: Path) -> bool:
    return len(os.fsencode(folder)) + 1 + _SHORTEST_NAME <= _LONGEST_PATH


def _own(folder: Path) -> Path:
    """Return a folder that is made if need be, and belongs to this user alone."""
    folder.mkdir(mode=0o700, exist_ok=True)
    info = folder.lstat()  # not through a link that somebody else has laid there
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.getuid() or info.st_mode & 0o077:
        raise OSError(0, "must be a folder of this user alone (mode 700); remove it and start again")
    return folder
