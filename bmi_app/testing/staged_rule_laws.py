"""The laws of `rule_laws`, of rules that are computed beside the tick, on every decoder that each can adapt."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from bmi_app import plugins
from bmi_app.decoders.contract import FitError, Fitted, Refit, adapted_part
from bmi_app.testing import law as laws_
from bmi_app.testing.called_decoder import Decoder
from bmi_app.testing.law import Law, drawn_law
from bmi_app.testing.worlds import World, choices, run, world

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


def cases(rule: str) -> list[Case]:
    """Return every decoder that a rule can adapt, with each choice of its settings."""
    found = []
    adapts = plugins.load("learning", rule).TRAITS.adapts
    for name in plugins.having("decoders", lambda traits: adapted_part(adapts, traits.adaptable) is not None):
        decoder = plugins.load("decoders", name)
        part = adapted_part(adapts, decoder.TRAITS.adaptable)
        assert part is not None
        # A rule cannot keep noise that units share: what it makes of such a filter has laws of its own.
        shared = decoder.TRAITS.shared_noise.items()
        offered = [chosen for chosen in choices(decoder) if not any(one in shared for one in chosen)]
        found += [Case(rule, name, chosen, part) for chosen in offered]
    return found


SMALL = ((1, 1), (2, 1), (2, 2), (9, 1), (9, 2))
MASKED = ((2, 1), (9, 1), (9, 2))


def laws(rule: str) -> list[Law]:
    """Return the laws of a staged rule."""
    found = []
    for case in cases(rule):
        for check, sizes in (
            (the_order_of_units_does_not_matter, SMALL),
            (units_outside_the_mask_stay_zero_and_have_no_influence, MASKED),
            (silent_units_leave_all_finite, SMALL),
        ):
            found.append(drawn_law(case, check, sizes))
            found.append(Law(f"{case}-{check.__name__}_of_2048", partial(check, case, 1, 2048, 1)))
        found.append(drawn_law(case, features_in_other_units_teach_the_same_in_other_units, SMALL))
        found.append(laws_.law(case, a_batch_of_nothing_but_silence_is_lived_through))
    return found


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
    found = rule.TRAITS.refit(rule.Settings(**rule.TRAITS.acts_soon), work)
    assert isinstance(found, Fitted)
    for part, before in zip((work.weights, work.bias, batch.samples.features), kept, strict=True):
        np.testing.assert_array_equal(part, before)
    decoder.take(found)
    return decoder


def pair(seed: int, n_units: int, n_axes: int) -> tuple[World, World]:
    """Return a world, and one of the same mask in which units are tuned otherwise."""
    return world(seed, n_units, n_axes), world(seed + 1, n_units, n_axes)


def the_order_of_units_does_not_matter(case: Case, seed: int, n_units: int, n_axes: int) -> None:
    first, batch = pair(seed, n_units, n_axes)
    order, ones = np.random.default_rng(seed).permutation(n_units), np.ones(n_units)
    other, other_batch = (of.changed(of.samples.features, order, ones) for of in (first, batch))
    decoder, permuted = refitted(case, first, batch), refitted(case, other, other_batch)
    laws_.close(permuted.weights, decoder.weights[:, order], TOLERANCE)
    laws_.close(permuted.bias, decoder.bias, TOLERANCE)
    laws_.close(run(permuted, other_batch), run(decoder, batch), TOLERANCE)
    assert np.abs(decoder.weights - standing(case, first).weights).max() > 0


def features_in_other_units_teach_the_same_in_other_units(case: Case, seed: int, n_units: int, n_axes: int) -> None:
    first, batch = pair(seed, n_units, n_axes)
    # A readout's ridge is a share of the mean power of all units; a model is of the features, each in its own unit.
    scale = np.random.default_rng(seed).uniform(0.1, 10, 1 if case.adapted == "readout" else n_units)
    other, other_batch = (of.changed(of.samples.features * scale, np.arange(n_units), scale) for of in (first, batch))
    decoder, scaled = refitted(case, first, batch), refitted(case, other, other_batch)
    laws_.close(scaled.weights * scale, decoder.weights, TOLERANCE)
    laws_.close(scaled.bias, decoder.bias, TOLERANCE)
    laws_.close(run(scaled, other_batch), run(decoder, batch), TOLERANCE)


def units_outside_the_mask_stay_zero_and_have_no_influence(case: Case, seed: int, n_units: int, n_axes: int) -> None:
    first, batch = pair(seed, n_units, n_axes)
    first.mask[:, -1], first.signs[:, -1], first.weights[:, -1] = 0.0, 0.0, 0.0
    control = (first.mask == 0).all(axis=0)
    features = batch.samples.features.copy()
    features[:, control] = np.random.default_rng(seed).normal(0, 1e4, (len(features), control.sum()))
    wild = batch.changed(features, np.arange(n_units), np.ones(n_units))
    decoder, other = refitted(case, first, batch), refitted(case, first, wild)
    assert (decoder.weights[first.mask == 0] == 0).all()
    assert (other.weights[first.mask == 0] == 0).all()
    laws_.close(other.weights, decoder.weights, TOLERANCE)
    laws_.close(other.bias, decoder.bias, TOLERANCE)
    laws_.close(run(other, wild), run(decoder, batch), TOLERANCE)


def silent_units_leave_all_finite(case: Case, seed: int, n_units: int, n_axes: int) -> None:
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


def a_batch_of_nothing_but_silence_is_lived_through(case: Case) -> None:
    first, batch = pair(3, 5, 2)
    batch.samples.features[:] = 0.0
    try:
        decoder = refitted(case, first, batch)
    except FitError:
        return
    assert np.isfinite(decoder.memory).all()
    assert np.isfinite(run(decoder, first)).all()
