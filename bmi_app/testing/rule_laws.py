"""Laws of learning rules in the tick: units have neither order nor measure, masked ones stay 0, silence teaches nothing.

A rule for which a law does not hold, or that needs something said, says so in its traits. Rules that are computed beside the tick
have the same laws in `staged_rule_laws`.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from bmi_app import plugins
from bmi_app.rt.contracts import CHANGED, NOTHING, REFUSED
from bmi_app.testing import law as laws_
from bmi_app.testing.called_rule import Rule
from bmi_app.testing.law import Law, drawn_law
from bmi_app.traits import LearningTraits

CALLS = ((12, 1.0), (1, 0.0), (0, 0.0), (7, 1.0), (5, 0.0))  # samples and reward; without samples as at rest
SIZES = ((1, 1), (2, 1), (2, 2), (9, 1), (9, 2))
TOLERANCE = 1e-9  # relative to the largest number


MASKED = ((2, 1), (2, 2), (9, 1), (9, 2))


@dataclass(frozen=True)
class Case:
    """Name a rule, and whether it goes without the normalisation."""

    name: str
    is_plain: bool

    def __str__(self) -> str:
        return self.name + "-plain" * self.is_plain

    @property
    def traits(self) -> LearningTraits:
        """Return what the rule says of itself."""
        traits: LearningTraits = plugins.load("learning", self.name).TRAITS
        return traits

    @property
    def adapts_model(self) -> bool:
        """Tell whether it changes a decoder's model instead of its readout."""
        return "model" in self.traits.adapts


def cases(name: str) -> list[Case]:
    """Return a rule, and if it can go without the normalisation, without it as well."""
    can_be_plain = "normalised" in plugins.load("learning", name).Settings.model_fields
    return [Case(name, is_plain) for is_plain in (False, True) if can_be_plain or not is_plain]


def laws(name: str) -> list[Law]:
    """Return the laws of a rule in the tick."""
    found = []
    for case in cases(name):
        for check, sizes in (
            (the_order_of_units_does_not_matter, SIZES),
            (units_outside_the_mask_stay_zero_and_have_no_influence, MASKED),
            (silence_teaches_nothing, SIZES),
        ):
            found.append(drawn_law(case, check, sizes, 8))
            found.append(Law(f"{case}-{check.__name__}_of_2048", partial(check, case, 1, 2048, 2)))
        found.append(drawn_law(case, features_in_other_units_teach_the_same_in_other_units, SIZES, 8))
        found.append(drawn_law(case, units_that_fall_silent_and_one_that_is_wild_leave_all_finite, SIZES, 8))
        found.append(laws_.law(case, without_a_rate_there_is_no_change))
    return found


