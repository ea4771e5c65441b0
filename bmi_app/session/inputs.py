"""Keep the files that a session's decoder starts from in its folder, so that it can be recomputed when they are gone."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from protocols.schema import Protocol

FOLDER = "inputs"


def keep(protocol: Protocol, folder: Path) -> None:
    """Copy every file that the protocol's decoder and learning rule name into a session folder.

    Raises
    ------
    OSError
        If one cannot be copied.
    """
    for key, path in _named_files(protocol):
        (folder / FOLDER).mkdir(exist_ok=True)
        shutil.copyfile(path, folder / FOLDER / key)


def overrides(folder: Path) -> list[str]:
    """Return the overrides that make a recorded protocol name the kept files instead of the original ones."""
    kept = sorted((folder / FOLDER).iterdir()) if (folder / FOLDER).is_dir() else []
    return [f"{path.name}={json.dumps(str(path.resolve()))}" for path in kept]


def _named_files(protocol: Protocol) -> Iterator[tuple[str, Path]]:
    values = {"decoder.start_from": protocol.decoder.start_from}
    values |= {f"decoder.settings.{name}": value for name, value in protocol.decoder.settings.items()}
    values |= {f"learning.settings.{name}": value for name, value in protocol.learning.settings.items()}
    for key, value in values.items():
        if isinstance(value, str) and (path := Path(value).expanduser()).is_file():
            yield key, path
