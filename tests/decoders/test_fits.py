"""Wiener filter and population vector against plain regressions; every fit on masks, silence and a real recording.

Most references are written with numpy alone; the last ones are those of scikit-learn.
"""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, Ridge

from bmi_app import plugins
from bmi_app.decoders.contract import FitError, Samples
from bmi_app.testing.called_decoder import Decoder, full_mask, simulate
from tests.decoders.textbook_kalman import Model

FITTED = plugins.having("decoders", lambda traits: traits.fit is not None)
seeds = st.integers(0, 2**32 - 1)
every = pytest.mark.parametrize("name", FITTED)


def ridge_by_hand(x: np.ndarray, y: np.ndarray, alpha: float) -> np.ndarray:
    """Return what velocities y f8[t, axis] regress to on x, an unpenalised constant included: rows of x, then the constant."""
    design = np.column_stack([x, np.ones(len(x))])
    rows = np.sqrt(alpha) * np.eye(x.shape[1] + 1)[:-1]
    padded = np.vstack([y, np.zeros((x.shape[1], y.shape[1]))])
    return np.linalg.lstsq(np.vstack([design, rows]), padded, rcond=None)[0]


def lagged_by_hand(samples: Samples, lags: int, spacing: int) -> tuple[np.ndarray, np.ndarray]:
    rows, kept = [], []
    for t in range(len(samples.piece)):
        past = [t - k * spacing for k in range(lags + 1)]
        if past[-1] >= 0 and all(samples.piece[p] == samples.piece[t] for p in past):
            rows.append(np.concatenate([samples.features[p] for p in past]))
            kept.append(t)
    return np.array(rows), np.array(kept)


