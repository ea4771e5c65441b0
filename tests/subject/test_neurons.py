"""What neurons and electrodes do beside firing: share variability, drift, get lost, be found, be noisy, be two."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmi_app.bench.science.firing import Population
from bmi_app.subject.neurons import MODELS

BOTH = pytest.mark.parametrize("model", MODELS)


def rates_of(found: tuple[np.ndarray, np.ndarray], n_units: int, duration_s: float) -> np.ndarray:
    return np.bincount(found[0], minlength=n_units) / duration_s


@settings(max_examples=25, deadline=None)
@given(
    n_units=st.integers(1, 4096),
    model=st.sampled_from(MODELS),
    multi_unit=st.sampled_from([0.0, 0.3, 1.0]),
    shared_cv=st.sampled_from([0.0, 0.3]),
    seed=st.integers(0, 2**40),
    step_s=st.sampled_from([0.001, 0.01]),
)
def test_any_number_of_units_fires_inside_of_its_step(n_units, model, multi_unit, shared_cv, seed, step_s) -> None:
    settings_ = {"multi_unit": multi_unit, "shared_cv": shared_cv, "noise_hz": 5.0, "drift_hz": 3.0, "loss_per_h": 5.0}
    one, other = (Population(model, n_units, step_s, seed, **settings_) for _ in range(2))
    channel, time_s = one.fire(30.0, 0.05)
    again = other.fire(30.0, 0.05)
    np.testing.assert_array_equal(channel, again[0])
    np.testing.assert_array_equal(time_s, again[1])
    assert ((channel >= 0) & (channel < n_units)).all()
    assert ((time_s >= 0) & (time_s <= 0.05 + 1e-12)).all()
    expected = n_units * 0.05 * (30.0 * (1 + multi_unit) + 5.0)
    # About six deviations, those of the shared gain included.
    assert abs(len(channel) - expected) < 6 * np.sqrt(expected) + 6 * shared_cv * expected + 8


@BOTH
def test_seeds_differ(model: str) -> None:
    first, second = (Population(model, 20, seed=seed).fire(20.0, 5.0) for seed in (1, 2))
    assert not np.array_equal(first[1][:50], second[1][:50])


@BOTH
def test_a_unit_that_is_asked_for_nothing_is_silent_and_a_wild_rate_does_no_harm(model: str) -> None:
    neurons = Population(model, 3)
    rates = rates_of(neurons.fire(np.array([0.0, 900.0, 1e6]), 2.0), 3, 2.0)
    assert rates[0] == 0
    assert rates[1] > 200
    assert rates[2] <= 64 / 0.01


@pytest.mark.parametrize("n_dimensions", [1, 3])
def test_shared_variability_lies_on_a_manifold_and_keeps_the_mean(n_dimensions: int) -> None:
    neurons = Population("poisson", 40, shared_cv=0.2, shared_dimensions=n_dimensions, shared_tau_ms=100.0)
    gain = neurons.drives(50.0, 60_000) / 50.0
    np.testing.assert_allclose(gain.mean(axis=0), 1.0, atol=0.02)
    np.testing.assert_allclose(gain.std(axis=0), 0.2, rtol=0.1)
    values = np.linalg.svd(gain - gain.mean(axis=0), compute_uv=False)
    assert values[n_dimensions - 1] > 1e3 * values[n_dimensions]
    lag = 10  # one time constant
    found = [np.corrcoef(gain[:-lag, u], gain[lag:, u])[0, 1] for u in range(40)]
    assert np.mean(found) == pytest.approx(np.exp(-1.0), abs=0.03)


def test_counts_of_units_that_share_variability_are_correlated() -> None:
    neurons = Population("poisson", 2, shared_cv=0.4, shared_dimensions=1, shared_tau_ms=2000.0)
    channel, time_s = neurons.fire(50.0, 400.0)
    counts = np.zeros((2, 400))
    np.add.at(counts, (channel, time_s.astype(int)), 1)
    fano = counts.var(axis=1) / counts.mean(axis=1)
    assert (fano > 2).all()  # 1 + 0.16 x 50, less what a second averages out
    assert abs(np.corrcoef(counts)[0, 1]) > 0.5


def test_baselines_drift_as_far_as_asked() -> None:
    neurons = Population("poisson", 2000, step_s=0.5, drift_hz=4.0)
    drives = neurons.drives(100.0, 7200)  # an hour
    moved = drives - 100.0
    assert moved[-1].std() == pytest.approx(4.0, rel=0.06)
    assert moved[1799].std() == pytest.approx(2.0, rel=0.06)
    assert np.abs(moved[-1].mean()) < 0.4


def test_units_are_lost_for_good_at_the_rate_asked_for() -> None:
    silent = Population("poisson", 4000, step_s=1.0, loss_per_h=0.5).drives(10.0, 7200) == 0
    assert (np.diff(silent.astype(int), axis=0) >= 0).all()
    np.testing.assert_allclose(silent[[1799, 3599, 7199]].mean(axis=1), 1 - np.exp([-0.25, -0.5, -1.0]), atol=0.03)


def test_a_channel_that_lost_its_unit_finds_another_with_the_tuning_of_some_unit() -> None:
    neurons = Population("poisson", 3000, step_s=1.0, loss_per_h=2.0, new_per_h=4.0)
    drives = neurons.drives(10.0, 7200)
    silent = drives == 0
    lost, found = (np.diff(silent.astype(int), axis=0) == change for change in (1, -1))
    assert lost.sum(axis=0).max() == 1
    assert found.sum() > 1000
    gaps_h = (found.argmax(axis=0) - lost.argmax(axis=0))[found.any(axis=0) & (lost.argmax(axis=0) < 1800)] / 3600
    assert gaps_h.mean() == pytest.approx(0.25, rel=0.1)
    asked = np.arange(3000.0)
    rates = rates_of(
        Population("poisson", 3000, 0.01, loss_per_h=1e6, new_per_h=1e7).fire(asked / 50, 30.0), 3000, 30.0
    )
    assert rates.mean() == pytest.approx(asked.mean() / 50, rel=0.05)
    assert abs(np.corrcoef(rates, asked)[0, 1]) < 0.1


@BOTH
def test_electrodes_hear_noise_without_a_neuron(model: str) -> None:
    neurons = Population(model, 50, noise_hz=8.0, loss_per_h=1e9)
    rates = rates_of(neurons.fire(30.0, 100.0), 50, 100.0)
    assert rates.mean() == pytest.approx(8.0, rel=0.05)
    assert rates.std() == pytest.approx(np.sqrt(8.0 / 100.0), rel=0.4)


def test_a_multi_unit_channel_hears_a_second_neuron_and_breaks_its_refractory_time() -> None:
    settings_ = {"refractory_ms": 5.0, "eta0": 0.0}
    neurons = Population("srm", 40, multi_unit=0.25, **settings_)
    channel, time_s = neurons.fire(40.0, 100.0)
    rates = rates_of((channel, time_s), 40, 100.0)
    double = rates > 60
    assert double.sum() == 10
    np.testing.assert_allclose(rates[double], 80.0, rtol=0.05)
    np.testing.assert_allclose(rates[~double], 40.0, rtol=0.05)
    for unit in range(40):
        gaps = np.diff(np.sort(time_s[channel == unit]))
        assert (gaps.min() < 0.005) == double[unit]


def test_a_common_part_makes_noise_correlations_positive() -> None:
    """With loadings of random signs alone their mean is 0 at any strength."""
    mean, spread = {}, {}
    for common in (0.0, 0.5, 1.0):
        drives = Population("poisson", 60, shared_cv=0.3, shared_common=common, shared_tau_ms=20.0).drives(40.0, 20_000)
        correlation = np.corrcoef(drives.T)[~np.eye(60, dtype=bool)]
        mean[common], spread[common] = correlation.mean(), drives.std(axis=0).mean() / 40.0
    assert mean[0.0] == pytest.approx(0.0, abs=0.05)
    assert mean[0.5] == pytest.approx(0.5, abs=0.07)
    assert mean[1.0] == pytest.approx(1.0, abs=0.01)
    np.testing.assert_allclose(list(spread.values()), 0.3, rtol=0.05)


def test_without_a_common_part_what_is_shared_is_as_it_was() -> None:
    before, now = (
        Population("poisson", 20, shared_cv=0.2, **given).drives(20.0, 50) for given in ({}, {"shared_common": 0.0})
    )
    np.testing.assert_array_equal(before, now)
