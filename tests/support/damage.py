"""Damage the files of a session folder in every way that disks, programs and people do."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

HOWS = ("missing", "empty", "cut", "zeroed", "zeroed part", "flipped", "random", "swapped", "longer")


@dataclass(frozen=True)
class Harm:
    """Describe one damage: to which file of the folder, of which kind, and where (0..1) in it."""

    file: str
    how: str
    where: float = 0.5
    seed: int = 0


def files(folder: Path) -> list[str]:
    """Name every file of a session folder that a recording consists of; exports, logs and heartbeats are none."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    kept = (".arrows", ".toml", ".json", ".npz")
    found = [path for path in found if path.suffix in kept or path.parent.name == "inputs"]
    return [str(path.relative_to(folder)) for path in found if path.name != "heartbeat.json"]


def every_harm(folder: Path, *, seed: int = 0) -> Iterator[Harm]:
    """Yield each kind of damage to each file once, at a place drawn from the seed."""
    rng = np.random.default_rng(seed)
    for file in files(folder):
        for how in HOWS:
            yield Harm(file, how, float(rng.random()), int(rng.integers(1 << 31)))


def damaged_copy(folder: Path, other: Path, harm: Harm, to: Path) -> Path | None:
    """Copy a session folder and damage the copy; None where the damage would change no byte.

    Parameters
    ----------
    folder, other : Path
        The session, and one of which a file is taken for `swapped`: cut, or filled up with its own end, to the same length.
    harm : Harm
        What to do.
    to : Path
        Where the copy is made; its name stays.
    """
    copy = Path(shutil.copytree(folder, to / folder.name))
    path = copy / harm.file
    before = path.read_bytes()
    after = _content(before, harm, other / harm.file)
    if after == before:
        shutil.rmtree(copy)
        return None
    if after is None:
        path.unlink()
    else:
        path.write_bytes(after)
    return copy


def _content(before: bytes, harm: Harm, others: Path) -> bytes | None:
    rng = np.random.default_rng(harm.seed)
    place = min(int(harm.where * len(before)), len(before) - 1)
    if harm.how == "missing":
        return None
    if harm.how == "empty":
        return b""
    if harm.how == "cut":
        return before[:place]
    if harm.how == "zeroed":
        return bytes(len(before))
    if harm.how == "zeroed part":
        n_bytes = min(int(rng.integers(1, 4096)), len(before) - place)
        return before[:place] + bytes(n_bytes) + before[place + n_bytes :]
    if harm.how == "flipped":
        flipped = before[place] ^ (1 << int(rng.integers(8)))
        return before[:place] + bytes([flipped]) + before[place + 1 :]
    if harm.how == "random":
        return rng.bytes(len(before))
    if harm.how == "swapped":
        return others.read_bytes() if others.is_file() else before
    assert harm.how == "longer", harm.how
    return before + rng.bytes(int(rng.integers(1, 4096)))