@settings(max_examples=12)
@given(
    seed=seeds,
    n_units=st.sampled_from([1, 6]),
    n_axes=st.integers(1, 2),
    lags=st.integers(0, 4),
    spacing=st.integers(1, 3),
    ridge=st.sampled_from([0.0, 1e-3, 10.0]),
)
def test_wiener_is_the_ridge_regression_on_lagged_features(seed, n_units, n_axes, lags, spacing, ridge) -> None:
    samples = simulate(seed, n_units, n_axes)
    decoder = Decoder("wiener", np.zeros((n_axes, n_units)), lags=lags, spacing=spacing, ridge=ridge)
    fitted = decoder.fit(samples, full_mask(n_axes, n_units))
    x, kept = lagged_by_hand(samples, lags, spacing)
    alpha = ridge * ((x - x.mean(axis=0)) ** 2).sum() / x.shape[1]
    expected = ridge_by_hand(x, samples.velocity[kept], alpha)
    found = np.concatenate([fitted.weights, *fitted.parts["past_weights"]], axis=1)
    np.testing.assert_allclose(found, expected[:-1].T, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(fitted.bias, expected[-1], rtol=1e-6, atol=1e-9)
    decoded = decoder(samples.features)
    across = np.arange(lags * spacing, len(samples.piece))  # live, the filter also looks back over the end of a trial
    x_live = np.hstack([samples.features[across - k * spacing] for k in range(lags + 1)])
    np.testing.assert_allclose(decoded[across], x_live @ found.T + fitted.bias, rtol=1e-9, atol=1e-9)


def test_wiener_with_fewer_samples_than_features_is_the_same_regression() -> None:
    samples = simulate(1, 60, 2, 90, 1)
    fitted = Decoder("wiener", np.zeros((2, 60)), lags=2, spacing=2).fit(samples, full_mask(2, 60))
    x, kept = lagged_by_hand(samples, 2, 2)
    alpha = 1e-3 * ((x - x.mean(axis=0)) ** 2).sum() / x.shape[1]
    expected = ridge_by_hand(x, samples.velocity[kept], alpha)[:-1].T
    np.testing.assert_allclose(fitted.weights, expected[:, :60], rtol=1e-6, atol=1e-9)


def test_wiener_says_when_the_trials_are_shorter_than_the_filter() -> None:
    with pytest.raises(FitError, match="longest unbroken piece has 10 samples"):
        Decoder("wiener", np.zeros((2, 3)), lags=5, spacing=3).fit(simulate(2, 3, 2, 30, 3), full_mask(2, 3))


@settings(max_examples=12)
@given(seed=seeds, n_units=st.sampled_from([1, 12]), n_axes=st.integers(1, 2))
def test_the_population_vector_is_the_sum_of_votes(seed, n_units, n_axes) -> None:
    samples = simulate(seed, n_units, n_axes)
    decoder = Decoder("population_vector", np.zeros((n_axes, n_units)), least_r2=0.0)
    decoder.fit(samples, full_mask(n_axes, n_units))
    design = np.column_stack([samples.velocity, np.ones(len(samples.velocity))])
    found = np.linalg.pinv(design) @ samples.features
    votes = np.zeros(samples.velocity.shape)
    for u in range(n_units):
        depth = np.linalg.norm(found[:-1, u])
        votes += np.outer((samples.features[:, u] - found[-1, u]) / depth, found[:-1, u] / depth)
    expected = votes * np.sum(votes * samples.velocity) / np.sum(votes**2)
    np.testing.assert_allclose(decoder(samples.features), expected, rtol=1e-8, atol=1e-8)


def test_evenly_spread_cosine_tuning_is_decoded_without_bias() -> None:
    generator = np.random.default_rng(3)
    velocity = generator.normal(0, 5, (400, 2))
    angles = np.arange(40) / 40 * 2 * np.pi
    features = 10 + 3 * velocity @ np.stack([np.cos(angles), np.sin(angles)])
    samples = Samples(features, velocity, np.zeros((400, 2)), np.zeros(400, np.int64), 0.01)
    decoder = Decoder("population_vector", np.zeros((2, 40)))
    decoder.fit(samples, full_mask(2, 40))
    np.testing.assert_allclose(decoder(features), velocity, rtol=1e-9, atol=1e-9)


def test_untuned_units_have_no_vote_and_without_any_tuned_unit_there_is_no_fit() -> None:
    samples = simulate(4, 5, 2)
    samples.features[:, 2] = np.random.default_rng(5).normal(0, 5, len(samples.features))
    decoder = Decoder("population_vector", np.zeros((2, 5)), least_r2=0.05)
    fitted = decoder.fit(samples, full_mask(2, 5))
    assert (fitted.weights[:, 2] == 0).all()
    assert (fitted.weights[:, :2] != 0).all()
    samples.features[:] = np.random.default_rng(6).normal(0, 1, samples.features.shape)
    with pytest.raises(FitError, match="least_r2"):
        decoder.fit(samples, full_mask(2, 5))


@every
@settings(max_examples=10)
@given(seed=seeds, n_axes=st.integers(1, 2))
def test_masked_units_have_no_influence(name, seed, n_axes) -> None:
    samples = simulate(seed, 8, n_axes)
    mask = full_mask(n_axes, 8)
    mask[:, [1, 5]] = 0
    fits = []
    for _ in range(2):
        fits.append(Decoder(name, mask.copy()).fit(samples, mask))
        assert (fits[-1].weights[mask == 0] == 0).all()
        samples.features[:, [1, 5]] = 1e3 * np.random.default_rng(seed).normal(0, 1, (len(samples.features), 2))
    np.testing.assert_array_equal(fits[0].weights, fits[1].weights)
    np.testing.assert_array_equal(fits[0].bias, fits[1].bias)


@every
def test_a_fit_is_a_function_of_its_arguments(name) -> None:
    samples = simulate(7, 9, 2)
    before = [part.copy() for part in (samples.features, samples.velocity, samples.position, samples.piece)]
    first, second = (Decoder(name, np.ones((2, 9))).fit(samples, full_mask(2, 9)) for _ in range(2))
    np.testing.assert_array_equal(first.weights, second.weights)
    for part, value in first.parts.items():
        np.testing.assert_array_equal(value, second.parts[part])
    for part, kept in zip((samples.features, samples.velocity, samples.position, samples.piece), before, strict=True):
        np.testing.assert_array_equal(part, kept)


@every
@pytest.mark.parametrize("n_units", [1, 2048])
def test_a_fit_takes_one_unit_and_2048_some_of_them_silent(name, n_units) -> None:
    generator = np.random.default_rng(8)
    samples = simulate(8, 1, 2, 200)
    features = samples.velocity @ generator.normal(0, 1, (2, n_units)) + generator.normal(0, 2, (200, n_units))
    features[:, 3::7] = 0.0
    decoder = Decoder(name, np.ones((2, n_units)))
    fitted = decoder.fit(
        Samples(features, samples.velocity, samples.position, samples.piece, samples.dt_s), full_mask(2, n_units)
    )
    assert all(np.isfinite(part).all() for part in (fitted.weights, fitted.bias, *fitted.parts.values()))
    decoded = decoder(features, samples.position if name == "refit_kalman" else None)
    assert np.isfinite(decoded).all()
    if n_units > 1:
        assert np.corrcoef(decoded[:, 1], samples.velocity[:, 1])[0, 1] > 0.9


@every
def test_no_sample_at_all_is_refused_in_a_line(name) -> None:
    nothing = Samples(np.zeros((0, 4)), np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0, np.int64), 0.01)
    with pytest.raises(FitError) as raised:
        Decoder(name, np.ones((2, 4))).fit(nothing, full_mask(2, 4))
    assert "\n" not in str(raised.value)


