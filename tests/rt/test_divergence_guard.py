"""Divergence, trial by trial: what counts as good, the return to it, the probation, and whom the guard blames.

Whole closed loops are in tests/learning/test_divergence.py; here a rule does as it is told and every trial ends as it is told.
"""

import numpy as np
import pytest

from bmi_app.rt import cells
from bmi_app.rt.contracts import CHANGED, NOTHING, learn_signature
from bmi_app.rt.jit import kernel
from bmi_app.rt.records import CommandKind, EventKind, Flag, Outcome, TaskState, UpdateCause, UpdateVerdict
from tests.rt.ticker import QUICK, Ticker, ticker

V = UpdateVerdict
RATE = 0.4
IN_TRIAL = (TaskState.MOVE, TaskState.HOLD)


def fall(successes: int, share: float) -> tuple[int, float]:
    """Return after how many failures the average success is below a share of 1, its best, and what it then is.

    It is the mean of the first twenty trials; then each counts a twentieth.
    """
    average, failures = 1.0, 0
    while average >= share:
        failures += 1
        average *= 1 - max(0.05, 1 / (successes + failures))
    return failures, average


FALLING, AT_RETURN = fall(11, 0.6)
FALLEN, _ = fall(10, 0.4)


@kernel(learn_signature)
def TURNER(weights, bias, mask, memory, features, intent, noise, position, rate, reward):
    """Multiply the weights by `memory[0]`; count the calls in `memory[1]`. A factor of 1 is no change."""
    memory[1] += 1
    if memory[0] == 1.0:
        return NOTHING
    for a in range(weights.shape[0]):
        for u in range(weights.shape[1]):
            weights[a, u] *= memory[0]
    return CHANGED


class Guarded(Ticker):
    """A session in which units fire for the target as the nominal tool expects, whatever the cursor does."""

    def __init__(self, *overrides: str) -> None:
        chosen = [
            'learning.rule="reward_gated"',
            'learning.when="trial"',
            f"learning.rate={RATE}",
            "learning.max_step=0",
        ]
        super().__init__(ticker([*QUICK, *chosen, 'decoder.smoothing="none"', *overrides]).core.protocol)
        object.__setattr__(self.core, "learn", TURNER)
        self.arrays["rule_memory"][:] = 0.0
        self.arrays["feature_offset"][:] = 200.0
        self.multiply(1.0)

    def multiply(self, factor: float) -> None:
        self.arrays["rule_memory"][0] = factor

    @property
    def calls(self) -> int:
        return int(self.arrays["rule_memory"][1])

    def trial(self, succeeds: bool) -> np.void:
        """Make the ticks of a trial: away from the target at first, then on it or not."""
        while self.state["state"] not in IN_TRIAL:
            self.tick(2.0)
        tuned, ticks = self.arrays["mask"], 0
        while self.state["state"] in IN_TRIAL:
            target = np.array([self.state["target_x_cm"], self.state["target_y_cm"]]) / 8.0
            self.put_on_target() if succeeds and ticks >= 5 else self.put_cursor(0.0, 0.0)
            frame = self.tick(2.0 + target @ tuned)
            ticks += 1
        assert (frame["outcome"] == Outcome.SUCCESS) == succeeds
        return frame

    def trials(self, n: int, succeed: bool) -> list[np.void]:
        return [self.trial(succeed) for _ in range(n)]

    def audit(self, *verdicts: UpdateVerdict) -> np.ndarray:
        rows = self.arrays["updates"][: int(self.arrays["ctl"][cells.UPDATES_HEAD])].copy()
        return rows[np.isin(rows["verdict"], verdicts)] if verdicts else rows

    def weights(self) -> np.ndarray:
        return self.arrays["weights"].copy()

    def spoil(self) -> np.ndarray:
        """Let ten trials succeed, then learning turn the weights over at the end of one more; return the good weights."""
        self.trials(10, True)
        good = self.weights()
        self.multiply(-1.0)
        self.trial(True)
        self.multiply(1.0)
        np.testing.assert_array_equal(self.weights(), -good)
        return good


def is_learning(frame: np.void) -> bool:
    return bool(frame["flags"] & Flag.LEARNING)


def test_learning_that_made_success_fall_is_taken_back_to_the_bit() -> None:
    made = Guarded()
    good = made.spoil()
    for frame in made.trials(FALLING - 1, False):
        assert not frame["flags"] & Flag.UPDATED
        assert is_learning(frame)
    np.testing.assert_array_equal(made.weights(), -good)
    frame = made.trial(False)
    assert made.weights().tobytes() == good.tobytes()
    assert frame["flags"] & Flag.UPDATED
    assert frame["update_norm"] == pytest.approx(2 * np.linalg.norm(good))
    assert not is_learning(frame)
    [row] = made.audit(V.RETURNED)
    assert (row["tick"], row["cause"], row["accepted"]) == (frame["tick"], UpdateCause.GUARD, 1)
    assert row["norm"] == pytest.approx(2 * np.linalg.norm(good))
    assert row["size"] == pytest.approx(np.linalg.norm(good))
    assert row["error_after"] < row["error_before"]
    [(tick, _, code, success)] = made.events(EventKind.DIVERGED)
    assert (tick, code) == (frame["tick"], V.RETURNED)
    assert success == pytest.approx(AT_RETURN)
    log, rows = made.stored_weights()
    assert log["cause"][-1] == UpdateCause.GUARD
    np.testing.assert_array_equal(rows[-1][: good.size], good.ravel())


