"""The fit of the linear decoder to simulated firing is scikit-learn's ridge regression, axis by axis."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from bmi_app.testing.called_decoder import Decoder, full_mask, simulate

seeds = st.integers(0, 2**32 - 1)


def check(decoder: Decoder, samples, mask: np.ndarray, ridge: float, solver: str) -> None:
    """Compare weights, bias and velocities; the penalty is a share of the mean power of the features of an axis."""
    fitted = decoder.fit(samples, mask)
    decoded = decoder(samples.features)
    for a in range(len(mask)):
        used = np.flatnonzero(mask[a])
        x = samples.features[:, used]
        alpha = ridge * ((x - x.mean(axis=0)) ** 2).sum() / len(used)
        expected = Ridge(alpha=alpha, solver=solver).fit(x, samples.velocity[:, a])
        largest = np.abs(expected.coef_).max()
        np.testing.assert_allclose(fitted.weights[a, used], expected.coef_, rtol=1e-6, atol=1e-6 * largest)
        assert fitted.bias[a] == pytest.approx(float(expected.intercept_), rel=1e-6, abs=1e-6)
        np.testing.assert_allclose(decoded[:, a], expected.predict(x), rtol=1e-6, atol=1e-6)
    assert (fitted.weights[mask == 0] == 0).all()


@settings(max_examples=15)
@given(
    seed=seeds, n_units=st.sampled_from([1, 5, 40]), n_axes=st.integers(1, 2), ridge=st.sampled_from([1e-3, 0.01, 1.0])
)
def test_it_is_the_ridge_regression(seed: int, n_units: int, n_axes: int, ridge: float) -> None:
    samples = simulate(seed, n_units, n_axes)
    decoder = Decoder("linear", np.ones((n_axes, n_units)), ridge=ridge)
    check(decoder, samples, full_mask(n_axes, n_units), ridge, "svd")


@settings(max_examples=8)
@given(seed=seeds)
def test_without_a_ridge_it_is_least_squares(seed: int) -> None:
    check(Decoder("linear", np.ones((2, 12)), ridge=0.0), simulate(seed, 12, 2), full_mask(2, 12), 0.0, "svd")


@settings(max_examples=8)
@given(seed=seeds)
def test_every_axis_regresses_on_its_own_units(seed: int) -> None:
    mask = (np.random.default_rng(seed).random((2, 20)) < 0.6).astype(float)
    mask[:, 0] = 1.0
    check(Decoder("linear", mask), simulate(seed, 20, 2), mask, 0.01, "svd")


def test_with_more_units_than_samples_too() -> None:
    check(Decoder("linear", np.ones((1, 400))), simulate(5, 400, 1, 150), full_mask(1, 400), 0.01, "svd")
