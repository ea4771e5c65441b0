"""z-scores: means and deviations of a rest block or of a fit, against numpy."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmi_app.decoders.contract import Samples
from bmi_app.rt.memory import named_parts
from bmi_app.rt.records import CommandKind, EventKind, TaskState
from bmi_app.session.engine.staged_fits import _rescaled
from bmi_app.session.engine.staging import standing
from tests.rt.ticker import ticker

REST = 'blocks=[{kind="rest",duration_s=4},{kind="closed_loop"}]'


@pytest.mark.parametrize("square_root", [False, True])
@pytest.mark.parametrize("smoothing", ["none", "boxcar"])
def test_a_rest_block_freezes_mean_and_deviation_of_each_unit(square_root: bool, smoothing: str) -> None:
    made = ticker(
        [
            REST,
            "decoder.zscore=true",
            f"decoder.square_root={str(square_root).lower()}",
            f"decoder.smoothing={smoothing}",
            "units.exclude=[7]",
        ]
    )
    generator = np.random.default_rng(3)
    counts = generator.poisson(generator.uniform(0.05, 0.6, 96), (420, 96)).astype(np.float32)
    counts[:, 11] = 0  # silent
    frames = made.run(counts)
    resting = np.flatnonzero(frames["state"][:-1] == TaskState.REST) + 1  # a tick measures before its task acts
    rates = counts.astype(np.float64) * 100.0
    if smoothing == "boxcar":  # over 100 ms
        rates = np.stack([np.convolve(unit, np.full(10, 0.1))[: len(counts)] for unit in rates.T], axis=1)
    features = np.sqrt(rates) if square_root else rates
    at_rest = features[resting]
    deviation = at_rest.std(axis=0)
    expected = 1.0 / np.maximum(deviation, 0.1 * deviation.mean())
    expected[7] = 0.0
    offset, scale = made.arrays["feature_offset"], made.arrays["feature_scale"]
    np.testing.assert_allclose(offset, at_rest.mean(axis=0), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(scale, expected, rtol=1e-9)
    np.testing.assert_allclose(made.arrays["features"], (features[-1] - offset) * scale, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("fitted", [False, True])
def test_z_scores_of_a_fit_stay_whatever_the_next_rest_block_measures(fitted: bool) -> None:
    made = ticker(['blocks=[{kind="rest",duration_s=1},{kind="rest",duration_s=2}]', "decoder.zscore=true"])
    generator = np.random.default_rng(5)
    made.run(generator.poisson(0.3, (105, 96)).astype(np.float32))
    offset, scale = made.arrays["feature_offset"], made.arrays["feature_scale"]
    blob = standing(made.core)  # an undo, say, which leaves the scores alone
    parts = named_parts(blob, made.core.sizes.blob)
    if fitted:
        parts["feature_offset"][:], parts["feature_scale"][:] = 25.0, 0.125
    made.arrays["staging"][1] = blob
    made.command(CommandKind.ADOPT, 1, 7)
    made.run(generator.poisson(0.3, (110, 96)).astype(np.float32))
    assert made.state["block"] == 1
    before = offset.copy(), scale.copy()
    made.run(generator.poisson(0.5, (100, 96)).astype(np.float32))
    assert len(made.events(EventKind.BASELINE_FROZEN)) == 2
    if fitted:
        assert (offset == 25.0).all()
        assert (scale == 0.125).all()
    else:
        assert (offset > before[0]).mean() > 0.9
        assert (scale != before[1]).all()


@given(seed=st.integers(0, 2**32 - 1), n_units=st.sampled_from([1, 2, 30]))
@settings(max_examples=30, deadline=None)
def test_a_fit_gives_features_mean_0_and_deviation_1(seed: int, n_units: int) -> None:
    generator = np.random.default_rng(seed)
    rates = generator.poisson(generator.uniform(0.5, 20, n_units), (200, n_units)) * 10.0
    old = SimpleNamespace(offset=generator.normal(5, 3, n_units), scale=generator.uniform(0.05, 2, n_units))
    if n_units == 30:
        old.scale[4] = 0.0  # excluded
        rates[:, 9] = 70.0  # never varies: keeps a tenth of the mean deviation as its unit
    features = (rates - old.offset) * old.scale
    nothing = np.zeros((200, 2))
    found, offset, scale = _rescaled(
        Samples(features, nothing, nothing, np.zeros(200, np.int64), 0.01), old.offset, old.scale
    )
    varies = (old.scale != 0) & (rates.std(axis=0) > 0)
    np.testing.assert_allclose(found.features.mean(axis=0), 0, atol=1e-9)
    deviation = features.std(axis=0)
    ordinary = varies & (deviation >= 0.1 * deviation.mean())
    np.testing.assert_allclose(found.features[:, ordinary].std(axis=0), 1, rtol=1e-9)
    again = (rates[:, varies] - offset[varies]) * scale[varies]  # what the tick will make of the same rates
    np.testing.assert_allclose(again, found.features[:, varies], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(offset[ordinary], rates[:, ordinary].mean(axis=0), rtol=1e-9)
    assert np.isnan(offset[old.scale == 0]).all()
