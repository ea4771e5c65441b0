"""Measure the movements of a session's trials: how soon, how straight, and how much was told by them.

Fitts:               ID = log2(D / W + 1), throughput = ID / MT            (MacKenzie 1992; W: the target's diameter)
                     as the mean of the trials' ratios, and as sum ID / sum MT, which quick trials do not govern; targets that lie under
                     the cursor when they appear need no movement, and are left out of both and counted
achieved bit rate:   log2(N - 1) max(right - wrong, 0) / time              (Nuyujukian et al. 2015; N keys)
dial-in time:        from the first entry into the target to the beginning of the hold that succeeded (Gilja et al. 2012)
path efficiency:     straight distance from start to end, over the way that was gone
orthogonal error:    mean distance from the straight line between start and target, until the target is entered
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bmi_app.rt.records import Outcome, TaskState

_IN_TRIAL = (TaskState.MOVE, TaskState.HOLD)


@dataclass
class _Trial:
    """Hold what is known of the trial that goes on."""

    number: int
    start_cm: np.ndarray
    target_cm: np.ndarray
    width_cm: float
    last_cm: np.ndarray
    path_cm: float = 0.0
    ticks: int = 0
    first_entry: int = -1  # ticks after the start
    last_entry: int = -1
    is_inside: bool = False
    away_cm: list[np.ndarray] = field(default_factory=list)


class Movements:
    """Follow the trials of a session through its frames, as these come."""

    def __init__(self) -> None:
        self._trial: _Trial | None = None
        self._done: list[dict[str, float]] = []
        self._right = self._wrong = 0
        self._first_tick = self._last_tick = -1

    def add_frames(self, frames: np.ndarray) -> None:
        """Take further ticks, in order."""
        shown = np.isin(frames["state"], _IN_TRIAL)
        ended = np.isin(frames["outcome"], (Outcome.SUCCESS, Outcome.WRONG_TARGET))
        at = 0
        while at < len(frames):
            if self._trial is None:
                begins = np.flatnonzero(shown[at:])
                if not len(begins):
                    return
                at += int(begins[0])
                self._begin(frames[at])
                at += 1
                continue
            same = shown[at:] & (frames["trial"][at:] == self._trial.number)
            n = len(same) if same.all() else int(np.argmin(same))
            self._go(frames[at : at + n])
            at += n
            if at < len(frames):
                if ended[at]:
                    self._end(frames[at])
                self._trial = None
                at += 0 if shown[at] else 1

    def _begin(self, frame: np.ndarray) -> None:
        cursor = np.array([frame["cursor_x_cm"], frame["cursor_y_cm"]])
        target = np.array([frame["target_x_cm"], frame["target_y_cm"]])
        self._trial = _Trial(int(frame["trial"]), cursor, target, 2 * float(frame["target_radius_cm"]), cursor)
        if self._first_tick < 0:
            self._first_tick = int(frame["tick"])

    def _go(self, frames: np.ndarray) -> None:
        trial = self._trial
        if trial is None or not len(frames):
            return
        places = np.stack([frames["cursor_x_cm"], frames["cursor_y_cm"]], axis=1)
        steps = np.diff(np.vstack([trial.last_cm, places]), axis=0)
        trial.path_cm += float(np.hypot(*steps.T).sum())
        inside = np.concatenate([[trial.is_inside], frames["state"] == TaskState.HOLD])
        entries = np.flatnonzero(np.diff(inside.astype(int)) > 0) + 1  # the first tick in the target counts as 1
        if trial.first_entry < 0:
            until = entries[0] - 1 if len(entries) else len(frames)
            trial.away_cm.append(_off_the_line(places[:until], trial.start_cm, trial.target_cm))
        if len(entries):
            trial.last_entry = trial.ticks + int(entries[-1])
            if trial.first_entry < 0:
                trial.first_entry = trial.ticks + int(entries[0])
        trial.ticks += len(frames)
        trial.last_cm, trial.is_inside = places[-1], bool(inside[-1])

    def _end(self, frame: np.ndarray) -> None:
        trial = self._trial
        assert trial is not None
        self._last_tick = int(frame["tick"])
        if int(frame["outcome"]) == Outcome.WRONG_TARGET:
            self._wrong += 1
            return
        self._right += 1
        distance_cm = float(np.hypot(*(trial.target_cm - trial.start_cm)))
        straight_cm = float(np.hypot(*(trial.last_cm - trial.start_cm)))
        away = np.concatenate([np.empty(0), *trial.away_cm])
        self._done.append(
            {
                "ticks": max(trial.last_entry, 1),
                "difficulty_bits": math.log2(distance_cm / trial.width_cm + 1) if trial.width_cm > 0 else math.nan,
                "under_cursor": float(distance_cm <= trial.width_cm / 2),
                "dial_in_ticks": trial.last_entry - trial.first_entry,
                "efficiency": straight_cm / trial.path_cm if trial.path_cm > 0 else math.nan,
                "away_cm": float(away.mean()) if len(away) else math.nan,
            }
        )

    def measures(self, dt_s: float, n_keys: int) -> dict[str, Any]:
        """Return the measures, ready for JSON; None where nothing was measured.

        Parameters
        ----------
        dt_s : float
            Length of a tick.
        n_keys : int
            Number of targets among which one is selected; 0 where staying in a wrong one has no effect.

        Returns
        -------
        dict
            Means over successes, but for the bit rate, whose time is from the first trial's start to the last selection, and for
            ``fitts_ratio_of_sums_bits_s``. ``under_cursor_at_onset``: how many successes the measures of Fitts leave out.
        """
        elapsed_s = (self._last_tick - self._first_tick) * dt_s
        rate = None
        if n_keys > 2 and elapsed_s > 0:
            rate = math.log2(n_keys - 1) * max(self._right - self._wrong, 0) / elapsed_s
        moved = [trial for trial in self._done if not trial["under_cursor"] and math.isfinite(trial["difficulty_bits"])]
        bits, times_s = [trial["difficulty_bits"] for trial in moved], [trial["ticks"] * dt_s for trial in moved]
        throughput = [bit / time_s for bit, time_s in zip(bits, times_s, strict=True) if dt_s > 0]
        return {
            "bit_rate_bits_s": rate,
            "wrong_selections": self._wrong,
            "fitts_throughput_bits_s": _mean(throughput),
            "fitts_ratio_of_sums_bits_s": sum(bits) / sum(times_s) if throughput else None,
            "under_cursor_at_onset": len(self._done) - len(moved),
            "dial_in_time_s": _mean([trial["dial_in_ticks"] * dt_s for trial in self._done]),
            "path_efficiency": _mean([trial["efficiency"] for trial in self._done]),
            "orthogonal_error_cm": _mean([trial["away_cm"] for trial in self._done]),
        }


def _off_the_line(places_cm: np.ndarray, start_cm: np.ndarray, target_cm: np.ndarray) -> np.ndarray:
    """Return how far places f8[n, 2] lie from the line between start and target (cm)."""
    along = target_cm - start_cm
    length_cm = float(np.hypot(*along))
    if length_cm == 0:
        return np.asarray(np.hypot(*(places_cm - start_cm).T))
    across = np.array([-along[1], along[0]]) / length_cm
    return np.asarray(np.abs((places_cm - start_cm) @ across))


def _mean(values: list[float]) -> float | None:
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else None
