"""Tell how a session stands, or how it ended, without reading its journal."""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bmi_app.record import integrity, recovery_lock, session_folder
from bmi_app.record.damage import JournalError
from bmi_app.record.integrity import State


@dataclass(frozen=True)
class Outcome:
    """Hold what is known of one session.

    Attributes
    ----------
    summary : dict or None
        Of a session that has ended.
    words : str
        How it stands; see `integrity.Standing`.
    recovering_s : float or None
        For how long it has been recovered; None where it is not being recovered.
    """

    folder: Path
    status: State
    summary: dict[str, Any] | None = None
    recovering_s: float | None = None
    words: str = ""


def outcome_of(folder: Path) -> Outcome:
    """Return how a session stands now."""
    # First, so that a recovery which ends meanwhile is not missed.
    recovering_s = recovery_lock.under_way_s(folder)
    found = integrity.quick(folder)
    summary = None
    with contextlib.suppress(JournalError):  # whose damage the words name
        summary = session_folder.read_summary(folder)
    return Outcome(folder, found.state, summary, recovering_s, found.words)


def last_of(roots: Iterable[Path]) -> Outcome | None:
    """Return how the newest session below any of `roots` ended; None where there is none, or it goes on."""
    folders = [folder for root in roots for folder in session_folder.sessions(root)]
    if not folders:
        return None
    found = outcome_of(max(folders, key=lambda folder: folder.name))
    return None if found.status in ("running", "perhaps running", "unreadable") else found
