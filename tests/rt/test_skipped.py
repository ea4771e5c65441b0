"""A skipped trial is neither a success nor a failure: it counts toward no block, no session, no guard and no rate."""

from pathlib import Path

import numpy as np
import pytest

from bmi_app.record.summary import Tally
from bmi_app.rt.records import CommandKind, Outcome, TaskState
from tests.rt.ticker import QUICK, Ticker, ticker

S = TaskState


def end_trials(made: Ticker, *outcomes: str) -> None:
    """Have the next trials succeed or be skipped."""
    for outcome in outcomes:
        while made.state["state"] not in (S.MOVE, S.HOLD):
            made.tick()
        if outcome == "skip":
            made.command(CommandKind.SKIP_TRIAL)
            assert made.tick()["outcome"] == Outcome.OPERATOR
            continue
        while made.state["state"] in (S.MOVE, S.HOLD):
            made.put_on_target()
            made.tick()
        assert made.frames()["outcome"][-1] == Outcome.SUCCESS


def summary(made: Ticker) -> dict[str, object]:
    tally = Tally()
    head = len(made.frames())
    tally.add_frames(made.frames())
    tally.add_health(made.arrays["health"][:head])
    tally.add_events(made.arrays["events"][: len(made.events())])
    return tally.summary(Path("session"), "center_out", 0.01)


@pytest.mark.parametrize(("version", "trials_done"), [(1, 15), (2, 14)])
def test_one_of_fifteen_skipped_leaves_the_success_rate_at_100_percent(version: int, trials_done: int) -> None:
    made = ticker([*QUICK, f"model_version={version}"])
    end_trials(made, *["win"] * 7, "skip", *["win"] * 7)
    assert (made.state["trials_done"], made.state["skipped"], made.state["successes"]) == (trials_done, 1, 14)
    found = summary(made)
    assert (found["trials"], found["skipped"], found["successes"]) == (15, 1, 14)
    assert found["success_rate"] == 1.0


def test_without_a_trial_that_was_judged_there_is_no_rate() -> None:
    made = ticker(QUICK)
    end_trials(made, "skip", "skip")
    assert summary(made)["success_rate"] is None


@pytest.mark.parametrize(("version", "block"), [(1, 1), (2, 0)])
def test_skipped_trials_do_not_end_a_block(version: int, block: int) -> None:
    blocks = 'blocks=[{kind="closed_loop",trials=3},{kind="rest",duration_s=5}]'
    made = ticker([*QUICK, blocks, f"model_version={version}"])
    end_trials(made, "win", "skip", "win")
    assert made.ticks(8)["block"][-1] == block
    if version > 1:
        end_trials(made, "skip", "win")
        assert made.ticks(8)["block"][-1] == 1


@pytest.mark.parametrize(("version", "stopped"), [(1, True), (2, False)])
def test_skipped_trials_do_not_end_a_session(version: int, stopped: bool) -> None:
    made = ticker([*QUICK, "session.trials=2", f"model_version={version}"])
    end_trials(made, "win", "skip")
    assert bool(made.state["stop_reason"]) == stopped
    if not stopped:
        end_trials(made, "win")
        assert made.state["stop_reason"]


def test_skipped_trials_leave_the_ramp_of_the_assist_where_it_is() -> None:
    made = ticker([*QUICK, 'blocks=[{kind="closed_loop",trials=4,assist=[0.8,0.0]}]'])
    end_trials(made, "win", "skip", "skip")
    assert made.tick()["assist"] == pytest.approx(0.6)


def test_the_guard_hears_nothing_of_skipped_trials() -> None:
    guarded = ("guarded_trials", "recent_success", "recent_error", "recent_wall", "moving_error", "moving_power")
    learning = ('learning.when="trial"', 'learning.on_divergence="return"')
    plain, skipping = ticker([*QUICK, *learning]), ticker([*QUICK, *learning])
    for made in (plain, skipping):
        end_trials(made, "win", "win")
    while skipping.state["state"] != S.MOVE:
        skipping.tick()
    skipping.run(np.full((10, 96), 3))  # with all its wild movement
    assert skipping.state["moving_error"] > 0
    before = [skipping.state[name].item() for name in guarded]
    skipping.command(CommandKind.SKIP_TRIAL)
    skipping.tick()
    after = [skipping.state[name].item() for name in guarded]
    assert after == [*before[:4], 0.0, 0.0]
