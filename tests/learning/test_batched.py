"""The batched rule stores evenly thinned trials, forgets the oldest, and replays them as the equation says."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bmi_app.rt.contracts import CHANGED, NOTHING
from bmi_app.testing.called_rule import Rule, draw
from tests.rt.slow_rules import RULES


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_units=st.sampled_from([1, 2, 13]),
    n_axes=st.integers(1, 3),
    trials=st.integers(1, 5),
    samples=st.integers(1, 9),
    replays=st.integers(0, 6),
    replays_awake=st.integers(0, 6),
    normalised=st.booleans(),
    calls=st.lists(st.sampled_from([0, 0, 1, 1, 1, 2, 5, 23]), min_size=1, max_size=12),
)
def test_it_follows_its_equation_whatever_it_is_given(
    seed, n_units, n_axes, trials, samples, replays, replays_awake, normalised, calls
) -> None:
    chosen = {
        "trials": trials,
        "samples": samples,
        "replays": replays,
        "replays_awake": replays_awake,
        "normalised": normalised,
    }
    rule, slow = Rule("batched", n_units, n_axes, **chosen), RULES["batched"](chosen)
    weights, bias, mask, x, intent, noise = draw(seed, n_units, n_axes, 40)
    rate = 0.3 if normalised else 0.3 / (25 * n_units)
    at = 0
    for n in calls:
        given_ = slice(at, at + n)
        result, new = rule(weights, bias, mask, x[given_], intent[given_], noise[given_], rate)
        expected = slow.learn(weights, bias, mask, x[given_], intent[given_], None, rate, 1.0)
        assert result == (NOTHING if expected is None else CHANGED)
        expected = weights if expected is None else expected
        np.testing.assert_allclose(new, expected, rtol=1e-9, atol=1e-9 * max(np.abs(expected).max(), 1))
        weights, at = new, (at + n) % 17


def test_without_replays_awake_it_learns_only_at_rest() -> None:
    weights, bias, mask, x, intent, noise = draw(1, 10, 2, 30)
    rule = Rule("batched", 10, 2, replays_awake=0)
    result, new = rule(weights, bias, mask, x, intent, noise, 0.5)
    assert result == NOTHING
    np.testing.assert_array_equal(new, weights)
    result, new = rule(weights, bias, mask, x[:0], intent[:0], noise[:0], 0.5)
    assert result == CHANGED
    assert np.linalg.norm(intent - x @ new.T - bias) < np.linalg.norm(intent - x @ weights.T - bias)


def test_replaying_one_trial_over_and_over_ends_at_its_regression() -> None:
    generator = np.random.default_rng(2)
    true = generator.normal(0, 1, (2, 6))
    x = generator.normal(0, 4, (40, 6))
    rule = Rule("batched", 6, 2, replays=1000, replays_awake=0)
    weights, nothing = np.zeros((2, 6)), np.zeros((0, 2))
    rule(weights, np.zeros(2), np.ones((2, 6)), x, x @ true.T, np.zeros((40, 2)), 1.0)
    for _ in range(3):
        _, weights = rule(weights, np.zeros(2), np.ones((2, 6)), x[:0], nothing, nothing, 1.0)
    np.testing.assert_allclose(weights, true, rtol=1e-6)


def test_at_rest_before_the_first_trial_it_does_nothing() -> None:
    weights, bias, mask, x, intent, noise = draw(3, 5, 2, 4)
    result, new = Rule("batched", 5, 2)(weights, bias, mask, x[:0], intent[:0], noise[:0], 0.5)
    assert result == NOTHING
    np.testing.assert_array_equal(new, weights)


def test_it_works_with_2048_units() -> None:
    weights, bias, mask, x, intent, noise = draw(4, 2048, 2, 20)
    rule, slow = Rule("batched", 2048, 2), RULES["batched"]({})
    _, new = rule(weights, bias, mask, x, intent, noise, 0.5)
    np.testing.assert_allclose(new, slow.learn(weights, bias, mask, x, intent, None, 0.5, 1.0), rtol=1e-9, atol=1e-9)
