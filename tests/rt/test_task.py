"""The task's state machine: a scripted cursor takes every row of its table, and clocks stand while the session is held."""

import numpy as np
import pytest

from bmi_app.rt.records import CommandKind, EventKind, Outcome, StopReason, TaskState
from bmi_app.rt.task import TRANSITIONS, Condition
from tests.rt.ticker import QUICK, Ticker, ticker

S, O, C, E = TaskState, Outcome, Condition, EventKind  # noqa: E741
HOLD, TIMEOUT, INTER_TRIAL, REWARD, FAILED = 5, 30, 3, 2, 4  # ticks, of QUICK
AWAY = (-11.0, 11.0)  # outside every target


def moving(*overrides: str) -> Ticker:
    """Return a session in the first tick of its first trial, the cursor away from the target."""
    made = ticker([*QUICK, *overrides])
    while made.state["state"] != S.MOVE:
        made.tick()
    made.put_cursor(*AWAY)
    return made


def holding(*overrides: str) -> Ticker:
    """Return a session in the first tick of a hold."""
    made = moving(*overrides)
    made.put_on_target()
    assert made.tick()["state"] == S.HOLD
    return made


def ended(*overrides: str, skip: bool = False) -> Ticker:
    """Return a session in the first tick after a success, or after a trial that the operator skipped."""
    made = holding(*overrides)
    if skip:
        made.command(CommandKind.SKIP_TRIAL)
    while made.state["state"] == S.HOLD:
        made.tick()
    return made


def skipped(made: Ticker) -> Ticker:
    made.command(CommandKind.SKIP_TRIAL)
    return made


def left(made: Ticker) -> Ticker:
    made.put_cursor(*AWAY)
    return made


def entered_and_left() -> Ticker:
    made = left(holding())
    assert made.tick()["state"] == S.MOVE
    return made


def reaching() -> Ticker:
    made = moving()
    made.put_on_target()
    return made


def entered_late() -> Ticker:
    made = moving()
    made.ticks(TIMEOUT - 3)
    made.put_on_target()
    assert made.tick()["state"] == S.HOLD
    return made


def elsewhere() -> Ticker:
    made = moving("task.wrong_target_fails=true")
    other = made.arrays["targets"][(made.state["target"] + 1) % len(made.arrays["targets"])]
    made.put_cursor(*other)
    return made


# For each row: a session in its state, just before its condition comes true, and after how many ticks it is taken.
ROWS = {
    (S.MOVE, C.SKIPPED): (lambda: skipped(moving()), 1),
    (S.MOVE, C.INSIDE): (reaching, 1),
    (S.MOVE, C.WRONG): (elsewhere, HOLD + 1),
    (S.MOVE, C.NEVER_REACHED): (moving, TIMEOUT),
    (S.MOVE, C.NOT_HELD): (entered_and_left, TIMEOUT - 2),
    (S.HOLD, C.SKIPPED): (lambda: skipped(holding()), 1),
    (S.HOLD, C.LEFT_FATALLY): (lambda: left(holding("task.hold_break_fails=true")), 1),
    (S.HOLD, C.OUTSIDE): (lambda: left(holding()), 1),
    (S.HOLD, C.HELD): (holding, HOLD),
    (S.HOLD, C.NOT_HELD): (entered_late, 2),
    (S.REWARD, C.TIME_UP): (ended, REWARD),
    (S.FAILED, C.TIME_UP): (lambda: ended(skip=True), FAILED),
    (S.INTER_TRIAL, C.TIME_UP): (lambda: ticker(QUICK), 1 + INTER_TRIAL),
}


@pytest.mark.parametrize("row", TRANSITIONS.tolist(), ids=lambda row: f"{S(row[0]).name}-{C(row[1]).name}")
def test_every_row_is_taken(row: list[int]) -> None:
    make, n_ticks = ROWS[S(row[0]), C(row[1])]
    made = make()
    frames = made.ticks(n_ticks)
    before, after = frames[-2] if n_ticks > 1 else None, frames[-1]
    if before is not None:
        assert before["state"] == row[0]
        assert before["outcome"] == O.NONE
    assert after["state"] == row[2]
    assert after["outcome"] == row[3]
    assert after["state_ticks"] == 0


def test_the_script_knows_every_row() -> None:
    assert set(ROWS) == {(S(row[0]), C(row[1])) for row in TRANSITIONS.tolist()}


