"""Keep the files that a session's decoder starts from in its folder, so that it can be recomputed when they are gone.

They are kept as they are; `session.toml` names the SHA-256 of each, which binds them to their session.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from bmi_app.record import full_check, seal
from bmi_app.record.damage import JournalError
from bmi_app.record.reading import read_texts
from protocols.schema import Protocol

FOLDER = seal.INPUTS


def keep(protocol: Protocol, folder: Path) -> dict[str, str]:
    """Copy every file that the protocol's decoder and learning rule name into a session folder; return their SHA-256.

    Raises
    ------
    OSError
        If one cannot be copied.
    """
    found = {}
    for key, path in _named_files(protocol):
        (folder / FOLDER).mkdir(exist_ok=True)
        shutil.copyfile(path, folder / FOLDER / key)
        found[key] = seal.seal_of(folder / FOLDER / key)["sha256"]
    return found


def overrides(folder: Path) -> list[str]:
    """Return the overrides that make a recorded protocol name the kept files instead of the original ones.

    Raises
    ------
    JournalError
        If one is missing, or is not the one that the session began with.
    """
    kept = sorted((folder / FOLDER).iterdir()) if (folder / FOLDER).is_dir() else []
    for damage in full_check.input_damage(folder, read_texts(folder)[0]):
        raise JournalError(f"{folder / damage.file}: {damage.what}")
    return [f"{path.name}={json.dumps(str(path.resolve()))}" for path in kept]


def _named_files(protocol: Protocol) -> Iterator[tuple[str, Path]]:
    values = {"decoder.start_from": protocol.decoder.start_from}
    values |= {f"decoder.settings.{name}": value for name, value in protocol.decoder.settings.items()}
    values |= {f"learning.settings.{name}": value for name, value in protocol.learning.settings.items()}
    for key, value in values.items():
        if isinstance(value, str) and (path := Path(value).expanduser()).is_file():
            yield key, path
