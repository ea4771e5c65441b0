"""Decoders that are fitted to sessions or to a lab's own arrays: what they say, and what a session makes of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bmi_app
from bmi_app.session.recompute import fit as by_command

N_UNITS, DT_S = 12, 0.02


def made(seed: int = 0, n_pieces: int = 40, length: int = 60) -> dict[str, Any]:
    """Counts of units that are tuned to a smooth velocity, in pieces that do not follow on each other."""
    rng = np.random.default_rng(seed)
    tuning = rng.normal(size=(2, N_UNITS))
    t = np.arange(length) * DT_S
    velocity = np.concatenate(
        [8 * np.sin(2 * np.pi * t / 1.2)[:, None] * [np.cos(a), np.sin(a)] for a in rng.uniform(0, 2 * np.pi, n_pieces)]
    )
    counts = rng.poisson(np.maximum(60 + 4 * velocity @ tuning, 0) * DT_S)
    return {"counts": counts, "velocity": velocity, "pieces": np.repeat(np.arange(n_pieces), length), "dt_s": DT_S}


@pytest.mark.parametrize("kind", ["linear", "population_vector", "wiener", "kalman", "refit_kalman"])
def test_a_fit_is_that_of_the_command(session: "bmi_app.Session", kind: str, tmp_path: Path) -> None:
    mine = bmi_app.fit(session, kind)
    report = by_command.fit(session.folder, kind, tmp_path / "by_command.npz", [])
    assert mine.score == {key: report[key] for key in mine.score}
    path = mine.save(tmp_path / "mine.npz")
    with np.load(path) as left, np.load(tmp_path / "by_command.npz") as right:
        assert set(left) == set(right)
        for name in left:
            np.testing.assert_array_equal(left[name], right[name])
    with pytest.raises(bmi_app.BmiError, match=r"exists already; replace=True replaces it"):
        mine.save(path)
    mine.save(path, replace=True)


@pytest.mark.parametrize("kind", ["linear", "wiener"])
@pytest.mark.parametrize(
    "features",
    [
        {"smoothing": "exponential"},
        {"smoothing": "none", "input": "counts"},
        {"smoothing": "boxcar", "square_root": True},
    ],
    ids=lambda features: features["smoothing"],
)
def test_it_decodes_counts_as_a_session_does_that_starts_from_it(kind: str, features: dict, tmp_path: Path) -> None:
    """Bit for bit, from the counts on: smoothing, baselines and the decoder's past."""
    changes = {f"decoder__{key}": value for key, value in features.items()}
    asked = bmi_app.protocol("center_out", **changes)
    first = bmi_app.run(asked, speed="max", duration_s=30, seed=1, out=tmp_path, progress=False)
    decoder = bmi_app.fit(first, kind)
    path = decoder.save(tmp_path / "saved.npz")
    blocks = [{"kind": "closed_loop"}]  # without a rest block, which would measure new baselines
    again = bmi_app.protocol(asked, decoder__kind=kind, decoder__start_from=path, blocks=blocks)
    session = bmi_app.run(again, speed="max", duration_s=10, seed=2, out=tmp_path, progress=False)
    said = np.stack([session.frames[f"decoded_{axis}_cm_s"] for axis in "xy"], axis=1)
    np.testing.assert_array_equal(decoder.decode(session.counts), said)
    assert np.abs(said).max() > 1


def test_a_lab_fits_to_its_own_arrays() -> None:
    data = made()
    decoder = bmi_app.fit(decoder="linear", **data)
    assert min(decoder.score["r2"].values()) > 0.6
    fresh = made(seed=0, n_pieces=10)
    told = decoder.decode(fresh["counts"], fresh["pieces"], begin_hz=decoder.feature_offset)
    assert np.corrcoef(told[:, 0], fresh["velocity"][:, 0])[0, 1] > 0.8
    one = decoder.decode(fresh["counts"][:60], begin_hz=decoder.feature_offset)
    np.testing.assert_array_equal(one, told[:60])  # each piece begins anew


@pytest.mark.parametrize("kind", ["population_vector", "wiener", "kalman", "refit_kalman"])
def test_every_decoder_is_fitted_to_arrays(kind: str) -> None:
    settings = {"lags": 2, "spacing": 1} if kind == "wiener" else {}
    decoder = bmi_app.fit(decoder=kind, **made(), **settings)
    assert min(decoder.score["correlation"].values()) > 0.6


def test_one_axis_will_do() -> None:
    data = made()
    decoder = bmi_app.fit(decoder="linear", **(data | {"velocity": data["velocity"][:, :1]}))
    assert decoder.decode(data["counts"]).shape == (len(data["counts"]), 1)


def test_several_sessions_are_fitted_to_as_one(session: "bmi_app.Session", tmp_path: Path) -> None:
    more = bmi_app.run(session.protocol, speed="max", seed=6, out=tmp_path, progress=False)
    both = bmi_app.fit([session, more.folder], "linear")
    parts = [session.samples(), more.samples()]
    assert both.fitted_to == f"session {session.folder.name}, intent; session {more.folder.name}, intent"
    joined = bmi_app.api.fitting.training_of([session, more], "intent").samples
    assert len(joined.features) == sum(len(part.features) for part in parts)
    assert len(np.unique(joined.piece)) == sum(len(np.unique(part.piece)) for part in parts)
    other = bmi_app.protocol("center_out", decoder__smoothing_ms=200)
    third = bmi_app.run(other, speed="max", duration_s=20, out=tmp_path, progress=False)
    with pytest.raises(bmi_app.BmiError, match="differ in how counts become features"):
        bmi_app.fit([session, third])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"velocity": np.zeros((3, 2))}, r"velocity: has the shape \(3, 2\); must have \(2400, 1\) or \(2400, 2\)"),
        ({"counts": np.zeros(5)}, r"counts: have the shape \(5,\)"),
        ({"pieces": np.zeros(3)}, r"pieces: have the shape \(3,\); must have \(2400,\)"),
        ({"position": np.zeros((3, 2))}, r"position: has the shape \(3, 2\)"),
        ({"dt_s": None}, "need velocity .* and dt_s"),
        ({"dt_s": 0.0}, "dt_s: 0.0: must be above 0"),
        ({"counts": np.full((2400, 3), np.nan)}, "counts: must hold finite numbers only"),
        ({"decoder": "groupweight"}, "decoder groupweight: cannot be fitted; those that can: "),
        ({"decoder": "calman"}, "there is no decoder 'calman'.*did you mean 'kalman'"),
        ({"ridge": -1}, "ridge: .*"),
        ({"folds": 1}, "folds: 1: must be 2 or more"),
        ({"counts": None}, "sessions: name at least one session"),
        ({"sessions": "last"}, "sessions and counts: give one of them"),
    ],
    ids=str,
)
def test_mistakes_are_told_in_words(changed: dict, said: str) -> None:
    with pytest.raises(bmi_app.BmiError, match=said):
        bmi_app.fit(**({"decoder": "linear"} | made() | changed))
