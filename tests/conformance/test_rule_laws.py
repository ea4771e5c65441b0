"""Laws that every learning rule found obeys: units have neither order nor measure, masked ones stay 0, silence teaches nothing.

A rule for which a law does not hold, or that needs something said, is named in a table here, with the reason. Rules that are
computed beside the tick have the same laws in `test_staged_rule_laws`.
"""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmi_app import plugins
from bmi_app.rt.contracts import CHANGED, NOTHING, REFUSED
from tests.learning.called_rule import Rule

# Settings in which a rule acts within the few samples of a test.
SOONER = {"rml": {"warm_up_s": 0.1, "half_life_s": 0.5}}
# Settings that are measured in squares of features: with features in other units they are other numbers.
IN_FEATURE_POWER = {
    "lms": "epsilon",
    "reward_gated": "epsilon",
    "reinforcement": "epsilon",
    "batched": "epsilon",
    "regression": "ridge",
}
# Rules that divide by |x|^2 of all units: how strongly those outside the mask fire makes a step shorter, and no more than that.
DIVIDED_BY_ALL = ("lms", "reward_gated", "reinforcement", "batched")

CALLS = ((12, 1.0), (1, 0.0), (0, 0.0), (7, 1.0), (5, 0.0))  # samples and reward; without samples as at rest
SIZES = ((1, 1), (2, 1), (2, 2), (9, 1), (9, 2))
TOLERANCE = 1e-9  # relative to the largest number


def _in_tick() -> list[str]:
    return [name for name in plugins.names("learning") if not getattr(plugins.load("learning", name), "STAGED", False)]


def cases() -> list[tuple[str, bool]]:
    """Return every rule, and those that can go without the normalisation without it as well."""
    found = []
    for name in _in_tick():
        can_be_plain = "normalised" in plugins.load("learning", name).Settings.model_fields
        found += [(name, is_plain) for is_plain in (False, True) if can_be_plain or not is_plain]
    return found


@dataclass(frozen=True)
class World:
    """Hold what a rule is given: readout or model, mask, samples, its settings and its rate."""

    name: str
    chosen: dict[str, float]
    rate: float
    adapted: np.ndarray
    bias: np.ndarray
    mask: np.ndarray
    x: np.ndarray
    intent: np.ndarray
    noise: np.ndarray

    def in_order(self, order: np.ndarray) -> "World":
        x, mask, adapted = (np.ascontiguousarray(part[:, order]) for part in (self.x, self.mask, self.adapted))
        return replace(self, x=x, mask=mask, adapted=adapted)

    def run(self, calls: tuple[tuple[int, float], ...] = CALLS) -> tuple[list[int], np.ndarray]:
        """Return the results of the calls, and what they have made of the readout or model."""
        rule, adapted, results, at = (
            Rule(self.name, self.x.shape[1], len(self.bias), **self.chosen),
            self.adapted,
            [],
            0,
        )
        for n, reward in calls:
            given_ = slice(at, at + n)
            part = self.x[given_], self.intent[given_], self.noise[given_]
            result, adapted = rule(adapted, self.bias, self.mask, *part, self.rate, reward)
            results.append(result)
            at += n
        return results, adapted


def adapts_model(name: str) -> bool:
    return "model" in plugins.load("learning", name).ADAPTS


def world(case: tuple[str, bool], seed: int, n_units: int, n_axes: int) -> World:
    """Draw a world; in half of them every axis has the same units."""
    name, is_plain = case
    generator = np.random.default_rng(seed)
    mask = (generator.random((n_axes, n_units)) < 0.7).astype(float)
    mask[:, 0] = 1.0
    mask = np.repeat(mask[:1], n_axes, axis=0) if generator.random() < 0.5 else mask
    adapted = np.where(mask != 0, generator.normal(0, 1, (n_axes, n_units)), 0.0)
    if adapts_model(name):
        model = generator.normal(0, 1, (n_axes + 1, n_units))
        adapted = np.vstack([model, generator.uniform(1, 9, n_units)])
    n_samples = sum(n for n, _ in CALLS)
    x = generator.normal(0, 5, (n_samples, n_units))
    intent, noise = generator.normal(0, 20, (n_samples, n_axes)), generator.normal(0, 3, (n_samples, n_axes))
    rate = plugins.load("learning", name).DEFAULT_RATE / (25 * n_units if is_plain else 1)  # about as large a step
    chosen = SOONER.get(name, {}) | ({"normalised": False} if is_plain else {})
    return World(name, chosen, rate, adapted, generator.normal(0, 1, n_axes), mask, x, intent, noise)


def close(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE * np.abs(expected).max())


every = pytest.mark.parametrize("case", cases(), ids=lambda case: case[0] + "-plain" * case[1])
small = given(seed=st.integers(0, 2**32 - 1), size=st.sampled_from(SIZES))


