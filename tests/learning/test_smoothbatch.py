"""SmoothBatch and RML against slow implementations of their equations."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmi_app.decoders import groupweight, kalman
from bmi_app.decoders.contract import FitError, Refit, Samples
from bmi_app.learning import rml, smoothbatch
from bmi_app.rt.contracts import CHANGED, NOTHING
from bmi_app.rt.memory import length, named_parts


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
    n_units=st.integers(2, 40),
    elapsed_s=st.floats(1, 1000),
    half_life_s=st.floats(10, 1000),
    ridge=st.floats(1e-3, 1),
)
def test_a_readout_moves_toward_the_ridge_of_its_batch(seed, n_units, elapsed_s, half_life_s, ridge) -> None:
    given_samples = samples(seed, n_units)
    mask = (np.random.default_rng(seed).random((2, n_units)) < 0.7).astype(float)
    mask[0, 0] = mask[1, 1] = 1.0
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


def test_a_kalman_filter_moves_its_model_and_derives_the_rest() -> None:
    given_samples, mask = samples(4, 10), np.ones((2, 10))
    decoder_settings = kalman.Settings()
    layout = kalman.layout(decoder_settings, 10, 2)
    parts = named_parts(np.zeros(length(layout)), layout)
    first = kalman.fit(decoder_settings, samples(3, 10), mask)
    for name, part in first.parts.items():
        parts[name][...] = part
    work = Refit(given_samples, mask, 120.0, first.weights, first.bias, parts, kalman, decoder_settings)
    found = smoothbatch.refit(smoothbatch.Settings(half_life_s=120.0), work)
    assert found is not None
    batch = kalman.fit(decoder_settings, given_samples, mask)
    np.testing.assert_allclose(found.parts["model"], (parts["model"] + batch.parts["model"]) / 2, rtol=1e-9)
    again = kalman.from_model(decoder_settings, parts | {"model": found.parts["model"]}, mask, 0.01)
    np.testing.assert_array_equal(found.weights, again.weights)


class SlowRml:
    """The statistics as sums over all samples so far, each weighted by its age."""

    def __init__(self, model: np.ndarray, keep: float, warm_up: int, prior: float) -> None:
        self.model, self.keep, self.warm_up, self.prior = model.copy(), keep, warm_up, prior
        self.z: list[np.ndarray] = []
        self.x: list[np.ndarray] = []

    def learn(self, z: np.ndarray, x: np.ndarray) -> np.ndarray:
        self.z.append(z)
        self.x.append(x)
        n = len(self.z)
        if n < self.warm_up:
            return self.model
        c, q = self.model[:-1].T, self.model[-1]
        early = self.keep ** np.arange(self.warm_up - 1, -1, -1.0)
        z0 = np.array(self.z[: self.warm_up])
        power = (z0 * early[:, None]).T @ z0
        share = self.prior / early.sum() * self.keep ** (n - self.warm_up)
        age = self.keep ** np.arange(n - 1, -1, -1.0)
        zs, xs = np.array(self.z), np.array(self.x)
        square = (zs * age[:, None]).T @ zs + share * power
        cross = (xs * age[:, None]).T @ zs + share * c @ power
        squares = (xs**2 * age[:, None]).sum(axis=0) + share * (np.einsum("ui,ij,uj->u", c, power, c) + early.sum() * q)
        total = age.sum() + share * early.sum()
        renewed = cross @ np.linalg.inv(square)
        variance = (squares - np.einsum("ui,ui->u", renewed, cross)) / total
        return np.vstack([renewed.T, np.maximum(variance, 1e-6)])


@pytest.mark.parametrize("n_axes", [1, 2])
@pytest.mark.parametrize("chunk", [1, 7])
def test_rml_equals_its_sums(n_axes: int, chunk: int) -> None:
    given_samples = samples(7, 9, n_axes, 150)
    chosen = rml.Settings(half_life_s=0.8, warm_up_s=0.28)
    layout = rml.layout(chosen, 9, n_axes)
    memory = np.zeros(length(layout))
    rml.start(chosen, named_parts(memory, layout))
    model = np.random.default_rng(2).normal(0, 1, (n_axes + 2, 9))
    model[-1] = 4.0
    slow = SlowRml(model, 0.5 ** (1 / 80), 28, 80.0)
    bias, mask = np.zeros(n_axes), np.ones((n_axes, 9))
    for first in range(0, 147, chunk):
        x, wanted = given_samples.features[first : first + chunk], given_samples.velocity[first : first + chunk]
        result = rml.LEARN(model, bias, mask, memory, x, wanted, 0 * wanted, 1.0, 0.0)
        for features, velocity in zip(x, wanted, strict=True):
            expected = slow.learn(np.append(velocity, 1.0), features)
        assert result == (CHANGED if len(slow.z) >= 28 else NOTHING)
        np.testing.assert_allclose(model, expected, rtol=1e-9, atol=1e-9)


def test_rml_finds_the_model_that_made_the_features() -> None:
    generator = np.random.default_rng(3)
    c, constant, deviation = generator.normal(0, 1, (2, 30)), generator.normal(0, 5, 30), generator.uniform(1, 3, 30)
    velocity = generator.normal(0, 5, (20_000, 2))
    features = velocity @ c + constant + deviation * generator.normal(0, 1, (20_000, 30))
    chosen = rml.Settings(half_life_s=10.0)
    layout = rml.layout(chosen, 30, 2)
    memory, model = np.zeros(length(layout)), np.ones((4, 30))
    rml.start(chosen, named_parts(memory, layout))
    rml.LEARN(model, np.zeros(2), np.ones((2, 30)), memory, features, velocity, 0 * velocity, 1.0, 0.0)
    np.testing.assert_allclose(model[:2], c, atol=0.1)
    np.testing.assert_allclose(np.sqrt(model[3]), deviation, rtol=0.15)