def test_flipped_units_of_a_wiener_filter_speak_with_the_other_sign() -> None:
    samples = simulate(9, 5, 2)
    signs = np.array([1.0, -1, -1, 1, -1])
    decoder, flipped = Decoder("wiener", np.zeros((2, 5))), Decoder("wiener", np.zeros((2, 5)))
    for one in (decoder, flipped):
        one.fit(samples, full_mask(2, 5))
    flipped.module.flip(flipped.named, signs)
    flipped.weights = flipped.weights * signs
    np.testing.assert_allclose(flipped(samples.features * signs), decoder(samples.features), rtol=1e-9)


@pytest.fixture
def maze(real_data: Path) -> Samples:
    """A reach of MC_Maze: 182 units in bins of 20 ms, smoothed over 100 ms, and the hand's velocity in cm/s."""
    path = real_data / "mc_maze_trials" / "trial_748_data.csv"
    with path.open(encoding="utf-8") as file:
        names = file.readline().strip().split(",")
    table = np.loadtxt(path, delimiter=",", skiprows=1)
    n_bins = len(table) // 20
    binned = table[: n_bins * 20].reshape(n_bins, 20, -1)
    counts = binned[:, :, [i for i, name in enumerate(names) if name.startswith("unit_")]].sum(axis=1)
    features = np.stack([np.convolve(unit, np.full(5, 0.2))[:n_bins] for unit in counts.T], axis=1) / 0.02
    velocity = binned[:, :, [names.index("hand_vel_x"), names.index("hand_vel_y")]].mean(axis=1) / 10
    position = binned[:, 0][:, [names.index("hand_pos_x"), names.index("hand_pos_y")]] / 10
    return Samples(features, velocity, position, np.zeros(n_bins, np.int64), 0.02)


@pytest.mark.parametrize("model", ["velocity", "position_velocity"])
def test_a_kalman_filter_of_a_real_reach_is_the_textbooks(maze: Samples, model: str) -> None:
    decoder = Decoder("kalman", np.zeros((2, 182)), model=model)
    decoder.fit(maze, full_mask(2, 182))
    fires = np.ptp(maze.features, axis=0) > 0
    assert 100 < np.count_nonzero(fires) < 182  # some units are silent in this reach
    state = maze.velocity if model == "velocity" else np.hstack([maze.position, maze.velocity])
    n_positions = 0 if model == "velocity" else 2
    textbook = Model.fit(state, maze.features[:, fires], maze.piece, False, n_positions)
    expected = textbook.filter(maze.features[:, fires])[:, -2:]
    found = decoder(maze.features)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())
    assert np.corrcoef(found[:, 0], maze.velocity[:, 0])[0, 1] > 0.8


