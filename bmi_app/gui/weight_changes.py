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
    """Follow the log of weights; `listed` holds the changes, the newest last."""

    def __init__(self, n_weights: int) -> None:
        self._n_weights = n_weights
        self._weights: np.ndarray | None = None
        self.listed: list[WeightChange] = []

    def take(self, fresh: Fresh) -> int:
        """Take what came since the last call; return how many changes that added."""
        found = []
        for entry, row in zip(fresh.weights_log, fresh.weights_rows, strict=True):
            weights = row[: self._n_weights]
            norm = 0.0 if self._weights is None else float(np.linalg.norm(weights - self._weights))
            self._weights = weights
            cause = UpdateCause(int(entry["cause"]))
            if cause != UpdateCause.STOP:
                found.append(WeightChange(int(entry["tick"]), int(entry["trial"]), _CAUSES[cause], norm))
        for event in fresh.events[fresh.events["kind"] == EventKind.UPDATE_REJECTED]:
            refused = _CAUSES[UpdateCause(int(event["code"]))]
            found.append(WeightChange(int(event["tick"]), int(event["trial"]), refused, float(event["value"]), True))
        self.listed += sorted(found, key=lambda change: change.tick)
        return len(found)
