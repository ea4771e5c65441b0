"""Each command of the operator does what it says, at the start of the tick at which it acts, and leaves a record."""

import math

import numpy as np
import pytest

from bmi_app.rt.memory import length, named_parts
from bmi_app.rt.records import CommandKind, EventKind, Flag, Outcome, StopReason, TaskState, UpdateCause
from tests.rt.ticker import QUICK, Ticker, ticker

K, E, S = CommandKind, EventKind, TaskState


def started(*overrides: str) -> Ticker:
    """Return a session a few ticks into its first trial."""
    made = ticker([*QUICK, *overrides])
    made.ticks(8)
    assert made.state["state"] == S.MOVE
    return made


def test_every_kind_is_recorded_as_given_with_the_tick_at_which_it_acted() -> None:
    for kind in K:
        made = started()
        made.command(kind, 1, 2, 0.25)
        assert made.tick()["n_commands"] == 1
        assert made.commands_done().tolist() == [(1, 8, kind, 1, 2, 0.25, kind not in (K.RESUME, K.LEARNING), 0)]
        assert made.tick()["n_commands"] == 0
        assert len(made.commands_done()) == 1


def test_a_command_waits_for_its_tick_and_those_behind_it_wait_too() -> None:
    made = started()
    made.command(K.ASSIST, value=0.5, tick=11)
    made.command(K.LEARNING_RATE, value=0.7)
    assert made.ticks(5)["n_commands"].tolist() == [0, 0, 0, 2, 0]
    assert made.commands_done()["tick"].tolist() == [11, 11]


def test_pause_and_resume() -> None:
    made = started()
    made.command(K.PAUSE)
    assert made.tick(np.ones(96))["flags"] & Flag.PAUSED
    assert made.frames()["velocity_x_cm_s"][-1] == 0
    made.command(K.RESUME)
    frame = made.tick(np.ones(96))
    assert not frame["flags"] & Flag.PAUSED
    assert frame["velocity_x_cm_s"] > 0
    assert made.events(E.PAUSED, E.RESUMED) == [(8, E.PAUSED, 0, 0.0), (9, E.RESUMED, 0, 0.0)]


def test_stop_ends_the_trial_and_says_why() -> None:
    made = started()
    made.command(K.STOP, StopReason.OPERATOR)
    frame = made.tick()
    assert frame["flags"] & Flag.FINISHED
    assert made.events()[-2:] == [
        (8, E.TRIAL_END, Outcome.BLOCK_ENDED, -1.0),
        (8, E.SESSION_STOP, StopReason.OPERATOR, 0.0),
    ]


def test_stop_stores_what_was_learnt_in_the_trial_it_cuts() -> None:
    made = started('learning.when="tick"')
    made.ticks(3, np.ones(96))
    assert made.frames()["flags"][-1] & Flag.UPDATED
    made.command(K.STOP, StopReason.OPERATOR)
    made.tick(np.ones(96))
    log, rows = made.stored_weights()
    assert log["tick"].tolist() == [-1, 11]
    np.testing.assert_array_equal(rows[-1][: 2 * 96], made.arrays["weights"].ravel())
    assert log["hash"][-1] == made.frames()["weights_hash"][-1]


def test_assist_overrides_the_block_until_it_is_negative() -> None:
    made = started('blocks=[{kind="closed_loop",assist=0.5}]')
    made.command(K.ASSIST, value=0.9)
    assert made.ticks(3)["assist"].tolist() == [0.9] * 3
    made.command(K.ASSIST, value=-1.0)
    assert made.tick()["assist"] == 0.5


def test_learning_and_its_rate() -> None:
    made = started('learning.when="tick"')
    made.command(K.LEARNING, 0)
    frame = made.tick(np.ones(96))
    assert not frame["flags"] & (Flag.LEARNING | Flag.UPDATED)
    made.command(K.LEARNING, 1)
    made.command(K.LEARNING_RATE, value=0.5)
    frame = made.tick(np.ones(96))
    assert frame["flags"] & Flag.LEARNING
    assert frame["flags"] & Flag.UPDATED
    assert frame["learning_rate"] == 0.5


def test_a_gain_acts_at_once_and_is_stored() -> None:
    made = started('decoder.smoothing="none"')
    before = made.tick(np.ones(96))
    made.command(K.GAIN, 1, value=0.4)
    after = made.tick(np.ones(96))
    assert after["decoded_y_cm_s"] == pytest.approx(before["decoded_y_cm_s"] * 5)
    assert after["decoded_x_cm_s"] == before["decoded_x_cm_s"]
    assert after["weights_hash"] != before["weights_hash"]
    log, rows = made.stored_weights()
    assert (log["tick"][-1], log["cause"][-1], log["hash"][-1]) == (9, UpdateCause.GAIN, after["weights_hash"])
    assert rows[-1][2 * 96 + 2 : -96].tolist() == [0.08, 0.4]


