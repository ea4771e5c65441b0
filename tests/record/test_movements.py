"""Measures of movements, by hand on frames made by hand, however the frames come in parts."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmi_app.record.movements import Movements
from bmi_app.rt.records import FRAME, Outcome, TaskState

S, O = TaskState, Outcome  # noqa: E741


def session() -> np.ndarray:
    """Make three trials: 10 cm along x with a detour and a slip out of the target; a wrong selection; a timeout."""
    xs = [0, 1, 2, 4, 6, 8, 10, 10, 12, 10, 10, 10]  # target at 10, radius 1
    ys = [0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    states = [S.MOVE] * 6 + [S.HOLD] * 2 + [S.MOVE] + [S.HOLD] * 3
    rows = [(x, y, state, 0, O.NONE) for x, y, state in zip(xs, ys, states, strict=True)]
    rows.append((10, 0, S.REWARD, 0, O.SUCCESS))
    rows += [(10, 0, S.INTER_TRIAL, 0, O.NONE)] * 2
    rows += [(10, 0, S.MOVE, 1, O.NONE)] * 5 + [(10, 0, S.FAILED, 1, O.WRONG_TARGET), (10, 0, S.INTER_TRIAL, 1, O.NONE)]
    rows += [(10, 0, S.MOVE, 2, O.NONE)] * 5 + [(10, 0, S.FAILED, 2, O.TIMEOUT_NOT_REACHED)]
    frames = np.zeros(len(rows), FRAME)
    for frame, (x, y, state, trial, outcome) in zip(frames, rows, strict=True):
        frame["cursor_x_cm"], frame["cursor_y_cm"], frame["state"], frame["outcome"] = x, y, state, outcome
        frame["trial"], frame["target_x_cm"], frame["target_radius_cm"] = trial, 10 if trial == 0 else -10, 1
    frames["tick"] = np.arange(len(rows)) + 100
    return frames


@given(cuts=st.lists(st.integers(0, 27), max_size=8))
def test_measures_by_hand(cuts: list[int]) -> None:
    frames, found = session(), Movements()
    for part in np.split(frames, sorted(cuts)):
        found.add_frames(part)
    measures = found.measures(0.1, 5)
    # The first tick in the target is 6 ticks after the start; the hold that succeeds begins 3 later.
    assert measures["dial_in_time_s"] == pytest.approx(0.3)
    assert measures["fitts_throughput_bits_s"] == pytest.approx(math.log2(10 / 2 + 1) / 0.9)
    path_cm = math.sqrt(2) + 1 + 2 + math.hypot(2, 1) + 2 + 2 + 2 + 2
    assert measures["path_efficiency"] == pytest.approx(10 / path_cm)
    assert measures["orthogonal_error_cm"] == pytest.approx(3 / 5)
    assert measures["wrong_selections"] == 1
    assert measures["bit_rate_bits_s"] == 0.0  # one right, one wrong


def test_the_bit_rate_counts_right_less_wrong_over_the_time() -> None:
    found, frames = Movements(), session()[:15]
    for repeat in range(4):
        part = frames.copy()
        part["trial"] += repeat
        part["tick"] += 15 * repeat
        found.add_frames(part)
    elapsed_s = (3 * 15 + 12) * 0.1
    assert found.measures(0.1, 37)["bit_rate_bits_s"] == pytest.approx(math.log2(36) * 4 / elapsed_s)
    assert found.measures(0.1, 0)["bit_rate_bits_s"] is None


def test_nothing_gives_nothing() -> None:
    assert set(Movements().measures(0.01, 36).values()) == {None, 0}


def test_a_target_that_is_under_the_cursor_says_nothing_of_throughput() -> None:
    """Trials of 10 cm in 0.9 s and 2 cm in 0.3 s, and one whose target appears under the cursor and is entered in a tick."""
    found = Movements()
    for trial, (away_cm, ticks) in enumerate([(10.0, 9), (2.0, 3), (0.5, 1)]):
        frames = np.zeros(1 + ticks + 3, FRAME)
        frames["trial"], frames["target_x_cm"], frames["target_radius_cm"] = trial, away_cm, 1.0
        frames["cursor_x_cm"] = np.linspace(0, away_cm, 1 + ticks).tolist() + [away_cm] * 3
        frames["state"] = [S.MOVE] * ticks + [S.HOLD] * 3 + [S.REWARD]
        frames["outcome"][-1] = O.SUCCESS
        found.add_frames(frames)
    measures = found.measures(0.1, 0)
    far, near = math.log2(10 / 2 + 1), math.log2(2 / 2 + 1)
    assert measures["under_cursor_at_onset"] == 1
    assert measures["fitts_throughput_bits_s"] == pytest.approx((far / 0.9 + near / 0.3) / 2)
    assert measures["fitts_ratio_of_sums_bits_s"] == pytest.approx((far + near) / 1.2)
