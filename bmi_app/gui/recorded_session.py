"""Hold a recorded session for playback: its frames, its trials and its rewards, by time."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bmi_app.record import reading
from bmi_app.rt.records import EventKind, Flag, Outcome
from protocols.schema import Protocol


@dataclass(frozen=True)
class RecordedSession:
    """Hold what playback shows.

    Attributes
    ----------
    frames : FRAME[n_ticks]
    trial_ends_s : f8[n_trials]
        Since the session's start.
    outcomes : i4[n_trials]
        As `Outcome`; trials that the end of a block cut off are not among them.
    rewards_s : f8[n_rewards]
    """

    folder: Path
    protocol: Protocol
    dt_s: float
    frames: np.ndarray
    trial_ends_s: np.ndarray
    outcomes: np.ndarray
    rewards_s: np.ndarray

    @property
    def duration_s(self) -> float:
        """Return the length of what was recorded."""
        return len(self.frames) * self.dt_s

    def at(self, time_s: float) -> int:
        """Return the index of the frame at a time, the last one at the end."""
        return max(min(int(time_s / self.dt_s), len(self.frames) - 1), 0)


def read_session(folder: Path) -> RecordedSession:
    """Read a session for playback.

    Raises
    ------
    JournalError
        If the folder holds no session.
    ValueError
        If it holds no frame.
    """
    recording = reading.read(folder, kinds=("frames", "events"))
    if not len(recording.frames):
        raise ValueError(f"{folder.name} holds no frame")
    protocol = Protocol.model_validate(tomllib.loads(recording.protocol_text))
    dt_s = protocol.tick.period_ms / 1e3
    events, frames = recording.events, recording.frames
    ends = events[(events["kind"] == EventKind.TRIAL_END) & (events["code"] != Outcome.BLOCK_ENDED)]
    first_tick = int(frames["tick"][0])
    return RecordedSession(
        folder=folder,
        protocol=protocol,
        dt_s=dt_s,
        frames=frames,
        trial_ends_s=(ends["tick"] - first_tick) * dt_s,
        outcomes=ends["code"].copy(),
        rewards_s=np.flatnonzero(frames["flags"] & Flag.REWARDED) * dt_s,
    )
