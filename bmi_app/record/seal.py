"""Say what each file of a session must be: its size, its rows and its SHA-256, as `summary.json` keeps them.

The checksums detect damage, not forgery: who can write a file can write its checksum as well.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bmi_app.record import blobs
from bmi_app.record.damage import JournalError
from bmi_app.record.kinds import KINDS, file_name
from bmi_app.record.message import MessageFile

TEXTS = ("session.toml", "protocol.toml")
INPUTS = "inputs"  # the folder of the files that the decoder starts from
CHECKSUM = "sha256"  # of the summary, in the summary
_PIECE_BYTES = 1 << 20
_CHANGED = "it is not what it was when the session ended"


def seal_of(path: Path, *, rows: bool = True) -> dict[str, Any]:
    """Return the size, the SHA-256 and, of a journal's file, the number of rows of a file as it is now.

    Raises
    ------
    JournalError
        If it cannot be read.
    """
    digest, n_bytes = hashlib.sha256(), 0
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                digest.update(piece)
                n_bytes += len(piece)
    except OSError as error:
        raise JournalError(f"{path}: cannot be read: {error.strerror}") from error
    found: dict[str, Any] = {"bytes": n_bytes, "sha256": digest.hexdigest()}
    if rows and path.suffix == ".arrows":
        found["rows"] = sum(message.rows for message in MessageFile(path))
    return found


def difference(folder: Path, name: str, sealed: Any, n_rows: int | None) -> str:
    """Say in what a file is not what `summary.json` says; an empty text where it is.

    Parameters
    ----------
    folder, name
        The session folder, and the file in it.
    sealed
        What the summary says of the file: anything, None where it does not name the file.
    n_rows
        How many rows the file was found to have, where it has rows.
    """
    if sealed is None:
        return "summary.json does not name it: it was added after the session's end"
    if not isinstance(sealed, Mapping):
        return "summary.json says no checksum of it"
    if not (folder / name).is_file():
        return "is missing"
    try:
        found = seal_of(folder / name, rows=False)
    except JournalError as error:
        return str(error)
    if found["bytes"] != sealed.get("bytes"):
        return f"{_CHANGED}: {found['bytes']} bytes where summary.json says {sealed.get('bytes')}"
    if n_rows is not None and n_rows != sealed.get("rows"):
        return f"{_CHANGED}: {n_rows} rows where summary.json says {sealed.get('rows')}"
    if found["sha256"] != sealed.get("sha256"):
        return f"{_CHANGED}: its checksum is another one (sha256 in summary.json)"
    return ""


def seals(folder: Path, known: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, dict[str, Any]]:
    """Return the seal of every file of a session, by its name in the folder.

    Files that are known are not read again; they are named even if they are gone, so that their loss is seen.
    """
    known = known or {}
    read = {name: seal_of(folder / name) for name in sealed_names(folder) if name not in known}
    return read | {name: dict(seal) for name, seal in known.items()}


def sealed_names(folder: Path) -> Iterator[str]:
    """Name the files of a session folder that belong to the recording, in a fixed order."""
    names = [*TEXTS, *(file_name(kind) for kind in KINDS)]
    names += [f"{blobs.FOLDER}/{blobs.path_of(folder, blob).name}" for blob in blobs.ids(folder)]
    if (folder / INPUTS).is_dir():
        names += sorted(f"{INPUTS}/{path.name}" for path in (folder / INPUTS).iterdir() if path.is_file())
    return (name for name in names if (folder / name).is_file())


def is_ours(name: str) -> bool:
    """Tell whether a session can have a file of this name: a summary may say anything."""
    folder, _, last = name.rpartition("/")
    if folder == blobs.FOLDER:
        return blobs.is_name(last)
    return name in TEXTS or name in map(file_name, KINDS) or (folder == INPUTS and last not in ("", ".", ".."))


def checksum(summary: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a summary's content, but for its own checksum; an empty text for what no summary can hold."""
    content = {key: value for key, value in summary.items() if key != CHECKSUM}
    try:
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (ValueError, RecursionError):  # NaN
        return ""
    return hashlib.sha256(text.encode()).hexdigest()
