"""Say how far a damaged session can be recomputed and compared."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from bmi_app.record import blobs
from bmi_app.record.integrity import Standing, minutes
from bmi_app.record.kinds import KINDS, file_name
from bmi_app.record.reading import Recording
from bmi_app.rt.records import CommandKind

_NOTHING = -2  # what was written before the first tick has -1


def whole_through(recording: Recording, standing: Standing) -> dict[str, int]:
    """Return for each damaged file up to which tick nothing of it is missing; for a blob, up to which none needs it.

    Parameters
    ----------
    recording : Recording
        With its commands, as far as they can be read.
    standing : Standing
        What the full check of it found.
    """
    found: dict[str, int] = {}
    names = {file_name(kind) for kind in KINDS}
    for damage in standing.damage:
        if damage.file in names and damage.whole_through is not None:
            found[damage.file] = damage.whole_through if damage.whole_through >= 0 else _NOTHING
    adoptions = recording.commands[recording.commands["kind"] == CommandKind.ADOPT]
    damaged = {damage.file for damage in standing.damage}
    for tick, blob_id in zip(adoptions["tick"].tolist(), adoptions["aux"].tolist(), strict=True):
        name = f"{blobs.FOLDER}/{blobs.path_of(recording.folder, blob_id).name}"
        if name in damaged:
            found.setdefault(name, tick - 1)
    return found


def that_can_be_recomputed(recording: Recording, whole: Mapping[str, int]) -> Recording:
    """Return a recording without the frames for which commands are missing, or what these adopt."""
    needed = [tick for name, tick in whole.items() if name == file_name("commands") or name.startswith(blobs.FOLDER)]
    if not needed:
        return recording
    n_frames = int(np.searchsorted(recording.frames["tick"], min(needed), "right"))
    return replace(recording, frames=recording.frames[:n_frames], counts=recording.counts[:n_frames])


def words(whole: Mapping[str, int], dt_s: float) -> dict[str, str]:
    """Say of each damaged file from which tick and time on it is."""
    return {
        name: f"{'needed ' if name.startswith(blobs.FOLDER) else ''}from tick {max(tick, -1) + 1} "
        f"({minutes((max(tick, -1) + 1) * dt_s)}) on"
        for name, tick in whole.items()
    }
