"""Compare what a recording holds with what its recomputation made, bit for bit."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bmi_app.record import populations
from bmi_app.record.kinds import Kind, file_name
from bmi_app.record.reading import Recording
from bmi_app.rt.event_kinds import FIRST_BY_THREADS
from bmi_app.rt.memory import named_parts
from bmi_app.rt.records import EventKind, StopReason
from bmi_app.rt.rings import Reader
from bmi_app.session.engine.build import Core

_COMPARED: tuple[Kind, ...] = ("events", "commands", "updates", "weights")
_BY_A_TICK = (StopReason.PROTOCOL_DONE, StopReason.DURATION, StopReason.TRIALS, StopReason.OPERATOR)


@dataclass(frozen=True)
class Difference:
    """Name the first place where a replay differs from its recording."""

    tick: int
    what: str
    recorded: str
    replayed: str


class Follower:
    """Gather what a recomputed session writes into one of its log rings."""

    def __init__(self, core: Core, kind: Kind) -> None:
        self._reader = Reader(core.arrays, kind)
        self.records: list[np.ndarray] = []
        self.rows: list[np.ndarray] = []

    def take(self) -> None:
        """Copy what is new."""
        taken = self._reader.take()
        assert taken.n_missed == 0, "a chunk wrote more than its ring holds"
        self.records.append(taken.records)
        if taken.rows is not None:
            self.rows.append(taken.rows)

    def all(self, recorded: np.ndarray) -> np.ndarray:
        """Return all that was copied; without anything, nothing of the recorded kind."""
        return np.concatenate(self.records) if self.records else recorded[:0].copy()


def first_difference(recorded: np.ndarray, made: np.ndarray, what: str) -> Difference | None:
    """Compare records of one dtype bit for bit."""
    n_common = min(len(recorded), len(made))
    left, right = (
        np.ascontiguousarray(part[:n_common]).view(np.uint8).reshape(n_common, part.dtype.itemsize)
        for part in (recorded, made)
    )
    unequal = np.flatnonzero((left != right).any(axis=1))
    if len(unequal):
        row = int(unequal[0])
        for name in recorded.dtype.names or ():
            if recorded[name][row].tobytes() != made[name][row].tobytes():
                values = repr(recorded[name][row].item()), repr(made[name][row].item())
                return Difference(int(recorded["tick"][row]), f"{what} {name}", *values)
    if len(recorded) != len(made):
        longer = recorded if len(recorded) > len(made) else made
        there = f"{len(recorded)} records", f"{len(made)} records"
        return Difference(int(longer["tick"][n_common]), f"number of {what}s", *there)
    return None


class Logs:
    """Follow all that a recomputed session logs beside its frames."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._of: dict[Kind, Follower] = {kind: Follower(core, kind) for kind in _COMPARED}

    def take(self) -> None:
        """Copy what is new."""
        for follower in self._of.values():
            follower.take()

    def compare(self, recording: Recording, whole: Mapping[str, int] | None = None) -> Difference | None:
        """Compare events, commands, the audit of updates, weights and the units' map, as far as the frames go.

        `whole` says of damaged files (by their names) up to which tick they are to be compared.
        """
        last_tick = int(recording.frames["tick"][-1]) if len(recording.frames) else -1
        until = {kind: min(last_tick, (whole or {}).get(file_name(kind), last_tick)) for kind in _COMPARED}
        events = _through(recording.events, until["events"])
        events = events[_made_by_ticks(events)]
        commands = _through(recording.commands, until["commands"])
        updates = _through(recording.updates, until["updates"])
        weights = _through(recording.weights, until["weights"])
        made_commands = _through(self._of["commands"].all(commands), until["commands"])
        if len(made_commands) == len(commands):  # format 1 does not say which commands acted
            made_commands["acted"][commands["acted"] < 0] = -1
        return (
            first_difference(events, _through(self._of["events"].all(events), until["events"]), "event")
            or first_difference(commands, made_commands, "command")
            or first_difference(updates, _through(self._of["updates"].all(updates), until["updates"]), "update")
            or first_difference(weights, _through(self._of["weights"].all(weights), until["weights"]), "weights")
            or self._compare_rows(recording, len(weights), is_whole=until["weights"] == last_tick)
        )

    def _compare_rows(self, recording: Recording, n_rows: int, *, is_whole: bool) -> Difference | None:
        """Compare the rows of weights, each unit's population among them, and the map and mask that stand in the end."""
        core, ticks = self._core, recording.weights["tick"]
        rows, width = recording.weight_rows, core.arrays["weights_rows"].shape[1]
        if rows.shape[1] != width and len(rows):  # of another session: format 1 has no ids by which that would be known
            return Difference(int(ticks[0]), "numbers in a row of weights", str(rows.shape[1]), str(width))
        if n_rows == 0:
            return None
        recorded = populations.completed(recording, core.protocol)[:n_rows]
        made = np.concatenate(self._of["weights"].rows)[:n_rows]
        bad = np.flatnonzero((recorded.view(np.uint64) != made.view(np.uint64)).any(axis=1))
        if len(bad):
            return Difference(int(ticks[bad[0]]), "weights row", str(recorded[bad[0]]), str(made[bad[0]]))
        if not is_whole:
            return None
        tick = int(recording.frames["tick"][-1])
        population = named_parts(recorded[-1], core.sizes.row)["population"]
        stands = core.arrays["unit_population"]
        if not np.array_equal(population, stands):
            return Difference(tick, "final population of the units", str(population), str(stands))
        mask = populations.mask_of(core.protocol, population.astype(int))
        if mask is not None and not np.array_equal(mask, core.arrays["mask"]):
            return Difference(tick, "final mask of the units", str(mask), str(core.arrays["mask"]))
        return None


def _through(records: np.ndarray, last_tick: int) -> np.ndarray:
    return records[records["tick"] <= last_tick]


def _made_by_ticks(recorded: np.ndarray) -> np.ndarray:
    """Tell which events a tick has written: not those of the engine's threads, nor an end by the source or a failure."""
    stopped_by_tick = (recorded["kind"] != EventKind.SESSION_STOP) | np.isin(recorded["code"], _BY_A_TICK)
    made: np.ndarray = (recorded["kind"] < FIRST_BY_THREADS) & stopped_by_tick
    return made
