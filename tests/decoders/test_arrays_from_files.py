"""Every array that comes from a file is checked for shape, kind and finite numbers before it drives a cursor."""

from pathlib import Path

import numpy as np
import pytest

from bmi_app.decoders import linear
from bmi_app.record import blobs
from bmi_app.record.damage import JournalError
from bmi_app.session.engine import saved_decoder
from bmi_app.session.engine.build import BuildError, check_decoder
from protocols.load import load
from tests.support.places import unpacked

N_UNITS, N_AXES = 6, 2
GOOD = {"M1": np.zeros((N_AXES, N_AXES)), "M2": np.ones((N_AXES, N_UNITS)), "m0": np.zeros(N_AXES)}
BAD = {
    "nan": (np.nan, "1 values that are NaN or infinite"),
    "inf": (np.inf, "1 values that are NaN or infinite"),
    "-inf": (-np.inf, "1 values that are NaN or infinite"),
}


def start(file: Path) -> None:
    memory = {name: np.zeros(shape) for name, shape in linear.layout(linear.Settings(), N_UNITS, N_AXES).items()}
    linear.start(linear.Settings(file=str(file)), np.zeros((N_AXES, N_UNITS)), memory)


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("value", BAD)
def test_a_matrix_that_is_not_finite_is_refused_with_its_place(name: str, value: str, tmp_path: Path) -> None:
    number, said = BAD[value]
    arrays = {key: array.copy() for key, array in GOOD.items()}
    arrays[name].flat[-1] = number
    np.savez(tmp_path / "m.npz", **arrays)
    with pytest.raises(ValueError, match=f"decoder.settings: {name} holds {said}, the first at"):
        start(tmp_path / "m.npz")


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("dtype", ["complex128", "U8", "datetime64[s]", "bool"])
def test_a_matrix_of_no_real_numbers_is_refused(name: str, dtype: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", **(GOOD | {name: np.zeros(GOOD[name].shape).astype(dtype)}))
    with pytest.raises(ValueError, match=f"decoder.settings: {name} holds .*; it must hold real numbers"):
        start(tmp_path / "m.npz")


def test_a_file_without_m2_is_refused_and_says_what_it_has(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", M1=GOOD["M1"], weights=GOOD["M2"])
    with pytest.raises(ValueError, match=r"m\.npz: has no array M2; it has: M1, weights"):
        start(tmp_path / "m.npz")


def test_a_whole_session_is_refused_before_it_starts(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", M2=np.full((2, 96), np.inf))
    protocol = load("center_out", ["decoder.kind=linear", f'decoder.settings.file="{tmp_path / "m.npz"}"'])
    with pytest.raises(BuildError, match=r"decoder\.settings: M2 holds 192 values that are NaN or infinite"):
        check_decoder(protocol)


@pytest.mark.parametrize("name", [*saved_decoder.MODEL, "memory_m1", "memory_previous"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_saved_decoder_that_is_not_finite_is_refused(name: str, value: float, tmp_path: Path) -> None:
    protocol = load("center_out", ["decoder.kind=linear"])
    shapes = {"weights": (2, 96), "bias": (2,), "gain": (2,), "feature_offset": (96,), "feature_scale": (96,)}
    arrays = {key: np.ones(shape) for key, shape in shapes.items()}
    memory = {key: np.zeros(shape) for key, shape in linear.layout(linear.Settings(), 96, 2).items()}
    (memory[name.removeprefix("memory_")] if name.startswith("memory_") else arrays[name]).flat[-1] = value
    saved_decoder.save(tmp_path / "d.npz", "linear", arrays, memory)
    into = {**{key: np.zeros(shape) for key, shape in shapes.items()}, "mask": np.ones((2, 96))}
    parts = {key: np.zeros(array.shape) for key, array in memory.items()}
    with pytest.raises(ValueError, match=f"{name} must hold finite numbers only"):
        saved_decoder.load_into(str(tmp_path / "d.npz"), protocol, into, parts)


def test_a_blob_that_was_made_to_look_whole_is_checked_as_well(tmp_path: Path) -> None:
    for n, (array, said) in enumerate(
        [
            (np.full(3, np.inf), "blob holds an infinite number"),
            (np.ones(3, np.float32), "blob holds float32; it must be float64"),
            (np.array(["a"]), "blob holds <U1; it must be float64"),
        ]
    ):
        blobs.write(tmp_path, n, {"blob": array})
        with pytest.raises(JournalError, match=said):
            blobs.read(tmp_path, n)
    blobs.write(tmp_path, 9, {"blob": np.array([np.nan, 1.0])})  # NaN: as it stands
    assert blobs.read(tmp_path, 9)["blob"][1] == 1.0


def test_blobs_recorded_before_still_read(tmp_path: Path) -> None:
    folder = unpacked("live-commands", tmp_path)
    assert blobs.ids(folder)
    for blob_id in blobs.ids(folder):
        assert "blob" in blobs.read(folder, blob_id)
