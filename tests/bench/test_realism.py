"""The firing of `realistic_subject` is near that of the recordings; the measures tell what was put in."""

from pathlib import Path

import numpy as np
import pytest

from bmi_app.bench.science import realism, recordings, statistics
from bmi_app.bench.science.realistic import overrides
from bmi_app.bench.science.recordings import BIN_S, Firing
from bmi_app.record.formats.source import RecordingError
from protocols.load import load


def made(shared: float, depth_hz: float, seed: int = 1, n_units: int = 60) -> Firing:
    """Make Poisson counts with a common gain and cosine tuning, in runs of 20 bins."""
    generator = np.random.default_rng(seed)
    n_runs = 300
    angle = np.repeat(generator.uniform(-np.pi, np.pi, n_runs), 20)
    preferred = generator.uniform(-np.pi, np.pi, n_units)
    gain = 1 + shared * generator.standard_normal(len(angle))
    rate = (40.0 + depth_hz * np.cos(angle[:, None] - preferred)) * gain[:, None]
    return Firing(generator.poisson(np.maximum(rate, 0) * BIN_S).astype(float), angle, np.repeat(np.arange(n_runs), 20))


def test_the_measures_find_what_was_put_in() -> None:
    alone, together = statistics.measure(made(0.0, 10.0)), statistics.measure(made(0.25, 10.0))
    assert alone["rate_hz"] == pytest.approx(40.0, rel=0.02)
    assert alone["depth_hz"] == pytest.approx(10.0, rel=0.1)
    assert alone["fano"] == pytest.approx(1.0, abs=0.05)
    assert alone["noise_correlation"] == pytest.approx(0.0, abs=0.01)
    assert alone["shared_variance"] < 0.03
    # A gain of cv 0.25 at 1.8 spikes a bin: (1.8 x 0.25)^2 beside 1.8 is a tenth of the variance.
    assert together["noise_correlation"] == pytest.approx(0.101, abs=0.02)
    assert together["shared_variance"] == pytest.approx(0.11, abs=0.03)
    assert together["fano"] == pytest.approx(1.11, abs=0.06)
    assert abs(together["lag_1"]) < 0.02
    assert statistics.measure(made(0.0, 20.0))["r2"] > alone["r2"] > 0.3


def test_a_missing_recording_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"20160325\.mat.*no such file"):
        recordings.load(tmp_path, "stabilized_bci")
    (tmp_path / "stabilized_bci").mkdir()
    (tmp_path / "stabilized_bci" / "20160325.mat").write_bytes(b"MATLAB 5.0")
    with pytest.raises(RecordingError, match="is not the recording"):
        recordings.load(tmp_path, "stabilized_bci")


def test_other_protocols_take_its_firing() -> None:
    for protocol, is_plain in (("learn_the_tool", True), ("learning_subject", False), ("center_out", False)):
        kind = "plain" if is_plain else "autonomous"
        given = load(protocol, [f"subject.kind={kind}", *overrides(is_plain)])
        assert given.subject.neurons == "srm"
        assert given.neurons.shared_common == 0.9
        assert given.subject.settings["spread_deg"] == 90.0
        assert list(given.populations) == ["right", "left", "up", "down", "control"]


@pytest.mark.parametrize(
    ("name", "rate_hz", "fano", "noise_correlation"),
    [
        ("stabilized_bci", 52.2, 0.94, 0.071),
        ("neural_redundancy", 43.3, 0.92, 0.082),
        ("golub_bci_learning", 44.9, 1.02, 0.070),
    ],
)
def test_the_recordings_have_the_figures_that_are_told(
    real_data: Path, name: str, rate_hz: float, fano: float, noise_correlation: float
) -> None:
    found = statistics.measure(recordings.load(real_data, name))
    assert found["rate_hz"] == pytest.approx(rate_hz, abs=0.1)
    assert found["fano"] == pytest.approx(fano, abs=0.01)
    assert found["noise_correlation"] == pytest.approx(noise_correlation, abs=0.002)


def test_the_realistic_subject_fires_as_the_animals_do(real_data: Path) -> None:
    """Within the recordings' range of each figure, widened by a fifth of its middle."""
    animals = [statistics.measure(recordings.load(real_data, name)) for name in recordings.FILES]
    own = statistics.measure(realism.firing_of("realistic_subject", [], 1, 4.0))
    for figure in statistics.FIGURES:
        theirs = np.array([animal[figure] for animal in animals])
        low, high, margin = np.nanmin(theirs), np.nanmax(theirs), 0.2 * np.nanmean(theirs)
        assert low - margin <= own[figure] <= high + margin, figure


def test_the_blind_recording_is_held_against_as_many_units_in_bins_as_long(real_data: Path) -> None:
    report = realism.blind(real_data, 1, 2.0, lambda _: None)
    theirs, own = report["rows"]
    told = {"rate_hz": 29.3, "depth_hz": 17.4, "fano": 0.89, "noise_correlation": 0.011, "r2": 0.74}
    for figure, value in told.items():
        assert theirs[figure][0] == pytest.approx(value, rel=0.01, abs=0.005), figure
    assert own["use"] == "24 units, 33 ms"
    # What holds, and what does not (docs/realistic.md).
    for figure in ("fano", "shared_variance"):
        assert own[figure][0] == pytest.approx(theirs[figure][0], rel=0.2), figure
    assert own["rate_hz"][0] > 1.3 * theirs["rate_hz"][0]
    assert own["r2"][0] < 0.8 * theirs["r2"][0]
