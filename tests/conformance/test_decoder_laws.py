"""Laws that every decoder found obeys: units have neither order nor measure, masked ones do not exist, silence is harmless.

Each law is checked of the decoder as it starts, as a rule may leave its readout, and as it is fitted, with every choice that its
settings offer. A decoder for which a law does not hold is named in a table here, with the reason.
"""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmi_app import plugins
from bmi_app.decoders.contract import FitError
from tests.conformance.worlds import World, choices, run, steps, world
from tests.decoders.called_decoder import Decoder

# Fits that are not the same whatever the unit of each single feature; one unit for all of them changes nothing.
ONE_SCALE_FOR_ALL = {
    "linear": "its ridge is a share of the mean power of all units' features",
    "wiener": "its ridge is a share of the mean power of all units' features",
}
# Fits that refuse recordings without a single spike, where others say nothing or the mean.
NEEDS_FIRING = {"population_vector": "without a tuned unit there is no vote to sum"}
EXACT, OF_FITS = 1e-9, 1e-7  # relative to the largest number


@dataclass(frozen=True)
class Case:
    """Name a decoder, what its settings choose, and how it came to its weights."""

    name: str
    chosen: tuple[tuple[str, object], ...]
    state: str

    def __str__(self) -> str:
        return "-".join([self.name, *(str(value) for _, value in self.chosen), self.state])


def cases() -> list[Case]:
    found = []
    for name in plugins.names("decoders"):
        module = plugins.load("decoders", name)
        states = ["started", *["adapted"] * ("readout" in module.ADAPTABLE), *["fitted"] * hasattr(module, "fit")]
        found += [Case(name, chosen, state) for chosen in choices(module) for state in states]
    return found


CASES = cases()
every = pytest.mark.parametrize("case", CASES, ids=str)
fitted = pytest.mark.parametrize("case", [case for case in CASES if case.state == "fitted"], ids=str)
many = pytest.mark.parametrize(
    "case", [case for case in CASES if ("noise", "full") not in case.chosen], ids=str
)  # full noise needs more samples than units
seeds = st.integers(0, 2**32 - 1)
small = given(seed=seeds, size=st.sampled_from([(1, 1), (2, 1), (2, 2), (9, 1), (9, 2)]))


def made(case: Case, of: World) -> Decoder:
    decoder = Decoder(case.name, of.signs, **dict(case.chosen))
    if case.state == "adapted":
        decoder.weights, decoder.bias = of.weights.copy(), of.bias.copy()
    if case.state == "fitted":
        decoder.fit(of.samples, of.mask)
    return decoder


def close(found: np.ndarray, expected: np.ndarray, tolerance: float) -> None:
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * max(np.abs(expected).max(), 1e-9))


def check_order(case: Case, seed: int, n_units: int, n_axes: int) -> None:
    first = world(seed, n_units, n_axes)
    order = np.random.default_rng(seed).permutation(n_units)
    other = first.changed(first.samples.features, order, np.ones(n_units))
    decoder, permuted = made(case, first), made(case, other)
    tolerance = OF_FITS if case.state == "fitted" else EXACT
    close(permuted.weights, decoder.weights[:, order], tolerance)
    close(permuted.bias, decoder.bias, tolerance)
    close(run(permuted, other), run(decoder, first), tolerance)


@every
@settings(max_examples=6)
@small
def test_the_order_of_the_units_does_not_matter(case, seed, size) -> None:
    check_order(case, seed, *size)


@many
def test_nor_does_it_of_2048(case) -> None:
    check_order(case, 1, 2048, 1)


@fitted
@settings(max_examples=6)
@small
def test_a_fit_to_features_in_other_units_has_weights_in_other_units(case, seed, size) -> None:
    first, n_units = world(seed, *size), size[0]
    generator = np.random.default_rng(seed)
    scale = generator.uniform(0.1, 10, 1 if case.name in ONE_SCALE_FOR_ALL else n_units)
    other = first.changed(first.samples.features * scale, np.arange(n_units), scale)
    decoder, scaled = made(case, first), made(case, other)
    close(scaled.weights * scale, decoder.weights, OF_FITS)
    close(scaled.bias, decoder.bias, OF_FITS)
    close(run(scaled, other), run(decoder, first), OF_FITS)


@pytest.mark.parametrize("case", [case for case in CASES if case.state == "adapted"], ids=str)
@settings(max_examples=6)
@given(seed=seeds, size=st.sampled_from([(1, 1), (1, 2), (9, 2), (2048, 2)]))
def test_a_readout_follows_weights_times_features(case, seed, size) -> None:
    first, n_units = world(seed, *size), size[0]
    scale = np.random.default_rng(seed).uniform(0.1, 10, n_units)
    other = first.changed(first.samples.features * scale, np.arange(n_units), scale)
    close(run(made(case, other), other), run(made(case, first), first), EXACT)


