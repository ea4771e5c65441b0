"""List what changed the decoder's weights, by how much, and what was refused."""

import math
from dataclasses import dataclass

import numpy as np

from bmi_app.analysis.feed import Fresh
from bmi_app.record.audit import cause_words
from bmi_app.record.lineage import Lineage, undone, undone_by
from bmi_app.rt.records import EventKind, UpdateCause, UpdateVerdict
from bmi_app.rt.stored import named_row

_REFUSALS = (
    UpdateVerdict.REFUSED,
    UpdateVerdict.NOT_FINITE,
    UpdateVerdict.OUTSIDE_LIMITS,
    UpdateVerdict.LEARNING_OFF,
)
# Of these the audit tells nothing.
_UNAUDITED = (UpdateCause.START, UpdateCause.STOP, UpdateCause.UNIT_MOVED, UpdateCause.GAIN)


@dataclass(frozen=True)
class WeightChange:
    """Hold one change, or one that was refused.

    Attributes
    ----------
    norm : float
        Frobenius norm of the difference, of the weights only.
    error_before, error_after : float
        Root mean square error on what was taught, before the update and after; NaN where not known. Of the readout
        (cm/s), or, where the rule adapts a decoder's model, of the features that the model predicts.
    verdict : int
        UpdateVerdict, or -1 where the audit has nothing of it.
    back_to_tick : int or None
        Of an adoption that brought back what had stood before: of the last change before it after which that stood.
    row : int
        Of the log of weights, counting from 0; -1 for a change that was refused.
    """

    tick: int
    trial: int
    cause: str
    norm: float
    is_rejected: bool = False
    error_before: float = math.nan
    error_after: float = math.nan
    verdict: int = -1
    back_to_tick: int | None = None
    row: int = -1


class WeightChanges:
    """Follow the log of weights and the audit; `listed` holds the changes, the newest last.

    A rule that acts in each tick has its weights stored at each reward and at each trial's end: what is listed there is
    all that the ticks since the last entry changed.
    """

    def __init__(self, n_units: int, n_axes: int) -> None:
        self._n_units, self._n_axes = n_units, n_axes
        self._weights: np.ndarray | None = None
        self._rewarded: set[int] = set()  # ticks
        self._lineage = Lineage()
        self._undone: dict[int, int] = {}  # by each adoption, as its command says
        self._ticks: list[int] = []  # of each row
        # Weights whose row of the audit is still to be written.
        self._waiting: list[tuple[np.void, float, int | None, int]] = []
        self.parents = self._lineage.parents
        self.listed: list[WeightChange] = []

    def take(self, fresh: Fresh) -> int:
        """Take what came since the last call; return how many changes that added."""
        rewards = fresh.events[(fresh.events["kind"] == EventKind.REWARD) & (fresh.events["value"] > 0)]
        self._rewarded |= set(rewards["tick"].tolist())
        updates = {(int(update["tick"]), int(update["cause"])): update for update in fresh.updates}
        found, self._waiting = self._waiting, []
        n_old = len(found)
        self._undone |= undone_by(fresh.commands)
        if not self._ticks:
            self._lineage.first = fresh.weights_first
        backs = self._lineage.take(fresh.weights_log, fresh.weights_rows, self._undone)
        for entry, row, back_to in zip(fresh.weights_log, fresh.weights_rows, backs, strict=True):
            weights = named_row(row, self._n_units, self._n_axes)["weights"]
            norm = 0.0 if self._weights is None else float(np.linalg.norm(weights - self._weights))
            self._weights = weights
            self._ticks.append(int(entry["tick"]))
            back_to_tick = self._ticks[back_to] if back_to is not None else None
            found.append((entry.copy(), norm, back_to_tick, len(self._ticks) - 1))
        changes = []
        for at, (entry, norm, back_to_tick, row_index) in enumerate(found):
            cause = UpdateCause(int(entry["cause"]))
            update = updates.pop((int(entry["tick"]), int(cause)), None)
            if update is None and at >= n_old and cause not in _UNAUDITED:
                self._waiting.append((entry, norm, back_to_tick, row_index))
            elif cause != UpdateCause.STOP:
                changes.append(self._change(entry, cause, norm, update, back_to_tick, row_index))
        changes += [  # of which nothing came
            self._change(update, UpdateCause(int(update["cause"])), float(update["norm"]), update)
            for update in updates.values()
        ]
        self.listed += sorted(changes, key=lambda change: change.tick)
        return len(changes)

    def undone(self) -> set[int]:
        """Return the rows of the listed changes that have no part in the weights after the last of them."""
        last = max((change.row for change in self.listed), default=-1)
        return undone(self.parents, last)

    def _change(
        self,
        entry: np.void,
        cause: UpdateCause,
        norm: float,
        update: np.void | None,
        back_to_tick: int | None = None,
        row: int = -1,
    ) -> WeightChange:
        tick, name = int(entry["tick"]), cause_words(cause)
        if back_to_tick is not None:
            first = next(
                (change for change in self.listed if change.tick > back_to_tick and not change.is_rejected), None
            )
            name = f"↶ before {_place(first)}" if first is not None else name
        if cause == UpdateCause.TICK and tick in self._rewarded:
            name = "reward"
        if update is None:
            return WeightChange(tick, int(entry["trial"]), name, norm, back_to_tick=back_to_tick, row=row)
        verdict = int(update["verdict"])
        errors = float(update["error_before"]), float(update["error_after"])
        is_rejected = verdict in _REFUSALS
        return WeightChange(tick, int(entry["trial"]), name, norm, is_rejected, *errors, verdict, back_to_tick, row)


def _place(change: WeightChange) -> str:
    return f"trial {change.trial + 1}" if change.trial >= 0 else f"tick {change.tick:,}"