@pytest.mark.parametrize(
    ("successes", "verdict", "rate"),
    [(10, V.LEARNING_BLAMED, RATE / 4), (5, V.LEARNING_BLAMED, RATE / 4), (4, V.WORLD_BLAMED, RATE)],
)
def test_the_probation_says_who_was_to_blame(successes: int, verdict: UpdateVerdict, rate: float) -> None:
    made = Guarded()
    good = made.spoil()
    made.trials(FALLING, False)
    calls = made.calls
    made.multiply(-1.0)  # it would, but learning waits
    frames = [*made.trials(10 - successes, False), *made.trials(successes, True)]
    assert made.calls == calls
    assert not any(is_learning(frame) for frame in frames[:-1])
    assert is_learning(frames[-1])
    np.testing.assert_array_equal(made.weights(), good)
    [row] = made.audit(V.LEARNING_BLAMED, V.WORLD_BLAMED)
    assert (row["verdict"], row["tick"], row["norm"]) == (verdict, frames[-1]["tick"], 0)
    [(_, _, code, success)] = made.events(EventKind.PROBATION_OVER)
    assert (code, success) == (verdict, successes / 10)
    assert frames[-1]["learning_rate"] == pytest.approx(rate)
    made.multiply(1.0)
    made.trial(True)
    assert made.calls == calls + 1


def test_after_six_returns_learning_is_switched_off() -> None:
    made = Guarded()
    good = made.spoil()
    for count in range(1, 7):
        while made.weights()[0, 0] < 0:
            made.trial(False)
        returned, frozen = len(made.audit(V.RETURNED)), len(made.audit(V.FROZEN))
        assert (returned, frozen) == ((count, 0) if count < 6 else (5, 1))
        np.testing.assert_array_equal(made.weights(), good)
        if count < 6:
            made.trials(10, True)
            made.multiply(-1.0)
            made.trial(True)
            made.multiply(1.0)
    assert not is_learning(made.trial(True))
    assert made.trial(True)["learning_rate"] == pytest.approx(RATE / 4**5)
    made.command(CommandKind.LEARNING, 1)  # the operator knows better
    assert is_learning(made.trial(True))


def test_freeze_switches_learning_off_at_the_first_divergence() -> None:
    made = Guarded('learning.on_divergence="freeze"')
    good = made.spoil()
    frame = made.trials(FALLING, False)[-1]
    np.testing.assert_array_equal(made.weights(), good)
    [row] = made.audit(V.FROZEN)
    assert row["tick"] == frame["tick"]
    calls = made.calls
    assert not any(is_learning(frame) for frame in made.trials(12, True))
    assert made.calls == calls
    made.command(CommandKind.LEARNING, 1)
    made.trial(True)
    assert made.calls == calls + 1


def test_the_operator_ends_a_probation() -> None:
    made = Guarded()
    made.spoil()
    made.trials(FALLING, False)
    calls = made.calls
    made.command(CommandKind.LEARNING, 1)
    assert is_learning(made.trial(False))
    assert made.calls == calls + 1


def test_where_learning_changed_nothing_the_world_is_blamed_once_and_learning_goes_on() -> None:
    made = Guarded()
    made.trials(10, True)
    good = made.weights()
    frames = made.trials(FALLEN + 8, False)
    assert all(is_learning(frame) for frame in frames)
    np.testing.assert_array_equal(made.weights(), good)
    [row] = made.audit()
    assert (row["verdict"], row["cause"]) == (V.WORLD_BLAMED, UpdateCause.GUARD)
    assert row["tick"] == frames[FALLEN - 1]["tick"]
    assert row["norm"] == 0
    assert made.calls == 10 + FALLEN + 8


def test_without_the_guard_what_learning_did_stays() -> None:
    made = Guarded('learning.on_divergence="off"')
    good = made.spoil()
    made.trials(FALLEN + 8, False)
    np.testing.assert_array_equal(made.weights(), -good)
    assert len(made.audit()) == 1  # the update itself
    assert made.events(EventKind.DIVERGED) == []


def test_trials_in_which_the_computer_helps_do_not_count() -> None:
    made = Guarded()
    good = made.spoil()
    made.command(CommandKind.ASSIST, value=0.5)
    made.trials(FALLEN + 8, False)
    np.testing.assert_array_equal(made.weights(), -good)
    assert len(made.audit()) == 1


def test_what_the_operator_adopts_is_good_from_then_on() -> None:
    made = Guarded()
    good = made.spoil()
    blob = made.arrays["staging"][0]
    blob[:] = np.nan
    blob[: good.size] = 2 * good.ravel()
    made.command(CommandKind.ADOPT, 0, 3)
    made.trials(10, True)
    made.multiply(-1.0)
    made.trial(True)
    made.multiply(1.0)
    made.trials(FALLING, False)
    np.testing.assert_array_equal(made.weights(), 2 * good)