@every
@settings(max_examples=6)
@small
def test_a_unit_that_is_flipped_speaks_with_the_other_sign(case, seed, size) -> None:
    first, n_units = world(seed, *size), size[0]
    signs = np.where(np.random.default_rng(seed).random(n_units) < 0.5, -1.0, 1.0)
    decoder, flipped = made(case, first), made(case, first)
    flipped.weights = flipped.weights * signs
    if hasattr(flipped.module, "flip"):  # as a session's `decoder.scramble` does
        flipped.module.flip(flipped.named, signs)
    other = first.changed(first.samples.features * signs, np.arange(n_units), signs)
    close(run(flipped, other), run(decoder, first), EXACT)


def check_mask(case: Case, seed: int, n_units: int, n_axes: int) -> None:
    first = world(seed, n_units, n_axes)
    first.mask[:, -1], first.signs[:, -1], first.weights[:, -1] = 0.0, 0.0, 0.0
    control = (first.mask == 0).all(axis=0)
    features = first.samples.features.copy()
    features[:, control] = np.random.default_rng(seed).normal(0, 1e4, (len(features), control.sum()))
    wild = first.changed(features, np.arange(n_units), np.ones(n_units))
    decoder, other = made(case, first), made(case, wild)
    assert (decoder.weights[first.mask == 0] == 0).all()
    assert (other.weights[first.mask == 0] == 0).all()
    close(other.weights, decoder.weights, EXACT)
    close(other.bias, decoder.bias, EXACT)
    np.testing.assert_array_equal(run(other, first), run(made(case, wild), wild))  # to the bit: it is not even rounded


@every
@settings(max_examples=6)
@given(seed=seeds, size=st.sampled_from([(2, 1), (9, 1), (9, 2)]))
def test_units_outside_the_mask_have_no_weight_and_no_influence(case, seed, size) -> None:
    check_mask(case, seed, *size)


@many
def test_nor_have_they_among_2048(case) -> None:
    check_mask(case, 1, 2048, 1)


def check_silence(case: Case, seed: int, n_units: int, n_axes: int) -> None:
    of = world(seed, n_units, n_axes)
    silent = np.random.default_rng(seed).random(n_units) < 0.4
    silent[:n_axes] = False
    of.samples.features[:, silent] = 0.0
    decoder = made(case, of)
    if case.state == "fitted":
        assert np.isfinite(decoder.memory).all()
        assert np.abs(decoder.weights[:, silent]).max(initial=0.0) < 1e-12
    assert np.isfinite(run(decoder, of)).all()
    quiet = of.changed(0 * of.samples.features, np.arange(n_units), np.ones(n_units))
    assert np.isfinite(run(decoder, quiet)).all()
    if case.state == "started":
        assert not run(made(case, of), quiet).any()  # no spike, no movement


@every
@settings(max_examples=6)
@small
def test_silent_units_and_silence_give_finite_numbers(case, seed, size) -> None:
    check_silence(case, seed, *size)


@many
def test_so_they_do_among_2048(case) -> None:
    check_silence(case, 1, 2048, 1)


@fitted
def test_a_fit_to_nothing_but_silence_says_always_the_same(case) -> None:
    of = world(3, 5, 2)
    of.samples.features[:] = 0.0
    if case.name in NEEDS_FIRING:
        with pytest.raises(FitError, match=r"\A.*\Z"):  # in a line
            made(case, of)
        return
    decoder, made_again = made(case, of), made(case, of)
    assert np.isfinite(decoder.memory).all()
    found = run(decoder, of)
    if ("model", "position_velocity") in case.chosen:  # it goes on as movements do, whatever fires
        of.samples.features[:] = np.random.default_rng(3).normal(0, 100, of.samples.features.shape)
        np.testing.assert_array_equal(run(made_again, of), found)
        return
    np.testing.assert_array_equal(found, np.broadcast_to(found[0], found.shape))


@fitted
@settings(max_examples=6)
@given(seed=seeds, size=st.sampled_from([(1, 1), (2, 2), (9, 1), (9, 2)]), shift=st.floats(-300, 300))
def test_a_shift_of_coordinates_changes_no_velocity(case, seed, size, shift) -> None:
    first = world(seed, *size)
    moved = replace(first, samples=replace(first.samples, position=first.samples.position + shift))
    decoder, other = made(case, first), made(case, moved)
    close(other.weights, decoder.weights, OF_FITS)
    close(run(other, moved), run(decoder, first), OF_FITS)


@fitted
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_movement_that_begins_at_once_is_seen_at_once(case, seed) -> None:
    """Fitted to movements of one velocity each, from rest, a decoder follows each within ten samples of what it looks back over."""
    of = steps(seed, 60, 2)
    decoder = made(case, of)
    found, begun = run(decoder, of), np.arange(len(of.samples.piece)) % 40
    reach = decoder.module.reach(decoder.settings) if hasattr(decoder.module, "reach") else 0
    for after in (10 + reach, 39):
        rows = begun == after
        error = np.abs(found[rows] - of.samples.velocity[rows]).mean()
        assert error < 0.35 * np.abs(of.samples.velocity[rows]).mean(), after
