"""Take from a live file's rings what continues a journal."""

from collections.abc import Mapping

import numpy as np

from bmi_app.record.batches import Batch, empty_batch
from bmi_app.record.kinds import KINDS, NAMED, Kind, Layout, row_dtype
from bmi_app.rt.records import RECORDS

Tail = Mapping[Kind, tuple[np.ndarray, np.ndarray | None]]


def tail_after(tail: Tail, last_tick: int, layout: Layout, n_journaled: Mapping[Kind, int]) -> dict[Kind, Batch]:
    """Select the records of the ticks that follow on `last_tick` without a gap, in frames and health alike.

    Parameters
    ----------
    tail : Tail
        Records of each kind; those that the journal has already may be among them.
    last_tick : int
        The last tick of the journal, -1 when it has none.
    layout : Layout
        Lengths of the list columns.
    n_journaled : mapping of Kind to int
        Number of records in the journal: where a kind has none, what came before the first tick is taken as well.

    Returns
    -------
    dict of Kind to Batch
        For every kind; all are empty where the tail does not continue the journal.
    """
    end = min(_reach(tail, kind, last_tick) for kind in ("frames", "health"))
    found: dict[Kind, Batch] = {}
    for kind in KINDS:
        records, rows = tail.get(kind, (np.empty(0, RECORDS[kind]), None))
        if end <= last_tick or len(records) == 0:
            found[kind] = empty_batch(kind, layout, 0)
            continue
        begins = last_tick < 0 and n_journaled[kind] == 0 and kind != "spikes"
        keep = (records["tick"] > (-2 if begins else last_tick)) & (records["tick"] <= end)
        kept_rows = np.empty(layout.row_shape(kind, len(records)), row_dtype(kind)) if rows is None else rows
        texts = [""] * int(np.count_nonzero(keep)) if kind in NAMED else []
        found[kind] = Batch(records[keep], kept_rows[keep], texts, {})
    return found


def _reach(tail: Tail, kind: Kind, last_tick: int) -> int:
    """Return the last tick that follows on `last_tick` without a gap."""
    if kind not in tail:
        return last_tick
    ticks = tail[kind][0]["tick"]
    ticks = ticks[ticks > last_tick]
    return last_tick + int(np.count_nonzero(np.cumprod(ticks == last_tick + 1 + np.arange(len(ticks)))))
