"""Know what an engine leaves outside of its session's folder: its live file and its command socket.

A session's texts may come from anywhere. What they name is touched only where it is of the kind, the name and the owner
that an engine gives to its own.
"""

import os
import re
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bmi_app.record.liveness import is_held, is_process_alive
from bmi_app.rt import livefile

_LIVE = re.compile(r"bmi-([0-9]{1,10})-[0-9a-f]{1,20}\.live")
_SOCKET = re.compile(r".+-([0-9]{1,10})\.sock")


def live_file(session: Mapping[str, Any]) -> Path | None:
    """Return the live file that a session names, if it is there and is one that an engine of this user made.

    Not while that engine runs: a copy of a running session's folder names it as well.
    """
    path = _named(session, "live_file")
    if path is None or _pid_in(_LIVE, path) != _pid(session) or not _is_own(path, stat.S_ISREG):
        return None
    if path.parent.resolve() not in {folder.resolve() for folder in _live_folders()}:
        return None
    return path if _begins_with(path, livefile.MAGIC) and not is_held(path) else None


def socket_file(session: Mapping[str, Any]) -> Path | None:
    """Return the command socket that a session names, if it is there and is one that an engine of this user made."""
    path = _named(session, "socket")
    if path is None or _pid_in(_SOCKET, path) != _pid(session) or not _is_own(path, stat.S_ISSOCK):
        return None
    if is_process_alive(session):  # the folder may be a copy of one whose engine runs
        return None
    # As `bmi_app.session.engine.control` names it, below whatever folder of short path there was.
    return path if path.parent.name in _socket_folder_names() and _is_own(path.parent, stat.S_ISDIR) else None


def remove(session: Mapping[str, Any]) -> None:
    """Remove what a dead engine has left; whatever else its session names is left alone."""
    for path in (live_file(session), socket_file(session)):
        if path is not None:
            path.unlink(missing_ok=True)


def live_files() -> dict[Path, int]:
    """Return all live files of this user, each with the process number of the engine that made it."""
    found = {}
    for path in sorted(livefile.folder().glob("bmi-*.live")):
        pid = _pid_in(_LIVE, path)
        if pid is not None and _is_own(path, stat.S_ISREG):
            found[path] = pid
    return found


def sockets() -> list[Path]:
    """Return the command sockets of this user that lie where engines of this environment put theirs."""
    if not hasattr(os, "getuid"):
        return []
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    folders = [Path(runtime) / "bmi"] if runtime else []
    folders.append(Path(tempfile.gettempdir()) / f"bmi-{os.getuid()}")
    return [
        path
        for folder in folders
        if _is_own(folder, stat.S_ISDIR)
        for path in sorted(folder.glob("*.sock"))
        if _pid_in(_SOCKET, path) is not None and _is_own(path, stat.S_ISSOCK)
    ]


def _live_folders() -> tuple[Path, ...]:
    """Return where live files lie: the environment may be another one than that of the engine."""
    return livefile.folder(), Path("/dev/shm"), Path(tempfile.gettempdir())


def _socket_folder_names() -> tuple[str, ...]:
    return ("bmi", f"bmi-{os.getuid()}") if hasattr(os, "getuid") else ("bmi",)


def _named(session: Mapping[str, Any], name: str) -> Path | None:
    engine = session.get("engine")
    text = engine.get(name) if isinstance(engine, Mapping) else None
    return Path(text) if isinstance(text, str) and text and "\0" not in text and os.path.isabs(text) else None


def _pid(session: Mapping[str, Any]) -> int:
    pid = session["engine"].get("pid")
    return pid if type(pid) is int and pid > 0 else -1


def _pid_in(pattern: re.Pattern[str], path: Path) -> int | None:
    match = pattern.fullmatch(path.name)
    return int(match[1]) if match else None


def _is_own(path: Path, is_kind: Any) -> bool:
    """Tell whether a path, not followed if it is a link, is of a kind and belongs to this user."""
    try:
        found = path.lstat()
    except (OSError, ValueError):
        return False
    return bool(is_kind(found.st_mode)) and (not hasattr(os, "getuid") or found.st_uid == os.getuid())


def _begins_with(path: Path, magic: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(magic)) == magic
    except OSError:
        return False
