"""Laws of decoders: units have neither order nor measure, masked ones do not exist, silence is harmless.

Each law is tried of the decoder as it starts, as a rule may leave its readout, and as it is fitted, with every choice that its
settings offer. A decoder for which a law does not hold says so in its traits, with the reason.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from hypothesis import strategies as st

from bmi_app import plugins
from bmi_app.decoders.contract import FitError
from bmi_app.testing.called_decoder import Decoder
from bmi_app.testing.law import Law, close, drawn_law, law
from bmi_app.testing.worlds import World, choices, run, steps, world
from bmi_app.traits import DecoderTraits

EXACT, OF_FITS = 1e-9, 1e-7  # relative to the largest number


@dataclass(frozen=True)
class Case:
    """Name a decoder, what its settings choose, and how it came to its weights."""

    name: str
    chosen: tuple[tuple[str, object], ...]
    state: str

    def __str__(self) -> str:
        return "-".join([self.name, *(str(value) for _, value in self.chosen), self.state])

    @property
    def traits(self) -> DecoderTraits:
        """Return what the decoder says of itself."""
        traits: DecoderTraits = plugins.load("decoders", self.name).TRAITS
        return traits

    def has(self, settings: Mapping[str, object]) -> bool:
        """Tell whether one of these settings was chosen."""
        return any(chosen in settings.items() for chosen in self.chosen)


def cases(name: str) -> list[Case]:
    """Return a decoder with each choice of its settings, in each state to which it can come."""
    module = plugins.load("decoders", name)
    traits: DecoderTraits = module.TRAITS
    states = ["started", *["adapted"] * ("readout" in traits.adaptable), *["fitted"] * (traits.fit is not None)]
    return [Case(name, chosen, state) for chosen in choices(module) for state in states]


SMALL = ((1, 1), (2, 1), (2, 2), (9, 1), (9, 2))
MASKED = ((2, 1), (9, 1), (9, 2))
SHIFTED = ((1, 1), (2, 2), (9, 1), (9, 2))
READOUT = ((1, 1), (1, 2), (9, 2), (2048, 2))


def laws(name: str) -> list[Law]:
    """Return the laws of a decoder."""
    found = []
    for case in cases(name):
        large = not case.has(case.traits.shared_noise)  # which needs more samples than units
        for check, sizes in (
            (the_order_of_units_does_not_matter, SMALL),
            (units_outside_the_mask_have_no_influence, MASKED),
            (silence_gives_finite_numbers, SMALL),
        ):
            found.append(drawn_law(case, check, sizes))
            if large:
                found.append(Law(f"{case}-{check.__name__}_of_2048", partial(check, case, 1, 2048, 1)))
        found.append(drawn_law(case, a_unit_that_is_flipped_speaks_with_the_other_sign, SMALL))
        if case.state == "adapted":
            found.append(drawn_law(case, a_readout_follows_weights_times_features, READOUT))
        if case.state == "fitted":
            found.append(drawn_law(case, a_fit_in_other_units_has_weights_in_other_units, SMALL))
            found.append(
                drawn_law(case, a_shift_of_coordinates_changes_no_velocity, SHIFTED, shift=st.floats(-300, 300))
            )
            found.append(law(case, a_fit_to_silence_says_always_the_same))
            begun = a_movement_that_begins_at_once_is_seen_at_once
            found += [Law(f"{case}-{begun.__name__}_{seed}", partial(begun, case, seed)) for seed in (1, 2, 3)]
    return found


def made(case: Case, of: World) -> Decoder:
    decoder = Decoder(case.name, of.signs, **dict(case.chosen))
    if case.state == "adapted":
        decoder.weights, decoder.bias = of.weights.copy(), of.bias.copy()
    if case.state == "fitted":
        decoder.fit(of.samples, of.mask)
    return decoder


def the_order_of_units_does_not_matter(case: Case, seed: int, n_units: int, n_axes: int) -> None:
    first = world(seed, n_units, n_axes)
    order = np.random.default_rng(seed).permutation(n_units)
    other = first.changed(first.samples.features, order, np.ones(n_units))
    decoder, permuted = made(case, first), made(case, other)
    tolerance = OF_FITS if case.state == "fitted" else EXACT
    close(permuted.weights, decoder.weights[:, order], tolerance)
    close(permuted.bias, decoder.bias, tolerance)
    close(run(permuted, other), run(decoder, first), tolerance)


def a_fit_in_other_units_has_weights_in_other_units(case: Case, seed: int, n_units: int, n_axes: int) -> None:
    first = world(seed, n_units, n_axes)
    generator = np.random.default_rng(seed)
    scale = generator.uniform(0.1, 10, 1 if case.traits.one_scale else n_units)
    other = first.changed(first.samples.features * scale, np.arange(n_units), scale)
    decoder, scaled = made(case, first), made(case, other)
    close(scaled.weights * scale, decoder.weights, OF_FITS)
    close(scaled.bias, decoder.bias, OF_FITS)
    close(run(scaled, other), run(decoder, first), OF_FITS)


def a_readout_follows_weights_times_features(case: Case, seed: int, n_units: int, n_axes: int) -> None:
    first = world(seed, n_units, n_axes)
    scale = np.random.default_rng(seed).uniform(0.1, 10, n_units)
    other = first.changed(first.samples.features * scale, np.arange(n_units), scale)
    close(run(made(case, other), other), run(made(case, first), first), EXACT)


def a_unit_that_is_flipped_speaks_with_the_other_sign(case: Case, seed: int, n_units: int, n_axes: int) -> None:
    first = world(seed, n_units, n_axes)
    signs = np.where(np.random.default_rng(seed).random(n_units) < 0.5, -1.0, 1.0)
    decoder, flipped = made(case, first), made(case, first)
    flipped.weights = flipped.weights * signs
    if case.traits.flip is not None:  # as a session's `decoder.scramble` does
        case.traits.flip(flipped.named, signs)
    other = first.changed(first.samples.features * signs, np.arange(n_units), signs)
    close(run(flipped, other), run(decoder, first), EXACT)


def units_outside_the_mask_have_no_influence(case: Case, seed: int, n_units: int, n_axes: int) -> None:
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


def silence_gives_finite_numbers(case: Case, seed: int, n_units: int, n_axes: int) -> None:
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


def a_fit_to_silence_says_always_the_same(case: Case) -> None:
    of = world(3, 5, 2)
    of.samples.features[:] = 0.0
    if case.traits.needs_firing:
        try:
            made(case, of)
        except FitError as error:
            said = str(error)
        else:
            said = ""
        assert re.fullmatch(r".+", said), f"it says in one line why it refuses: {case.traits.needs_firing}"
        return
    decoder, made_again = made(case, of), made(case, of)
    assert np.isfinite(decoder.memory).all()
    found = run(decoder, of)
    if case.has(case.traits.carries_on):  # it goes on as movements do, whatever fires
        of.samples.features[:] = np.random.default_rng(3).normal(0, 100, of.samples.features.shape)
        np.testing.assert_array_equal(run(made_again, of), found)
        return
    np.testing.assert_array_equal(found, np.broadcast_to(found[0], found.shape))


def a_shift_of_coordinates_changes_no_velocity(case: Case, seed: int, n_units: int, n_axes: int, shift: float) -> None:
    first = world(seed, n_units, n_axes)
    moved = replace(first, samples=replace(first.samples, position=first.samples.position + shift))
    decoder, other = made(case, first), made(case, moved)
    close(other.weights, decoder.weights, OF_FITS)
    close(run(other, moved), run(decoder, first), OF_FITS)


def a_movement_that_begins_at_once_is_seen_at_once(case: Case, seed: int) -> None:
    """Fitted to movements of one velocity each, from rest, a decoder follows each within ten samples of what it looks back over."""
    of = steps(seed, 60, 2)
    decoder = made(case, of)
    found, begun = run(decoder, of), np.arange(len(of.samples.piece)) % 40
    reach = case.traits.reach(decoder.settings) if case.traits.reach is not None else 0
    for after in (10 + reach, 39):
        rows = begun == after
        error = np.abs(found[rows] - of.samples.velocity[rows]).mean()
        assert error < 0.35 * np.abs(of.samples.velocity[rows]).mean(), after
