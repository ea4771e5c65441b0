"""Hold a recorded session for playback: its rows by tick, its trials, its rewards, and what changed its weights."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bmi_app.analysis.feed import Fresh
from bmi_app.analysis.told_moments import Told, told_in
from bmi_app.analysis.trials import Trial, Trials
from bmi_app.analysis.weight_changes import WeightChange, WeightChanges
from bmi_app.record import populations, reading
from bmi_app.record.damage import Damage
from bmi_app.rt.records import HEALTH, EventKind, Flag, Outcome
from protocols.schema import Protocol

_CHUNK_TICKS = 2000  # of which trials are made at once


@dataclass(frozen=True)
class RecordedSession:
    """Hold what playback shows.

    Attributes
    ----------
    frames : FRAME[n_ticks]
    counts : f4[n_ticks, unit]
    health : HEALTH[n_ticks]
        Zeros where a damaged file lacks it.
    arrivals_s : f8[n_ticks]
        When the source had last given anything, on the local clock; 0 before it did.
    events, commands, weights
        In the order of their ticks; with the weights `weights_rows`, f8[n, words].
    trials : list of Trial
        All that ended, in order.
    changes : list of WeightChange
        All, in order.
    trial_ends_s : f8[n_trials]
        Since the session's start.
    outcomes : i4[n_trials]
        As `Outcome`; trials that the end of a block cut off are not among them.
    rewards_s : f8[n_rewards]
    told : Told
        Notes, pauses, moves, other commands and events, in words.
    damage : tuple of Damage
        Where a file stops being readable; see `Recording`.
    """

    folder: Path
    protocol: Protocol
    dt_s: float
    frames: np.ndarray
    counts: np.ndarray
    health: np.ndarray
    arrivals_s: np.ndarray
    events: np.ndarray
    commands: np.ndarray
    weights: np.ndarray
    weights_rows: np.ndarray
    updates: np.ndarray
    trials: list[Trial]
    changes: list[WeightChange]
    change_parents: list[int]
    trial_ends_s: np.ndarray
    outcomes: np.ndarray
    rewards_s: np.ndarray
    damage: tuple[Damage, ...] = ()
    told: Told = field(default_factory=Told)

    @property
    def duration_s(self) -> float:
        """Return the length of what was recorded."""
        return len(self.frames) * self.dt_s

    def at(self, time_s: float) -> int:
        """Return the index of the frame at a time, the last one at the end."""
        return max(min(int(time_s / self.dt_s), len(self.frames) - 1), 0)

    def rows(self, first: int, last: int) -> Fresh:
        """Return all that belongs to the frames `first` to `last`, the latter not among them."""
        if first >= last:
            ticks = (0, 0)
        else:
            ticks = int(self.frames["tick"][first]), int(self.frames["tick"][last - 1]) + 1
        begin = -1 if first == 0 and last > 0 else ticks[0]  # the weights of the start stand before the first tick
        events, weights, updates, commands = (
            slice(*np.searchsorted(records["tick"], (begin, ticks[1])))
            for records in (self.events, self.weights, self.updates, self.commands)
        )
        return Fresh(
            self.frames[first:last],
            self.counts[first:last],
            self.health[first:last],
            self.events[events],
            self.weights[weights],
            self.weights_rows[weights],
            self.updates[updates],
            self.commands[commands],
            int(weights.start),
        )


def read_session(folder: Path) -> RecordedSession:
    """Read a session for playback.

    Raises
    ------
    JournalError
        If the folder holds no session.
    ValueError
        If it holds no frame.
    """
    recording = reading.read(folder, kinds=("frames", "health", "events", "commands", "weights", "updates"))
    if not len(recording.frames):
        raise ValueError(f"{folder.name} holds no frame")
    protocol = Protocol.of_session(recording.protocol_text)
    dt_s = protocol.tick.period_ms / 1e3
    frames = recording.frames
    events = recording.events[np.argsort(recording.events["tick"], kind="stable")]  # notes come a little later
    health = np.zeros(len(frames), HEALTH)
    health[: len(recording.health)] = recording.health[: len(frames)]
    ends = events[(events["kind"] == EventKind.TRIAL_END) & (events["code"] != Outcome.BLOCK_ENDED)]
    trials, changes = Trials(dt_s), WeightChanges(recording.n_units, recording.n_axes)
    session = RecordedSession(
        folder=folder,
        protocol=protocol,
        dt_s=dt_s,
        frames=frames,
        counts=recording.counts,
        health=health,
        arrivals_s=np.maximum.accumulate(health["arrival_s"]),
        events=events,
        commands=recording.commands,
        weights=recording.weights,
        weights_rows=populations.completed(recording, protocol),
        updates=recording.updates,
        trials=trials.ended,
        changes=changes.listed,
        change_parents=changes.parents,
        trial_ends_s=(ends["tick"] - int(frames["tick"][0])) * dt_s,
        outcomes=ends["code"].copy(),
        rewards_s=np.flatnonzero(frames["flags"] & Flag.REWARDED) * dt_s,
        damage=tuple(recording.damage),
        told=told_in(recording, protocol),
    )
    for first in range(0, len(frames), _CHUNK_TICKS):
        rows = session.rows(first, min(first + _CHUNK_TICKS, len(frames)))
        trials.take(rows)
        changes.take(rows)
    return session
