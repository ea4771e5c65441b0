"""Make trials of a session's frames and events."""

from dataclasses import dataclass

import numpy as np

from bmi_app.analysis.feed import Fresh
from bmi_app.rt.records import EventKind, Flag, Outcome, TaskState

REASONS = {
    Outcome.SUCCESS: "",
    Outcome.TIMEOUT_NOT_REACHED: "target not reached",
    Outcome.TIMEOUT_NOT_HELD: "target not held",
    Outcome.HOLD_BROKEN: "hold broken",
    Outcome.BLOCK_ENDED: "block ended",
    Outcome.OPERATOR: "skipped",
    Outcome.WRONG_TARGET: "wrong target",
}
UNJUDGED = (Outcome.BLOCK_ENDED, Outcome.OPERATOR)  # neither successes nor failures: they say nothing about the subject
_PATH_STEP_S = 0.02
_MOST_POINTS = 1500  # of a path: 30 s


@dataclass(frozen=True)
class Trial:
    """Hold one trial that ended.

    Attributes
    ----------
    target : int
        -1 for one drawn anew.
    time_s : float
        To the target where it succeeded, else until it failed; NaN where the start was not seen.
    efficiency : float
        Straight way divided by the way taken, 0..1; NaN where it did not succeed or its way was not seen whole.
    path_cm : f8[point, 2]
    end_tick : int
    caught_up_s : float
        For how long it was held because its ticks were behind.
    """

    number: int
    target: int
    outcome: Outcome
    time_s: float
    efficiency: float
    path_cm: np.ndarray
    end_tick: int
    caught_up_s: float = 0.0

    @property
    def is_failure(self) -> bool:
        """Tell whether it failed: one that was skipped or cut off is neither a success nor a failure."""
        return self.outcome not in (Outcome.SUCCESS, *UNJUDGED)

    @property
    def is_success(self) -> bool:
        """Tell whether it succeeded."""
        return self.outcome == Outcome.SUCCESS


class Trials:
    """Follow a session's trials; `ended` holds them in order."""

    def __init__(self, tick_s: float) -> None:
        self._tick_s = tick_s
        self._every = max(round(_PATH_STEP_S / tick_s), 1)
        self._targets: dict[int, int] = {}
        self._starts: dict[int, int] = {}
        self._paths: dict[int, list[np.ndarray]] = {}
        self._caught_up: dict[int, int] = {}  # ticks
        self.ended: list[Trial] = []

    def take(self, fresh: Fresh) -> None:
        """Take what came since the last call."""
        frames = fresh.frames
        moving = frames[np.isin(frames["state"], (TaskState.MOVE, TaskState.HOLD))]
        behind = moving["trial"][moving["flags"] & Flag.CATCHING_UP != 0]
        for number, n_ticks in zip(*np.unique(behind, return_counts=True), strict=True):
            self._caught_up[int(number)] = self._caught_up.get(int(number), 0) + int(n_ticks)
        kept = moving[moving["tick"] % self._every == 0]
        for number in np.unique(kept["trial"]).tolist():
            of = kept[kept["trial"] == number]
            self._paths.setdefault(number, []).append(np.stack((of["cursor_x_cm"], of["cursor_y_cm"]), axis=1))
        for event in fresh.events:
            number = int(event["trial"])
            if event["kind"] == EventKind.TRIAL_START:
                self._targets[number], self._starts[number] = int(event["code"]), int(event["tick"])
            elif event["kind"] == EventKind.TRIAL_END:
                self._end(number, Outcome(int(event["code"])), int(event["tick"]), float(event["value"]))

    def _end(self, number: int, outcome: Outcome, tick: int, value_s: float) -> None:
        pieces = self._paths.pop(number, [])
        path_cm = np.concatenate(pieces)[:_MOST_POINTS] if pieces else np.zeros((0, 2))
        start = self._starts.pop(number, None)
        lasted_s = (tick - start) * self._tick_s if start is not None else np.nan
        success = outcome == Outcome.SUCCESS
        whole = start is not None and len(path_cm) * self._every >= 0.8 * (tick - start)
        efficiency = _efficiency(path_cm) if success and whole else np.nan
        target = self._targets.pop(number, -1)
        time_s, caught_up_s = value_s if success else lasted_s, self._caught_up.pop(number, 0) * self._tick_s
        self.ended.append(Trial(number, target, outcome, time_s, efficiency, path_cm, tick, caught_up_s))


def _efficiency(path_cm: np.ndarray) -> float:
    if len(path_cm) < 2:
        return np.nan
    way_cm = float(np.hypot(*np.diff(path_cm, axis=0).T).sum())
    straight_cm = float(np.hypot(*(path_cm[-1] - path_cm[0])))
    return min(straight_cm / way_cm, 1.0) if way_cm > 0 else np.nan


def smoothed(values: np.ndarray, n_trials: int) -> np.ndarray:
    """Return the mean of each value with those before it, `n_trials` in all, NaN left out."""
    known = np.isfinite(values)
    total = np.cumsum(np.where(known, values, 0.0))
    count = np.cumsum(known)
    before = np.maximum(np.arange(len(values)) - n_trials, -1)
    total_before = np.where(before >= 0, total[before], 0.0)
    count_before = np.where(before >= 0, count[before], 0)
    n = count - count_before
    return np.where(n > 0, (total - total_before) / np.maximum(n, 1), np.nan)
