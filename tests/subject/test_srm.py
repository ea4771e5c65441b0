"""SRM0 neurons: the rate asked for is delivered, intervals and variability are those of renewal theory."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from bmi_app.bench.science.firing import Population, intervals
from bmi_app.subject import srm

SHAPES = [(0.0, 0.0, 10.0), (3.0, 0.0, 10.0), (2.0, 3.0, 15.0), (4.0, 8.0, 30.0), (3.0, 3.0, 5.0)]
SHAPE = pytest.mark.parametrize(("refractory_ms", "eta0", "eta_tau_ms"), SHAPES)


def mean_interval_by_hand(rho: float, refractory_s: float, eta0: float, tau_s: float) -> float:
    """Integrate the survivor function with scipy."""

    def survival(age_s: float) -> float:
        gathered, _ = integrate.quad(lambda s: math.exp(-eta0 * math.exp(-s / tau_s)), 0.0, age_s)
        return math.exp(-rho * gathered)

    end_s = 12 * tau_s + 40.0 / rho
    points = np.geomspace(1e-6, end_s, 40)
    pieces = [integrate.quad(survival, a, b, epsrel=1e-7)[0] for a, b in zip([0.0, *points[:-1]], points, strict=True)]
    return refractory_s + sum(pieces)


@given(refractory_ms=st.floats(0, 5), eta0=st.floats(0, 8), eta_tau_ms=st.floats(2, 50), share=st.floats(0.02, 1.0))
@settings(max_examples=12, deadline=None)
def test_the_table_inverts_renewal_theory(refractory_ms, eta0, eta_tau_ms, share) -> None:
    gathered, step_s = srm.gathered_table(eta0, eta_tau_ms / 1e3)
    table, top_hz = srm.hazard_table(refractory_ms / 1e3, gathered, step_s)
    rate_hz = share * min(top_hz, 150.0)
    rho = float(srm.hazard_of(table, top_hz, (len(table) - 1) / top_hz, rate_hz))
    delivered_hz = 1 / mean_interval_by_hand(rho, refractory_ms / 1e3, eta0, eta_tau_ms / 1e3)
    assert delivered_hz == pytest.approx(rate_hz, rel=0.003)


@given(refractory_ms=st.floats(0, 20), eta0=st.floats(0, 20), eta_tau_ms=st.floats(0.1, 1000))
@settings(max_examples=30, deadline=None)
def test_the_hazard_grows_with_the_rate_whatever_the_constants(refractory_ms, eta0, eta_tau_ms) -> None:
    gathered, step_s = srm.gathered_table(eta0, eta_tau_ms / 1e3)
    table, top_hz = srm.hazard_table(refractory_ms / 1e3, gathered, step_s)
    assert np.isfinite(table).all()
    assert table[0] == 0
    assert (np.diff(table) > 0).all()
    assert 0 < top_hz <= 1000
    for age_s in (0.0, 0.3 * step_s, 7.7 * step_s, 1e3 * step_s, 2e3 * step_s):
        there_and_back = srm.age_at(gathered, step_s, srm.gathered_at(gathered, step_s, 1 / step_s, age_s))
        assert there_and_back == pytest.approx(age_s, abs=1e-6 * step_s + 1e-9)


@SHAPE
@pytest.mark.parametrize("rate_hz", [2.0, 20.0, 90.0])
def test_the_rate_requested_is_the_rate_delivered(refractory_ms, eta0, eta_tau_ms, rate_hz) -> None:
    n_units = 64
    neurons = Population("srm", n_units, refractory_ms=refractory_ms, eta0=eta0, eta_tau_ms=eta_tau_ms)
    neurons.fire(rate_hz, 5.0)
    duration_s = 200_000 / (n_units * rate_hz)
    channel, _ = neurons.fire(rate_hz, duration_s)
    assert len(channel) / (n_units * duration_s) == pytest.approx(rate_hz, rel=0.01)


def test_without_after_potential_intervals_are_refractory_time_and_exponential() -> None:
    refractory_s, rate_hz = 0.004, 60.0
    neurons = Population("srm", 64, refractory_ms=4.0, eta0=0.0)
    found = intervals(*neurons.fire(rate_hz, 60.0))
    rho = 1 / (1 / rate_hz - refractory_s)
    assert found.min() >= refractory_s
    assert found.mean() == pytest.approx(refractory_s + 1 / rho, rel=0.01)
    assert found.std() / found.mean() == pytest.approx(1 - refractory_s * rate_hz, rel=0.01)
    some = found[:: len(found) // 20_000]
    assert stats.kstest(some - refractory_s, "expon", args=(0, 1 / rho)).pvalue > 1e-4


@SHAPE
def test_counts_vary_less_than_poisson_and_as_renewal_theory_says(refractory_ms, eta0, eta_tau_ms) -> None:
    neurons = Population("srm", 64, refractory_ms=refractory_ms, eta0=eta0, eta_tau_ms=eta_tau_ms)
    neurons.fire(40.0, 2.0)
    begin_s, n_seconds = neurons.step * neurons.step_s, 250
    channel, time_s = neurons.fire(40.0, float(n_seconds))
    counts = np.zeros((64, n_seconds))
    np.add.at(counts, (channel, np.minimum((time_s - begin_s).astype(int), n_seconds - 1)), 1)
    fano = (counts.var(axis=1, ddof=1) / counts.mean(axis=1)).mean()
    cv = intervals(channel, time_s).std() / intervals(channel, time_s).mean()
    if refractory_ms + eta0 > 0:
        assert fano < 0.95
    # Cox: F(T) = CV^2 + (1 - CV^4) / (6 m) for a mean count m, up to the third moment of the intervals
    assert fano == pytest.approx(cv**2 + (1 - cv**4) / (6 * 40), abs=0.05)


def fire_in_small_steps(n_neurons: int, duration_s: float, rho: float, refractory_s: float, eta0: float, tau_s: float):
    """Fire as the equations say, in steps of 0.05 ms."""
    dt_s, generator = 0.000_05, np.random.default_rng(4)
    age_s, found = np.full(n_neurons, 1.0), []
    last_s = np.full(n_neurons, np.nan)
    for k in range(round(duration_s / dt_s)):
        since_s = age_s - refractory_s
        hazard = np.where(since_s > 0, rho * np.exp(-eta0 * np.exp(-np.maximum(since_s, 0) / tau_s)), 0.0)
        fired = generator.random(n_neurons) < 1 - np.exp(-hazard * dt_s)
        found.append((k * dt_s - last_s)[fired])
        last_s[fired] = k * dt_s
        age_s = np.where(fired, 0.0, age_s) + dt_s
    all_found = np.concatenate(found)
    return all_found[np.isfinite(all_found)]


def test_intervals_are_those_of_a_simulation_in_small_steps() -> None:
    refractory_s, eta0, tau_s, rate_hz = 0.002, 4.0, 0.02, 40.0
    gathered, step_s = srm.gathered_table(eta0, tau_s)
    table, top_hz = srm.hazard_table(refractory_s, gathered, step_s)
    slow = fire_in_small_steps(
        400, 1.5, float(srm.hazard_of(table, top_hz, (len(table) - 1) / top_hz, rate_hz)), refractory_s, eta0, tau_s
    )
    neurons = Population("srm", 400, refractory_ms=2.0, eta0=eta0, eta_tau_ms=20.0)
    channel, time_s = neurons.fire(rate_hz, 1.5)
    assert stats.ks_2samp(intervals(channel, time_s), slow).pvalue > 1e-4


@pytest.mark.parametrize("step_s", [0.001, 0.01])
def test_no_two_spikes_are_closer_than_the_refractory_time(step_s: float) -> None:
    neurons = Population("srm", 20, step_s=step_s, refractory_ms=3.0, eta0=0.0)
    rates = np.linspace(0, 400, 20)
    found = intervals(*neurons.fire(rates, 20.0))
    assert len(found) > 10_000
    assert found.min() > 0.003 - 1e-9


def test_a_rate_that_changes_from_step_to_step_is_followed() -> None:
    neurons, n_units = Population("srm", 200, refractory_ms=2.0, eta0=3.0, eta_tau_ms=10.0), 200
    neurons.fire(30.0, 1.0)
    asked, delivered = [], []
    for k in range(400):
        rate_hz = 30.0 + 25.0 * math.sin(2 * math.pi * k / 100)  # once a second
        asked.append(rate_hz)
        delivered.append(len(neurons.fire(rate_hz, 0.01)[0]) / (n_units * 0.01))
    assert np.mean(delivered) == pytest.approx(30.0, rel=0.02)
    assert np.corrcoef(asked, delivered)[0, 1] > 0.9


def test_a_rate_that_jumps_is_answered_with_more_at_first() -> None:
    """Neurons that fired slowly have recovered: the rate asked for is delivered while it stands still, not when it rises."""
    neurons, n_units = Population("srm", 400), 400
    neurons.fire(5.0, 2.0)
    spikes = early = 0
    for _ in range(60):
        begin_s = neurons.step * neurons.step_s
        time_s = neurons.fire(60.0, 0.1)[1]
        early += int((time_s - begin_s < 0.01).sum())
        spikes += len(time_s) + len(neurons.fire(5.0, 0.1)[0])
    assert spikes / (n_units * 60 * 0.2) == pytest.approx(32.5 * 1.049, rel=0.01)
    assert early / (n_units * 60 * 0.01) == pytest.approx(104.0, rel=0.03)
