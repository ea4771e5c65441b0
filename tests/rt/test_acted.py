"""Each command's record says whether it did anything, and one that did nothing leaves no trace but its record."""

from collections.abc import Callable

import numpy as np
import pytest

from bmi_app.rt.records import CommandKind, EventKind, Flag, Outcome, StopReason, TaskState, UpdateVerdict
from bmi_app.session.engine.commands import echo, nothing_done
from tests.rt.ticker import QUICK, Ticker, ticker

K, E, S = CommandKind, EventKind, TaskState
OLD = "model_version=1"
LEARNS = 'learning.when="trial"'


def started(*overrides: str) -> Ticker:
    """Return a session a few ticks into its first trial."""
    made = ticker([*QUICK, LEARNS, *overrides])
    made.ticks(8)
    assert made.state["state"] == S.MOVE
    return made


def between_trials(*overrides: str) -> Ticker:
    made = started(*overrides)
    made.command(K.SKIP_TRIAL)
    while made.tick()["state"] != S.INTER_TRIAL:
        pass
    return made


def left_alone(made: Ticker) -> list[object]:
    """Return all that a command could change, but for the ticks' own course."""
    names = ("weights", "bias", "gain", "mask", "unit_population", "feature_offset")
    state = ("paused", "assist_override", "learning_on", "learning_rate", "skip", "next_block", "stop_reason")
    kept = [made.arrays[name].tobytes() for name in names] + [made.state[name].item() for name in state]
    return [*kept, len(made.stored_weights()[0]), made.events()]


# (what, a session in which it does nothing, the command)
IDLE: dict[str, tuple[Callable[[], Ticker], tuple[CommandKind, int, int, float]]] = {
    "resume when not paused": (started, (K.RESUME, 0, 0, 0.0)),
    "assist of the block, when it is": (started, (K.ASSIST, 0, 0, -1.0)),
    "learning on, when it is": (started, (K.LEARNING, 1, 0, 0.0)),
    "learning off, where nothing learns": (lambda: started('learning.when="off"'), (K.LEARNING, 0, 0, 0.0)),
    "the rate that it has": (lambda: started("learning.rate=0.25"), (K.LEARNING_RATE, 0, 0, 0.25)),
    "the gain that it has": (started, (K.GAIN, 0, 0, 0.08)),
    "skip between trials": (between_trials, (K.SKIP_TRIAL, 0, 0, 0.0)),
    "skip in a rest block": (
        lambda: _resting(),
        (K.SKIP_TRIAL, 0, 0, 0.0),
    ),
    "a unit to the population that it is in": (started, (K.MOVE_UNIT, 5, 0, 0.0)),
}


def _resting() -> Ticker:
    made = ticker([*QUICK, 'blocks=[{kind="rest",duration_s=5},{kind="closed_loop"}]'])
    made.ticks(3)
    return made


@pytest.mark.parametrize("what", IDLE)
def test_a_command_with_nothing_to_do_does_nothing_and_says_so(what: str) -> None:
    begin, (kind, index, aux, value) = IDLE[what]
    made = begin()
    if kind == K.MOVE_UNIT:  # learnt weights are not put back to their signs
        made.arrays["weights"][0, 5] = 0.7
    before = left_alone(made)
    made.command(kind, index, aux, value)
    assert made.tick()["n_commands"] == 1
    assert left_alone(made) == before
    record = made.commands_done()[-1]
    assert record["acted"] == 0
    assert nothing_done(record).startswith("did nothing: ")
    assert echo(record) == {"tick": int(record["tick"]), "acted": False, "why": nothing_done(record)}


ACTING = {
    "pause": (K.PAUSE, 0, 0, 0.0),
    "assist": (K.ASSIST, 0, 0, 0.3),
    "learning off": (K.LEARNING, 0, 0, 0.0),
    "rate": (K.LEARNING_RATE, 0, 0, 0.3),
    "gain": (K.GAIN, 1, 0, 0.3),
    "reward": (K.REWARD, 0, 0, 0.0),
    "skip": (K.SKIP_TRIAL, 0, 0, 0.0),
    "next block, which in the last one is the end": (K.NEXT_BLOCK, 0, 0, 0.0),
    "move": (K.MOVE_UNIT, 5, 1, 0.0),
    "stop": (K.STOP, StopReason.OPERATOR, 0, 0.0),
}


