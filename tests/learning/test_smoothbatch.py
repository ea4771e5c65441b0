"""SmoothBatch against slow implementations of its equations, of a readout and of a Kalman filter."""

import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from bmi_app.decoders import groupweight, kalman
from bmi_app.decoders.contract import FitError, Refit, Samples
from bmi_app.learning import smoothbatch
from bmi_app.testing.called_decoder import Decoder
from tests.decoders.textbook_kalman import Model


def samples(seed: int, n_units: int, n_axes: int = 2, n: int = 400) -> Samples:
    """Draw smooth velocities and features that follow them."""
    generator = np.random.default_rng(seed)
    velocity = np.cumsum(generator.normal(0, 1, (n, n_axes)), axis=0)
    features = velocity @ generator.normal(0, 1, (n_axes, n_units)) + generator.normal(0, 3, (n, n_units)) + 5
    return Samples(features, velocity, np.cumsum(velocity, axis=0) * 0.01, np.arange(n) // 100, 0.01)


def job(given: Samples, mask: np.ndarray, elapsed_s: float, seed: int = 9) -> Refit:
    generator = np.random.default_rng(seed)
    weights = generator.normal(0, 1, mask.shape) * mask
    return Refit(
        given, mask, elapsed_s, weights, generator.normal(0, 1, len(mask)), {}, groupweight, groupweight.Settings()
    )


def slow_ridge(x: np.ndarray, y: np.ndarray, used: np.ndarray, ridge: float) -> tuple[np.ndarray, float]:
    """Solve the penalised least squares by stacking the penalty below the centred data."""
    centre, mean = x.mean(axis=0), y.mean()
    centred = x[:, used] - centre[used]
    penalty = ridge * (centred**2).sum() / used.sum()
    stacked = np.vstack([centred, math.sqrt(penalty) * np.eye(used.sum())])
    found = np.linalg.lstsq(stacked, np.concatenate([y - mean, np.zeros(used.sum())]), rcond=None)[0]
    weights = np.zeros(len(used))
    weights[used] = found
    return weights, mean - weights @ centre


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 10_000),
    n_units=st.integers(1, 40),
    elapsed_s=st.floats(1, 1000),
    half_life_s=st.floats(10, 1000),
    ridge=st.floats(1e-3, 1),
)
def test_a_readout_moves_toward_the_ridge_of_its_batch(seed, n_units, elapsed_s, half_life_s, ridge) -> None:
    given_samples = samples(seed, n_units)
    mask = (np.random.default_rng(seed).random((2, n_units)) < 0.7).astype(float)
    mask[:, 0] = 1.0
    work = job(given_samples, mask, elapsed_s)
    found = smoothbatch.refit(smoothbatch.Settings(half_life_s=half_life_s, ridge=ridge), work)
    assert found is not None
    rho = math.exp(math.log(0.5) * elapsed_s / half_life_s)
    for a in range(2):
        weights, bias = slow_ridge(given_samples.features, given_samples.velocity[:, a], mask[a] != 0, ridge)
        np.testing.assert_allclose(found.weights[a], rho * work.weights[a] + (1 - rho) * weights, rtol=1e-9, atol=1e-9)
        assert found.bias[a] == pytest.approx(rho * work.bias[a] + (1 - rho) * bias, rel=1e-9, abs=1e-9)
    assert (found.weights[mask == 0] == 0).all()


def test_silent_units_get_no_weight_and_a_small_batch_teaches_nothing() -> None:
    given_samples = samples(1, 12)
    given_samples.features[:, 3] = 0.0
    found = smoothbatch.refit(smoothbatch.Settings(), job(given_samples, np.ones((2, 12)), 1e9))
    assert found is not None
    assert (found.weights[:, 3] == 0).all()
    assert np.isfinite(found.weights).all()
    few = Samples(
        *(
            part[:50]
            for part in (given_samples.features, given_samples.velocity, given_samples.position, given_samples.piece)
        ),
        0.01,
    )
    with pytest.raises(FitError, match="50 samples, at least 200"):
        smoothbatch.refit(smoothbatch.Settings(), job(few, np.ones((2, 12)), 60.0))


