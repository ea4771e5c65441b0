"""The laws of `test_rule_laws`, of rules that are computed beside the tick, on every decoder that each can adapt."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmi_app import plugins
from bmi_app.decoders.contract import FitError, Fitted, Refit, adapted_part
from tests.conformance.worlds import World, choices, run, world
from tests.decoders.called_decoder import Decoder

# Settings in which a rule acts on the samples of a test.
SOONER = {"smoothbatch": {"least_samples": 50}}
ELAPSED_S = 100.0
TOLERANCE = 1e-7  # relative to the largest number


@dataclass(frozen=True)
class Case:
    """Name a rule, a decoder, what its settings choose, and what of it the rule adapts."""

    rule: str
    decoder: str
    chosen: tuple[tuple[str, object], ...]
    adapted: str

    def __str__(self) -> str:
        return "-".join([self.rule, self.decoder, *(str(value) for _, value in self.chosen)])


def cases() -> list[Case]:
    found = []
    for rule in plugins.names("learning"):
        module = plugins.load("learning", rule)
        for name in plugins.names("decoders") if getattr(module, "STAGED", False) else []:
            decoder = plugins.load("decoders", name)
            part = adapted_part(module.ADAPTS, decoder.ADAPTABLE)
            # A rule cannot keep noise that units share: what it makes of such a filter has laws of its own.
            offered = [chosen for chosen in choices(decoder) if ("noise", "full") not in chosen]
            found += [Case(rule, name, chosen, part) for chosen in offered if part is not None]
    return found


every = pytest.mark.parametrize("case", cases(), ids=str)
seeds = st.integers(0, 2**32 - 1)
small = given(seed=seeds, size=st.sampled_from([(1, 1), (2, 1), (2, 2), (9, 1), (9, 2)]))


def standing(case: Case, of: World) -> Decoder:
    """Return the decoder that stands: random weights, or a filter of the samples."""
    decoder = Decoder(case.decoder, of.signs, **dict(case.chosen))
    if case.adapted == "readout":
        decoder.weights, decoder.bias = of.weights.copy(), of.bias.copy()
    else:
        decoder.fit(of.samples, of.mask)
    return decoder


def refitted(case: Case, first: World, batch: World) -> Decoder:
    """Let the rule adapt what the first world gave to the batch of another."""
    rule, decoder = plugins.load("learning", case.rule), standing(case, first)
    parts = {name: part.copy() for name, part in decoder.named.items()}
    kept = [part.copy() for part in (decoder.weights, decoder.bias, batch.samples.features)]
    work = Refit(
        batch.samples, first.mask, ELAPSED_S, decoder.weights, decoder.bias, parts, decoder.module, decoder.settings
    )
    found = rule.refit(rule.Settings(**SOONER.get(case.rule, {})), work)
    assert isinstance(found, Fitted)
    for part, before in zip((work.weights, work.bias, batch.samples.features), kept, strict=True):
        np.testing.assert_array_equal(part, before)
    decoder.take(found)
    return decoder


def close(found: np.ndarray, expected: np.ndarray, tolerance: float = TOLERANCE) -> None:
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * max(np.abs(expected).max(), 1e-9))


def pair(seed: int, n_units: int, n_axes: int) -> tuple[World, World]:
    """Return a world, and one of the same mask in which units are tuned otherwise."""
    return world(seed, n_units, n_axes), world(seed + 1, n_units, n_axes)


def check_order(case: Case, seed: int, n_units: int, n_axes: int) -> None:
    first, batch = pair(seed, n_units, n_axes)
    order, ones = np.random.default_rng(seed).permutation(n_units), np.ones(n_units)
    other, other_batch = (of.changed(of.samples.features, order, ones) for of in (first, batch))
    decoder, permuted = refitted(case, first, batch), refitted(case, other, other_batch)
    close(permuted.weights, decoder.weights[:, order])
    close(permuted.bias, decoder.bias)
    close(run(permuted, other_batch), run(decoder, batch))
    assert np.abs(decoder.weights - standing(case, first).weights).max() > 0


@every
@settings(max_examples=6)
@small
def test_the_order_of_the_units_does_not_matter(case, seed, size) -> None:
    check_order(case, seed, *size)


@every
def test_nor_does_it_of_2048(case) -> None:
    check_order(case, 1, 2048, 1)


@every
@settings(max_examples=6)
@small
def test_features_in_other_units_teach_the_same_in_other_units(case, seed, size) -> None:
    first, batch = pair(seed, *size)
    # A readout's ridge is a share of the mean power of all units; a model is of the features, each in its own unit.
    scale = np.random.default_rng(seed).uniform(0.1, 10, 1 if case.adapted == "readout" else size[0])
    other, other_batch = (of.changed(of.samples.features * scale, np.arange(size[0]), scale) for of in (first, batch))
    decoder, scaled = refitted(case, first, batch), refitted(case, other, other_batch)
    close(scaled.weights * scale, decoder.weights)
    close(scaled.bias, decoder.bias)
    close(run(scaled, other_batch), run(decoder, batch))


def check_mask(case: Case, seed: int, n_units: int, n_axes: int) -> None:
    first, batch = pair(seed, n_units, n_axes)
    first.mask[:, -1], first.signs[:, -1], first.weights[:, -1] = 0.0, 0.0, 0.0
    control = (first.mask == 0).all(axis=0)
    features = batch.samples.features.copy()
    features[:, control] = np.random.default_rng(seed).normal(0, 1e4, (len(features), control.sum()))
    wild = batch.changed(features, np.arange(n_units), np.ones(n_units))
    decoder, other = refitted(case, first, batch), refitted(case, first, wild)
    assert (decoder.weights[first.mask == 0] == 0).all()
    assert (other.weights[first.mask == 0] == 0).all()
    close(other.weights, decoder.weights)
    close(other.bias, decoder.bias)
    close(run(other, wild), run(decoder, batch))


@every
@settings(max_examples=6)
@given(seed=seeds, size=st.sampled_from([(2, 1), (9, 1), (9, 2)]))
def test_units_outside_the_mask_stay_zero_and_have_no_influence(case, seed, size) -> None:
    check_mask(case, seed, *size)


@every
def test_so_they_do_among_2048(case) -> None:
    check_mask(case, 1, 2048, 1)


def check_silence(case: Case, seed: int, n_units: int, n_axes: int) -> None:
    first, batch = pair(seed, n_units, n_axes)
    silent = np.random.default_rng(seed).random(n_units) < 0.4
    silent[:n_axes] = False
    batch.samples.features[:, silent] = 0.0
    decoder = refitted(case, first, batch)
    assert np.isfinite(decoder.memory).all()
    assert np.isfinite(run(decoder, first)).all()
    before = standing(case, first).weights[:, silent]
    if case.adapted == "readout":  # what says nothing is forgotten as everything else
        assert (np.abs(decoder.weights[:, silent]) <= np.abs(before)).all()


@every
@settings(max_examples=6)
@small
def test_silent_units_leave_all_finite(case, seed, size) -> None:
    check_silence(case, seed, *size)


@every
def test_so_they_do_among_2048_too(case) -> None:
    check_silence(case, 1, 2048, 1)


@every
def test_a_batch_of_nothing_but_silence_is_lived_through(case) -> None:
    first, batch = pair(3, 5, 2)
    batch.samples.features[:] = 0.0
    try:
        decoder = refitted(case, first, batch)
    except FitError:
        return
    assert np.isfinite(decoder.memory).all()
    assert np.isfinite(run(decoder, first)).all()
