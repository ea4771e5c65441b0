"""Go on in another folder when a session's own was removed, or one of its files, while it is recorded."""

import contextlib
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bmi_app.record import blobs, seal
from bmi_app.record.damage import JournalError
from bmi_app.record.durable import replace_file, sync_folder
from bmi_app.record.session_folder import write_session

if TYPE_CHECKING:  # views ask where a session is, and start without Arrow
    from bmi_app.record.journal import Journal

_ENDING = "_rescued"
_MOST = 9  # removals of a file each time; where a whole rescue folder was removed, its name is free again


def places(folder: Path) -> list[Path]:
    """Return where a session that lost its folder may have gone on: beside it, else in the folder of temporary files."""
    names = [f"{folder.name}{_ENDING}{'' if number == 1 else f'_{number}'}" for number in range(1, _MOST + 1)]
    return [parent / name for parent in (folder.parent, Path(tempfile.gettempdir())) for name in names]


def now_in(folder: Path) -> Path:
    """Return where a session is: in its folder, or where it was rescued to last."""
    if (folder / "summary.json").exists():
        return folder
    found: dict[Path, int] = {}
    for place in places(folder):
        with contextlib.suppress(OSError):
            found[place] = (place / "session.toml").stat().st_mtime_ns  # written once, when the session came there
    return max(found, key=found.__getitem__, default=folder)


def move(journal: "Journal", folder: Path, first: Path, session: Mapping[str, Any], protocol_text: str) -> Path:
    """Have a journal go on in a rescue folder, with all that it wrote before; return that folder.

    Files that were removed are read through the journal's own descriptors; blobs and inputs are copied as far as they are
    still there.

    Parameters
    ----------
    journal : Journal
        Of the session.
    folder, first : Path
        Where the session is now, and where it began.
    session, protocol_text
        Content of `session.toml` and `protocol.toml`.

    Raises
    ------
    JournalError
        If there is no place for it; then the journal goes on where it was.
    """
    reasons: dict[Path, str] = {}  # of each parent folder
    for place in places(first):
        if place.parent in reasons:  # a full disk is not filled once more
            continue
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.mkdir()
        except FileExistsError:  # an earlier one, of which not all is gone
            continue
        except OSError as error:
            reasons[place.parent] = f"{place}: {error.strerror}"
            continue
        try:
            replace_file(place / "protocol.toml", protocol_text.encode())
            for name in (blobs.FOLDER, seal.INPUTS):
                with contextlib.suppress(OSError, shutil.Error):
                    shutil.copytree(folder / name, place / name)
            journal.move_to(place)
            write_session(place, session)  # last: with it the folder is a session
            sync_folder(place.parent)
        except JournalError as error:
            shutil.rmtree(place, ignore_errors=True)
            reasons[place.parent] = str(error)
        else:
            return place
    why = "; ".join(reasons.values()) or f"{first}{_ENDING} to {_ENDING}_{_MOST} are taken"
    raise JournalError(f"there is no place to go on: {why}")