def check_order(case, seed, n_units, n_axes) -> None:
    first = world(case, seed, n_units, n_axes)
    order = np.random.default_rng(seed).permutation(n_units)
    results, adapted = first.run()
    permuted_results, permuted = first.in_order(order).run()
    assert CHANGED in results
    assert permuted_results == results
    close(permuted, adapted[:, order])


@every
@settings(max_examples=8)
@small
def test_the_order_of_the_units_does_not_matter(case, seed, size) -> None:
    check_order(case, seed, *size)


@every
def test_nor_does_it_of_2048(case) -> None:
    check_order(case, 1, 2048, 2)


def scaled(of: World, generator: np.random.Generator) -> tuple[World, np.ndarray]:
    """Return the same world with features in other units, and by what that multiplies what is learnt."""
    rows, n_units = of.adapted.shape
    if adapts_model(of.name):  # of the features, so each in its own unit; the last row are variances
        scale = generator.uniform(0.1, 10, n_units)
        factor = np.vstack([np.tile(scale, (rows - 1, 1)), scale**2])
        return replace(of, x=of.x * scale, adapted=of.adapted * factor), factor
    scale = generator.uniform(0.1, 10)
    chosen, rate = dict(of.chosen), of.rate
    if "normalised" in chosen:  # a plain gradient: the rate is in inverse squares of features
        rate /= scale**2
    elif of.name in IN_FEATURE_POWER:
        setting = IN_FEATURE_POWER[of.name]
        chosen[setting] = scale**2 * plugins.load("learning", of.name).Settings.model_fields[setting].default
    factor = np.full(of.adapted.shape, 1 / scale)
    return replace(of, x=of.x * scale, adapted=of.adapted * factor, chosen=chosen, rate=rate), factor


@every
@settings(max_examples=8)
@small
def test_features_in_other_units_teach_the_same_in_other_units(case, seed, size) -> None:
    first = world(case, seed, *size)
    other, factor = scaled(first, np.random.default_rng(seed))
    results, adapted = first.run()
    scaled_results, found = other.run()
    assert CHANGED in results
    assert scaled_results == results
    close(found / factor, adapted)


def check_mask(case, seed, n_units, n_axes) -> None:
    first = world(case, seed, n_units, n_axes)
    first.mask[:, 1::3] = 0.0
    if not adapts_model(first.name):
        first.adapted[first.mask == 0] = 0.0
    control = (first.mask == 0).all(axis=0)
    firing = first.x.copy()
    if first.name in DIVIDED_BY_ALL and not case[1]:
        firing[:, control] = -firing[:, control][:, ::-1]  # something else, as strong
    else:
        firing[:, control] = np.random.default_rng(seed).normal(0, 1e3, (len(firing), control.sum()))
    results, adapted = first.run()
    other_results, other = replace(first, x=firing).run()
    assert CHANGED in results
    assert other_results == results
    close(other[:, ~control], adapted[:, ~control])
    if not adapts_model(first.name):  # what a model says of such a unit the decoder does not ask for
        assert (adapted[first.mask == 0].view(np.uint64) == 0).all()  # +0.0, to the bit
        assert (other[first.mask == 0].view(np.uint64) == 0).all()


@every
@settings(max_examples=8)
@given(seed=st.integers(0, 2**32 - 1), size=st.sampled_from([(2, 1), (2, 2), (9, 1), (9, 2)]))
def test_units_outside_the_mask_stay_zero_and_have_no_influence(case, seed, size) -> None:
    check_mask(case, seed, *size)


@every
def test_so_they_do_among_2048(case) -> None:
    check_mask(case, 1, 2048, 2)


def check_silence(case, seed, n_units, n_axes) -> None:
    first = world(case, seed, n_units, n_axes)
    results, adapted = replace(first, x=0 * first.x).run()
    assert REFUSED not in results
    if adapts_model(first.name):  # there is something to learn: that these units are silent
        assert np.isfinite(adapted).all()
        assert (adapted[-1] > 0).all()
    else:
        np.testing.assert_array_equal(adapted, first.adapted)


@every
@settings(max_examples=8)
@small
def test_silence_teaches_nothing(case, seed, size) -> None:
    check_silence(case, seed, *size)


@every
def test_nor_does_that_of_2048(case) -> None:
    check_silence(case, 1, 2048, 2)


@every
@settings(max_examples=8)
@small
def test_units_that_fall_silent_and_one_that_is_wild_leave_all_finite(case, seed, size) -> None:
    first = world(case, seed, *size)
    x = first.x.copy()
    x[6:, ::2] = 0.0
    x[:, -1] *= 100.0
    _, adapted = replace(first, x=x, rate=first.rate * (1e-4 if case[1] else 1.0)).run()
    assert np.isfinite(adapted).all()


@every
def test_without_a_rate_there_is_no_change(case) -> None:
    first = world(case, 5, 9, 2)
    results, adapted = replace(first, rate=0.0).run()
    assert set(results) == {NOTHING}
    np.testing.assert_array_equal(adapted, first.adapted)
