"""List what changed the decoder's weights, by how much, and what was refused."""

from dataclasses import dataclass

import numpy as np

from bmi_app.gui.feed import Fresh
from bmi_app.rt.records import EventKind, UpdateCause

_CAUSES = {
    UpdateCause.START: "start",
    UpdateCause.TICK: "learning",
    UpdateCause.TRIAL: "trial",
    UpdateCause.REWARD: "reward",
    UpdateCause.ADOPTED: "undo or load",
    UpdateCause.UNIT_MOVED: "unit moved",
    UpdateCause.GAIN: "gain",
    UpdateCause.BLOCK: "block",
    UpdateCause.SECONDS: "time",
    UpdateCause.REST: "rest",
    UpdateCause.STAGED: "staged",
    UpdateCause.FIT: "fit",
    UpdateCause.GUARD: "guard: back to good",
}


@dataclass(frozen=True)
class WeightChange:
    """Hold one change; `norm` is the Frobenius norm of the difference, of the weights only."""

    tick: int
    trial: int
    cause: str
    norm: float
    is_rejected: bool = False


class WeightChanges:
    """Follow the log of weights; `listed` holds the changes, the newest last.

    A rule that acts in each tick has its weights stored at each reward and at each trial's end: what is listed there is
    all that the ticks since the last entry changed.
    """

    def __init__(self, n_weights: int) -> None:
        self._n_weights = n_weights
        self._weights: np.ndarray | None = None
        self._rewarded: set[int] = set()  # ticks
        self.listed: list[WeightChange] = []

    def take(self, fresh: Fresh) -> int:
        """Take what came since the last call; return how many changes that added."""
        found = []
        rewards = fresh.events[(fresh.events["kind"] == EventKind.REWARD) & (fresh.events["value"] > 0)]
        self._rewarded |= set(rewards["tick"].tolist())
        for entry, row in zip(fresh.weights_log, fresh.weights_rows, strict=True):
            weights = row[: self._n_weights]
            norm = 0.0 if self._weights is None else float(np.linalg.norm(weights - self._weights))
            self._weights = weights
            cause = UpdateCause(int(entry["cause"]))
            if cause != UpdateCause.STOP:
                tick = int(entry["tick"])
                name = "reward" if cause == UpdateCause.TICK and tick in self._rewarded else _CAUSES[cause]
                found.append(WeightChange(tick, int(entry["trial"]), name, norm))
        for event in fresh.events[fresh.events["kind"] == EventKind.UPDATE_REJECTED]:
            refused = _CAUSES[UpdateCause(int(event["code"]))]
            found.append(WeightChange(int(event["tick"]), int(event["trial"]), refused, float(event["value"]), True))
        self.listed += sorted(found, key=lambda change: change.tick)
        return len(found)
