"""A hand goes whole from whoever has one to the tick, moves the cursor in its blocks, and is gone when nobody tells of it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from bmi_app.rt import cells
from bmi_app.rt.hand import STALE_S, pack, take_hand, tell_persons_hand, unpack
from bmi_app.rt.records import HAND_REACH_CM, EventKind, Flag, Outcome, TaskState
from bmi_app.rt.state import STATE
from tests.rt.ticker import QUICK, ticker

PLACE = st.floats(-HAND_REACH_CM, HAND_REACH_CM)


@njit
def through_a_word(x_cm, y_cm):
    return unpack(pack(x_cm, y_cm))


@njit
def taken(ctl, state, now_s):
    take_hand(ctl, state[0], now_s)


@njit
def put_drivers_hand(ctl, x_cm, y_cm):
    ctl[cells.HAND] = pack(x_cm, y_cm)


@given(x_cm=PLACE, y_cm=PLACE)
def test_a_hand_fits_into_a_word(x_cm: float, y_cm: float) -> None:
    np.testing.assert_allclose(through_a_word(x_cm, y_cm), (x_cm, y_cm), atol=0.51e-6)


@given(x_cm=st.floats(), y_cm=st.floats())
def test_whatever_is_no_place_is_no_hand(x_cm: float, y_cm: float) -> None:
    found = through_a_word(x_cm, y_cm)
    inside = abs(x_cm) <= HAND_REACH_CM and abs(y_cm) <= HAND_REACH_CM
    assert np.isfinite(found).all() == inside
    assert np.isnan(found).all() != inside


def hand_at(ctl: np.ndarray, now_s: float) -> tuple[float, float]:
    state = np.zeros(1, STATE)
    taken(ctl, state, now_s)
    return float(state[0]["hand_x_cm"]), float(state[0]["hand_y_cm"])


def test_the_drivers_hand_comes_before_the_persons_which_has_to_be_told_again() -> None:
    ctl = np.zeros(cells.N_WORDS, np.int64)
    assert np.isnan(hand_at(ctl, 100.0)).all()
    tell_persons_hand(ctl, 1.5, -2.0, 100.0)
    assert hand_at(ctl, 100.0 + 0.9 * STALE_S) == (1.5, -2.0)
    assert np.isnan(hand_at(ctl, 100.0 + 1.1 * STALE_S)).all()
    put_drivers_hand(ctl, 3.0, 4.0)
    assert hand_at(ctl, 100.0) == (3.0, 4.0)
    put_drivers_hand(ctl, math.nan, 0.0)
    assert hand_at(ctl, 100.0) == (1.5, -2.0)
    tell_persons_hand(ctl, math.nan, math.nan, 100.0)
    assert np.isnan(hand_at(ctl, 100.0)).all()


@pytest.mark.parametrize(("kind", "flag"), [("arm", Flag.HAND), ("isometric", Flag.FORCE)])
def test_the_cursor_is_the_hand_and_nothing_else(kind: str, flag: Flag) -> None:
    t = ticker([*QUICK, f'blocks=[{{kind="{kind}"}}]', "learning.exploration_cm_s=3"])
    loud = np.full(t.n_units, 5.0)
    frame = t.tick(loud, hand_cm=(1.0, 2.0))
    for k in range(40):
        before, place_cm = (frame["cursor_x_cm"], frame["cursor_y_cm"]), (0.1 * k, 2.0 - 0.05 * k)
        frame = t.tick(loud, hand_cm=place_cm)
        assert (frame["cursor_x_cm"], frame["cursor_y_cm"]) == (frame["hand_x_cm"], frame["hand_y_cm"]) == place_cm
        moved = (frame["velocity_x_cm_s"] * 0.01, frame["velocity_y_cm_s"] * 0.01)
        np.testing.assert_allclose(moved, np.subtract(place_cm, before), atol=1e-12)
        assert frame["flags"] & flag
        assert frame["decoded_x_cm_s"] > 0
        assert frame["assist"] == 0
    stays = t.tick(loud)
    assert (stays["cursor_x_cm"], stays["velocity_x_cm_s"]) == (frame["cursor_x_cm"], 0.0)
    lost = t.tick(loud, lost=True, hand_cm=(0.0, 0.0))
    assert lost["cursor_x_cm"] == frame["cursor_x_cm"]
    far = t.tick(hand_cm=(99.0, -99.0))
    assert (far["cursor_x_cm"], far["cursor_y_cm"]) == (12.0, -12.0)


def test_elsewhere_the_hand_is_recorded_and_moves_nothing() -> None:
    t = ticker(QUICK)
    frames = [t.tick(hand_cm=(3.0, 1.0)) for _ in range(5)]
    assert {(float(f["hand_x_cm"]), float(f["cursor_x_cm"])) for f in frames} == {(3.0, 0.0)}
    assert not any(f["flags"] & (Flag.HAND | Flag.FORCE) for f in frames)


DRAWING = (
    *QUICK, 'blocks=[{kind="drawing"}]', "task.path_size_cm=[8,4]", "task.path_cycles=[1,2]", "task.path_phase_deg=0",
    "task.path_ms=1000", "task.hold_ms=1000", "task.timeout_ms=3000",
)  # fmt: skip


def on_path(t_s: float) -> tuple[float, float]:
    return 4.0 * math.sin(2 * math.pi * t_s), 2.0 * math.sin(4 * math.pi * t_s)


def test_a_hand_that_keeps_with_the_target_succeeds() -> None:
    t = ticker(DRAWING)
    while t.tick(hand_cm=(9.0, 9.0))["state"] != TaskState.MOVE:
        pass
    for k in range(1, 300):
        frame = t.tick(hand_cm=on_path(k * 0.01))
        if frame["outcome"]:
            break
        np.testing.assert_allclose((frame["target_x_cm"], frame["target_y_cm"]), on_path(k * 0.01), atol=1e-12)
        assert frame["target"] == -1
    assert frame["outcome"] == Outcome.SUCCESS
    assert k == pytest.approx(101, abs=1)
    assert t.events(EventKind.REWARD)


def test_a_hand_that_stays_behind_does_not() -> None:
    t = ticker(DRAWING)
    while t.tick(hand_cm=(0.0, 0.0))["state"] != TaskState.MOVE:
        pass
    outcomes = {int(t.tick(hand_cm=(0.0, 0.0))["outcome"]) for _ in range(302)}
    assert outcomes == {Outcome.NONE, Outcome.TIMEOUT_NOT_HELD}
