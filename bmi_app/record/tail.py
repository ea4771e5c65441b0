"""Take from a live file's rings what continues a journal."""

from collections.abc import Mapping

import numpy as np

from bmi_app.record.batches import Batch, empty_batch
from bmi_app.record.kinds import KINDS, NAMED, TOTALS, Kind, Layout, row_dtype
from bmi_app.rt.records import RECORDS

Tail = Mapping[Kind, tuple[np.ndarray, np.ndarray | None]]


def tail_after(
    tail: Tail,
    since: Mapping[Kind, int],
    last_tick: int,
    layout: Layout,
    n_journaled: Mapping[Kind, int],
    *,
    with_health: bool = True,
) -> dict[Kind, Batch]:
    """Select the records of the ticks that follow on a journal without a gap, in frames and health alike.

    Parameters
    ----------
    tail : Tail
        Records of each kind; those that the journal has already may be among them.
    since : mapping of Kind to int
        For each kind, the last tick of which the journal's own records are kept.
    last_tick : int
        The last tick of the journal, -1 when it has none.
    layout : Layout
        Lengths of the list columns.
    n_journaled : mapping of Kind to int
        Number of records in the journal: where a kind has none, what came before the first tick is taken as well.
    with_health : bool
        False where the journal's health ends early: then only the frames must follow.

    Returns
    -------
    dict of Kind to Batch
        For every kind; all are empty where the tail does not continue the journal, or is not of its sizes.
    """
    if not _fits(tail, layout):
        tail = {}
    gapless: tuple[Kind, ...] = ("frames", "health") if with_health else ("frames",)
    end = min(_reach(tail, kind, since[kind]) for kind in gapless)
    found: dict[Kind, Batch] = {}
    for kind in KINDS:
        records, rows = tail.get(kind, (np.empty(0, RECORDS[kind]), None))
        if end <= since[kind] or end < last_tick or len(records) == 0:
            found[kind] = empty_batch(kind, layout, 0)
            continue
        begins = since[kind] < 0 and n_journaled[kind] == 0 and kind != "spikes"
        keep = (records["tick"] > (-2 if begins else since[kind])) & (records["tick"] <= end)
        kept_rows = np.empty(layout.row_shape(kind, len(records)), row_dtype(kind)) if rows is None else rows
        texts = [""] * int(np.count_nonzero(keep)) if kind in NAMED else []
        found[kind] = Batch(records[keep], kept_rows[keep], texts, {})
    return found


def reaches_back(tail: Tail, kind: Kind, last_tick: int, end: int) -> bool:
    """Tell whether a tail holds all records of a kind after `last_tick`, up to `end`."""
    if kind not in tail or len(tail[kind][0]) == 0:
        return False
    if kind in {"frames", "health"}:
        return _reach(tail, kind, last_tick) >= end
    return bool(tail[kind][0]["tick"].min() <= last_tick)  # what its ring has lost is older than the oldest it holds


def _fits(tail: Tail, layout: Layout) -> bool:
    """Tell whether a tail can be of this journal: its rows are as long, and it counts nothing less than never.

    A live file may be of another session, or destroyed.
    """
    health = tail.get("health", (np.empty(0, RECORDS["health"]), None))[0]
    if any(np.any(health[name] < 0) for name in TOTALS):
        return False
    return all(
        layout.row_shape(kind, len(records)) == (len(records), 0)
        if rows is None
        else rows.shape == layout.row_shape(kind, len(records))
        for kind, (records, rows) in tail.items()
    )


def merge_journaled(more: Batch, journaled: Batch) -> Batch:
    """Add to events or commands from the tail what the journal already had of the same ticks.

    Rings hold no texts, and none of the notes of other threads; the journal may have both for ticks whose frames it
    has not.
    """
    texts: dict[bytes, list[str]] = {}
    for record, text in zip(journaled.records, journaled.texts, strict=True):
        texts.setdefault(record.tobytes(), []).append(text)
    found = [texts.get(record.tobytes(), [""]) for record in more.records]
    more_texts = [known.pop(0) if known else "" for known in found]
    # What was not found in the tail is left in `texts`.
    left = [
        (record, texts[record].pop(0)) for record in (each.tobytes() for each in journaled.records) if texts[record]
    ]
    extra = np.frombuffer(b"".join(record for record, _ in left), more.records.dtype)
    records = np.concatenate([more.records, extra])
    rows = np.empty((len(records), 0), more.rows.dtype)
    order = np.argsort(records["tick"], kind="stable")
    all_texts = more_texts + [text for _, text in left]
    return Batch(records[order], rows, [all_texts[i] for i in order], {})


def _reach(tail: Tail, kind: Kind, last_tick: int) -> int:
    """Return the last tick that follows on `last_tick` without a gap."""
    if kind not in tail:
        return last_tick
    ticks = tail[kind][0]["tick"]
    ticks = ticks[ticks > last_tick]
    return last_tick + int(np.count_nonzero(np.cumprod(ticks == last_tick + 1 + np.arange(len(ticks)))))
