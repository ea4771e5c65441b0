"""Positions that a Kalman filter reads from recordings of other labs: [p v 1], the same wherever coordinates have their origin."""

from pathlib import Path

import numpy as np
import pytest
import scipy.io

from bmi_app.decoders.contract import Samples
from bmi_app.testing.called_decoder import Decoder

FOLDS = 5


def pieces(real_data: Path, name: str) -> Samples:
    """Return a recording's trials: counts, and where the cursor was and how fast it moved (mm, mm/s)."""
    file = {"internal_model": "example_data.mat", "stabilized_bci": "20160325.mat"}[name]
    path = real_data / name / file
    if not path.is_file():
        pytest.skip(f"no recording {path}")
    content = scipy.io.loadmat(path, simplify_cells=True)
    counts, places, velocities, piece = [], [], [], []
    if name == "internal_model":
        dt_s = 0.033
        for number, (fired, place) in enumerate(
            zip(content["data"]["spike_counts"], content["data"]["cursor_position"], strict=True)
        ):
            at_mm = np.asarray(place, float).T * 1e3
            velocities.append(np.diff(at_mm, axis=0) / dt_s)
            counts.append(np.asarray(fired, float).T[:-1])
            places.append(at_mm[:-1])
            piece.append(np.full(len(at_mm) - 1, number))
    else:
        dt_s = 0.045
        for trial in content["trialData"]:
            if 161 <= trial["id"] <= 320:  # the first baseline
                at_mm = np.asarray(trial["refPos"], float)[: len(trial["binCounts"])]
                at_mm[0] = at_mm[1]  # the file has none there; the cursor is still held
                places.append(at_mm)
                counts.append(np.asarray(trial["binCounts"], float))
                velocities.append(np.asarray(trial["decodedVl"], float))
                piece.append(np.full(len(at_mm), trial["id"]))
    parts = [np.concatenate(part) for part in (counts, velocities, places, piece)]
    known = np.isfinite(np.hstack(parts[:3])).all(axis=1)
    return Samples(*(part[known] for part in parts), dt_s)


def read_positions(samples: Samples) -> np.ndarray:
    """Return the positions that filters say, each fitted to the trials of the other folds."""
    numbers = np.unique(samples.piece)
    fold = np.searchsorted(numbers, samples.piece) * FOLDS // len(numbers)
    first = np.concatenate([[True], ~samples.follows()])
    found = np.full(samples.position.shape, np.nan)
    for held_out in range(FOLDS):
        decoder = Decoder("kalman", np.ones((2, samples.features.shape[1])), model="position_velocity")
        begin = decoder.fit(samples.part(fold != held_out), np.ones((2, samples.features.shape[1]))).parts["state"]
        for row in np.flatnonzero(fold == held_out):
            if first[row]:
                decoder.named["state"][:], decoder.named["covariance"][:] = begin, 0.0
            decoder(samples.features[row : row + 1])
            found[row] = decoder.named["state"][:2]
    return found


@pytest.mark.parametrize(("name", "of_x", "of_y"), [("internal_model", 0.77, 0.85), ("stabilized_bci", 0.93, 0.74)])
def test_positions_are_read_as_well_from_any_origin(name: str, of_x: float, of_y: float, real_data: Path) -> None:
    samples = pieces(real_data, name)
    for origin_mm in (np.zeros(2), samples.position.mean(axis=0), np.array([-300.0, 1000.0])):
        moved = Samples(samples.features, samples.velocity, samples.position - origin_mm, samples.piece, samples.dt_s)
        error = read_positions(moved) - moved.position
        r2 = 1 - (error**2).sum(axis=0) / ((moved.position - moved.position.mean(axis=0)) ** 2).sum(axis=0)
        assert r2 == pytest.approx([of_x, of_y], abs=0.01)
