import numpy as np
import pytest

from bmi_app.record import blobs
from bmi_app.record.damage import JournalError


@pytest.fixture
def arrays():
    return {"weights": np.arange(6.0).reshape(2, 3), "gain": np.array([1.0, np.nan])}


def test_a_blob_comes_back_and_numpy_reads_it(tmp_path, arrays):
    path, seal = blobs.write(tmp_path, 7, arrays)
    assert path.name == "000007.npz"
    assert path.stat().st_size == seal["bytes"]
    assert blobs.ids(tmp_path) == [7]
    with np.load(path) as opened:
        for found in (blobs.read(tmp_path, 7), opened):
            assert {name: found[name].tobytes() for name in found} == {name: a.tobytes() for name, a in arrays.items()}


def test_every_flip_and_cut_is_found(tmp_path, arrays):
    path, _ = blobs.write(tmp_path, 0, arrays)
    good = path.read_bytes()
    for place in range(len(good)):
        broken = bytearray(good)
        broken[place] ^= 1 << (place % 8)
        path.write_bytes(broken)
        with pytest.raises(JournalError, match=r"000000\.npz: its CRC32 is wrong"):
            blobs.read(tmp_path, 0)
        path.write_bytes(good[:place])
        with pytest.raises(JournalError, match=r"000000\.npz: its CRC32 is wrong"):
            blobs.read(tmp_path, 0)


def test_a_blob_is_never_overwritten_and_a_missing_one_is_named(tmp_path, arrays):
    blobs.write(tmp_path, 3, arrays)
    with pytest.raises(JournalError, match="exists already"):
        blobs.write(tmp_path, 3, arrays)
    with pytest.raises(JournalError, match=r"000004\.npz: cannot be read"):
        blobs.read(tmp_path, 4)
    assert [path.name for path in (tmp_path / "blobs").iterdir()] == ["000003.npz"]


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"weights": np.zeros(9)}, "holds no array `blob`, only weights"),
        ({}, "holds no array `blob`, only nothing"),
        ({"blob": np.zeros((3, 3))}, r"blob has the shape \(3, 3\); it must be one row"),
        ({"blob": np.float64(1.0)}, r"blob has the shape \(\)"),
        ({"blob": np.zeros(8)}, "blob holds 8 numbers; weights, bias and gain alone are 9"),
        ({"blob": np.zeros(9), "before": np.zeros(10)}, "before holds 10 numbers, and blob 9"),
        ({"blob": np.zeros(9), "before": np.zeros((9, 1))}, r"before has the shape \(9, 1\)"),
    ],
)
def test_an_adoption_of_another_shape_is_refused_where_it_is_read(tmp_path, arrays, said):
    blobs.write(tmp_path, 1, arrays)
    with pytest.raises(JournalError, match=said):
        blobs.read_adoption(tmp_path, 1, 9)


def test_an_adoption_comes_back(tmp_path):
    blobs.write(tmp_path, 1, {"blob": np.arange(9.0), "before": np.full(9, np.nan)})
    assert blobs.read_adoption(tmp_path, 1, 9)["blob"].tolist() == list(range(9))
