"""Find what engines left that were killed before their session began, and clean it up: only what is theirs, and dead."""

import socket
import stat
import time
from dataclasses import dataclass
from pathlib import Path

from bmi_app.record import liveness, session_folder
from bmi_app.record.damage import JournalError
from bmi_app.record.process_id import process_start
from bmi_app.record.reading import read_texts
from bmi_app.session.store import traces

# What an engine may have written before its session had a text that names it.
_FIRST_FILES = {liveness.LOCK, liveness.HEARTBEAT, "protocol.toml", ".protocol.toml.tmp", ".session.toml.tmp"}
_YOUNG_S = 10.0  # between making a file and locking it an engine takes less


@dataclass(frozen=True)
class Leftovers:
    """Name what may be removed.

    Attributes
    ----------
    live_files : list of Path
        Shared memory of dead engines that no session needs for its recovery.
    folders : list of Path
        Folders of sessions that never began.
    sockets : list of Path
        Command sockets without a listener.
    """

    live_files: list[Path]
    folders: list[Path]
    sockets: list[Path]

    @property
    def paths(self) -> list[Path]:
        """Return all of them."""
        return [*self.live_files, *self.folders, *self.sockets]


def find(root: Path) -> Leftovers:
    """Return what dead engines left in shared memory, in the folder of sockets, and below `root`."""
    wanted = set()
    for folder in session_folder.sessions(root):
        try:
            engine = read_texts(folder)[0].get("engine", {})
        except JournalError:
            continue
        if isinstance(engine, dict):
            wanted.add(str(engine.get("live_file")))
    live = [
        path
        for path, pid in traces.live_files().items()
        if str(path) not in wanted and _is_old(path) and not process_start(pid) and not liveness.is_held(path)
    ]
    return Leftovers(live, [folder for folder in _folders(root) if never_began(folder)], _dead_sockets())


def remove(found: Leftovers) -> list[str]:
    """Remove what was found, as far as it still is what it was; say in one line each what could not be removed."""
    failed = []
    for path in found.paths:
        try:
            if path in found.folders:
                if never_began(path):
                    for file in path.iterdir():
                        file.unlink()
                    path.rmdir()
            elif path in found.sockets or not liveness.is_held(path):
                path.unlink(missing_ok=True)
        except OSError as error:
            failed.append(f"{path}: cannot be removed: {error.strerror}")
    return failed


def never_began(folder: Path) -> bool:
    """Tell whether a folder is one that an engine made for a session, and in which it then wrote nothing of that."""
    try:
        names = {path.name for path in folder.iterdir()}
        plain = all(stat.S_ISREG(path.lstat().st_mode) for path in folder.iterdir())
    except OSError:
        return False
    return bool(
        session_folder.NAME.fullmatch(folder.name)
        and names <= _FIRST_FILES
        and plain
        and _is_old(folder)
        and liveness.life_of(folder, {}) == "dead"
    )


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.is_symlink()) if root.is_dir() else []


def _is_old(path: Path) -> bool:
    try:
        return abs(time.time() - path.stat().st_ctime) > _YOUNG_S
    except OSError:
        return False


def _dead_sockets() -> list[Path]:
    return [path for path in traces.sockets() if _is_old(path) and _refuses(path)]


def _refuses(path: Path) -> bool:
    """Tell whether a socket has no listener, in any PID namespace."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(1.0)
        try:
            connection.connect(str(path))
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False
