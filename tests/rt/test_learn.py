"""Learning acts when it is due, behind a guard, and every change of the weights shows in their hash."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bmi_app.rt.contracts import CHANGED, NOTHING, REFUSED, learn_signature
from bmi_app.rt.jit import kernel
from bmi_app.rt.log import hash_weights
from bmi_app.rt.records import CommandKind, EventKind, Flag, Outcome, TaskState, UpdateCause
from tests.rt.ticker import QUICK, Ticker, ticker

E = EventKind
_WORD = (1 << 64) - 1


@kernel(learn_signature)
def SCRIPTED(weights, bias, mask, memory, features, intent, noise, position, rate, reward):
    """Put `memory[0]` into a weight, and return `memory[1]` as the result."""
    weights[0, 1] = memory[0]
    bias[1] = memory[2]
    memory[3] = features.shape[0]
    return int(memory[1])


class Scripted(Ticker):
    """A session whose rule does as it is told."""

    def __init__(self, when: str, *overrides: str) -> None:
        made = ticker(
            [*QUICK, 'learning.rule="reinforcement"', f'learning.when="{when}"', "learning.rate=1", *overrides]
        )
        super().__init__(made.core.protocol)
        object.__setattr__(self.core, "learn", SCRIPTED)
        self.say(0.5, CHANGED)
        while self.state["state"] != TaskState.MOVE:
            self.tick()

    def say(self, weight: float, result: int, bias: float = 0.0) -> None:
        self.arrays["rule_memory"][:3] = weight, result, bias

    def bits(self) -> tuple[bytes, ...]:
        return tuple(self.arrays[name].tobytes() for name in ("weights", "bias", "gain"))


def folded_fnv1a(values: np.ndarray) -> int:
    digest = 0xCBF29CE484222325
    for bits in values.view(np.uint64).tolist():
        digest = ((digest ^ bits) * 0x100000001B3) & _WORD
        digest ^= digest >> 32
    return digest


@pytest.mark.parametrize(
    ("weight", "result", "bias"),
    [
        (math.nan, CHANGED, 0.0),
        (math.inf, CHANGED, 0.0),
        (10.000001, CHANGED, 0.0),
        (-10.000001, CHANGED, 0.0),
        (0.5, CHANGED, math.nan),
        (0.5, CHANGED, -math.inf),
        (0.5, REFUSED, 0.0),
    ],
)
def test_a_bad_update_is_undone_bit_for_bit_and_shown(weight: float, result: int, bias: float) -> None:
    made = Scripted("tick")
    made.arrays["weights"][0, 3] = -0.0  # a sign that only a comparison of bits sees
    made.tick()
    before, hash_before = made.bits(), made.frames()["weights_hash"][-1]
    made.say(weight, result, bias)
    frame = made.tick()
    assert made.bits() == before
    assert frame["weights_hash"] == hash_before
    assert frame["flags"] & Flag.REJECTED
    assert not frame["flags"] & Flag.UPDATED
    assert frame["update_norm"] == 0
    [(tick, _, cause, norm)] = made.events(E.UPDATE_REJECTED)
    assert (tick, cause) == (frame["tick"], UpdateCause.TICK)
    assert not math.isfinite(norm) or norm >= 0
    made.say(0.25, CHANGED)
    assert made.tick()["flags"] & Flag.UPDATED  # the session goes on learning


def test_limits_belong_to_what_is_allowed() -> None:
    made = Scripted("tick", "learning.weight_max=2.0", "learning.weight_min=-1.5")
    for weight in (2.0, -1.5):
        made.say(weight, CHANGED)
        assert made.tick()["flags"] & Flag.UPDATED
        assert made.arrays["weights"][0, 1] == weight


def test_limits_above_zero_leave_control_units_alone() -> None:
    made = Scripted("tick", "learning.weight_min=0.1")
    assert made.tick()["flags"] & Flag.UPDATED


def test_a_rule_that_gives_a_control_unit_weight_is_refused() -> None:
    made = Scripted("tick")
    made.arrays["mask"][0, 1] = made.arrays["weights"][0, 1] = 0.0
    assert made.tick()["flags"] & Flag.REJECTED
    assert made.arrays["weights"][0, 1] == 0.0


def test_a_rule_that_changes_nothing_leaves_no_trace() -> None:
    made = Scripted("tick")
    made.say(1.0, NOTHING)
    assert not made.tick()["flags"] & (Flag.UPDATED | Flag.REJECTED)


def test_the_hash_is_folded_fnv1a_over_weights_bias_and_gain() -> None:
    made = Scripted("tick")
    for weight in (0.5, 0.5, -0.75):
        made.say(weight, CHANGED, bias=weight / 3)
        frame = made.tick()
        values = np.concatenate([made.arrays[name].ravel() for name in ("weights", "bias", "gain")])
        assert int(frame["weights_hash"]) == folded_fnv1a(values)


@given(
    units=st.lists(st.integers(0, 11), min_size=1, max_size=4, unique=True),
    bits=st.lists(st.integers(0, 63), min_size=4, max_size=4),
    seed=st.integers(0, 2**32 - 1),
)
@example(units=[3, 4], bits=[63, 63, 0, 0], seed=0)  # the signs of two weights
def test_the_hash_sees_a_few_bits_wherever_they_are(units: list[int], bits: list[int], seed: int) -> None:
    weights = np.random.default_rng(seed).normal(0, 1, (2, 6))
    bias, gain = np.zeros(2), np.ones(2)
    before = hash_weights(weights, bias, gain, weights)
    changed = weights.copy()
    for unit, bit in zip(units, bits, strict=False):
        changed.ravel().view(np.uint64)[unit] ^= np.uint64(1) << np.uint64(bit)
    assert hash_weights(changed, bias, gain, changed) != before


def test_the_hash_changes_with_any_bit_and_with_nothing_else() -> None:
    made = Scripted("tick")
    made.say(0.5, CHANGED)
    hashes = [made.tick()["weights_hash"] for _ in range(3)]
    assert len(set(hashes)) == 1
    made.say(np.nextafter(0.5, 1), CHANGED)
    assert made.tick()["weights_hash"] not in hashes
    made.say(0.5, CHANGED)
    assert made.tick()["weights_hash"] == hashes[0]


def test_learning_on_each_sample_of_a_trial() -> None:
    made = Scripted("tick", "learning.sample_ms=20")
    updated = made.ticks(20)["flags"] & Flag.UPDATED > 0
    assert updated.tolist() == [k % 2 == 0 for k in range(20)]
    assert made.arrays["rule_memory"][3] == 1  # one sample at a time
    assert made.events(E.UPDATE) == []  # every tick's norm stands in its frame
    log, _ = made.stored_weights()
    assert len(log) == 1  # stored at the end of the trial, not in every tick
    made.ticks(20)
    log, rows = made.stored_weights()
    assert log["cause"].tolist() == [UpdateCause.START, UpdateCause.TICK]
    assert made.frames()["outcome"][log["tick"][1]] == Outcome.TIMEOUT_NOT_REACHED
    assert rows[1][1] == 0.5


def test_learning_at_the_end_of_a_trial_has_all_its_samples() -> None:
    made = Scripted("trial")
    frames = made.ticks(32)
    [end] = np.flatnonzero(frames["outcome"])
    assert np.flatnonzero(frames["flags"] & Flag.UPDATED).tolist() == [end]
    assert made.arrays["rule_memory"][3] == 30  # one for each tick of the trial
    assert [(code, value > 0) for _, _, code, value in made.events(E.UPDATE)] == [(UpdateCause.TRIAL, True)]
    assert made.stored_weights()[0]["cause"].tolist() == [UpdateCause.START, UpdateCause.TRIAL]


def test_learning_at_the_reward_waits_for_it() -> None:
    made = Scripted("reward")
    assert not (made.ticks(45)["flags"] & Flag.UPDATED).any()  # this trial failed
    while made.state["state"] != TaskState.MOVE:
        made.tick()
    made.put_on_target()
    frames = made.ticks(8)
    rewarded = frames["flags"] & Flag.REWARDED > 0
    assert rewarded.any()
    assert ((frames["flags"] & Flag.UPDATED > 0) == rewarded).all()
    assert made.stored_weights()[0]["cause"].tolist() == [UpdateCause.START, UpdateCause.REWARD]


def test_a_second_reward_teaches_what_came_after_the_first() -> None:
    made = Scripted("reward")
    made.ticks(9)
    made.command(CommandKind.REWARD)
    made.tick()
    assert made.arrays["rule_memory"][3] == 10
    made.ticks(4)
    made.command(CommandKind.REWARD)
    made.tick()
    assert made.arrays["rule_memory"][3] == 5


def test_a_block_without_learning_learns_nothing() -> None:
    made = Scripted("tick", 'blocks=[{kind="closed_loop",learning=false,duration_s=0.2},{kind="closed_loop"}]')
    frames = made.ticks(60)
    updated, learning = frames["flags"] & Flag.UPDATED > 0, frames["flags"] & Flag.LEARNING > 0
    assert (learning == (frames["block"] == 1)).all()
    assert not updated[~learning].any()
    assert updated[learning].any()


def test_nothing_is_learnt_while_the_session_is_held() -> None:
    made = Scripted("tick")
    made.command(CommandKind.PAUSE)
    assert not (made.ticks(5)["flags"] & Flag.UPDATED).any()
    made.command(CommandKind.RESUME)
    made.tick()
    assert not made.tick(lost=True)["flags"] & Flag.UPDATED
    assert made.tick()["flags"] & Flag.UPDATED


def test_samples_are_in_the_units_of_weights_times_features() -> None:
    made = ticker([*QUICK, 'learning.when="trial"', "learning.exploration_cm_s=2", "axes.y.gain=0.4"])
    while made.state["state"] != TaskState.MOVE:
        made.tick()
    frames = made.ticks(10, np.arange(96) % 4)
    for name, kept in (("intent", "trial_intent"), ("noise", "trial_noise")):
        np.testing.assert_allclose(made.arrays[kept][:10, 0], frames[f"{name}_x_cm_s"] / 0.08)
        np.testing.assert_allclose(made.arrays[kept][:10, 1], frames[f"{name}_y_cm_s"] / 0.4)
    np.testing.assert_array_equal(made.arrays["trial_features"][9], made.arrays["features"])


@pytest.mark.parametrize(
    ("rule", "when"), [("lms", "tick"), ("lms", "trial"), ("reward_gated", "reward"), ("reinforcement", "trial")]
)
def test_control_units_are_exactly_zero_for_ever(rule: str, when: str) -> None:
    made = ticker(
        [
            *QUICK,
            f'learning={{rule="{rule}",when="{when}",rate=0.05,exploration_cm_s=3}}',
            'blocks=[{kind="closed_loop",assist=0.7}]',
            "task.timeout_ms=2000",
            'learning.on_divergence="off"',  # random spikes reach nothing: the guard would take it all back
        ]
    )
    first = made.arrays["weights"].copy()
    made.run(np.random.default_rng(2).poisson(0.3, (4000, 96)))
    weights, mask = made.arrays["weights"], made.arrays["mask"]
    assert (weights[:, 64:].view(np.uint64) == 0).all()  # +0.0, to the bit
    assert (weights[mask == 0] == 0).all()
    assert (weights[mask == 1] != first[mask == 1]).all()