def test_a_readout_of_2048_units_moves_toward_its_ridge_too() -> None:
    given_samples = samples(5, 2048, n=250)
    mask = (np.random.default_rng(5).random((2, 2048)) < 0.7).astype(float)
    work = job(given_samples, mask, 60.0)
    found = smoothbatch.refit(smoothbatch.Settings(half_life_s=60.0), work)
    assert found is not None
    for a in range(2):
        centred = (given_samples.features - given_samples.features.mean(axis=0)) * mask[a]
        wanted = given_samples.velocity[:, a] - given_samples.velocity[:, a].mean()
        penalty = 0.01 * (centred**2).sum() / mask[a].sum()
        weights = centred.T @ np.linalg.solve(centred @ centred.T + penalty * np.eye(250), wanted)  # in sample space
        expected = (work.weights[a] + weights) / 2
        np.testing.assert_allclose(found.weights[a], expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())
    assert (found.weights[mask == 0] == 0).all()


def blended(first: Samples, batch: Samples, rho: float) -> Model:
    """Return the filter of what stands, with C, c and Q moved toward those of the batch."""
    stands, new = (Model.fit(part.velocity, part.features, part.piece, False, 0) for part in (first, batch))
    tuning, constant, noise = (
        rho * getattr(stands, name) + (1 - rho) * getattr(new, name) for name in ("tuning", "constant", "noise")
    )
    return replace(stands, tuning=tuning, constant=constant, noise=noise)


def check_kalman(gain: str, seed: int, n_units: int, n_axes: int, elapsed_s: float) -> tuple[Decoder, Model]:
    """Let a filter be moved; compare its model with the textbook's fits."""
    first, batch = samples(seed, n_units, n_axes, 300), samples(seed + 1, n_units, n_axes, 300)
    mask = np.ones((n_axes, n_units))
    decoder = Decoder("kalman", mask, gain=gain)
    decoder.fit(first, mask)
    parts = {name: part.copy() for name, part in decoder.named.items()}
    work = Refit(batch, mask, elapsed_s, decoder.weights, decoder.bias, parts, kalman, decoder.settings)
    found = smoothbatch.refit(smoothbatch.Settings(half_life_s=90.0), work)
    assert found is not None
    decoder.take(found)
    model = blended(first, batch, math.exp(math.log(0.5) * elapsed_s / 90.0))
    expected = np.vstack([model.tuning.T, model.constant, np.diag(model.noise)])
    np.testing.assert_allclose(decoder.named["model"], expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())
    np.testing.assert_allclose(decoder.named["transition"], model.transition, rtol=1e-9, atol=1e-9)
    return decoder, model


def settled(model: Model, features: np.ndarray) -> np.ndarray:
    """Filter with the gain that solves the Riccati equation, f8[t, axis]."""
    prior = scipy.linalg.solve_discrete_are(model.transition.T, model.tuning.T, model.process, model.noise)
    gain = prior @ model.tuning.T @ np.linalg.inv(model.tuning @ prior @ model.tuning.T + model.noise)
    state, found = np.zeros(len(prior)), []
    for x in features:
        state = model.transition @ state
        state = state + gain @ (x - model.constant - model.tuning @ state)
        found.append(state)
    return np.array(found)


@pytest.mark.parametrize("gain", ["running", "steady"])
@settings(max_examples=10)
@given(
    seed=st.integers(0, 10_000), size=st.sampled_from([(1, 1), (2, 1), (10, 1), (10, 2)]), elapsed_s=st.floats(1, 900)
)
def test_a_kalman_filter_is_the_textbooks_with_the_blended_model(gain, seed, size, elapsed_s) -> None:
    decoder, model = check_kalman(gain, seed, *size, elapsed_s)
    unseen = samples(seed + 2, *size, 100).features
    expected = model.filter(unseen) if gain == "running" else settled(model, unseen)
    np.testing.assert_allclose(decoder(unseen), expected, rtol=1e-7, atol=1e-7 * np.abs(expected).max())


def test_a_kalman_filter_of_2048_units_as_well() -> None:
    decoder, _ = check_kalman("running", 7, 2048, 2, 90.0)
    assert np.isfinite(decoder(samples(9, 2048, 2, 50).features)).all()
