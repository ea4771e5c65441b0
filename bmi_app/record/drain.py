"""Carry what the engine's rings gain into the journal."""

from collections import deque
from collections.abc import Callable

import numpy as np

from bmi_app.record.damage import JournalError
from bmi_app.record.journal import Journal
from bmi_app.record.kinds import Kind
from bmi_app.record.summary import Tally
from bmi_app.rt import cells

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
        self._tails: dict[Kind, int] = {
            "spikes": 0,
            "events": 0,
            "commands": 0,
            "weights": 0,
            "updates": 0,
            "frames": 0,
        }
        self._n_learnt = 0
        self._command_texts: dict[int, str] = {}
        self._events: deque[tuple[np.ndarray, str]] = deque()

    @property
    def n_commands(self) -> int:
        """Return how many commands were taken from their ring so far; any thread may ask."""
        return self._tails["commands"]

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
        heads: dict[Kind, int] = {"frames": int(self._ctl[cells.FRAMES_HEAD])}
        heads["spikes"] = int(self._ctl[cells.SPIKES_DECODED])
        heads["events"] = int(self._ctl[cells.EVENTS_HEAD])
        heads["commands"] = int(self._ctl[cells.COMMANDS_HEAD])
        heads["weights"] = int(self._ctl[cells.WEIGHTS_HEAD])
        heads["updates"] = int(self._ctl[cells.UPDATES_HEAD])

        self._take("spikes", "spikes", heads["spikes"], cells.SPIKES_HEAD)
        self._ctl[cells.SPIKES_SAVED] = heads["spikes"]
        self._take("events", "events", heads["events"], cells.EVENTS_HEAD)
        for event, text in notes:
            self._journal.append("events", event, None, [text])
            if self._tally is not None:
                self._tally.add_events(event)
        self._take("commands", "commands_done", heads["commands"], cells.COMMANDS_HEAD)
        self._take("weights", "weights_log", heads["weights"], cells.WEIGHTS_HEAD, "weights_rows")
        self._take("updates", "updates", heads["updates"], cells.UPDATES_HEAD)
        self._take_learnt(heads["frames"])
        n_frames = heads["frames"] - self._tails["frames"]
        self._take("frames", "frames", heads["frames"], cells.FRAMES_HEAD, "counts")
        self._ctl[cells.FRAMES_SAVED] = heads["frames"]
        self._ctl[cells.SAVED_BYTES] = self._journal.bytes_written
        return n_frames

    def _take(self, kind: Kind, ring_name: str, head: int, head_cell: int, rows_name: str = "") -> None:
        """Append the records of one ring between its tail and `head`, in one slice or, around its end, two."""
        ring = self._arrays[ring_name]
        rows = self._arrays[rows_name] if rows_name else None
        tail = self._tails[kind]
        self._refuse_lapped(kind, len(ring), tail, head)
        while tail < head:
            begin = tail & (len(ring) - 1)
            end = min(begin + head - tail, len(ring))
            self._append(kind, slice(begin, end), ring[begin:end], None if rows is None else rows[begin:end])
            tail += end - begin
        # A slot is written before its head moves: meanwhile one more may have been torn. Spikes wait for room.
        now = int(self._ctl[head_cell])
        writing = kind != "spikes" and now > head
        self._refuse_lapped(kind, len(ring), self._tails[kind], now + writing)
        self._tails[kind] = head

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

    def _refuse_lapped(self, kind: Kind, length: int, tail: int, head: int) -> None:
        if head - tail > length:
            raise JournalError(
                f"{head - tail - length} records of {kind} were overwritten before they were saved: the journal fell "
                f"behind by {head - tail}, the ring holds {length}; use a faster disk, or fewer processes beside this"
            )
