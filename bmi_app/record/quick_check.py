"""Look at sizes, headers and end marks of a session's files, without reading them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bmi_app.record import identity, seal
from bmi_app.record.damage import Damage
from bmi_app.record.kinds import KINDS, OPTIONAL, file_name
from bmi_app.record.message import END_MARK, MessageFile


def damage_of(folder: Path, summary: Mapping[str, Any]) -> list[Damage]:
    """Return what can be seen to be wrong with an ended session without reading it whole."""
    sealed = summary.get("files")
    sealed = sealed if isinstance(sealed, Mapping) else {}
    expected = identity.expected_id(folder)
    names = [file_name(kind) for kind in KINDS if kind not in OPTIONAL or (folder / file_name(kind)).is_file()]
    found = []
    for name in dict.fromkeys([*names, *filter(seal.is_ours, sealed), *seal.sealed_names(folder)]):
        about = sealed.get(name)
        size = about.get("bytes") if isinstance(about, Mapping) else None
        what = _wrong_with(folder / name, size, expected if name.endswith(".arrows") else None)
        if not what and sealed and name not in sealed:
            what = "summary.json does not name it: it was added after the session's end"
        if what:
            found.append(Damage(name, -1, 0, what))
    known = {damage.file for damage in found}
    return found + [damage for damage in lost_in_recovery(summary) if damage.file not in known]


def lost_in_recovery(summary: Mapping[str, Any]) -> list[Damage]:
    """Return the files of which recovery could not keep all that the frames say was in them; lost frames are where it was cut."""
    about = summary.get("recovery")
    lost = about.get("lost") if isinstance(about, Mapping) else None
    return [
        Damage(file_name(kind), -1, 0, "its recovery found no more of it", whole_through=lost[kind] - 1)
        for kind in KINDS
        if kind != "frames" and isinstance(lost, Mapping) and isinstance(lost.get(kind), int)
    ]


def missing(folder: Path) -> list[Damage]:
    """Return those files of a journal that are not there."""
    names = [file_name(kind) for kind in KINDS if kind not in OPTIONAL]
    return [Damage(name, -1, 0, "is missing") for name in names if not (folder / name).is_file()]


def _wrong_with(path: Path, size: Any, expected_id: str | None) -> str:
    """Say what is wrong with a file; `expected_id` is that of a journal's file, None for others."""
    try:
        if not path.is_file():
            return "is missing"
        n_bytes = path.stat().st_size
        if size is not None and n_bytes != size:
            return f"{n_bytes} bytes where summary.json says {size}"
        if path.suffix != ".arrows":
            return ""
        walk = MessageFile(path)
        header = next(iter(walk), None)
        if header is None:
            return walk.damage.what if walk.damage is not None else "its header is missing"
        if expected_id and expected_id.encode() not in header.raw:
            return identity.FOREIGN
        with path.open("rb") as file:
            file.seek(-len(END_MARK), 2)
            return "" if file.read() == END_MARK else "the end of the stream is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