def test_a_wiener_filter_of_a_real_reach_is_the_ridge_regression(maze: Samples) -> None:
    decoder = Decoder("wiener", np.zeros((2, 182)), lags=4, spacing=1, ridge=0.01)
    decoder.fit(maze, full_mask(2, 182))
    x, kept = lagged_by_hand(maze, 4, 1)
    alpha = 0.01 * ((x - x.mean(axis=0)) ** 2).sum() / x.shape[1]
    expected = ridge_by_hand(x, maze.velocity[kept], alpha)
    expected = x @ expected[:-1] + expected[-1]
    found = decoder(maze.features)[kept]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


def test_regressions_of_a_real_reach_are_scikit_learns(maze: Samples) -> None:
    lagged, kept = lagged_by_hand(maze, 4, 1)
    for name, x, settings_ in (("wiener", lagged, {"lags": 4, "spacing": 1}), ("linear", maze.features, {})):
        decoder = Decoder(name, np.ones((2, 182)), ridge=0.01, **settings_)
        decoder.fit(maze, full_mask(2, 182))
        rows = kept if name == "wiener" else np.arange(len(x))
        alpha = 0.01 * ((x - x.mean(axis=0)) ** 2).sum() / x.shape[1]
        expected = Ridge(alpha=alpha, solver="svd").fit(x, maze.velocity[rows]).predict(x)
        found = decoder(maze.features)[rows]
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


@settings(max_examples=10)
@given(seed=seeds, n_units=st.sampled_from([1, 12]), ridge=st.sampled_from([1e-3, 1.0]))
def test_a_wiener_filter_of_simulated_firing_is_scikit_learns_ridge(seed: int, n_units: int, ridge: float) -> None:
    samples = simulate(seed, n_units, 2)
    x, kept = lagged_by_hand(samples, 3, 2)
    decoder = Decoder("wiener", np.zeros((2, n_units)), lags=3, spacing=2, ridge=ridge)
    decoder.fit(samples, full_mask(2, n_units))
    alpha = ridge * ((x - x.mean(axis=0)) ** 2).sum() / x.shape[1]
    expected = Ridge(alpha=alpha, solver="cholesky").fit(x, samples.velocity[kept])
    whole = decoder(samples.features)
    across = np.arange(6, len(samples.piece))
    live = np.hstack([samples.features[across - 2 * k] for k in range(4)])
    np.testing.assert_allclose(whole[across], expected.predict(live), rtol=1e-6, atol=1e-6 * np.abs(whole).max())


@pytest.mark.parametrize("model", ["velocity", "position_velocity"])
def test_the_model_of_a_kalman_filter_is_scikit_learns_regressions(maze: Samples, model: str) -> None:
    decoder = Decoder("kalman", np.zeros((2, 182)), model=model)
    decoder.fit(maze, full_mask(2, 182))
    state = maze.velocity if model == "velocity" else np.hstack([maze.position, maze.velocity])
    fires = np.ptp(maze.features, axis=0) > 0
    tuning = LinearRegression().fit(state, maze.features[:, fires])
    np.testing.assert_allclose(decoder.named["model"][:2, fires].T, tuning.coef_[:, -2:], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(decoder.named["model"][2, fires], tuning.intercept_, rtol=1e-6, atol=1e-9)
    variances = ((maze.features[:, fires] - tuning.predict(state)) ** 2).mean(axis=0)
    np.testing.assert_allclose(decoder.named["model"][3, fires], variances, rtol=1e-6)
    moves = LinearRegression(fit_intercept=model != "velocity").fit(state[:-1], state[1:])
    np.testing.assert_allclose(decoder.named["transition"], moves.coef_, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(decoder.named["drift"], moves.intercept_ if model != "velocity" else [], rtol=1e-6)
