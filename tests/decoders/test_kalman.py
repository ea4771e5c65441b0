"""The Kalman filters against the textbook's, against one large Gaussian, and against scipy's Riccati equation."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from bmi_app.decoders.contract import FitError, Samples
from bmi_app.testing.called_decoder import Decoder, full_mask, simulate
from tests.decoders.textbook_kalman import Model

forms = pytest.mark.parametrize("form", ["velocity", "position_velocity"])
noises = pytest.mark.parametrize("noise", ["diagonal", "full"])
both = pytest.mark.parametrize("name", ["kalman", "refit_kalman"])
seeds = st.integers(0, 2**32 - 1)


@noises
@pytest.mark.parametrize("gain", ["running", "steady"])
@settings(max_examples=10)
@given(seed=seeds, shift=st.floats(-1e3, 1e3), n_axes=st.integers(1, 2))
def test_where_coordinates_have_their_origin_changes_nothing(noise, gain, seed, shift, n_axes) -> None:
    samples = simulate(seed, 12, n_axes)
    moved = replace(samples, position=samples.position + shift)
    here, there = (
        Decoder("kalman", np.zeros((n_axes, 12)), model="position_velocity", noise=noise, gain=gain) for _ in range(2)
    )
    here.fit(samples, full_mask(n_axes, 12))
    there.fit(moved, full_mask(n_axes, 12))
    unseen = simulate(seed + 1, 12, n_axes).features
    close(there(unseen), here(unseen), 1e-7)
    close(there.named["state"][:n_axes], here.named["state"][:n_axes] + shift, 1e-7)


def state_of(samples: Samples, form: str) -> np.ndarray:
    return samples.velocity if form == "velocity" else np.hstack([samples.position, samples.velocity])


def close(found: np.ndarray, expected: np.ndarray, tolerance: float = 1e-9) -> None:
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * max(np.abs(expected).max(), 1e-9))


@forms
@noises
@settings(max_examples=10)
@given(seed=seeds, n_units=st.sampled_from([1, 4, 20]), n_axes=st.integers(1, 2))
def test_it_is_the_textbook_filter(form, noise, seed, n_units, n_axes) -> None:
    samples = simulate(seed, n_units, n_axes)
    decoder = Decoder("kalman", np.zeros((n_axes, n_units)), model=form, noise=noise)
    decoder.fit(samples, full_mask(n_axes, n_units))
    model = Model.fit(
        state_of(samples, form), samples.features, samples.piece, noise == "full", n_axes * (form != "velocity")
    )
    unseen = simulate(seed + 1, n_units, n_axes, 80).features
    close(decoder(unseen), model.filter(unseen)[:, -n_axes:])


@noises
@settings(max_examples=5)
@given(seed=seeds)
def test_it_conditions_the_joint_gaussian_of_all_states_and_firing(noise, seed) -> None:
    samples = simulate(seed, 5, 2)
    decoder = Decoder("kalman", np.zeros((2, 5)), model="position_velocity", noise=noise)
    decoder.fit(samples, full_mask(2, 5))
    model = Model.fit(state_of(samples, "position_velocity"), samples.features, samples.piece, noise == "full", 2)
    close(decoder(samples.features[:12])[-1], model.condition(samples.features[:12])[-2:])


@settings(max_examples=10)
@given(seed=seeds, n_axes=st.integers(1, 2))
def test_refit_subtracts_what_the_known_position_explains(seed, n_axes) -> None:
    samples = simulate(seed, 12, n_axes)
    decoder = Decoder("refit_kalman", np.zeros((n_axes, 12)))
    decoder.fit(samples, full_mask(n_axes, 12))
    whole = Model.fit(np.hstack([samples.position, samples.velocity]), samples.features, samples.piece, False, 0)
    moving = Model.fit(samples.velocity, samples.features, samples.piece, False, 0)
    model = replace(moving, tuning=whole.tuning[:, n_axes:], constant=whole.constant, noise=whole.noise)
    cursor = np.random.default_rng(seed).normal(0, 5, (60, n_axes))
    unseen = simulate(seed + 1, 12, n_axes, 60).features
    close(decoder(unseen, cursor), model.filter(unseen - cursor @ whole.tuning[:, :n_axes].T))


@both
@noises
@settings(max_examples=5)
@given(seed=seeds)
def test_the_steady_gain_is_where_the_running_one_settles(name, noise, seed) -> None:
    samples = simulate(seed, 10, 2)
    running, steady = (Decoder(name, np.zeros((2, 10)), noise=noise, gain=gain) for gain in ("running", "steady"))
    for decoder in (running, steady):
        decoder.fit(samples, full_mask(2, 10))
    features = simulate(seed + 1, 10, 2, 400).features
    cursor = np.random.default_rng(seed).normal(0, 5, (400, 2)) if name == "refit_kalman" else None
    close(steady(features, cursor)[300:], running(features, cursor)[300:], 1e-8)


@forms
def test_the_steady_gain_solves_the_riccati_equation(form) -> None:
    samples = simulate(3, 15, 2, 600)
    fitted = Decoder("kalman", np.zeros((2, 15)), model=form, gain="steady").fit(samples, full_mask(2, 15))
    model = Model.fit(state_of(samples, form), samples.features, samples.piece, False, 2 * (form != "velocity"))
    if form == "position_velocity":  # the textbook's solver wants noise everywhere
        model.process = model.process + 1e-12 * np.eye(4)
    prior = scipy.linalg.solve_discrete_are(model.transition.T, model.tuning.T, model.process, model.noise)
    gain = prior @ model.tuning.T @ np.linalg.inv(model.tuning @ prior @ model.tuning.T + model.noise)
    close(fitted.weights, gain[-2:], 1e-5)


def test_the_steady_filter_is_the_linear_decoder() -> None:
    samples = simulate(4, 9, 2)
    kalman = Decoder("kalman", np.zeros((2, 9)), gain="steady")
    fitted = kalman.fit(samples, full_mask(2, 9))
    linear = Decoder(
        "linear",
        np.ones((2, 9)),
        m1=tuple(map(tuple, fitted.parts["steady"].tolist())),
        m2=tuple(map(tuple, fitted.weights.tolist())),
        m0=tuple(fitted.bias.tolist()),
    )
    close(kalman(samples.features), linear(samples.features), 1e-12)


@both
def test_axes_with_units_of_their_own_are_filters_of_their_own(name) -> None:
    samples = simulate(5, 10, 2)
    mask = np.zeros((2, 10))
    mask[0, :4], mask[1, 4:9] = 1, 1  # unit 9 drives nothing
    for gain in ("running", "steady"):
        decoder = Decoder(name, mask, gain=gain)
        fitted = decoder.fit(samples, mask)
        assert (fitted.weights[mask == 0] == 0).all()
        cursor = samples.position if name == "refit_kalman" else None
        together = decoder(samples.features, cursor)
        for a in range(2):
            own = np.flatnonzero(mask[a])
            alone = Decoder(name, np.zeros((1, len(own))), gain=gain)
            part = Samples(
                samples.features[:, own].copy(),
                samples.velocity[:, [a]],
                samples.position[:, [a]],
                samples.piece,
                samples.dt_s,
            )
            alone.fit(part, np.ones((1, len(own))))
            close(together[:, [a]], alone(part.features, None if cursor is None else part.position))


@both
def test_a_unit_whose_weights_are_put_to_zero_is_cut_off_at_once(name) -> None:
    samples = simulate(6, 6, 2)
    for gain in ("running", "steady"):
        decoder = Decoder(name, np.zeros((2, 6)), gain=gain)
        decoder.fit(samples, full_mask(2, 6))
        decoder.weights[:, 2] = 0.0
        start = decoder.memory.copy()
        first = decoder(samples.features)
        decoder.memory[:] = start
        other = samples.features.copy()
        other[:, 2] = 1e6
        np.testing.assert_array_equal(decoder(other), first)


@both
@forms
@settings(max_examples=8)
@given(seed=seeds)
def test_the_order_and_the_scale_of_the_units_do_not_matter(name, form, seed) -> None:
    if name == "refit_kalman" and form == "velocity":
        return
    chosen = {"model": form} if name == "kalman" else {}
    generator = np.random.default_rng(seed)
    samples = simulate(seed, 8, 2)
    order, scale = generator.permutation(8), generator.uniform(0.1, 10, 8)
    mask = full_mask(2, 8)
    decoder = Decoder(name, np.zeros((2, 8)), **chosen)
    decoder.fit(samples, mask)
    other = Decoder(name, np.zeros((2, 8)), **chosen)
    changed = np.ascontiguousarray((samples.features * scale)[:, order])
    other.fit(Samples(changed, samples.velocity, samples.position, samples.piece, samples.dt_s), mask)
    close(other.weights, (decoder.weights / scale)[:, order], 1e-7)
    cursor = samples.position if name == "refit_kalman" else None
    close(other(changed, cursor), decoder(samples.features, cursor), 1e-7)


@both
@noises
def test_silent_and_constant_units_do_no_harm(name, noise) -> None:
    samples = simulate(7, 8, 2)
    without = np.ascontiguousarray(samples.features[:, :6])
    samples.features[:, 6], samples.features[:, 7] = 0.0, 4.0
    decoder = Decoder(name, np.zeros((2, 8)), noise=noise)
    decoder.fit(samples, full_mask(2, 8))
    fewer = Decoder(name, np.zeros((2, 6)), noise=noise)
    fewer.fit(Samples(without, samples.velocity, samples.position, samples.piece, samples.dt_s), full_mask(2, 6))
    wild = samples.features.copy()
    wild[:, 6:] = 500.0
    cursor = samples.position if name == "refit_kalman" else None
    close(decoder(wild, cursor), fewer(without, cursor))


@both
@pytest.mark.parametrize("n_units", [1, 2048])
@pytest.mark.parametrize("gain", ["running", "steady"])
def test_it_works_with_one_unit_and_with_2048(name, n_units, gain) -> None:
    generator = np.random.default_rng(8)
    samples = simulate(8, 1, 2)
    tuning = generator.normal(0, 1, (2, n_units))
    features = samples.velocity @ tuning + generator.normal(0, 4, (300, n_units))
    samples = Samples(features, samples.velocity, samples.position, samples.piece, samples.dt_s)
    decoder = Decoder(name, np.zeros((2, n_units)), gain=gain)
    decoder.fit(samples, full_mask(2, n_units))
    found = decoder(features, samples.position if name == "refit_kalman" else None)
    assert np.isfinite(found).all()
    if n_units > 1:
        assert np.corrcoef(found[:, 0], samples.velocity[:, 0])[0, 1] > 0.99


@both
def test_no_spike_at_all_gives_no_movement(name) -> None:
    samples = simulate(9, 5, 2)
    samples.features[:] = 0.0
    decoder = Decoder(name, np.zeros((2, 5)))
    decoder.fit(samples, full_mask(2, 5))
    assert not decoder(samples.features).any()


@both
def test_unfitted_it_is_a_groupweight_smoothed_over_ten_ticks(name) -> None:
    axis_map = np.array([[1.0, 1, -1, 0, 0], [0, 0, 0, 1, 0]])
    for gain in ("running", "steady"):
        decoder = Decoder(name, axis_map, gain=gain)
        constant = np.tile([3.0, 2.0, 1.0, 5.0, 100.0], (300, 1))
        found = decoder(constant)
        np.testing.assert_allclose(found[-1], axis_map @ constant[0], rtol=1e-9)
        settled = decoder(constant * 0)
        np.testing.assert_allclose(settled[:, 0] / 4.0, 0.9 ** np.arange(1, 301), rtol=1e-6, atol=1e-12)


@both
def test_flipped_units_speak_with_the_other_sign(name) -> None:
    samples = simulate(10, 7, 2)
    signs = np.array([1.0, -1, 1, -1, -1, 1, 1])
    for gain in ("running", "steady"):
        decoder, flipped = (Decoder(name, np.zeros((2, 7)), gain=gain) for _ in range(2))
        for one in (decoder, flipped):
            one.fit(samples, full_mask(2, 7))
        flipped.module.flip(flipped.named, signs)
        flipped.weights = flipped.weights * signs
        cursor = samples.position if name == "refit_kalman" else None
        close(flipped(samples.features * signs, cursor), decoder(samples.features, cursor))


@both
def test_what_follows_from_a_model_is_what_its_fit_said(name) -> None:
    samples = simulate(11, 7, 2)
    decoder = Decoder(name, np.zeros((2, 7)))
    fitted = decoder.fit(samples, full_mask(2, 7))
    again = decoder.module.from_model(decoder.settings, decoder.named, full_mask(2, 7), samples.dt_s)
    np.testing.assert_array_equal(again.weights, fitted.weights)
    np.testing.assert_array_equal(again.bias, fitted.bias)
    for part, value in again.parts.items():
        np.testing.assert_array_equal(value, fitted.parts[part])


@both
def test_a_running_filter_acts_on_the_model_as_it_stands(name) -> None:
    samples = simulate(12, 7, 2)
    decoder, doubled = (Decoder(name, np.zeros((2, 7))) for _ in range(2))
    for one in (decoder, doubled):
        one.fit(samples, full_mask(2, 7))
    doubled.named["model"][:3] *= 2.0  # C and c
    doubled.named["position_tuning"][:] *= 2.0
    doubled.named["model"][3] *= 4.0  # Q
    cursor = samples.position if name == "refit_kalman" else None
    close(doubled(2 * samples.features, cursor), decoder(samples.features, cursor))


@both
def test_a_model_without_sense_stands_still_and_recovers(name) -> None:
    samples = simulate(13, 7, 2)
    decoder = Decoder(name, np.zeros((2, 7)))
    fitted = decoder.fit(samples, full_mask(2, 7))
    decoder.named["model"][:] = 1e200
    found = decoder(samples.features[:20])
    assert np.isfinite(found).all()
    decoder.take(fitted)
    assert np.abs(decoder(samples.features)[100:]).max() > 0


@pytest.mark.parametrize(
    ("n_samples", "noise", "words"), [(4, "diagonal", ["samples"]), (30, "full", ["noise", "diagonal", "longer"])]
)
def test_too_few_samples_are_refused_in_a_line(n_samples, noise, words) -> None:
    samples = simulate(14, 40, 2, n_samples)
    with pytest.raises(FitError) as raised:
        Decoder("kalman", np.zeros((2, 40)), noise=noise).fit(samples, full_mask(2, 40))
    assert "\n" not in str(raised.value)
    assert all(word in str(raised.value) for word in words)