@pytest.mark.parametrize("what", ACTING)
def test_a_command_that_acts_says_so_and_a_second_one_in_the_same_tick_does_not(what: str) -> None:
    kind, index, aux, value = ACTING[what]
    made = started()
    before = left_alone(made)
    for _ in range(2):
        made.command(kind, index, aux, value)
    made.tick()
    assert made.commands_done()["acted"].tolist() == [1, 0]
    assert left_alone(made) != before
    assert nothing_done(made.commands_done()[0]) == ""
    assert echo(made.commands_done()[0]) == {"tick": 8}


def test_before_the_first_block_there_is_no_next_one() -> None:
    made = ticker([*QUICK, 'blocks=[{kind="rest",duration_s=1},{kind="closed_loop"}]'])
    made.command(K.NEXT_BLOCK)
    assert made.tick()["block"] == 0
    assert made.ticks(5)["block"].tolist() == [0] * 5
    assert made.commands_done()["acted"].tolist() == [0]


def test_an_adoption_that_the_guard_refuses_did_not_act() -> None:
    from bmi_app.rt.records import UpdateCause

    made = started()
    made.arrays["staging"][1] = np.nan
    made.arrays["staging"][1][0] = np.inf
    made.command(K.ADOPT, 1, 7, float(UpdateCause.STAGED))
    made.arrays["staging"][2] = np.nan
    made.command(K.ADOPT, 2, 8, float(UpdateCause.ADOPTED))
    made.tick()
    assert made.commands_done()["acted"].tolist() == [0, 1]
    assert made.arrays["updates"]["verdict"][0] == UpdateVerdict.NOT_FINITE


def test_a_skip_that_waits_in_a_pause_acts_after_it_or_when_the_trial_is_cut() -> None:
    made = started('blocks=[{kind="closed_loop",duration_s=9},{kind="closed_loop"}]')
    made.command(K.PAUSE)
    made.command(K.SKIP_TRIAL)
    assert made.tick()["outcome"] == Outcome.NONE
    made.command(K.RESUME)
    assert made.tick()["outcome"] == Outcome.OPERATOR
    while made.tick()["state"] != S.MOVE:
        pass
    made.command(K.SKIP_TRIAL)
    made.command(K.NEXT_BLOCK)
    assert made.tick()["outcome"] == Outcome.OPERATOR
    assert made.commands_done()["acted"].tolist() == [1] * 5
    assert made.state["skip"] == 0


def test_a_skip_between_trials_does_not_wait_for_the_next_trial() -> None:
    made = between_trials("task.inter_trial_ms=30")
    made.command(K.PAUSE)
    made.command(K.SKIP_TRIAL)
    made.tick()
    assert made.state["skip"] == 0
    made.command(K.RESUME)
    assert not np.any(made.ticks(12)["outcome"] == Outcome.OPERATOR)


def test_up_to_model_1_a_command_with_nothing_to_do_was_carried_out_all_the_same() -> None:
    made = started(OLD)
    made.arrays["weights"][0, 5] = 0.7
    made.command(K.MOVE_UNIT, 5, 0)
    made.command(K.GAIN, 0, value=0.08)
    made.command(K.RESUME)
    frame = made.tick()
    assert made.arrays["weights"][0, 5] == 1.0
    assert frame["flags"] & Flag.UPDATED
    assert len(made.stored_weights()[0]) == 3
    assert made.events(E.RESUMED) == [(8, E.RESUMED, 0, 0.0)]


def test_where_no_population_drives_an_axis_a_move_changes_the_name_only() -> None:
    m2 = np.linspace(-1.0, 1.0, 192).reshape(2, 96).tolist()
    linear = ('decoder.kind="linear"', "axes={x={gain=0.08},y={gain=0.08}}", f"decoder.settings.m2={m2}")
    for version, drives in ((2, 1.0), (1, 0.0)):
        made = started(*linear, f"model_version={version}")
        before = made.arrays["weights"][:, 3].copy()
        made.command(K.MOVE_UNIT, 3, 1)
        made.tick()
        assert made.arrays["unit_population"][3] == 1
        assert made.arrays["mask"][:, 3].tolist() == [drives] * 2
        np.testing.assert_array_equal(made.arrays["weights"][:, 3], drives * before)
