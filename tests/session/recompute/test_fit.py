"""A decoder fitted to a recorded session: judged on unseen trials, saved, started from, replayed to the last bit."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from bmi_app import plugins
from bmi_app.cli.app import app
from bmi_app.decoders import wiener
from bmi_app.decoders.contract import Samples
from bmi_app.record import reading
from bmi_app.rt.records import TaskState
from bmi_app.session.engine.build import build
from bmi_app.session.engine.full_speed import run_fast
from bmi_app.session.engine.prepare import PrepareError
from bmi_app.session.recompute import fit, fit_samples, replay
from bmi_app.session.recompute.fit_samples import Training
from bmi_app.session.request import SessionRequest
from protocols.load import load

KINDS = tuple(plugins.having("decoders", lambda traits: traits.fit is not None))
# What unseen trials of a minute reach, less a little: correlation with the intention; R2 with the cursor's velocity.
LEAST = {
    "kalman": (0.47, 0.9),
    "refit_kalman": (0.64, 0.9),
    "wiener": (0.36, 0.999),
    "linear": (0.45, 0.999),
    "population_vector": (0.56, 0.96),
}


def run(out: Path, *overrides: str, duration_s: float = 60.0) -> dict[str, Any]:
    request = SessionRequest(
        protocol="center_out",
        overrides=[*overrides, f"session.duration_s={duration_s:g}"],
        out=out,
        speed="max",
        source_timeout_s=5.0,
    )
    return run_fast(request, lambda _: None, lambda _: None)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a minute of center-out with its own tool."""
    return Path(run(tmp_path_factory.mktemp("recorded"))["session"])


def test_the_features_are_those_that_the_decoder_read(recorded: Path) -> None:
    recording = reading.read(recorded)
    core, features = replay.features_of(recording)
    decoded = features @ core.arrays["weights"].T * core.arrays["gain"]
    recorded_cm_s = np.stack([recording.frames["decoded_x_cm_s"], recording.frames["decoded_y_cm_s"]], axis=1)
    np.testing.assert_allclose(decoded, recorded_cm_s, rtol=1e-9, atol=1e-9)