@dataclass(frozen=True)
class World:
    """Hold what a rule is given: readout or model, mask, samples, its settings and its rate."""

    case: Case
    chosen: dict[str, Any]
    rate: float
    adapted: np.ndarray
    bias: np.ndarray
    mask: np.ndarray
    x: np.ndarray
    intent: np.ndarray
    noise: np.ndarray

    def in_order(self, order: np.ndarray) -> "World":
        """Return the same world with units in another order."""
        x, mask, adapted = (np.ascontiguousarray(part[:, order]) for part in (self.x, self.mask, self.adapted))
        return replace(self, x=x, mask=mask, adapted=adapted)

    def run(self, calls: tuple[tuple[int, float], ...] = CALLS) -> tuple[list[int], np.ndarray]:
        """Return the results of the calls, and what they have made of the readout or model."""
        rule, adapted, results, at = (
            Rule(self.case.name, self.x.shape[1], len(self.bias), **self.chosen),
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


def world(case: Case, seed: int, n_units: int, n_axes: int) -> World:
    """Draw a world; in half of them every axis has the same units."""
    generator = np.random.default_rng(seed)
    mask = (generator.random((n_axes, n_units)) < 0.7).astype(float)
    mask[:, 0] = 1.0
    mask = np.repeat(mask[:1], n_axes, axis=0) if generator.random() < 0.5 else mask
    adapted = np.where(mask != 0, generator.normal(0, 1, (n_axes, n_units)), 0.0)
    if case.adapts_model:
        model = generator.normal(0, 1, (n_axes + 1, n_units))
        adapted = np.vstack([model, generator.uniform(1, 9, n_units)])
    n_samples = sum(n for n, _ in CALLS)
    x = generator.normal(0, 5, (n_samples, n_units))
    intent, noise = generator.normal(0, 20, (n_samples, n_axes)), generator.normal(0, 3, (n_samples, n_axes))
    rate = case.traits.default_rate / (25 * n_units if case.is_plain else 1)  # about as large a step
    chosen = dict(case.traits.acts_soon) | ({"normalised": False} if case.is_plain else {})
    return World(case, chosen, rate, adapted, generator.normal(0, 1, n_axes), mask, x, intent, noise)


def the_order_of_units_does_not_matter(case: Case, seed: int, n_units: int, n_axes: int) -> None:
    first = world(case, seed, n_units, n_axes)
    order = np.random.default_rng(seed).permutation(n_units)
    results, adapted = first.run()
    permuted_results, permuted = first.in_order(order).run()
    assert CHANGED in results
    assert permuted_results == results
    laws_.close(permuted, adapted[:, order], TOLERANCE)


def scaled(of: World, generator: np.random.Generator) -> tuple[World, np.ndarray]:
    """Return the same world with features in other units, and by what that multiplies what is learnt."""
    rows, n_units = of.adapted.shape
    if of.case.adapts_model:  # of the features, so each in its own unit; the last row are variances
        scale = generator.uniform(0.1, 10, n_units)
        factor = np.vstack([np.tile(scale, (rows - 1, 1)), scale**2])
        return replace(of, x=of.x * scale, adapted=of.adapted * factor), factor
    scale = generator.uniform(0.1, 10)
    chosen, rate = dict(of.chosen), of.rate
    if "normalised" in chosen:  # a plain gradient: the rate is in inverse squares of features
        rate /= scale**2
    elif of.case.traits.in_feature_power:
        setting = of.case.traits.in_feature_power
        chosen[setting] = scale**2 * plugins.load("learning", of.case.name).Settings.model_fields[setting].default
    factor = np.full(of.adapted.shape, 1 / scale)
    return replace(of, x=of.x * scale, adapted=of.adapted * factor, chosen=chosen, rate=rate), factor


def features_in_other_units_teach_the_same_in_other_units(case: Case, seed: int, n_units: int, n_axes: int) -> None:
    first = world(case, seed, n_units, n_axes)
    other, factor = scaled(first, np.random.default_rng(seed))
    results, adapted = first.run()
    scaled_results, found = other.run()
    assert CHANGED in results
    assert scaled_results == results
    laws_.close(found / factor, adapted, TOLERANCE)


def units_outside_the_mask_stay_zero_and_have_no_influence(case: Case, seed: int, n_units: int, n_axes: int) -> None:
    first = world(case, seed, n_units, n_axes)
    first.mask[:, 1::3] = 0.0
    if not case.adapts_model:
        first.adapted[first.mask == 0] = 0.0
    control = (first.mask == 0).all(axis=0)
    firing = first.x.copy()
    if case.traits.divided_by_all and not case.is_plain:
        firing[:, control] = -firing[:, control][:, ::-1]  # something else, as strong
    else:
        firing[:, control] = np.random.default_rng(seed).normal(0, 1e3, (len(firing), control.sum()))
    results, adapted = first.run()
    other_results, other = replace(first, x=firing).run()
    assert CHANGED in results
    assert other_results == results
    laws_.close(other[:, ~control], adapted[:, ~control], TOLERANCE)
    if not case.adapts_model:  # what a model says of such a unit the decoder does not ask for
        assert (adapted[first.mask == 0].view(np.uint64) == 0).all()  # +0.0, to the bit
        assert (other[first.mask == 0].view(np.uint64) == 0).all()


def silence_teaches_nothing(case: Case, seed: int, n_units: int, n_axes: int) -> None:
    first = world(case, seed, n_units, n_axes)
    results, adapted = replace(first, x=0 * first.x).run()
    assert REFUSED not in results
    if case.adapts_model:  # there is something to learn: that these units are silent
        assert np.isfinite(adapted).all()
        assert (adapted[-1] > 0).all()
    else:
        np.testing.assert_array_equal(adapted, first.adapted)


def units_that_fall_silent_and_one_that_is_wild_leave_all_finite(
    case: Case, seed: int, n_units: int, n_axes: int
) -> None:
    first = world(case, seed, n_units, n_axes)
    x = first.x.copy()
    x[6:, ::2] = 0.0
    x[:, -1] *= 100.0
    _, adapted = replace(first, x=x, rate=first.rate * (1e-4 if case.is_plain else 1.0)).run()
    assert np.isfinite(adapted).all()


def without_a_rate_there_is_no_change(case: Case) -> None:
    first = world(case, 5, 9, 2)
    results, adapted = replace(first, rate=0.0).run()
    assert set(results) == {NOTHING}
    np.testing.assert_array_equal(adapted, first.adapted)
