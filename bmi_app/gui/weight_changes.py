"""List what changed the decoder's weights, by how much, and what was refused."""

import math
from dataclasses import dataclass

import numpy as np

from bmi_app.gui.feed import Fresh
from bmi_app.rt.records import EventKind, UpdateCause, UpdateVerdict

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
    UpdateCause.GUARD: "guard",
}
_REFUSALS = (
    UpdateVerdict.REFUSED,
    UpdateVerdict.NOT_FINITE,
    UpdateVerdict.OUTSIDE_LIMITS,
    UpdateVerdict.LEARNING_OFF,
)


# Those of which the audit tells more.
_AUDITED = frozenset(_CAUSES) - {UpdateCause.START, UpdateCause.UNIT_MOVED, UpdateCause.GAIN}


@dataclass(frozen=True)
class WeightChange:
    """Hold one change, or one that was refused.

    Attributes
    ----------
    norm : float
        Frobenius norm of the difference, of the weights only.
    error_before_cm_s, error_after_cm_s : float
        Root mean square of readout - intention on what was taught, before the update and after; NaN where not known.
    verdict : int
        UpdateVerdict, or -1 where the audit has nothing of it.
    """

    tick: int
    trial: int
    cause: str
    norm: float
    is_rejected: bool = False
    error_before_cm_s: float = math.nan
    error_after_cm_s: float = math.nan
    verdict: int = -1


class WeightChanges:
    """Follow the log of weights and the audit; `listed` holds the changes, the newest last.

    A rule that acts in each tick has its weights stored at each reward and at each trial's end: what is listed there is
    all that the ticks since the last entry changed.
    """

    def __init__(self, n_weights: int) -> None:
        self._n_weights = n_weights
        self._weights: np.ndarray | None = None
        self._rewarded: set[int] = set()  # ticks
        self._waiting: list[tuple[np.void, float]] = []  # weights whose row of the audit is still to be written
        self.listed: list[WeightChange] = []

    def take(self, fresh: Fresh) -> int:
        """Take what came since the last call; return how many changes that added."""
        rewards = fresh.events[(fresh.events["kind"] == EventKind.REWARD) & (fresh.events["value"] > 0)]
        self._rewarded |= set(rewards["tick"].tolist())
        updates = {(int(update["tick"]), int(update["cause"])): update for update in fresh.updates}
        found, self._waiting = self._waiting, []
        n_old = len(found)
        for entry, row in zip(fresh.weights_log, fresh.weights_rows, strict=True):
            weights = row[: self._n_weights]
            norm = 0.0 if self._weights is None else float(np.linalg.norm(weights - self._weights))
            self._weights = weights
            found.append((entry.copy(), norm))
        changes = []
        for at, (entry, norm) in enumerate(found):
            cause = UpdateCause(int(entry["cause"]))
            update = updates.pop((int(entry["tick"]), int(cause)), None)
            if update is None and at >= n_old and cause in _AUDITED:
                self._waiting.append((entry, norm))
            elif cause != UpdateCause.STOP:
                changes.append(self._change(entry, cause, norm, update))
        changes += [  # of which nothing came
            self._change(update, UpdateCause(int(update["cause"])), float(update["norm"]), update)
            for update in updates.values()
        ]
        self.listed += sorted(changes, key=lambda change: change.tick)
        return len(changes)

    def _change(self, entry: np.void, cause: UpdateCause, norm: float, update: np.void | None) -> WeightChange:
        tick, name = int(entry["tick"]), _CAUSES[cause]
        if cause == UpdateCause.TICK and tick in self._rewarded:
            name = "reward"
        if update is None:
            return WeightChange(tick, int(entry["trial"]), name, norm)
        verdict = int(update["verdict"])
        errors = float(update["error_before"]), float(update["error_after"])
        return WeightChange(tick, int(entry["trial"]), name, norm, verdict in _REFUSALS, *errors, verdict)
