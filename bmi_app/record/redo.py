"""Exchange several files of a session in one step: a redo log.

1. Every changed file, the summary included, is written beside the original as ``*.new`` and synced; then the folder is.
2. The originals get a second name, ``*.damaged``.
3. ``recovery.json``, which holds names, sizes and checksums of the new files, is written aside, synced and renamed, and the
   folder is synced: this is the commit. Before it the originals stand, and whatever ``*.new`` there is means nothing.
4. All new files are renamed, the summary last, and the folder is synced; then ``recovery.json`` is removed.

Whoever finds ``recovery.json`` repeats step 4, as often as need be.
"""

import contextlib
import filecmp
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bmi_app.record import disk
from bmi_app.record.damage import JournalError
from bmi_app.record.durable import replace_file, sync_folder, write_file
from bmi_app.record.kinds import KINDS, file_name

LOG = "recovery.json"
SUMMARY = "summary.json"
# All that may ever be exchanged, in the order in which it is: with the summary the session is complete.
NAMES = (*(file_name(kind) for kind in KINDS), SUMMARY)


def is_unfinished(folder: Path) -> bool:
    """Tell whether an exchange was committed and has not been carried out to its end."""
    return (folder / LOG).is_file()


def new_path(folder: Path, name: str) -> Path:
    """Return where a changed file is prepared."""
    return folder / f"{name}.new"


def discard(folder: Path) -> None:
    """Forget what was prepared and never committed."""
    for name in NAMES:
        path = new_path(folder, name)
        if path.is_file() and not path.is_symlink():
            _do(path, "removed", lambda path=path: disk.remove(path))


def keep_original(folder: Path, name: str) -> Path | None:
    """Give an original a second name; return it, None where there is no such file.

    One that was kept before, by a recovery that was cut off, is not kept twice.
    """
    path = folder / name
    if not path.exists():
        return None
    number = 1
    while True:
        kept = path.with_name(f"{name}.damaged" if number == 1 else f"{name}.damaged_{number}")
        if not os.path.lexists(kept):
            break
        if kept.is_file() and (kept.samefile(path) or filecmp.cmp(kept, path, shallow=False)):
            return kept
        number += 1
    try:
        disk.link(path, kept)
    except OSError:  # a file system without hard links
        copy = path.with_name(f"{name}.damaged.new")
        try:
            write_file(copy, path.read_bytes())
            _do(kept, "written", lambda: disk.rename(copy, kept))
        except OSError as error:
            raise JournalError(f"{path}: cannot be read: {error.strerror}") from error
        finally:
            with contextlib.suppress(OSError):
                if copy.exists():
                    disk.remove(copy)
    return kept


def commit(folder: Path, names: Iterable[str], report: Mapping[str, Any]) -> None:
    """Declare that the prepared files of these names take the place of the originals, whatever happens from now on.

    Parameters
    ----------
    folder : Path
        Of the session.
    names : iterable of str
        Of files whose `new_path` was written and synced.
    report : mapping
        Ready for JSON; returned by `roll_forward`.
    """
    sync_folder(folder)
    content = {"files": {name: _described(new_path(folder, name)) for name in names}, "report": dict(report)}
    replace_file(folder / LOG, json.dumps({**content, "sha256": _digest_of(content)}, indent=1).encode() + b"\n")


def roll_forward(folder: Path) -> dict[str, Any]:
    """Carry out what was committed; return the report that was committed with it.

    Raises
    ------
    JournalError
        If that cannot be done, or a file is neither what it was nor what it was to become: then nothing was touched.
    """
    files, report = _read_log(folder)
    waiting = [name for name in NAMES if name in files and not _is(folder / name, files[name])]
    for name in waiting:
        if not _is(new_path(folder, name), files[name]):
            raise JournalError(
                f"{new_path(folder, name)}: is not what {LOG} says; the originals are kept as *.damaged: rename them "
                f"back and remove {LOG} to begin anew"
            )
    for name in waiting:
        path = folder / name
        _do(path, "replaced", lambda path=path, name=name: disk.rename(new_path(folder, name), path))
    sync_folder(folder)
    discard(folder)  # a file may have been exchanged already, and be prepared once more
    _do(folder / LOG, "removed", lambda: disk.remove(folder / LOG))
    sync_folder(folder)
    return report


def _read_log(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    path = folder / LOG
    try:
        content = json.loads(path.read_bytes())
        digest = content.pop("sha256")
        files, report = content["files"], content["report"]
        if digest != _digest_of(content) or not set(files) <= set(NAMES):
            raise ValueError("its checksum is wrong")
    except OSError as error:
        raise JournalError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise JournalError(
            f"{path}: is damaged ({error}); the originals are kept as *.damaged: rename them back and remove it to begin anew"
        ) from error
    return files, report


def _described(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return {"bytes": os.fstat(file.fileno()).st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
    except OSError as error:
        raise JournalError(f"{path}: cannot be read: {error.strerror}") from error


def _is(path: Path, described: Mapping[str, Any]) -> bool:
    try:
        if not path.is_file() or path.stat().st_size != described["bytes"]:
            return False
    except OSError as error:
        raise JournalError(f"{path}: cannot be read: {error.strerror}") from error
    return _described(path) == described


def _digest_of(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _do(path: Path, what: str, act: Any) -> None:
    try:
        act()
    except OSError as error:
        raise JournalError(f"{path}: cannot be {what}: {error.strerror}") from error
