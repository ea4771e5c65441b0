"""Remember what full checks of sessions have found, in the user's cache, as long as no file of a session is touched.

What is remembered is bound to the size, the times (of content and of inode) and the inode of every file. Times of the inode
cannot be set back by a program, so that a damage is not taken for what was found before it.
"""

import contextlib
import hashlib
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bmi_app.record import seal
from bmi_app.record.damage import Damage, JournalError
from bmi_app.record.durable import replace_file
from bmi_app.record.kinds import FORMAT

_VERSION = f"{FORMAT}, check 1"
_SETTLED_S = 0.1  # a file touched since may be touched again within one step of its time stamps
_MOST = 2000  # remembered at a time

Signature = list[list[Any]]


@dataclass(frozen=True)
class Known:
    """Hold what a full check has found."""

    checked: str
    damage: list[Damage]


def signature(folder: Path) -> Signature:
    """Return what a file cannot change without: its size, its times and its inode, for every file of a session."""
    found = []
    for name in [*seal.sealed_names(folder), "summary.json"]:
        with contextlib.suppress(OSError):
            stat = (folder / name).stat()
            found.append([name, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_dev])
    return found


def settled_signature(folder: Path) -> Signature:
    """Return the signature, not before a change of a file that is made from now on would be seen by it.

    That takes a moment where a file was touched just before. Times that lie in the future are not waited for.
    """
    found = signature(folder)
    if (remaining_s := _touched_s(found) + _SETTLED_S - time.time()) > 0:
        time.sleep(min(remaining_s, _SETTLED_S))
    return signature(folder)


def remember(folder: Path, before: Signature, damage: list[Damage], checked: str, began_s: float) -> None:
    """Keep what a full check has found, unless a file was touched during it or just before."""
    if signature(folder) != before or _touched_s(before) > began_s - _SETTLED_S:
        return
    content = {
        "version": _VERSION,
        "folder": str(folder.resolve()),
        "signature": before,
        "checked": checked,
        "damage": [asdict(found) for found in damage],
    }
    path = _path(folder)
    with contextlib.suppress(OSError, JournalError):  # it will be checked again
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, json.dumps(content | {"sha256": _digest(content)}).encode())
        _forget_oldest(path.parent)


def recall(folder: Path) -> Known | None:
    """Return what a full check has found; None if there was none, or a file was touched since."""
    try:
        content = json.loads(_path(folder).read_bytes())
        if content.pop("sha256") != _digest(content) or content["version"] != _VERSION:
            return None
        if content["folder"] != str(folder.resolve()) or content["signature"] != signature(folder):
            return None
        return Known(content["checked"], [Damage(**found) for found in content["damage"]])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _touched_s(found: Signature) -> float:
    return max((max(times) for _, _, *times, _, _ in found), default=0) / 1e9


def _path(folder: Path) -> Path:
    named = os.environ.get("BMI_CHECKS")
    if named:
        where = Path(named)
    else:
        import platformdirs

        where = Path(platformdirs.user_cache_dir("bmi_app", appauthor=False)) / "checks"
    return where / f"{hashlib.sha256(str(folder.resolve()).encode(errors='surrogateescape')).hexdigest()[:32]}.json"


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _forget_oldest(where: Path) -> None:
    files = list(where.glob("*.json"))
    if len(files) <= _MOST:
        return
    oldest = sorted(files, key=lambda path: path.stat().st_mtime)
    for path in oldest[: len(files) // 2]:
        path.unlink(missing_ok=True)
