"""Bind the files of a session to it by a random id, which stands in `session.toml` and in every file that follows.

Sessions of format 1 have none: their files are bound by their row counts only.
"""

import functools
import uuid
from pathlib import Path

from bmi_app import small_files

KEY = "session_id"  # in the metadata of an Arrow schema
FOREIGN = "belongs to another session"


def new_id() -> str:
    """Return a random id for a new session."""
    return uuid.uuid4().hex


def expected_id(folder: Path) -> str | None:
    """Return the id that the files of a session must have: empty for one without; None where `session.toml` cannot be read."""
    try:
        return _id_in(small_files.read_bytes(folder / "session.toml").decode())
    except (OSError, ValueError, RecursionError):
        return None


@functools.lru_cache(maxsize=16)  # every file of a session asks, several times while it is checked
def _id_in(text: str) -> str | None:
    found = small_files.parse_toml(text).get("id", "")
    return found if isinstance(found, str) else None


def foreign(found: str, expected: str | None) -> str:
    """Say that a file with the id `found` is not of the session with the id `expected`; an empty text where it may be."""
    if expected is None or found == expected:
        return ""
    return f"{FOREIGN}: its session id is {found[:8] or 'none'}, that of session.toml is {expected[:8] or 'none'}"
