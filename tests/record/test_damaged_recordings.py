"""Recordings of others with bytes changed or cut, or with impossible numbers: one line, little memory, no traceback."""

import contextlib
import io
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bmi_app.record.formats import EventsSource, RecordingError, SpikeSource, open_recording
from tests.support.made_xdf import chunk, made_xdf

WHOLE_XDF = made_xdf(4)
MOST_BYTES = 64 << 20  # for files of a few kB; a believed count asks for gigabytes
CHANGES = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=3)


@contextlib.contextmanager
def little_memory() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    finally:
        tracemalloc.stop()


def changed(content: bytes, changes: list[tuple[float, int]], keep: float = 1.0) -> bytes:
    bytes_ = bytearray(content)
    for where, flip in changes:
        bytes_[int(where * len(bytes_))] ^= flip
    return bytes(bytes_[: int(keep * len(bytes_))])


def read_or_refused(path: Path, **options) -> SpikeSource | None:
    """Read a file; a refusal must be one line that names it."""
    with little_memory(), contextlib.suppress(RecordingError):
        return open_recording(path, **options)
    with pytest.raises(RecordingError) as refusal:
        open_recording(path, **options)
    assert "\n" not in str(refusal.value)
    assert str(path) in str(refusal.value)
    return None


def made_mat(compressed: bool, dt_s: float = 0.045) -> bytes:
    """Make a file in the layout of Golub et al. with few bins."""
    rng = np.random.default_rng(1)
    mapping = {"dt": dt_s, "M1": np.eye(2) / 2, "M2": np.ones((2, 3)), "m0": np.zeros(2)}
    n_bins = 4
    clouds = {
        "angles": np.arange(8) * 45.0,
        "spikes": _cells([rng.poisson(2, (3, n_bins)).astype(float) for _ in range(8)]),
        "cursorToTargetDirection": _cells([rng.normal(size=(2, n_bins)) for _ in range(8)]),
        "vraw_intuitive": _cells([rng.normal(size=(2, n_bins)) for _ in range(8)]),
        "vraw_perturbed": _cells([rng.normal(size=(2, n_bins)) for _ in range(8)]),
    }
    params = {"monkName": "J", "expDate": "20120101", "intuitiveMapping": mapping, "perturbedMapping": mapping}
    content = {"expParams": params, "beforeLearning": {"clouds": clouds}, "afterLearning": {"clouds": clouds}}
    file = io.BytesIO()
    scipy.io.savemat(file, content, do_compression=compressed)
    return file.getvalue()


def _cells(arrays: list[np.ndarray]) -> np.ndarray:
    cells = np.empty(len(arrays), dtype=object)
    cells[:] = arrays
    return cells


def test_the_made_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.xdf").write_bytes(WHOLE_XDF)
    events = open_recording(tmp_path / "a.xdf", stream="spikes")
    assert (events.n_samples, events.n_channels) == (100, 7)
    assert open_recording(tmp_path / "a.xdf", stream="counts").n_samples == 100
    assert "damaged" not in events.description
    for compressed in (False, True):
        (tmp_path / "a.mat").write_bytes(made_mat(compressed))
        assert open_recording(tmp_path / "a.mat").n_samples == 64


def test_a_sample_count_is_not_believed(tmp_path: Path) -> None:
    """The count of the first chunk of samples, changed to 200 million: 24-91 s and up to 4.6 GB before."""
    at = WHOLE_XDF.index(b"\x04" + (25).to_bytes(4, "little"))
    path = tmp_path / "a.xdf"
    path.write_bytes(WHOLE_XDF[: at + 1] + (200_000_000).to_bytes(4, "little") + WHOLE_XDF[at + 5 :])
    with little_memory():
        source = open_recording(path, stream="spikes")
    assert source.n_samples == 75  # all chunks but this one
    assert "200000000 samples where at most" in source.description


@settings(max_examples=60)
@given(
    changes=CHANGES,
    keep=st.sampled_from([1.0, 1.0, 0.9, 0.5, 0.05]),
    stream=st.sampled_from(["spikes", "counts", None]),
)
def test_changed_bytes_of_an_xdf_cost_neither_time_nor_memory(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[float, int]], keep: float, stream: str | None
) -> None:
    path = tmp_path_factory.getbasetemp() / "changed.xdf"
    path.write_bytes(changed(WHOLE_XDF, changes, keep))
    source = read_or_refused(path, stream=stream)
    if isinstance(source, EventsSource):
        assert np.isfinite(source.stamps_s).all()


def test_what_pyxdf_would_believe_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.xdf"
    for odd in (b"<info><channel_count>2000000000</channel_count></info>", b"<info>" * 3000 + b"</info>" * 3000):
        path.write_bytes(WHOLE_XDF + chunk(2, b"\x09\0\0\0" + odd))
        with little_memory():
            source = open_recording(path, stream="spikes")
        assert source.n_samples == 100
        assert "damaged" in source.description


@settings(max_examples=60)
@given(changes=CHANGES, compressed=st.booleans(), keep=st.sampled_from([1.0, 1.0, 0.9, 0.3]))
@example(changes=[(0.5, 255)], compressed=True, keep=1.0)
def test_changed_bytes_of_a_mat_file_are_one_line(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[float, int]], compressed: bool, keep: float
) -> None:
    path = tmp_path_factory.getbasetemp() / "changed.mat"
    path.write_bytes(changed(made_mat(compressed), changes, keep))
    read_or_refused(path)


@pytest.mark.parametrize("dt_s", [0.0, -0.045, np.nan, np.inf, 1e9])
def test_a_bin_of_an_impossible_length_is_refused(tmp_path: Path, dt_s: float) -> None:
    path = tmp_path / "a.mat"
    path.write_bytes(made_mat(compressed=True, dt_s=dt_s))
    with pytest.raises(RecordingError, match=r"intuitiveMapping\.dt is"):
        open_recording(path)


@pytest.mark.parametrize(
    ("rows", "as_", "said"),
    [
        ("0,1\n0.001,inf", None, "allowed are counts"),
        ("0,1\ninf,1", None, "timestamp is inf"),
        ("0,1\nnan,1", None, "timestamp is nan"),
        ("0,1\n0,1\n0,1", None, "does not follow"),
        ("0,1\n0.001,2000000000", None, "is 2e+09; allowed are counts"),
        ("0,1\n0.001,2000000000", "events", "is 2e+09; allowed are counts"),
        ("0,1\n0.001,1e39", None, "is 1e+39; allowed are counts"),
        ("0,1\n" + "\n".join(f"{0.001 * i:g},1000000" for i in range(1, 31)), "events", "3e+07 spikes"),
    ],
)
def test_impossible_numbers_of_a_table_are_named(tmp_path: Path, rows: str, as_: str | None, said: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"timestamp,unit_1\n{rows}\n")
    with little_memory(), pytest.raises(RecordingError, match=said.replace("+", r"\+")) as refusal:
        open_recording(path, as_=as_)
    assert "\n" not in str(refusal.value)


def test_what_is_no_file_is_refused_without_opening_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, said in (
        (tmp_path / "pipe", "is a device or a pipe"),
        (Path("/dev/zero"), "is a device or a pipe"),
        (Path("~nosuchuser/a.xdf"), "there is no home folder of this name"),
        (tmp_path / ("a" * 300), "File name too long"),
        (tmp_path / "a\0b", "no file can have this name"),
    ):
        with pytest.raises(RecordingError, match=said):
            open_recording(name)
