"""Each rule against its equation in whole matrices, at one unit and at 2048, and where it is stable."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmi_app.rt.contracts import CHANGED, NOTHING
from bmi_app.testing.called_rule import Rule, draw
from tests.rt.slow_rules import RULES

GRADIENT = ("lms", "reward_gated", "reinforcement")
ALL = (*GRADIENT, "regression", "batched")


@pytest.mark.parametrize("name", GRADIENT)
@pytest.mark.parametrize("n_units", [1, 13, 2048])
@settings(max_examples=15)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_axes=st.integers(1, 2),
    n_samples=st.integers(1, 40),
    rate=st.sampled_from([1e-3, 0.3, 1.5]),
    epsilon=st.sampled_from([0.1, 1.0, 100.0]),
    normalised=st.booleans(),
    rewards=st.lists(st.sampled_from([0.0, 1.0, 2.0]), min_size=1, max_size=4),
)
def test_a_rule_follows_its_equation(
    name, n_units, seed, n_axes, n_samples, rate, epsilon, normalised, rewards
) -> None:
    chosen = {"epsilon": epsilon, "normalised": normalised}
    rate = rate if normalised else rate / (25 * n_units)  # about as large a step, and below where it diverges
    fast, slow = Rule(name, n_units, n_axes, **chosen), RULES[name](chosen)
    weights, bias, mask, x, intent, noise = draw(seed, n_units, n_axes, n_samples)
    expected = weights
    for reward in rewards:  # reinforcement remembers what to expect
        before = [part.copy() for part in (bias, mask, x, intent, noise)]
        result, weights = fast(weights, bias, mask, x, intent, noise, rate, reward)
        learnt = slow.learn(expected, bias, mask, x, intent, noise, rate, reward)
        assert result == (NOTHING if learnt is None else CHANGED)
        expected = expected if learnt is None else learnt
        np.testing.assert_allclose(weights, expected, rtol=1e-9, atol=1e-9 * max(np.abs(expected).max(), 1))
        for part, kept in zip((bias, mask, x, intent, noise), before, strict=True):
            np.testing.assert_array_equal(part, kept)
        assert (weights[mask == 0] == 0).all()


@pytest.mark.parametrize("name", ALL)
def test_a_rate_of_zero_and_a_trial_without_samples_change_nothing(name: str) -> None:
    weights, bias, mask, x, intent, noise = draw(1, 5, 2, 10)
    rule = Rule(name, 5, 2)
    for result, new in (
        rule(weights, bias, mask, x, intent, noise, 0.0),
        rule(weights, bias, mask, x[:0], intent[:0], noise[:0], 0.1),
    ):
        assert result == NOTHING
        np.testing.assert_array_equal(new, weights)


def identify(rate: float, n_samples: int = 400, **settings: float) -> float:
    """Let LMS learn a known linear tool; return the error left, relative to the first."""
    generator = np.random.default_rng(8)
    true = generator.normal(0, 1, (2, 20))
    x = generator.normal(0, 3, (n_samples, 20))
    _, learnt = Rule("lms", 20, 2, epsilon=1e-9, **settings)(
        np.zeros((2, 20)), np.zeros(2), np.ones((2, 20)), x, x @ true.T, np.zeros((n_samples, 2)), rate
    )
    return float(np.linalg.norm(learnt - true) / np.linalg.norm(true))


@pytest.mark.parametrize("rate", [0.1, 0.5, 1.0, 1.5, 1.9])
def test_lms_is_stable_below_a_rate_of_two(rate: float) -> None:
    assert identify(rate) < 0.5
    assert identify(rate, 4000) < 1e-3


@pytest.mark.parametrize("rate", [2.1, 3.0])
def test_lms_is_unstable_above(rate: float) -> None:
    assert identify(rate) > 1.5
    assert identify(rate, 2000) > identify(rate)


@pytest.mark.parametrize("share", [0.02, 0.2, 0.9])
def test_plain_lms_converges_below_its_bound_and_diverges_above(share: float) -> None:
    # One feature vector over and over: the bound 2 / lambda_max(E[x x^T]) = 2 / |x|^2 is then sharp.
    generator = np.random.default_rng(3)
    x = np.tile(generator.normal(0, 3, 20), (1200, 1))
    wanted = np.full((1200, 1), 7.0)
    largest = np.linalg.eigvalsh(x.T @ x / len(x))[-1]
    errors = []
    for rate in (share * 2 / largest, (2 - share) * 2 / largest):
        with np.errstate(over="ignore"):
            _, learnt = Rule("lms", 20, 1, normalised=False)(
                np.zeros((1, 20)), np.zeros(1), np.ones((1, 20)), x, wanted, np.zeros((1200, 1)), rate
            )
        errors.append(abs(float(x[0] @ learnt[0]) - 7.0))
    assert errors[0] < 1e-9
    assert not errors[1] < 1e9


def test_plain_lms_is_stable_in_the_mean_only() -> None:
    """At 0.9 of 2 / lambda_max single runs on varied firing diverge, though the mean of the weights would not."""
    for seed in range(5):
        generator = np.random.default_rng(seed)
        x = generator.normal(0, 3, (3000, 8))
        wanted = x @ np.ones((8, 1))
        rate = 0.9 * 2 / np.linalg.eigvalsh(x.T @ x / len(x))[-1]
        with np.errstate(over="ignore", invalid="ignore"):
            _, learnt = Rule("lms", 8, 1, normalised=False)(
                np.zeros((1, 8)), np.zeros(1), np.ones((1, 8)), x, wanted, np.zeros((3000, 1)), rate
            )
        assert not np.abs(learnt).max() < 1e6


def test_plain_lms_on_varied_firing_needs_a_rate_well_below_the_mean_bound() -> None:
    largest = 3.0**2  # of features of deviation 3 without correlation
    assert identify(0.1 / (20 * largest), 20_000, normalised=False) < 1e-3
    assert not identify(2.1 / largest, 2000, normalised=False) < 1e6


def test_one_sample_at_rate_one_is_met_exactly() -> None:
    weights, bias, _, x, intent, noise = draw(2, 6, 2, 1)
    _, new = Rule("lms", 6, 2, epsilon=1e-12)(weights, bias, np.ones((2, 6)), x, intent, noise, 1.0)
    np.testing.assert_allclose(new @ x[0] + bias, intent[0], rtol=1e-9)


def test_lms_and_reward_gated_agree_to_first_order() -> None:
    weights, bias, mask, x, intent, noise = draw(3, 9, 2, 50)
    steps = []
    for name in ("lms", "reward_gated"):
        _, new = Rule(name, 9, 2)(weights, bias, mask, x, intent, noise, 1e-7)
        steps.append((new - weights) / 1e-7)
    np.testing.assert_allclose(*steps, rtol=1e-4, atol=1e-4)


def test_reward_gated_is_the_gradient_of_the_squared_error() -> None:
    weights, bias, _, x, intent, noise = draw(4, 5, 2, 30)
    epsilon = 1e6  # so that every sample has nearly the same weight
    power = epsilon + (x**2).sum(axis=1)

    def loss(w: np.ndarray) -> float:
        return float((((intent - (x @ w.T + bias)) ** 2).sum(axis=1) / power).sum() / 2)

    numeric = np.zeros_like(weights)
    for at in np.ndindex(*weights.shape):
        step = np.zeros_like(weights)
        step[at] = 1e-3
        numeric[at] = (loss(weights + step) - loss(weights - step)) / 2e-3
    _, new = Rule("reward_gated", 5, 2, epsilon=epsilon)(weights, bias, np.ones((2, 5)), x, intent, noise, 1.0)
    np.testing.assert_allclose(new - weights, -numeric, rtol=1e-5)


def test_reward_gated_waits_for_the_reward() -> None:
    weights, bias, mask, x, intent, noise = draw(5, 5, 2, 10)
    result, new = Rule("reward_gated", 5, 2)(weights, bias, mask, x, intent, noise, 0.5, reward=0.0)
    assert result == NOTHING
    np.testing.assert_array_equal(new, weights)


def test_reinforcement_expects_what_it_gets() -> None:
    weights, bias, mask, x, intent, noise = draw(6, 5, 2, 10)
    rule, expected = Rule("reinforcement", 5, 2), 0.0
    for reward in (1.0, 1.0, 0.0, 1.0, 0.0):
        rule(weights, bias, mask, x, intent, noise, 0.1, reward)
        expected = 0.8 * expected + 0.2 * reward
        assert rule.named["expected"][0] == pytest.approx(expected)


def test_reinforcement_turns_toward_rewarded_noise_and_away_from_what_failed() -> None:
    weights, bias, _, x, intent, noise = draw(7, 5, 1, 1)
    mask = np.ones((1, 5))
    toward = noise[0, 0] * x[0]
    rule = Rule("reinforcement", 5, 1)
    _, rewarded = rule(weights, bias, mask, x, intent, noise, 0.1, 1.0)
    rule.named["expected"][0] = 0.9
    _, failed = rule(weights, bias, mask, x, intent, noise, 0.1, 0.0)
    assert toward @ (rewarded - weights)[0] > 0 > toward @ (failed - weights)[0]


def test_reinforcement_keeps_the_length_of_every_axis() -> None:
    weights, bias, mask, x, intent, noise = draw(8, 30, 2, 100)
    lengths = np.linalg.norm(weights, axis=1)
    rule = Rule("reinforcement", 30, 2)
    for _ in range(200):
        _, weights = rule(weights, bias, mask, x, intent, noise, 0.5, 1.0)
        rule.named["expected"][0] = 0.0
    np.testing.assert_allclose(np.linalg.norm(weights, axis=1), lengths, rtol=1e-9)


def test_reinforcement_without_exploration_changes_no_bit() -> None:
    weights, bias, mask, x, intent, _ = draw(9, 30, 2, 100)
    _, new = Rule("reinforcement", 30, 2)(weights, bias, mask, x, intent, np.zeros((100, 2)), 0.5, 1.0)
    assert (new == weights).all()


def test_reinforcement_can_be_the_exploration_weighted_hebbian_rule() -> None:
    generator = np.random.default_rng(10)
    n_units, n_contexts, n_samples = 40, 3, 50
    theta, ones = generator.normal(0, 1, (n_units, n_contexts)), np.ones((n_units, n_contexts))
    rule = Rule("reinforcement", n_contexts, n_units, normalised=False, keep_length=False, discount=1.0)
    expected_reward = 0.0
    for reward in (1.0, 0.0, 1.0, 1.0):
        context = generator.normal(0, 1, (n_samples, n_contexts))
        exploration = generator.normal(0, 2, (n_samples, n_units))  # a - abar
        unused = np.zeros((n_samples, n_units))
        _, new = rule(theta, np.zeros(n_units), ones, context, unused, exploration, 0.03, reward)
        by_hand = theta + 0.03 * (reward - expected_reward) * np.einsum("tj,ti->ij", context, exploration)
        np.testing.assert_allclose(new, by_hand, rtol=1e-9, atol=1e-12)
        theta, expected_reward = new, 0.8 * expected_reward + 0.2 * reward
