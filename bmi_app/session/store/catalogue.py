"""List, find, recover and remove the sessions on this machine."""

import contextlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bmi_app.record import integrity, recovery, session_folder
from bmi_app.record.damage import JournalError
from bmi_app.record.kinds import KINDS, Kind
from bmi_app.record.liveness import WATCH_S, life_of, moves
from bmi_app.record.reading import read_texts
from bmi_app.record.recovery import RecoveryReport
from bmi_app.record.tail import Tail
from bmi_app.rt import livefile
from bmi_app.rt.rings import RINGS, Reader
from bmi_app.session.store import traces


class CatalogueError(Exception):
    """Tell in one line why a session cannot be recovered or removed."""


@dataclass(frozen=True)
class Entry:
    """Describe one session in a list; `words` say how it stands, `status` in one word."""

    folder: Path
    status: integrity.State
    words: str
    protocol: str
    summary: dict[str, Any]


def entries(root: Path) -> list[Entry]:
    """List the sessions below `root`, the oldest first, and what is left of those that lost `session.toml`."""
    found = []
    for folder in session_folder.sessions(root):
        protocol, summary = "?", {}
        with contextlib.suppress(JournalError):
            protocol = str(read_texts(folder)[0].get("protocol", "?"))
            summary = session_folder.read_summary(folder) or {}
        standing = integrity.quick(folder)
        found.append(Entry(folder, standing.state, standing.words, protocol, summary))
    return found


def recover(folder: Path, *, not_running_elsewhere: bool = False, to_common_tick: bool = False) -> RecoveryReport:
    """Make an interrupted session complete; what the journal lacks is taken from its live file, if that is still there.

    Parameters
    ----------
    folder : Path
        Of the session.
    not_running_elsewhere : bool
        The caller knows that no other machine records it.
    to_common_tick : bool
        As for `recovery.recover`.

    Raises
    ------
    CatalogueError
        If the session is running, or may be.
    JournalError
        If it is being recovered already, or cannot be read at all.
    """
    session, _ = read_texts(folder)
    _refuse_if_it_runs(folder, session, not_running_elsewhere)
    live_path = traces.live_file(session)
    report = recovery.recover(folder, _tail_of(live_path) if live_path else None, to_common_tick=to_common_tick)
    traces.remove(session)
    return report


def remove(folder: Path, *, not_running_elsewhere: bool = False) -> None:
    """Delete a session for good.

    Raises
    ------
    CatalogueError
        If it is running, or may be.
    """
    session: dict[str, Any] = {}
    with contextlib.suppress(JournalError):
        session = read_texts(folder)[0]
    if session_folder.status(folder) != "complete":
        _refuse_if_it_runs(folder, session, not_running_elsewhere)
    traces.remove(session)
    shutil.rmtree(folder)


def told(report: RecoveryReport) -> tuple[str, bool]:
    """Say what a recovery has made of a session, having checked every byte; and whether nothing of it is lost or damaged.

    What no recovery mends, as a changed text or weights that cannot be read, leaves the session damaged.
    """
    standing = integrity.known_or_full(report.folder)
    if not standing.damage:
        return report.words, not report.lost
    return f"{report.words.removeprefix('complete ')}; the session is {standing.words}", False


def _refuse_if_it_runs(folder: Path, session: dict[str, Any], not_running_elsewhere: bool) -> None:
    """Refuse to touch a session whose engine runs, or may run where neither its lock nor its process can be seen."""
    life = life_of(folder, session)
    if life == "dead":
        return
    if life == "running":
        raise CatalogueError(f"{folder.name}: is running; `bmi sessions stop {session_folder.call_it(folder)}` ends it")
    if moves(folder):
        raise CatalogueError(f"{folder.name}: is running on another machine: its heartbeat moves; stop it there")
    if not not_running_elsewhere:
        raise CatalogueError(
            f"{folder.name}: was begun on another machine, and its heartbeat has not moved for {WATCH_S:.0f} s; if its engine "
            "is dead there, add --not-running-elsewhere"
        )


def _tail_of(path: Path) -> Tail | None:
    """Return what the rings of a dead engine's live file still hold."""
    try:
        arrays = livefile.attach(path)
    except livefile.LiveFileError:
        return None
    tail: dict[Kind, tuple[np.ndarray, np.ndarray | None]] = {}
    for kind in KINDS:
        if kind in RINGS:
            reader = Reader(arrays, kind)
            taken = reader.take(safe=reader.slots - 1)  # the next slot may be half written
            tail[kind] = taken.records, taken.rows
    return tail