def test_samples_are_the_ticks_of_trials_with_what_was_wanted(recorded: Path) -> None:
    found = {wanted: fit_samples.of_session(recorded, wanted) for wanted in fit_samples.WANTED}
    frames = reading.read(recorded, kinds=("frames",)).frames
    samples = found["intent"].samples
    assert len(np.unique(samples.piece)) == len(np.unique(frames["trial"][frames["trial"] >= 0]))
    assert len(samples.features) == pytest.approx(
        np.isin(frames["state"], (TaskState.MOVE, TaskState.HOLD)).sum(), rel=0.02
    )
    follows = samples.follows()
    moved = found["velocity"].samples
    np.testing.assert_allclose(
        np.diff(moved.position, axis=0)[follows], moved.velocity[:-1][follows] * moved.dt_s, rtol=1e-9, atol=1e-9
    )
    turned = found["refit"].samples.velocity
    still = (turned == 0).all(axis=1)
    assert 0.1 < still.mean() < 0.6  # in the target
    speeds = [np.linalg.norm(part[~still], axis=1) for part in (turned, moved.velocity)]
    np.testing.assert_allclose(*speeds, rtol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_a_fit_decodes_unseen_trials_and_runs_and_replays(kind: str, recorded: Path, tmp_path: Path) -> None:
    file = tmp_path / "decoder.npz"
    report = fit.fit(recorded, kind, file, [])
    assert report["folds"] == 5
    # The intention is a model, and the firing follows it late: the fit explains a part.
    assert all(LEAST[kind][0] < report["correlation"][letter] < 1 for letter in "xy")
    # How the cursor moved was decoded from this very firing: little is left to explain.
    report = fit.fit(recorded, kind, None, [], "velocity")
    assert all(report["r2"][letter] > LEAST[kind][1] for letter in "xy")
    summary = run(tmp_path, f'decoder.kind="{kind}"', f"decoder.start_from={json.dumps(str(file))}")
    assert summary["success_rate"] > 0.8
    assert replay.verify(Path(summary["session"])).is_exact


def test_the_command_prints_the_report_and_the_wiener_filter_takes_settings(recorded: Path, tmp_path: Path) -> None:
    file = tmp_path / "wiener.npz"
    given = ["fit", str(recorded), "--decoder", "wiener", "--out", str(file), "--set", "lags=2", "--json"]
    result = CliRunner().invoke(app, given)
    assert result.exit_code == 0, result.output
    report = json.loads(result.output)
    assert report["settings"]["lags"] == 2
    assert report["file"] == str(file)
    with pytest.raises(PrepareError, match=r"was made for decoder.settings.lags = 2; this protocol has 5"):
        run(tmp_path, 'decoder.kind="wiener"', f"decoder.start_from={json.dumps(str(file))}")
    with pytest.raises(PrepareError, match=r"was made for decoder.smoothing_ms = 100.0; this protocol has 50.0"):
        run(
            tmp_path,
            'decoder.kind="wiener"',
            "decoder.settings.lags=2",
            "decoder.smoothing_ms=50",
            f"decoder.start_from={json.dumps(str(file))}",
        )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--decoder", "groupweight"], ["groupweight", "cannot be fitted", "kalman"]),
        (["--decoder", "kalmann"], ["kalmann", "kalman"]),
        (["--decoder", "kalman", "--set", "noise=none"], ["noise", "diagonal", "full"]),
        (["--decoder", "kalman", "--set", "noise"], ["noise", "key=value"]),
        (["--decoder", "kalman", "--to", "hand"], ["--to", "intent", "refit", "velocity"]),
        (["--decoder", "kalman", "--out", "/no/such/folder/file.npz"], ["/no/such/folder", "cannot be written"]),
    ],
)
def test_a_mistake_is_told_in_a_line(arguments: list[str], words: list[str], recorded: Path) -> None:
    result = CliRunner().invoke(app, ["fit", str(recorded), *arguments])
    assert result.exit_code == 2
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1
    assert all(word in lines[0] for word in words)


@pytest.mark.parametrize(
    ("name", "kind", "least"),
    [
        ("mc_maze_trials/trial_748_data.csv", "kalman", 0.12),  # 0.15: a single reach, and 182 units to model
        ("golub_bci_learning/exampleData.mat", "population_vector", 0.62),
    ],
)
def test_a_recording_with_movements_can_be_fitted(name: str, kind: str, least: float, real_data: Path) -> None:
    report = fit.fit(real_data / name, kind, None, ["ridge=1", "lags=1"] if kind == "wiener" else [])
    assert report["correlation"]["x"] > least


@pytest.mark.parametrize("kind", KINDS)
def test_a_single_real_reach_is_fitted_by_every_decoder(kind: str, real_data: Path, tmp_path: Path) -> None:
    """A single reach cannot be judged on parts of itself: those that are left hold other phases of the movement."""
    file = tmp_path / "decoder.npz"
    given = ["lags=1"] if kind == "wiener" else []
    report = fit.fit(real_data / "mc_maze_trials/trial_748_data.csv", kind, file, given, n_folds=1)
    assert report["samples"] == 161
    with np.load(file) as saved:
        assert json.loads(str(saved["made_for"]))["features"]["smoothing"] == "exponential"


