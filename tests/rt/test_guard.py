"""The guards of an update, whenever it comes: what is bad is undone, what is too long is shortened, and the audit says so.

Of the return to good weights, see `test_divergence_guard`.
"""

import math

import numpy as np
import pytest

from bmi_app.rt import cells
from bmi_app.rt.contracts import CHANGED, NOTHING, REFUSED, learn_signature
from bmi_app.rt.jit import kernel
from bmi_app.rt.records import CommandKind, Flag, UpdateCause, UpdateVerdict
from tests.rt.ticker import QUICK, Ticker, ticker

V = UpdateVerdict
N_UNITS, N_AXES = 96, 2
N_WEIGHTS = N_AXES * N_UNITS
# The rule that lends its name and memory, when it acts, and as what the audit knows it. `regression` takes slices of samples.
WAYS = [
    ("reinforcement", "tick", UpdateCause.TICK),
    ("reinforcement", "trial", UpdateCause.TRIAL),
    ("reinforcement", "reward", UpdateCause.REWARD),
    ("reinforcement", "block", UpdateCause.BLOCK),
    ("reinforcement", "seconds", UpdateCause.SECONDS),
    ("regression", "trial", UpdateCause.TRIAL),
    ("regression", "block", UpdateCause.BLOCK),
    ("batched", "trial", UpdateCause.REST),
]
every_way = pytest.mark.parametrize(("rule", "when", "cause"), WAYS)


@kernel(learn_signature)
def PUSH(weights, bias, mask, memory, features, intent, noise, position, rate, reward):
    """Add `memory[2:]` to weights and bias, return `memory[0]`, and count the calls in `memory[1]`."""
    memory[1] += 1
    n_axes, n_units = weights.shape
    for a in range(n_axes):
        for u in range(n_units):
            weights[a, u] += memory[2 + a * n_units + u]
        bias[a] += memory[2 + n_axes * n_units + a]
    return int(memory[0])


class Pushed(Ticker):
    """A session whose rule adds what it is told to weights and bias, f8[weights, then bias]."""

    def __init__(self, rule: str, when: str, *overrides: str) -> None:
        more = ["learning.rate=1", "learning.every_s=0.5", f'learning.rule="{rule}"', f'learning.when="{when}"']
        super().__init__(ticker([*QUICK, *more, *overrides]).core.protocol)
        object.__setattr__(self.core, "learn", PUSH)
        self.memory = self.arrays["rule_memory"]
        self.memory[:] = 0.0
        self.push(np.zeros(N_WEIGHTS + N_AXES), NOTHING)

    def push(self, step: np.ndarray, result: int = CHANGED) -> None:
        self.memory[0], self.memory[2 : 2 + len(step)] = result, step

    @property
    def calls(self) -> int:
        return int(self.memory[1])

    def model(self) -> np.ndarray:
        """Return a copy of the weights and the bias, flat."""
        return np.concatenate([self.arrays["weights"].ravel(), self.arrays["bias"]])

    def audit(self) -> np.ndarray:
        return self.arrays["updates"][: int(self.arrays["ctl"][cells.UPDATES_HEAD])].copy()

    def allowed(self) -> np.ndarray:
        """Return which of the weights, and the bias, may change."""
        return np.concatenate([self.arrays["mask"].ravel() != 0, np.ones(N_AXES, bool)])


def in_blocks(rule: str, when: str) -> tuple[str, ...]:
    """Return blocks in which a rule gets to act, some of the trials rewarded by the operator."""
    if rule == "batched":  # at rest, from what it has stored
        return ('blocks=[{kind="closed_loop",trials=1},{kind="rest",duration_s=0.2},{kind="closed_loop"}]',)
    return ('blocks=[{kind="closed_loop",trials=2},{kind="closed_loop",trials=3},{kind="closed_loop"}]',)


def run_watched(made: Pushed, n_ticks: int) -> list[tuple[np.void, np.ndarray, np.ndarray, int]]:
    """Make ticks, with a reward in some; return frame, model before and after, and number of calls of those with any."""
    found = []
    for k in range(n_ticks):
        if k % 40 == 25:
            made.command(CommandKind.REWARD)
        before, calls = made.model(), made.calls
        frame = made.tick()
        if made.calls > calls:
            found.append((frame, before, made.model(), made.calls - calls))
    return found


@every_way
def test_a_step_that_is_too_long_is_shortened_and_keeps_its_direction(rule, when, cause) -> None:
    made = Pushed(rule, when, "learning.max_step=0.02", 'learning.on_divergence="off"', *in_blocks(rule, when))
    step = np.random.default_rng(1).normal(0, 1, N_WEIGHTS + N_AXES) * made.allowed()
    direction = step / np.linalg.norm(step)
    made.push(step)
    acted = run_watched(made, 120)
    assert len(acted) >= 2
    for frame, before, after, n_calls in acted:
        expected, longest = before, 0.0
        for _ in range(n_calls):
            longest = 0.02 * np.linalg.norm(expected)
            expected = expected + longest * direction
        np.testing.assert_allclose(after, expected, rtol=1e-12, atol=1e-12)
        assert frame["flags"] & Flag.UPDATED
        if n_calls == 1:
            assert np.linalg.norm(after - before) == pytest.approx(longest, rel=1e-12)
            assert frame["update_norm"] == pytest.approx(longest, rel=1e-12)
    rows = made.audit()
    rows = rows[rows["cause"] == cause]
    assert len(rows)
    assert (rows["verdict"] == V.SHORTENED).all()
    assert (rows["refused"] == 0).all()
    assert rows["accepted"].sum() <= made.calls  # the last update may still be open
    if rule != "batched":  # which learns awake as well
        first = acted[: int(rows["accepted"][0])]
        changed = first[-1][2] - first[0][1]
        assert rows["norm"][0] == pytest.approx(np.linalg.norm(changed), rel=1e-9)
        assert rows["size"][0] == pytest.approx(np.linalg.norm(first[-1][2]), rel=1e-12)