def test_a_manual_reward() -> None:
    made = started()
    made.command(K.REWARD)
    frame = made.tick()
    assert frame["reward"] == 1.0
    assert frame["flags"] & Flag.REWARDED
    assert made.events(E.REWARD) == [(8, E.REWARD, 1, 1.0)]
    assert made.tick()["reward"] == 0.0


def test_a_skipped_trial_teaches_nothing() -> None:
    made = started('learning.when="trial"')
    made.ticks(3, np.ones(96))
    made.command(K.SKIP_TRIAL)
    frame = made.tick()
    assert (frame["state"], frame["outcome"]) == (S.FAILED, Outcome.OPERATOR)
    assert not frame["flags"] & Flag.UPDATED


def test_the_next_block_begins_at_once() -> None:
    made = started('blocks=[{kind="closed_loop",duration_s=10},{kind="rest",duration_s=1},{kind="closed_loop"}]')
    made.command(K.NEXT_BLOCK)
    frame = made.tick()
    assert (frame["block"], frame["state"], frame["outcome"]) == (1, S.REST, Outcome.BLOCK_ENDED)
    made.ticks(3)
    made.command(K.NEXT_BLOCK)
    assert made.tick()["block"] == 2
    assert made.frames()["block"][-2] == 1
    made.command(K.NEXT_BLOCK)
    made.tick()
    assert made.state["stop_reason"] == StopReason.PROTOCOL_DONE


def test_a_unit_moves_to_another_population() -> None:
    made = ticker([*QUICK, 'decoder.smoothing="none"'], "four_target")  # right, left, up, down, control
    weights, mask = made.arrays["weights"], made.arrays["mask"]
    for population, expected in {1: (-1, 0), 2: (0, 1), 3: (0, -1), 4: (0, 0), 0: (1, 0)}.items():  # it begins in 0
        made.command(K.MOVE_UNIT, 3, population)
        frame = made.tick(np.eye(1, 96, 3)[0])
        assert weights[:, 3].tolist() == list(expected)
        assert mask[:, 3].tolist() == [abs(sign) for sign in expected]
        assert frame["decoded_x_cm_s"] == pytest.approx(6 * expected[0])
        assert made.arrays["unit_population"][3] == population
    assert made.events(E.UNIT_MOVED)[1] == (1, E.UNIT_MOVED, 3, 2.0)
    log, rows = made.stored_weights()
    assert log["cause"].tolist() == [UpdateCause.START] + [UpdateCause.UNIT_MOVED] * 5
    assert rows[-2][3] == rows[-2][96 + 3] == 0
    assert rows[:, -96 + 3].tolist() == [0, 1, 2, 3, 4, 0]


def test_a_staged_decoder_is_adopted_but_for_what_it_leaves_open() -> None:
    made = started('decoder.kind="linear"')
    arrays, slot = made.arrays, 2
    n = 96
    blob = np.full(length(made.core.sizes.blob), np.nan)
    parts = named_parts(blob, made.core.sizes.blob)
    parts["weights"][:] = np.arange(2 * n).reshape(2, n) / 100.0
    parts["weights"][0, 5] = np.nan
    parts["bias"][:] = 0.5, np.nan
    parts["gain"][1] = 0.3
    parts["feature_offset"][:] = 7.0
    parts["decoder_memory"][-1] = 0.25
    kept = {name: arrays[name].copy() for name in ("feature_scale", "mask")}
    before = arrays["weights"].copy()
    arrays["staging"][slot] = blob
    made.command(K.ADOPT, slot, 41)
    frame = made.tick()
    expected = (np.arange(2 * n) / 100.0).reshape(2, n) * kept["mask"]  # control units drive nothing, whatever it says
    expected[0, 5] = before[0, 5]
    np.testing.assert_array_equal(arrays["weights"], expected)
    assert arrays["bias"].tolist() == [0.5, 0.0]
    assert arrays["gain"].tolist() == [0.08, 0.3]
    assert (arrays["feature_offset"] == 7.0).all()
    np.testing.assert_array_equal(arrays["feature_scale"], kept["feature_scale"])
    norm = math.hypot(np.linalg.norm(expected - before), 0.5)  # weights and bias
    assert frame["update_norm"] == pytest.approx(norm)
    [(tick, _, code, value)] = made.events(E.ADOPTED)
    assert (tick, code, value) == (8, 41, pytest.approx(norm))
    log, rows = made.stored_weights()
    assert (log["cause"][-1], log["id"][-1], log["tick"][-1]) == (UpdateCause.ADOPTED, 41, 8)
    np.testing.assert_array_equal(rows[-1], [*expected.ravel(), 0.5, 0.0, 0.08, 0.3, *arrays["unit_population"]])
