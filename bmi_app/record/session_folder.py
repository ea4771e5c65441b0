"""Create the folder of a session, and tell what state one is in.

`session.toml` is whatever the session says about itself (versions, seeds, processor, the clock anchor, the streams that
were matched). These keys are used here and by `recovery` and `summary`:

=====================  =======================================================================================
``id``                 random, and in every file of the session: see `identity`
``protocol``           name of the protocol
``dt_s``               length of a tick (s)
``n_units, n_axes``    sizes
``[engine] pid``       process that writes the session
``[engine] start``     `process_start` of it, so that a later process with the same number is not taken for it
=====================  =======================================================================================
"""

import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from bmi_app import permissions, small_files
from bmi_app.record import identity, redo, seal, text_shapes
from bmi_app.record.damage import JournalError
from bmi_app.record.durable import replace_file, sync_folder
from bmi_app.record.kinds import file_name
from bmi_app.record.liveness import LOCK, life_of
from bmi_app.record.reading import has_journal, read_texts

Status = Literal["complete", "running", "interrupted", "recovery unfinished", "perhaps running", "unreadable"]
NAME = re.compile(r"[0-9]{8}T[0-9]{6}Z_.+")
_HEADER_BYTES = 1 << 16  # more than the header of any file of a journal


def sessions_root() -> Path:
    """Return the folder that holds the sessions: $BMI_SESSIONS, or one in the user's data directory."""
    named = os.environ.get("BMI_SESSIONS")
    if named:
        return small_files.user_path(named)
    import platformdirs

    return Path(platformdirs.user_data_dir("bmi_app", appauthor=False)) / "sessions"


def create(
    root: Path,
    protocol: str,
    session: Mapping[str, Any],
    protocol_text: str,
    now: datetime | None = None,
    take: Callable[[Path], object] = lambda folder: None,
) -> Path:
    """Create a session folder that did not exist before, with its two texts.

    Parameters
    ----------
    root : Path
        Created if need be.
    protocol : str
        Name of the protocol; with the UTC time it gives the folder's name, with `_2`, `_3`, ... if that is taken.
    session : mapping
        Content of `session.toml`; `write_session` may replace it later.
    protocol_text : str
        The resolved protocol.
    now : datetime, optional
        The time to be named; now without it.
    take : callable, optional
        Told the folder before anything is in it, so that it is never seen without its engine's lock.

    Raises
    ------
    JournalError
        If it cannot be created or written.
    """
    stamp = (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    name = f"{stamp}_{re.sub(r'[^A-Za-z0-9._-]+', '-', protocol).strip('-.') or 'session'}"
    number = 1
    while True:
        folder = root / (name if number == 1 else f"{name}_{number}")
        try:
            root.mkdir(parents=True, exist_ok=True)
            folder.mkdir(0o777 & ~permissions.mask())  # also where a program of somebody else's records
            break
        except permissions.PermissionsError as error:
            raise JournalError(str(error)) from error
        except FileExistsError as error:
            if not root.is_dir():
                raise JournalError(f"{root}: is not a folder") from error
            number += 1
        except OSError as error:
            raise JournalError(f"{folder}: cannot be created: {error.strerror}") from error
    try:
        take(folder)
        sync_folder(root)
        replace_file(folder / "protocol.toml", protocol_text.encode())
        write_session(folder, session)
    except BaseException:  # a full disk, Ctrl-C: half a folder would only mislead
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def write_session(folder: Path, session: Mapping[str, Any]) -> None:
    """Write `session.toml`, whole or not at all.

    Raises
    ------
    JournalError
        If it cannot be written.
    """
    import tomlkit

    replace_file(folder / "session.toml", tomlkit.dumps(session).encode())


def write_summary(
    folder: Path, summary: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """Write `summary.json`, whole or not at all; return what was written.

    To the summary are added ``files``, the size, rows and SHA-256 of every file of the session, and ``sha256``, the
    checksum of the summary itself. With it the session is complete.

    Parameters
    ----------
    folder : Path
        The session folder.
    summary : mapping
        Ready for JSON.
    known : mapping, optional
        Seals of files that were hashed while they were written (`Journal.seals`); the others are read.

    Raises
    ------
    JournalError
        If it cannot be written.
    """
    text = summary_text(folder, summary, known)
    replace_file(folder / "summary.json", text)
    whole: dict[str, Any] = json.loads(text)
    return whole


def summary_text(
    folder: Path, summary: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]] | None = None
) -> bytes:
    """Return the content of a session's `summary.json`; see `write_summary`."""
    return (json.dumps(sealed(folder, summary, known), indent=2, allow_nan=False) + "\n").encode()


