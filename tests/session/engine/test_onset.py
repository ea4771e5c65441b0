"""A Kalman fit sees movements begin: in sessions, in fits of sessions that run, and in a recording with one direction a trial."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from bmi_app.bench.closed_loop import Bench, second_half
from bmi_app.decoders import kalman, kalman_fit, linear
from bmi_app.decoders.contract import Samples
from bmi_app.session.engine.staged_fits import Refitter
from bmi_app.session.recompute import fit, fit_samples
from bmi_app.session.recompute.fit_samples import Training
from tests.rt.ticker import QUICK
from tests.session.engine.test_undo import Session

WATCHING = 'blocks=[{kind="rest",duration_s=5},{kind="observation",duration_s=120}]'
RAW = "decoder.smoothing=none"


def process_cm2_s2(training: Training) -> float:
    """Return the mean variance that the fit gives to a step of the velocity, (cm/s)^2."""
    process = kalman.fit(kalman.Settings(), training.samples, training.mask).parts["process"]
    return float((np.diag(process) * training.model["gain"] ** 2).mean())


def blind(training: Training) -> Training:
    """Return the same samples, of which nobody knows how they began."""
    return replace(training, samples=replace(training.samples, from_rest=None))


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Training:
    session = Bench(tmp_path_factory.mktemp("watched"), 125 / 60, ()).run(1, WATCHING)
    return fit_samples.of_session(session, "velocity")


def test_the_step_from_rest_is_a_part_of_the_process_noise(watched: Training) -> None:
    trials = len(np.unique(watched.samples.piece))
    assert len(watched.samples.onsets()) == trials > 50
    assert process_cm2_s2(watched) == pytest.approx(0.71, abs=0.02)
    assert process_cm2_s2(blind(watched)) == pytest.approx(0.094, abs=0.003)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_on_raw_bins_a_target_is_reached_in_two_thirds_of_the_time(seed: int, tmp_path: Path) -> None:
    """1.12, 1.12 and 1.06 s; 1.81, 1.74 and 1.86 s where no movement was seen to begin."""
    watching = Bench(tmp_path, 125 / 60, ()).run(seed, WATCHING, RAW)
    training = fit_samples.of_session(watching, "velocity")
    times_s = []
    for name, taken in (("seen", training), ("blind", blind(training))):
        file = tmp_path / f"{name}.npz"
        fitted = kalman.fit(kalman.Settings(), taken.samples, taken.mask)
        fit.save(file, "kalman", kalman, kalman.Settings(), taken, fitted)
        start = (RAW, "decoder.kind=kalman", f"decoder.start_from={json.dumps(str(file))}")
        found = second_half(Bench(tmp_path, 3.0, ()).run(seed, *start))
        assert found["success"] == 1.0
        times_s.append(found["time_s"])
    assert times_s == pytest.approx([{1: 1.12, 2: 1.12, 3: 1.06}[seed], {1: 1.81, 2: 1.74, 3: 1.86}[seed]], abs=0.02)


def test_fitted_to_the_intention_a_movement_begins_as_well(tmp_path: Path) -> None:
    session = Bench(tmp_path, 1.0, ()).run(1)
    for wanted in ("intent", "refit", "velocity"):
        training = fit_samples.of_session(session, wanted)  # type: ignore[arg-type]
        assert len(training.samples.onsets()) == len(np.unique(training.samples.piece))


@pytest.mark.parametrize("fit_to", ["intent", "velocity"])
def test_a_running_session_sees_the_same_onsets(fit_to: str, tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    kept = ("decoder.kind=kalman", f"decoder.fit_to={fit_to}", "learning.sample_ms=10", 'learning.rule="smoothbatch"')
    one = Session(folder, *QUICK, *kept, 'learning.when="seconds"', "learning.every_s=600")
    one.run(600, 1)
    samples = Refitter(one.made.core)._samples(-1, 10_000)
    one.journal.close()
    assert len(np.unique(samples.piece)) > 3
    assert len(samples.onsets()) == len(np.unique(samples.piece)) - 1  # what came before the oldest is not known


def test_what_a_pause_cuts_in_two_does_not_begin_from_rest(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    one = Session(folder, *QUICK, "decoder.kind=kalman", "learning.sample_ms=10", "task.timeout_ms=2000")
    one.made.core.config["keep_samples"] = 1
    one.run(50, 1)
    for command in ("pause", "resume"):
        one.operator.handle({"do": command})
        one.run(10, 2)
    one.run(30, 3)
    samples = Refitter(one.made.core)._samples(-1, 10_000)
    one.journal.close()
    assert len(np.unique(samples.piece)) == 2
    assert len(samples.onsets()) == 0


def directions(real_data: Path, block: int) -> Samples:
    """Return a block of `neural_redundancy`: counts, and one direction for each target, that of its first bin.

    A target begins where the cursor was held, or where the direction to it jumps; `thetas` turn clockwise.
    """
    path = real_data / "neural_redundancy" / "20131218.mat"
    if not path.is_file():
        pytest.skip(f"no recording {path}")
    found = scipy.io.loadmat(path, simplify_cells=True)["D"]["blocks"][block]
    held, degrees = found["isFreezePeriod"].astype(bool), found["thetas"]
    jumps = np.abs((np.diff(degrees, prepend=degrees[0]) + 180) % 360 - 180) > 20
    begins = (held & ~np.concatenate([[False], held[:-1]])) | jumps
    target = np.maximum(np.cumsum(begins) - 1, 0)
    radians = np.radians(degrees[np.flatnonzero(begins)[target]])
    kept = ~held
    counts, piece = found["spikes"][kept].astype(np.float64), target[kept].astype(np.int64)
    velocity = np.stack([np.cos(radians), -np.sin(radians)], axis=1)[kept]
    first = np.concatenate([[True], piece[1:] != piece[:-1]])
    return Samples(counts - counts.mean(axis=0), velocity, np.zeros(velocity.shape), piece, 0.045, first)


@pytest.mark.parametrize(
    ("block", "least", "of_linear"), [(0, (0.69, 0.77), (0.74, 0.75)), (1, (0.71, 0.61), (0.74, 0.62))]
)
def test_one_direction_a_target_is_decoded_as_well_as_by_regression(
    block: int, least: tuple[float, float], of_linear: tuple[float, float], real_data: Path
) -> None:
    samples = directions(real_data, block)
    training = Training(samples, np.ones((2, samples.features.shape[1])), {}, {}, "neural_redundancy")

    def r2(module, taken: Training) -> list[float]:
        scores = fit.cross_validate(module, module.Settings(), taken, 5)["r2"]
        return [scores["x"], scores["y"]]

    assert r2(linear, training) == pytest.approx(of_linear, abs=0.01)
    assert (np.array(r2(kalman, training)) > least).all()
    steps = kalman_fit._transitions(blind(training).samples, samples.velocity, 2)
    assert np.abs(kalman_fit._kinematics(*steps, 2, True, False)[2]).max() < 1e-20  # within a target nothing changes