def test_a_success_from_start_to_end() -> None:
    made = moving()
    made.ticks(6)
    made.put_on_target()
    frames = made.ticks(HOLD + REWARD + INTER_TRIAL + 2)
    states = [S.HOLD] * HOLD + [S.REWARD] * REWARD + [S.INTER_TRIAL] * INTER_TRIAL + [S.MOVE] * 2
    assert [S(frame["state"]) for frame in frames[: len(states)]] == states
    success = HOLD
    assert frames["outcome"].tolist() == [O.SUCCESS if k == success else O.NONE for k in range(len(frames))]
    assert frames["reward"].tolist() == [float(k == success) for k in range(len(frames))]
    np.testing.assert_allclose(frames["hold_fraction"][: HOLD + 1], [0, 0.2, 0.4, 0.6, 0.8, 0])
    assert (frames["target_radius_cm"] > 0).tolist() == [state in (S.MOVE, S.HOLD) for state in states]
    entered = made.events(E.TARGET_ENTER)[0][0]
    assert [(kind, code) for _, kind, code, _ in made.events()][1:] == [
        (E.TRIAL_START, made.frames()["target"][entered]),
        (E.TARGET_ENTER, made.frames()["target"][entered]),
        (E.REWARD, 0),
        (E.TRIAL_END, O.SUCCESS),
        (E.TRIAL_START, made.frames()["target"][-1]),
    ]
    [(_, _, _, time_to_target_s)] = made.events(E.TRIAL_END)
    assert time_to_target_s == pytest.approx(0.07)  # to entering the target, not to the end of the hold


def test_a_hold_that_breaks_may_begin_again() -> None:
    made = holding()
    made.ticks(HOLD - 1)
    left(made).ticks(1)
    made.put_on_target()
    frames = made.ticks(1 + HOLD)
    assert [S(state) for state in frames["state"]] == [S.HOLD] * HOLD + [S.REWARD]
    assert len(made.events(E.TARGET_ENTER)) == 2
    assert len(made.events(E.TARGET_LEAVE)) == 1


def test_without_a_hold_touching_the_target_is_enough() -> None:
    made = moving("task.hold_ms=0", "task.hold_break_fails=true")
    made.put_on_target()
    made.tick()
    left(made)
    assert made.tick()["outcome"] == O.SUCCESS
    assert made.events(E.TRIAL_END)[0][3] == pytest.approx(0.01)


def test_without_a_pause_the_next_trial_begins_in_the_next_tick() -> None:
    made = ended("task.inter_trial_ms=0")
    states = [S(frame["state"]) for frame in made.ticks(REWARD + 2)]
    assert states == [S.REWARD] * (REWARD - 1) + [S.INTER_TRIAL, S.MOVE, S.MOVE]


def test_the_cursor_starts_each_trial_in_the_centre_or_goes_on() -> None:
    for start, is_centred in (("center", True), ("continue", False)):
        made = ended(f'task.start="{start}"')
        frame = made.ticks(REWARD)[-1]
        assert frame["state"] == S.INTER_TRIAL
        assert ((frame["cursor_x_cm"], frame["cursor_y_cm"]) == (0, 0)) == is_centred


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_a_success_is_rewarded_with_its_probability(probability: float) -> None:
    made = ticker([*QUICK, f"task.reward_probability={probability}", "task.hold_ms=0", "task.inter_trial_ms=0"])
    outcomes, rewards = [], []
    for _ in range(1200):
        made.put_on_target()
        frame = made.tick()
        if frame["outcome"]:
            outcomes.append(frame["outcome"])
            rewards.append(frame["reward"])
    assert set(outcomes) == {O.SUCCESS}
    n = len(rewards)
    assert n > 200
    assert np.mean(rewards) == pytest.approx(probability, abs=4 * np.sqrt(probability * (1 - probability) / n))
    given = [value for _, _, _, value in made.events(E.REWARD)]
    assert given == rewards  # one that is withheld is logged as well
    assert made.state["successes"] == n


def targets_of(n_trials: int, *overrides: str) -> Ticker:
    made = ticker(
        [*QUICK, "task.hold_ms=0", "task.timeout_ms=10", "task.failed_ms=10", "task.inter_trial_ms=0", *overrides]
    )
    while made.state["trial"] < n_trials:
        made.tick()
    return made


def test_shuffled_targets_come_once_in_every_cycle() -> None:
    targets = [code for _, _, code, _ in targets_of(80).events(E.TRIAL_START)][:80]
    cycles = np.reshape(targets, (10, 8))
    assert all(sorted(cycle) == list(range(8)) for cycle in cycles.tolist())
    assert len({tuple(cycle) for cycle in cycles.tolist()}) > 8


def test_sequential_targets_come_in_order() -> None:
    targets = [code for _, _, code, _ in targets_of(20, 'task.order="sequential"').events(E.TRIAL_START)][:20]
    assert targets == [k % 8 for k in range(20)]


def test_random_targets_are_spread_evenly() -> None:
    targets = [code for _, _, code, _ in targets_of(800, 'task.order="random"').events(E.TRIAL_START)][:800]
    np.testing.assert_allclose(np.bincount(targets, minlength=8), 100, atol=45)
    assert any(targets[8 * k : 8 * k + 8] != sorted(set(targets[8 * k : 8 * k + 8])) for k in range(100))


