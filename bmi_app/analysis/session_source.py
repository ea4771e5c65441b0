"""Say what panels ask of a session, running or recorded, beside the rows they are handed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

import protocols.schema
from bmi_app.analysis.feed import Feed, Fresh
from bmi_app.analysis.trials import Trials
from bmi_app.analysis.weight_changes import WeightChanges
from bmi_app.session.view.attachment import Attachment


@dataclass(frozen=True)
class Model:
    """Hold the decoder and its knobs as they stand at the moment that is shown.

    Attributes
    ----------
    weights : f8[axis, unit]
    gain : f8[axis]
    assist : float
        Share of the velocity that the computer gives, 0 to 1.
    follows_block : bool
        Whether the assist is what the block says, and not what an operator asked for.
    """

    weights: np.ndarray
    gain: np.ndarray
    learning_on: bool
    learning_rate: float
    assist: float
    follows_block: bool


class SessionSource(Protocol):
    """Be a session at one moment: now, where it runs, or at the playhead.

    Attributes
    ----------
    folder, protocol
        Of the session.
    trials : Trials
        Those that have ended.
    changes : WeightChanges
        Those that there were.
    """

    folder: Path
    protocol: protocols.schema.Protocol
    trials: Trials
    changes: WeightChanges

    @property
    def unit_population(self) -> np.ndarray:
        """Return the index of each unit's population, i8[unit]; -1 for none."""

    def model(self) -> Model:
        """Return the decoder of the moment."""


class LiveSource:
    """Read a running session through its live file."""

    def __init__(self, attachment: Attachment) -> None:
        self._arrays, self._attachment = attachment.arrays, attachment
        self._feed = Feed(attachment)
        self.folder, self.protocol = attachment.folder, attachment.protocol
        self.trials = Trials(self.protocol.tick.period_ms / 1e3)
        self.changes = WeightChanges(*self._arrays["weights"].shape[::-1])

    @property
    def unit_population(self) -> np.ndarray:
        """Return the index of each unit's population, i8[unit]; -1 for none."""
        return self._arrays["unit_population"]

    def fresh(self) -> Fresh:
        """Return the rows that came since the last call."""
        fresh = self._feed.fresh()
        self.trials.take(fresh)
        self.changes.take(fresh)
        return fresh

    def model(self) -> Model:
        """Return the decoder as it is now."""
        state, frame = self._arrays["state"][0], self._attachment.latest()
        return Model(
            weights=self._arrays["weights"].copy(),
            gain=self._arrays["gain"].copy(),
            learning_on=bool(state["learning_on"]),
            learning_rate=float(state["learning_rate"]),
            assist=float(frame["assist"]) if frame is not None else 0.0,
            follows_block=float(state["assist_override"]) < 0,
        )
