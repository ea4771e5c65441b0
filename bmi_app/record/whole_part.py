"""Cut a recording to what is whole of a damaged session."""

from dataclasses import replace
from typing import Any

import numpy as np

from bmi_app.record.integrity import Standing
from bmi_app.record.kinds import KINDS, NAMED, Kind, file_name
from bmi_app.record.reading import Recording

_ROWS: dict[Kind, str] = {"frames": "counts", "weights": "weight_rows", "subject": "subject_rows"}
_TEXTS: dict[Kind, str] = {"events": "event_texts", "commands": "command_texts"}


def whole_part(recording: Recording, standing: Standing) -> Recording:
    """Return of each kind the ticks up to which nothing is missing in its file, and none beyond the last whole frame.

    Parameters
    ----------
    recording : Recording
        As it was read, up to the first damage of each file.
    standing : Standing
        What a full check of it found.
    """
    through = {found.file: -1 if found.whole_through is None else found.whole_through for found in standing.damage}
    frames_end = through.get(file_name("frames"))
    changed: dict[str, Any] = {}
    for kind in KINDS:
        ends = [end for end in (frames_end, through.get(file_name(kind))) if end is not None]
        if not ends:
            continue
        if kind in recording.more:
            records = recording.more[kind]
            changed.setdefault("more", dict(recording.more))[kind] = records[records["tick"] <= min(ends)]
            continue
        records = getattr(recording, kind)
        keep = records["tick"] <= min(ends)
        changed[kind] = records[keep]
        if kind in _ROWS:
            changed[_ROWS[kind]] = getattr(recording, _ROWS[kind])[keep]
        if kind in NAMED:
            texts = getattr(recording, _TEXTS[kind])
            changed[_TEXTS[kind]] = [texts[i] for i in np.flatnonzero(keep)]
    return replace(recording, **changed)