def sealed(
    folder: Path, summary: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """Return a summary with the seals of the session's files and its own checksum; see `write_summary`."""
    whole = {key: value for key, value in summary.items() if key not in ("crc32", seal.CHECKSUM)}
    if own_id := identity.expected_id(folder):
        whole["id"] = own_id
    whole["files"] = seal.seals(folder, known)
    return whole | {seal.CHECKSUM: seal.checksum(whole)}


def read_summary(folder: Path) -> dict[str, Any] | None:
    """Read `summary.json`; None when there is none.

    Raises
    ------
    JournalError
        If it is damaged, or is not what was written at the session's end.
    """
    path = folder / "summary.json"
    try:
        summary = small_files.parse_json(small_files.read_bytes(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise JournalError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise JournalError(f"{path}: is damaged: {error}") from error
    if not isinstance(summary, dict):
        raise JournalError(f"{path}: is damaged: not an object")
    if seal.CHECKSUM in summary and summary[seal.CHECKSUM] != seal.checksum(summary):
        raise JournalError(
            f"{path}: is damaged: its checksum is wrong, it is not what was written at the session's end"
        )
    try:
        text_shapes.check_summary(summary)
    except text_shapes.ShapeError as error:
        raise JournalError(f"{path}: is damaged: {error}") from error
    if "files" in summary and _is_foreign(folder, summary):
        raise JournalError(f"{path}: {identity.FOREIGN}")
    return summary


def _is_foreign(folder: Path, summary: Mapping[str, Any]) -> bool:
    """Tell whether a summary is not of the session of which `session.toml` and the frames are."""
    expected = identity.expected_id(folder)
    if not expected or summary.get("id") == expected:
        return False
    try:
        with (folder / file_name("frames")).open("rb") as file:
            return expected.encode() in file.read(_HEADER_BYTES)
    except OSError:
        return False


def status(folder: Path) -> Status:
    """Tell the state of a session from its small files and its process; the journal itself is not read.

    Returns
    -------
    Status
        ``complete``: it was ended, and says so in `summary.json`. ``running``: its process is alive.
        ``interrupted``: it ended without a (readable) word, and can be recovered. ``recovery unfinished``: its recovery was
        cut off, and only `recover` may touch it. ``perhaps running``: it was begun on another machine, and only its heartbeat
        can tell (`liveness.moves`). ``unreadable``: there is no session here, or
        a file of it is missing or damaged; `integrity.verify` says which.
    """
    try:
        session, _ = read_texts(folder)
    except JournalError:
        return "running" if life_of(folder, {}) == "running" else "unreadable"
    if redo.is_unfinished(folder):
        return "recovery unfinished"
    try:
        summary = read_summary(folder)
    except JournalError:
        summary = None  # recovery writes it anew
    if summary is None and (life := life_of(folder, session)) != "dead":
        return "running" if life == "running" else "perhaps running"
    # Frames are the last file that a journal creates: without them it never began.
    began = os.path.isfile(folder / file_name("frames")) or summary is not None
    if began and not has_journal(folder):
        return "unreadable"
    return "complete" if summary is not None else "interrupted"


def call_it(folder: Path) -> str:
    """Return what a command finds a session by: its name, or its path where it does not lie with the others."""
    return folder.name if folder.parent == sessions_root().resolve() else str(folder)


class SessionNotFoundError(LookupError):
    """Tell in one line that no session, or more than one, has a name."""


def find(name: str, root: Path) -> Path:
    """Return the folder of a session: a path, a folder's name below `root` or its unique beginning, or `last`.

    Raises
    ------
    SessionNotFoundError
        If there is none, or more than one.
    """
    try:
        path = small_files.user_path(name)
    except OSError as error:
        raise SessionNotFoundError(f"{name}: {error.strerror}") from error
    if os.path.isfile(path / "session.toml") or (os.path.isdir(path) and _was_begun(path.resolve())):
        return path.resolve()
    folders = sessions(root)
    begun = [folder for folder in folders if os.path.isfile(folder / "session.toml")]
    if name == "last" and begun:
        return begun[-1]
    exact = [folder for folder in folders if folder.name == name]
    matching = exact or [folder for folder in folders if name and folder.name.startswith(name)]
    if len(matching) == 1:
        return matching[0]
    if not matching:
        raise SessionNotFoundError(f"{name}: no such session; `bmi sessions list` shows those in {root}")
    more = f" and {len(matching) - 4} more" if len(matching) > 4 else ""
    named = ", ".join(folder.name for folder in matching[:4])
    raise SessionNotFoundError(f"{name}: {len(matching)} sessions begin so: {named}{more}")


def sessions(root: Path) -> list[Path]:
    """List the session folders below `root`, the oldest first; also those whose engine died before they had a text."""
    if not os.path.isdir(root):
        return []
    return sorted(path for path in root.iterdir() if os.path.isfile(path / "session.toml") or _was_begun(path))


def _was_begun(folder: Path) -> bool:
    """Tell whether a folder without `session.toml` is one that an engine made."""
    if not NAME.fullmatch(folder.name):
        return False
    try:
        names = os.listdir(folder)
    except OSError:
        return False
    return not names or any(
        os.path.isfile(folder / name) for name in (LOCK, "protocol.toml", file_name("frames"), "summary.json")
    )