def test_uniform_targets_stay_within_the_margin_and_fill_the_workspace() -> None:
    made = ticker(
        [*QUICK, "task.hold_ms=0", "task.timeout_ms=10", "task.failed_ms=10", "task.inter_trial_ms=0"], "random_pursuit"
    )
    places = np.array(
        [(frame["target_x_cm"], frame["target_y_cm"]) for frame in (made.tick() for _ in range(1500))][5:]
    )
    assert np.abs(places).max() <= 10
    assert (np.ptp(places, axis=0) > 18).all()
    assert abs(np.corrcoef(places.T)[0, 1]) < 0.15
    assert set(made.frames()["target"]) == {-1}


@pytest.mark.parametrize("how", ["paused", "lost"])
def test_a_held_session_holds_its_clocks_and_its_cursor(how: str) -> None:
    made = moving()
    made.ticks(10, np.arange(96) % 7)
    assert made.state["state"] == S.MOVE
    before = made.frames()[-1]
    if how == "paused":
        made.command(CommandKind.PAUSE)
    for _ in range(200):
        made.tick(np.full(96, 3), lost=how == "lost")
    held = made.frames()[-200:]
    clocks = ("state", "state_ticks", "block", "trial", "cursor_x_cm", "cursor_y_cm", "outcome")
    assert all((held[name] == before[name]).all() for name in clocks)
    assert not held["velocity_x_cm_s"].any()
    trial_ticks = int(made.state["trial_ticks"])
    if how == "paused":
        made.command(CommandKind.RESUME)
    made.put_cursor(*AWAY)
    frames = made.ticks(TIMEOUT - trial_ticks)
    assert frames["outcome"].tolist() == [O.NONE] * (len(frames) - 1) + [O.TIMEOUT_NOT_REACHED]
    marks = made.events(E.PAUSED, E.RESUMED, E.SOURCE_LOST, E.SOURCE_BACK)
    first = len(made.frames()) - len(frames) - 200
    kinds = (E.PAUSED, E.RESUMED) if how == "paused" else (E.SOURCE_LOST, E.SOURCE_BACK)
    assert [(tick, kind) for tick, kind, _, _ in marks] == [(first, kinds[0]), (first + 200, kinds[1])]


def test_blocks_last_as_long_as_they_say_and_cut_their_last_trial() -> None:
    kinds = ("rest", "observation", "closed_loop", "free")
    lengths = (0.10, 0.20, 0.25, 0.05)
    blocks = ",".join(f'{{kind="{kind}",duration_s={length}}}' for kind, length in zip(kinds, lengths, strict=True))
    made = ticker([*QUICK, f"blocks=[{blocks}]"])
    while not made.state["stop_reason"]:
        made.tick()
    frames = made.frames()
    assert np.bincount(frames["block"]).tolist() == [
        10,
        20,
        25,
        5 + 1,
    ]  # the last tick is the one that ends the session
    assert made.state["stop_reason"] == StopReason.PROTOCOL_DONE
    assert made.events(E.SESSION_STOP) == [(60, E.SESSION_STOP, StopReason.PROTOCOL_DONE, 0.0)]
    assert [(tick, code, kind) for tick, _, code, kind in made.events(E.BLOCK_START)] == [
        (0, 0, 0.0), (10, 1, 1.0), (30, 2, 2.0), (55, 3, 3.0)
    ]  # fmt: skip
    assert frames["outcome"][[30, 55]].tolist() == [O.BLOCK_ENDED] * 2
    assert set(frames["state"][:10]) == {S.REST}
    assert set(frames["state"][55:]) == {S.IDLE}
    assert made.state["trials_done"] == 0  # a trial that a block cuts is not judged


def test_a_block_of_trials_ends_after_the_last_of_them() -> None:
    made = ticker(
        [
            *QUICK,
            'blocks=[{kind="closed_loop",trials=2},{kind="free",duration_s=1}]',
            "task.hold_ms=0",
            "task.timeout_ms=20",
        ]
    )
    made.ticks(40)
    frames = made.frames()
    assert np.count_nonzero(frames["outcome"]) == 2
    last_failed = np.flatnonzero(frames["state"] == S.FAILED)[-1]
    assert frames["block"][last_failed + 2] == 1
    assert frames["block"][last_failed + 1] == 0


@pytest.mark.parametrize(
    ("override", "reason"), [("session.trials=1", StopReason.TRIALS), ("session.duration_s=0.2", StopReason.DURATION)]
)
def test_a_session_ends_when_it_should(override: str, reason: StopReason) -> None:
    made = ticker([*QUICK, override])
    while not made.state["stop_reason"]:
        made.tick()
    assert made.state["stop_reason"] == reason
    last_tick = len(made.frames()) - 1
    ends = made.events(E.TRIAL_END)
    if reason == StopReason.DURATION:
        assert last_tick == 19
        assert ends == [(19, E.TRIAL_END, O.BLOCK_ENDED, -1.0)]  # the trial that was cut has an end, and a reason
    else:
        assert [code for _, _, code, _ in ends] == [O.TIMEOUT_NOT_REACHED]
    assert made.events()[-1] == (last_tick, E.SESSION_STOP, reason, 0.0)