@pytest.mark.parametrize("kind", KINDS)
def test_a_fit_that_cannot_be_scored_is_kept(kind: str, real_data: Path, tmp_path: Path) -> None:
    """Without a fold and its neighbours, 79 of 161 samples are left; `linear` needs 100."""
    file = tmp_path / "decoder.npz"
    arguments = ["fit", str(real_data / "mc_maze_trials/trial_748_data.csv"), "--decoder", kind, "--out", str(file)]
    settings = ["--set", "lags=1"] if kind == "wiener" else []
    result = CliRunner().invoke(app, [*arguments, *settings, "--json"])
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.output)
    assert file.is_file()
    if kind == "linear":
        assert report["folds"] == 0
        assert report["r2"] == report["correlation"] == {"x": None, "y": None}
        assert "79 samples, at least 100 are needed" in report["not_scored"]
    else:
        assert report["folds"] == 5
        assert "not_scored" not in report


def test_why_there_is_no_score_is_said_in_the_terminal(real_data: Path) -> None:
    source = str(real_data / "mc_maze_trials/trial_748_data.csv")
    result = CliRunner().invoke(app, ["fit", source, "--decoder", "linear"])
    assert result.exit_code == 0
    assert "79 samples, at least 100 are needed" in " ".join(result.output.split())


@pytest.mark.parametrize("kind", KINDS)
def test_a_fitted_decoder_starts_where_axes_name_no_population(kind: str, recorded: Path, tmp_path: Path) -> None:
    file = tmp_path / "decoder.npz"
    fit.fit(recorded, kind, file, [], n_folds=1)
    with np.load(file) as saved:
        weights = saved["weights"]
    plain = ("axes={x={gain=1.0},y={gain=1.0}}", f"decoder.kind={kind}", f"decoder.start_from={json.dumps(str(file))}")
    core = build(load("center_out", plain), frame_slots=1 << 10)
    np.testing.assert_array_equal(core.arrays["weights"], weights)


def test_counts_that_were_not_smoothed_are_saved_as_such(real_data: Path, tmp_path: Path) -> None:
    file = tmp_path / "decoder.npz"
    fit.fit(real_data / "golub_bci_learning/exampleData.mat", "linear", file, [])
    with np.load(file) as saved:
        features = json.loads(str(saved["made_for"]))["features"]
    assert features["smoothing"] == "none"
    assert "smoothing_ms" not in features


def unrelated(seed: int) -> Training:
    """Return ten pieces, one right behind the other, of slow velocities and of slow firing that knows nothing of them."""
    generator = np.random.default_rng(seed)

    def slow(n_columns: int) -> np.ndarray:
        found = np.zeros((400, n_columns))
        for t in range(1, 400):
            found[t] = 0.97 * found[t - 1] + generator.normal(0, 1, n_columns)
        return found

    piece = np.arange(400) // 40
    samples = Samples(slow(60), slow(2), np.zeros((400, 2)), piece, 0.02)
    return Training(samples, np.ones((2, 60)), {}, {}, "")


def test_firing_that_says_nothing_is_found_to_say_nothing() -> None:
    """Parts dealt in turn would learn of each other's firing and velocity, which both are slow."""
    chosen = wiener.Settings(lags=0, ridge=1.0)
    found = [fit.cross_validate(wiener, chosen, unrelated(seed), 5)["correlation"] for seed in range(8)]
    assert np.mean([one[letter] for one in found for letter in "xy"]) < 0.15


def test_samples_without_their_past_are_not_scored() -> None:
    generator = np.random.default_rng(1)
    firing = generator.normal(0, 1, (300, 5))
    velocity = np.zeros((300, 2))
    velocity[10:] = firing[:-10, :2]
    samples = Samples(firing, velocity, np.zeros((300, 2)), np.arange(300) // 30, 0.1)
    given = Training(samples, np.ones((2, 5)), {}, {}, "")
    report = fit.cross_validate(wiener, wiener.Settings(lags=1, spacing=10), given, 5)
    assert all(report["r2"][letter] > 0.99 for letter in "xy")  # a third of the samples has no past


def test_bins_that_are_no_neighbours_are_no_basis_for_a_kalman_filter(real_data: Path) -> None:
    with pytest.raises(fit.FittingError, match="0 neighbours"):
        fit.fit(real_data / "golub_bci_learning/exampleData.mat", "kalman", None, [])
