"""Decide what recovery keeps of each file: as far as it is whole, and no further than what belongs to it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bmi_app.record.batches import Batch, BatchFile, empty_batch, select
from bmi_app.record.kinds import KINDS, NAMED, Kind, Layout
from bmi_app.record.survey import Finding, common_tick, complete_through
from bmi_app.record.tail import Tail, merge_journaled, reaches_back, tail_after

# A replay recomputes the ticks from frames and commands (and blobs): it can go no further than either.
NEEDED: tuple[Kind, ...] = ("frames", "commands")

# The journal syncs all files each second. After a kill or a loss of power, they end within little more than that of each
# other; where the frames end earlier by more than this, a stretch of them was lost, and the other files are kept.
_MOST_APART_S = 5.0
_MOST_APART_TICKS = 500  # where no length of a tick is known
_WITHOUT_END = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Keeping:
    """Say what is kept.

    Attributes
    ----------
    end : int
        The last tick of which there are frames, -1 without any.
    until : dict of Kind to int
        The last tick of which a file's own records are kept.
    more : dict of Kind to Batch
        What comes after them, from the live file.
    lost : dict of Kind to int
        From which tick on something is missing from a file that is shorter than it should be.
    """

    end: int
    until: dict[Kind, int]
    more: dict[Kind, Batch]
    lost: dict[Kind, int]


def decide(
    folder: Path, findings: dict[Kind, Finding], tail: Tail, layout: Layout, dt_s: float, to_common_tick: bool
) -> Keeping:
    """Decide what is kept of a session.

    Parameters
    ----------
    folder : Path
        Of the session.
    findings : dict of Kind to Finding
        What its files are.
    tail : Tail
        What a live file still holds.
    layout : Layout
        Lengths of the list columns.
    dt_s : float
        Length of a tick.
    to_common_tick : bool
        Cut all files to the last tick of which every file holds all.
    """
    frames = findings["frames"]
    through = {kind: complete_through(findings[kind], frames) for kind in KINDS}
    if to_common_tick:
        start, short, filled = common_tick(findings), set[Kind](), set[Kind]()
    else:
        short = {kind for kind in KINDS if through[kind] < frames.last_tick}
        filled = {kind for kind in short if reaches_back(tail, kind, through[kind], frames.last_tick)}
        short -= filled
        start = max(-1, min([frames.last_tick, *(through[kind] for kind in NEEDED if kind in short)]))
    since = {kind: through[kind] if kind in filled else start for kind in KINDS}
    usable = {} if short & set(NEEDED) else {kind: part for kind, part in tail.items() if kind not in short}
    n_journaled = {kind: finding.n_records for kind, finding in findings.items()}
    more = tail_after(usable, since, start, layout, n_journaled, with_health="health" not in short)
    end = start + len(more["frames"].records)
    for kind in NAMED:
        if len(more[kind].records) > 0 or end > start:
            more[kind] = merge_journaled(more[kind], _between(folder, kind, since[kind], end, layout))
    lost = {kind: through[kind] + 1 for kind in short if kind not in NEEDED and through[kind] < end}
    most_apart = round(_MOST_APART_S / dt_s) if dt_s > 0 else _MOST_APART_TICKS
    until = {**since, **dict.fromkeys(short, end)}
    reach = max(finding.last_tick for finding in findings.values())
    without_frames = (
        frames.layout is None and end < 0
    )  # a journal writes their header at once: they were lost, not late
    if not to_common_tick and (reach - end > most_apart or (without_frames and reach >= 0)):
        lost["frames"] = end + 1
        until = {kind: start if kind == "frames" else since[kind] if kind in filled else _WITHOUT_END for kind in KINDS}
    return Keeping(end, until, more, dict(sorted(lost.items(), key=lambda item: item[1])))


def _between(folder: Path, kind: Kind, last_tick: int, end: int, layout: Layout) -> Batch:
    """Return the intact records of the ticks after `last_tick` up to `end`."""
    found = empty_batch(kind, layout, 0)
    for batch in BatchFile(folder, kind):
        part = select(batch, (batch.records["tick"] > last_tick) & (batch.records["tick"] <= end))
        records, rows = np.concatenate([found.records, part.records]), np.concatenate([found.rows, part.rows])
        found = Batch(records, rows, found.texts + part.texts, {})
    return found
