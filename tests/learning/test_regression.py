"""Recursive least squares is the batch regression at every step, and says how sure it is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bmi_app.learning import regression
from bmi_app.rt.contracts import CHANGED, NOTHING, REFUSED
from bmi_app.testing.called_rule import Rule, draw
from tests.rt.slow_rules import RULES


def learn_one(rule: Rule, weights, bias, mask, features, intent, rate=1.0):
    """Give the rule one sample."""
    return rule(weights, bias, mask, features[None], intent[None], np.zeros((1, len(bias))), rate)


@pytest.mark.parametrize(("n_units", "n_samples"), [(1, 30), (2, 30), (13, 60), (40, 90)])
@settings(max_examples=15)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_axes=st.integers(1, 3),
    ridge=st.sampled_from([1.0, 100.0, 1e4]),
    forgetting=st.sampled_from([1.0, 0.999, 0.9]),
)
def test_every_step_is_the_batch_regression(n_units, n_samples, seed, n_axes, ridge, forgetting) -> None:
    chosen = {"ridge": ridge, "forgetting": forgetting}
    rule, slow = Rule("regression", n_units, n_axes, **chosen), RULES["regression"](chosen)
    weights, bias, mask, x, intent, _ = draw(seed, n_units, n_axes, n_samples)
    expected = weights
    for t, sample in enumerate(x):
        _, weights = learn_one(rule, weights, bias, mask, sample, intent[t])
        expected = slow.learn(expected, bias, mask, x[t : t + 1], intent[t : t + 1], None, 1.0, 1.0)
        np.testing.assert_allclose(weights, expected, rtol=1e-9, atol=1e-9 * max(np.abs(expected).max(), 1))
        assert (weights[mask == 0] == 0).all()


def test_a_whole_trial_is_the_same_as_its_samples() -> None:
    weights, bias, mask, x, intent, noise = draw(2, 12, 2, 50)
    at_once, one_by_one = Rule("regression", 12, 2), Rule("regression", 12, 2)
    _, whole = at_once(weights, bias, mask, x, intent, noise, 1.0)
    for features, wanted in zip(x, intent, strict=True):
        _, weights = learn_one(one_by_one, weights, bias, mask, features, wanted)
    np.testing.assert_array_equal(whole, weights)
    np.testing.assert_array_equal(at_once.memory, one_by_one.memory)


def test_one_covariance_for_all_axes_gives_the_same_weights() -> None:
    weights, bias, _, x, intent, noise = draw(3, 12, 2, 50)
    own, shared = Rule("regression", 12, 2), Rule("regression", 12, 2, shared=True)
    ones = np.ones((2, 12))
    found = [rule(weights, bias, ones, x, intent, noise, 1.0)[1] for rule in (own, shared)]
    np.testing.assert_array_equal(*found)
    assert shared.named["covariance"].shape == (1, 12, 12)
    np.testing.assert_array_equal(own.named["covariance"][1], shared.named["covariance"][0])
    np.testing.assert_array_equal(regression.confidence(own.named), regression.confidence(shared.named))


def test_one_covariance_refuses_axes_with_different_units() -> None:
    weights, bias, _, x, intent, noise = draw(4, 6, 2, 5)
    mask = np.ones((2, 6))
    mask[1, 2] = 0
    result, new = Rule("regression", 6, 2, shared=True)(weights * mask, bias, mask, x, intent, noise, 1.0)
    assert result == REFUSED
    np.testing.assert_array_equal(new, weights * mask)


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_the_units_does_not_matter(seed: int) -> None:
    weights, bias, mask, x, intent, noise = draw(seed, 9, 2, 40)
    order = np.random.default_rng(seed).permutation(9)
    _, found = Rule("regression", 9, 2)(weights, bias, mask, x, intent, noise, 1.0)
    _, other = Rule("regression", 9, 2)(
        weights[:, order].copy(), bias, mask[:, order].copy(), x[:, order].copy(), intent, noise, 1.0
    )
    np.testing.assert_allclose(other, found[:, order], rtol=1e-9, atol=1e-9)


def test_the_covariance_is_a_triangle_and_stays_positive() -> None:
    weights, bias, _, x, intent, noise = draw(5, 20, 2, 3000)
    rule = Rule("regression", 20, 2, forgetting=0.98, ridge=10.0)
    rule(weights, bias, np.ones((2, 20)), x, intent, noise, 1.0)
    for covariance in rule.named["covariance"]:
        np.testing.assert_array_equal(covariance, np.tril(covariance))
        assert np.linalg.eigvalsh(covariance, UPLO="L")[0] > 0


def test_the_interval_is_the_textbook_one() -> None:
    _, _, _, x, intent, noise = draw(6, 8, 2, 200)
    rule, ridge = Rule("regression", 8, 2, ridge=7.0), 7.0
    assert np.isinf(regression.confidence(rule.named)).all()
    _, learnt = rule(np.zeros((2, 8)), np.zeros(2), np.ones((2, 8)), x, intent, noise, 1.0)
    inverse = np.linalg.inv(x.T @ x + ridge * np.eye(8))
    for a in range(2):
        by_hand = ((intent[:, a] - x @ learnt[a]) ** 2).sum() + ridge * (learnt[a] ** 2).sum()
        assert rule.named["squares"][a] == pytest.approx(by_hand, rel=1e-9)
        half = stats.t.ppf(0.95, 200) * np.sqrt(by_hand / 200 * np.diag(inverse))
        found = regression.confidence(rule.named, 0.9, independent=True)[a]
        np.testing.assert_allclose(found, half, rtol=1e-9)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    generator, held = np.random.default_rng(7), []
    true = generator.normal(0, 1, (1, 5))
    for _ in range(300):
        x = generator.normal(0, 3, (60, 5))
        y = x @ true.T + generator.normal(0, 4, (60, 1))
        rule = Rule("regression", 5, 1, ridge=1e-3)
        _, learnt = rule(np.zeros((1, 5)), np.zeros(1), np.ones((1, 5)), x, y, np.zeros((60, 1)), 1.0)
        held.append(np.abs(learnt - true) < regression.confidence(rule.named, 0.9))
    assert np.mean(held) == pytest.approx(0.9, abs=0.03)


def test_silence_teaches_nothing_and_forgets_nothing() -> None:
    weights, bias, mask, x, intent, noise = draw(8, 6, 2, 20)
    rule = Rule("regression", 6, 2, forgetting=0.9)
    _, weights = rule(weights, bias, mask, x, intent, noise, 1.0)
    for scratch in ("seen", "spread"):
        rule.named[scratch][:] = 0.0
    before = rule.memory.copy()
    result, new = rule(weights, bias, mask, np.zeros((1000, 6)), np.ones((1000, 2)), np.zeros((1000, 2)), 1.0)
    assert result == NOTHING
    np.testing.assert_array_equal(new, weights)
    np.testing.assert_array_equal(rule.memory, before)


def test_forgetting_stays_finite_where_only_one_unit_fires_for_hours() -> None:
    rule = Rule("regression", 5, 1, forgetting=0.95, ridge=10.0)
    x = np.zeros((20_000, 5))
    x[:, 2] = np.random.default_rng(9).normal(0, 3, len(x))
    weights = np.zeros((1, 5))
    _, weights = rule(weights, np.zeros(1), np.ones((1, 5)), x, 4 * x[:, 2:3], np.zeros((len(x), 1)), 1.0)
    assert weights[0, 2] == pytest.approx(4, rel=1e-9)
    assert np.diag(rule.named["covariance"][0]).max() <= 1 / 10.0 * (1 + 1e-9)


def test_a_dead_unit_does_not_keep_the_others_from_forgetting() -> None:
    generator = np.random.default_rng(13)
    x = generator.normal(0, 3, (4000, 5))
    x[:, 4] = 0.0
    true = generator.normal(0, 1, (2, 5))
    rule, weights = Rule("regression", 5, 1, forgetting=0.98, ridge=10.0), np.zeros((1, 5))
    for tool in true:  # the tool changes half way
        _, weights = rule(weights, np.zeros(1), np.ones((1, 5)), x, x @ tool[:, None], np.zeros((len(x), 1)), 1.0)
    np.testing.assert_allclose(weights[0, :4], true[1, :4], rtol=1e-6)
    assert weights[0, 4] == 0.0


def test_weights_that_somebody_else_changed_are_learnt_anew_from_there() -> None:
    weights, bias, _, x, intent, noise = draw(10, 6, 1, 30)
    ones, used = np.ones((1, 6)), Rule("regression", 6, 1)
    used(weights, bias, ones, x, intent, noise, 1.0)
    fresh = Rule("regression", 6, 1)
    loaded = weights - 1.0
    np.testing.assert_allclose(
        used(loaded, bias, ones, x, intent, noise, 1.0)[1],
        fresh(loaded, bias, ones, x, intent, noise, 1.0)[1],
        rtol=1e-12,
    )


def test_a_unit_that_moves_to_another_axis_is_regressed_there_as_a_new_one() -> None:
    _, bias, _, x, intent, noise = draw(11, 4, 2, 30)
    mask = np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]])
    rule = Rule("regression", 4, 2)
    _, weights = rule(mask.copy(), bias, mask, x, intent, noise, 1.0)
    mask[:, 1] = 0.0, 1.0
    weights[:, 1] = 0.0, 1.0
    result, weights = rule(weights, bias, mask, x, intent, noise, 1.0)
    assert result == CHANGED
    assert weights[0, 1] == 0.0
    covariance = rule.named["covariance"]
    assert not covariance[0][1].any()
    assert not covariance[0][:, 1].any()
    assert 0 < covariance[1][1, 1] < 1e-4


def test_it_works_with_2048_units() -> None:
    weights, bias, mask, x, intent, noise = draw(12, 2048, 2, 3)
    rule = Rule("regression", 2048, 2, ridge=50.0)
    _, found = rule(weights, bias, mask, x, intent, noise, 1.0)
    for a in range(2):  # the kernel form: W0 + (y - W0 x) (K + ridge I)^-1 x
        seen = x * mask[a]
        gain = np.linalg.solve(seen @ seen.T + 50.0 * np.eye(3), intent[:, a] - bias[a] - seen @ weights[a])
        np.testing.assert_allclose(found[a], weights[a] + gain @ seen, rtol=1e-9, atol=1e-9)
