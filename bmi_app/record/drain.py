"""Carry what the engine's rings gain into the journal."""

from collections import deque
from collections.abc import Callable

import numpy as np

from bmi_app.record.damage import JournalError
from bmi_app.record.journal import Journal
from bmi_app.record.kinds import KINDS, Kind
from bmi_app.record.summary import Tally
from bmi_app.rt import cells
from bmi_app.rt.rings import RINGS, Reader

# What is taken from rings, the frames last; health goes with them.
_TAKEN: tuple[Kind, ...] = tuple(kind for kind in KINDS if kind in RINGS and kind != "health")
# Cells that tell the writer of a ring how far it is saved.
_HEEDED: dict[Kind, int] = {"spikes": cells.SPIKES_SAVED, "frames": cells.FRAMES_SAVED}

# Given how many records were taken already: records (their ticks still open), models, times (s) of the frames in which they
# were learnt, and how many records there ever were.
Learnt = Callable[[int], tuple[np.ndarray, np.ndarray, np.ndarray, int]]


class Drain:
    """Copy new records from the rings to the journal, in an order that keeps the kinds consistent.

    The decode thread writes all that belongs to a tick (its health, events, commands, weights, the ticks of its
    spikes) and moves their heads, and only then moves the head of the frames. So here it goes the other way round: the
    notes of other threads and the frames' head are read *first*, the other heads afterwards. What was read from those
    then reaches at least as far as the frames do. Everything else is appended before the frames, and the journal
    writes the frames last. Whatever the moment of a kill, every tick whose frame is on disk is on disk whole; records
    of later ticks, which the others may hold, are cut by recovery.

    The rings are written without waiting for the journal, except where the driver heeds `SPIKES_SAVED` and a manual
    loop heeds `FRAMES_SAVED`. If one of them was lapped, records are lost, and this is an error. A slot can be torn only while its
    ring is being lapped.

    `step` belongs to the journal thread; `add_command_text` and `add_event` may be called from any.

    Parameters
    ----------
    arrays : dict of ndarray
        The session's arrays as `bmi_app.rt.arrays.describe` names them.
    journal : Journal
        Where the records go.
    tally : Tally, optional
        Counts the same records for the summary.
    learnt : callable, optional
        Given how many of them were taken already, returns what the simulated subject has learnt since.
    """

    def __init__(
        self, arrays: dict[str, np.ndarray], journal: Journal, tally: Tally | None = None, learnt: Learnt | None = None
    ) -> None:
        self._arrays = arrays
        self._ctl = arrays["ctl"]
        self._journal = journal
        self._tally = tally
        self._learnt = learnt
        self._readers: dict[Kind, Reader] = {kind: Reader(arrays, kind) for kind in _TAKEN}
        self._n_learnt = 0
        self._command_texts: dict[int, str] = {}
        self._events: deque[tuple[np.ndarray, str]] = deque()

    @property
    def n_commands(self) -> int:
        """Return how many commands were taken from their ring so far; any thread may ask."""
        return self._readers["commands"].tail

    def add_command_text(self, command_id: int, text: str) -> None:
        """Keep the JSON of a command until the command has acted; call it before the command is sent."""
        self._command_texts[command_id] = text

    def add_event(self, event: np.ndarray, text: str) -> None:
        """Journal an event that no tick has written: a note, a refused command, what the driver said.

        Parameters
        ----------
        event : ndarray[1]
            With the dtype `EVENT`; its tick is one that was published already.
        text : str
            The words that belong to it.
        """
        self._events.append((event.copy(), text))

    def step(self) -> int:
        """Append everything that is new to the journal, without flushing it; return the number of new frames.

        Raises
        ------
        JournalError
            If a ring was lapped, or the journal cannot be written.
        """
        notes = [self._events.popleft() for _ in range(len(self._events))]
        n_frames = self._readers["frames"].head
        heads = {kind: n_frames if kind == "frames" else reader.head for kind, reader in self._readers.items()}
        new_frames = n_frames - self._readers["frames"].tail
        for kind, head in heads.items():
            if kind == "frames":
                self._take_learnt(n_frames)
            self._take(kind, head)
            if kind == "events":
                self._append_notes(notes)
            if kind in _HEEDED:
                self._ctl[_HEEDED[kind]] = head
        self._ctl[cells.SAVED_BYTES] = self._journal.bytes_written
        return new_frames

    def _append_notes(self, notes: list[tuple[np.ndarray, str]]) -> None:
        """Append the events that no tick has written."""
        for event, text in notes:
            self._journal.append("events", event, None, [text])
            if self._tally is not None:
                self._tally.add_events(event)

    def _take(self, kind: Kind, head: int) -> None:
        """Append the records of one ring between its tail and `head`, in one slice or, around its end, two."""
        reader = self._readers[kind]
        self._refuse_lapped(reader, head)
        for place in reader.pieces(head):
            rows = None if reader.rows is None else reader.rows[place]
            self._append(kind, place, reader.records[place], rows)
        # A slot is written before its head moves: meanwhile one more may have been torn. Spikes wait for room.
        now = reader.written
        writing = kind != "spikes" and now > head
        self._refuse_lapped(reader, now + writing)
        reader.tail = head

    def _take_learnt(self, n_frames: int) -> None:
        """Append what the subject has learnt; it says when by the time of a frame, here it gets that frame's tick."""
        if self._learnt is None:
            return
        records, models, times_s, self._n_learnt = self._learnt(self._n_learnt)
        config = self._arrays["config"][0]
        ticks = np.rint((times_s - config["start_s"]) / config["tick_s"]) - 1
        records["tick"] = np.clip(ticks, -1, n_frames)
        self._journal.append("subject", records, models)

    def _append(self, kind: Kind, place: slice, records: np.ndarray, rows: np.ndarray | None) -> None:
        texts = None
        if kind == "frames":
            health = self._arrays["health"][place]
            self._journal.append("health", health)
            if self._tally is not None:
                self._tally.add_frames(records)
                self._tally.add_health(health)
        elif kind == "commands":
            texts = [self._command_texts.pop(number, "") for number in records["id"].tolist()]
        elif kind == "events" and self._tally is not None:
            self._tally.add_events(records)
        self._journal.append(kind, records, rows, texts)

    def _refuse_lapped(self, reader: Reader, head: int) -> None:
        behind = head - reader.tail
        if behind > reader.slots:
            raise JournalError(
                f"{behind - reader.slots} records of {reader.kind} were overwritten before they were saved: the journal fell "
                f"behind by {behind}, the ring holds {reader.slots}; use a faster disk, or fewer processes beside this"
            )
