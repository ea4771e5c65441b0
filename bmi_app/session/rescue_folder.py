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


def places(folder: Path) -> list[Path]:
    """Return where a session that lost its folder may have gone on: beside it, else in the folder of temporary files."""
    name = f"{folder.name}{_ENDING}"
    return [folder.with_name(name), Path(tempfile.gettempdir()) / name]


def now_in(folder: Path) -> Path:
    """Return where a session is: in its folder, or where it was rescued to."""
    if (folder / "summary.json").exists():
        return folder
    return next((place for place in places(folder) if (place / "session.toml").is_file()), folder)


def move(journal: "Journal", folder: Path, session: Mapping[str, Any], protocol_text: str) -> Path:
    """Have a journal go on in a rescue folder, with all that it wrote before; return that folder.

    Files that were removed are read through the journal's own descriptors; blobs and inputs are copied as far as they are
    still there.

    Raises
    ------
    JournalError
        If there is no place for it; then the journal goes on where it was.
    """
    reasons = []
    for place in places(folder):
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.mkdir()
        except OSError as error:
            reasons.append(f"{place}: {error.strerror}")
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
            reasons.append(str(error))
            continue
        return place
    raise JournalError(f"{folder}: was removed, and there is no place to go on: {'; '.join(reasons)}")
