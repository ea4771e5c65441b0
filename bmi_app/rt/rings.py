"""Declare the rings of a session once, and read them.

A ring is an array of records whose head counts all that were ever written; the slot of a record is its number modulo the
ring's length, a power of two. The journal, the recovery of a dead engine, replays and views read through `Reader`.
Only numpy is imported here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from bmi_app.rt import cells, records


@dataclass(frozen=True)
class Ring:
    """Declare a ring.

    Attributes
    ----------
    array : str
        The array of its records, as `bmi_app.rt.arrays.describe` names it.
    dtype : np.dtype
        Of a record.
    slots : str or int
        How many records it holds: a number, or the name of a field of `bmi_app.rt.arrays.Sizes`.
    head : int
        The cell that says how many records are complete.
    rows : str
        The array of what belongs to each record, row by row; empty: nothing does.
    written : int
        The cell that its writer moves, where that is another: what lies between is not complete.
    """

    array: str
    dtype: np.dtype
    slots: str | int
    head: int
    rows: str = ""
    written: int = -1


RINGS: dict[str, Ring] = {
    "spikes": Ring("spikes", records.SPIKE, "spike_slots", cells.SPIKES_DECODED, written=cells.SPIKES_HEAD),
    "frames": Ring("frames", records.FRAME, "frame_slots", cells.FRAMES_HEAD, rows="counts"),
    "health": Ring("health", records.HEALTH, "frame_slots", cells.FRAMES_HEAD),
    "events": Ring("events", records.EVENT, "event_slots", cells.EVENTS_HEAD),
    "commands": Ring("commands_done", records.COMMAND, "command_slots", cells.COMMANDS_HEAD),
    "weights": Ring("weights_log", records.WEIGHTS, "weight_slots", cells.WEIGHTS_HEAD, rows="weights_rows"),
    "updates": Ring("updates", records.UPDATE, "update_slots", cells.UPDATES_HEAD),
    "words": Ring("words", records.WORDS, 32, cells.WORDS_HEAD),
    "queue": Ring("queue", records.COMMAND, "command_slots", cells.QUEUE_HEAD),
}

# Every array that is a ring, and of those that share a head which one the others stand beside.
ARRAYS = tuple(dict.fromkeys(name for ring in RINGS.values() for name in (ring.array, ring.rows) if name))
BESIDE = {ring.rows: ring.array for ring in RINGS.values() if ring.rows} | {"health": "frames"}


@dataclass(frozen=True)
class Taken:
    """Hold copies of what a reader took.

    Attributes
    ----------
    first : int
        Number of the first record, counted from the beginning of the session.
    records : ndarray
    rows : ndarray or None
        What belongs to each record.
    n_missed : int
        How many records before the first were not taken, because they were overwritten or might have been meanwhile.
    """

    first: int
    records: np.ndarray
    rows: np.ndarray | None
    n_missed: int


class Reader:
    """Read one ring from where the last call ended.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        Of the session.
    kind : str
        A key of `RINGS`.
    tail : int
        Number of the first record that is wanted.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], kind: str, tail: int = 0) -> None:
        ring = RINGS[kind]
        self.kind, self.tail = kind, tail
        self.records = arrays[ring.array]
        self.rows = arrays[ring.rows] if ring.rows else None
        self._ctl, self._head = arrays["ctl"], ring.head
        self._written = ring.written if ring.written >= 0 else ring.head

    @property
    def slots(self) -> int:
        """Return how many records the ring holds."""
        return len(self.records)

    @property
    def head(self) -> int:
        """Return how many records are complete."""
        return int(self._ctl[self._head])

    @property
    def written(self) -> int:
        """Return how many records were begun, as far as their writer has said."""
        return int(self._ctl[self._written])

    def at(self, first: int, until: int) -> np.ndarray:
        """Return the slots of the records from `first` to before `until`, i8[n]."""
        return np.arange(first, until) & (self.slots - 1)

    def pieces(self, until: int) -> Iterator[slice]:
        """Yield where the records from the tail to before `until` lie, in one slice or, around the ring's end, two."""
        tail = self.tail
        while tail < until:
            begin = tail & (self.slots - 1)
            end = min(begin + until - tail, self.slots)
            yield slice(begin, end)
            tail += end - begin

    def take(self, safe: int | None = None, until: int | None = None) -> Taken:
        """Copy what is new, and go on behind it next time.

        Parameters
        ----------
        safe : int, optional
            How many of the newest records are taken at most: those that cannot be overwritten while they are copied.
            Without it, all that the ring holds: for whoever is its only writer.
        until : int, optional
            Number of the first record that is not wanted yet; without it, the head.
        """
        head = self.head if until is None else until
        first = max(self.tail, head - (self.slots if safe is None else safe))
        missed, self.tail = first - self.tail, max(head, self.tail)
        at = self.at(first, head)
        return Taken(first, self.records[at], None if self.rows is None else self.rows[at], missed)


def half(reader: Reader) -> int:
    """Return how many records a view takes at most: while it copies them the engine may write as many again."""
    return reader.slots // 2