@every_way
def test_a_step_within_the_limit_is_taken_whole(rule, when, cause) -> None:
    made = Pushed(rule, when, "learning.max_step=0.02", 'learning.on_divergence="off"', *in_blocks(rule, when))
    step = 1e-3 * np.random.default_rng(2).normal(0, 1, N_WEIGHTS + N_AXES) * made.allowed()
    made.push(step)
    acted = run_watched(made, 120)
    for _, before, after, n_calls in acted:
        for _ in range(n_calls):
            before = before + step
        np.testing.assert_array_equal(after, before)
    rows = made.audit()
    assert set(rows["verdict"].tolist()) == {V.ACCEPTED}
    assert cause in rows["cause"]


def test_without_a_limit_and_from_nothing_no_step_is_too_long() -> None:
    step = np.random.default_rng(3).normal(0, 1, N_WEIGHTS + N_AXES)
    for max_step, start in ((0.0, 1.0), (0.02, 0.0)):
        made = Pushed("reinforcement", "trial", f"learning.max_step={max_step}", *in_blocks("", ""))
        made.arrays["weights"][:] *= start
        made.push(step * made.allowed())
        (_, before, after, _), *_ = run_watched(made, 60)
        np.testing.assert_array_equal(after, before + step * made.allowed())
        assert made.audit()["verdict"][0] == V.ACCEPTED


def a_control_unit(made: Pushed) -> int:
    return int(np.flatnonzero(~made.allowed())[0])


FAULTS = {
    "not a number": (lambda made: 0, math.nan, CHANGED, V.NOT_FINITE),
    "infinite": (lambda made: 5, math.inf, CHANGED, V.NOT_FINITE),
    "an infinite bias": (lambda made: N_WEIGHTS + 1, -math.inf, CHANGED, V.NOT_FINITE),
    "above its limit": (lambda made: 5, 1.500001, CHANGED, V.OUTSIDE_LIMITS),
    "below its limit": (lambda made: 5, -3.500001, CHANGED, V.OUTSIDE_LIMITS),
    "of a control unit": (a_control_unit, 1e-300, CHANGED, V.OUTSIDE_LIMITS),
    "the rule's own": (lambda made: 5, 0.5, REFUSED, V.REFUSED),
}


@pytest.mark.parametrize(
    ("rule", "when", "cause", "fault"),
    [(*way, fault) for way in WAYS for fault in FAULTS if way in WAYS[:2] or fault in ("infinite", "above its limit")],
)
def test_a_bad_update_is_undone_to_the_bit_and_the_audit_says_why(rule, when, cause, fault) -> None:
    limits = ("learning.weight_max=2.5", "learning.weight_min=-2.5", "learning.max_step=0.02")
    made = Pushed(rule, when, 'learning.on_divergence="off"', *limits, *in_blocks(rule, when))
    place, value, result, verdict = FAULTS[fault]
    step = np.zeros(N_WEIGHTS + N_AXES)
    step[place(made)] = value
    made.push(step, result)
    first = made.model()
    acted = run_watched(made, 120)
    assert acted
    for frame, _, after, _ in acted:
        assert after.tobytes() == first.tobytes()
        assert frame["flags"] & Flag.REJECTED
        assert not frame["flags"] & Flag.UPDATED
        assert frame["update_norm"] == 0
    rows = made.audit()
    rows = rows[rows["cause"] == cause]
    assert len(rows)
    assert (rows["verdict"] == verdict).all()
    assert (rows["accepted"] == 0).all()
    assert (rows["refused"] > 0).all()
    assert (rows["norm"] == 0).all()
    np.testing.assert_array_equal(rows["error_before"], rows["error_after"])


def test_a_staged_result_is_shortened_and_what_the_operator_brings_is_not() -> None:
    made = Pushed("reinforcement", "trial", "learning.max_step=0.02", *in_blocks("", ""))
    made.ticks(5)
    for cause, verdict in ((UpdateCause.STAGED, V.SHORTENED), (UpdateCause.ADOPTED, V.ACCEPTED)):
        before = made.model()
        step = np.random.default_rng(4).normal(0, 1, len(before)) * made.allowed()
        blob = made.arrays["staging"][1]
        blob[:] = np.nan
        blob[: len(before)] = before + step
        made.command(CommandKind.ADOPT, 1, 7, float(cause))
        frame = made.tick()
        longest = 0.02 * np.linalg.norm(before) if verdict == V.SHORTENED else np.linalg.norm(step)
        np.testing.assert_allclose(made.model() - before, step * longest / np.linalg.norm(step), rtol=1e-9, atol=1e-12)
        assert frame["update_norm"] == pytest.approx(longest, rel=1e-9)
        row = made.audit()[-1]
        assert (row["cause"], row["verdict"], row["id"]) == (cause, verdict, 7)
        assert row["norm"] == pytest.approx(longest, rel=1e-9)
