"""Recordings of every format, the real ones first; and what is said of files that cannot be used."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

from bmi_app.record.formats import CountsSource, RecordingError, as_events, golub
from tests.support.sources import counts_of, events_of, one_line

GOLUB = Path("golub_bci_learning") / "exampleData.mat"
MC_MAZE = Path("mc_maze_trials") / "trial_748_data.csv"

XDF = Path("xdf_examples")
DT_S = 0.01


# Golub et al.


@pytest.mark.parametrize(("epoch", "n_bins"), [("before", 552), ("after", 552), ("both", 1104), (None, 1104)])
def test_golub_strings_the_directions_together(real_data: Path, epoch: str | None, n_bins: int) -> None:
    source = counts_of(real_data / GOLUB, epoch=epoch)
    assert source.counts.shape == (n_bins, 86)
    assert source.dt_s == 0.045
    content = scipy.io.loadmat(real_data / GOLUB, simplify_cells=True)
    first = content["afterLearning" if epoch == "after" else "beforeLearning"]["clouds"]["spikes"]
    np.testing.assert_array_equal(source.counts[:69], first[0].T)
    np.testing.assert_array_equal(source.counts[69:138], first[1].T)


@pytest.mark.parametrize("epoch", ["before", "after", "both"])
@pytest.mark.parametrize("name", ["intuitive", "perturbed"])
def test_golub_mapping_gives_the_files_velocity(real_data: Path, epoch: str, name: golub.MappingName) -> None:
    recording = golub.load(real_data / GOLUB)
    mapping, clouds = recording.mappings[name], recording.clouds(epoch)
    velocity = np.array([mapping.M2 @ u + mapping.m0 for u in clouds.counts.astype(np.float64)])
    assert np.abs(velocity - clouds.vraw_mm_s[name]).max() < 1e-6
    assert mapping.M1.shape == (2, 2)
    assert len(clouds.angles_deg) == len(clouds.counts)


def test_other_matlab_file_is_refused_with_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "other.mat"
    scipy.io.savemat(path, {"neurons": np.eye(3)})
    assert "holds neurons" in one_line(path)


@pytest.mark.parametrize("n_bytes", [130, 5000, 200_000])
def test_truncated_matlab_file_is_refused(real_data: Path, tmp_path: Path, n_bytes: int) -> None:
    path = tmp_path / "cut.mat"
    path.write_bytes((real_data / GOLUB).read_bytes()[:n_bytes])
    assert "damaged" in one_line(path) or "holds nothing" in one_line(path)


def test_epoch_has_known_names(real_data: Path) -> None:
    assert "before, after, both" in one_line(real_data / GOLUB, epoch="during")


# MC_Maze


def test_mc_maze_units_are_counts_per_millisecond(real_data: Path) -> None:
    source = counts_of(real_data / MC_MAZE)
    assert source.counts.shape == (3236, 182)
    assert source.dt_s == 0.001
    assert source.counts.sum() == 1654
    assert (source.labels[0], source.labels[1]) == ("unit_1011", "unit_1021")


def test_mc_maze_as_events_is_every_spike_in_its_bin(real_data: Path) -> None:
    counts = counts_of(real_data / MC_MAZE)
    events = events_of(real_data / MC_MAZE, as_="events")
    found = np.zeros_like(counts.counts)
    np.add.at(found, (np.floor(events.stamps_s / counts.dt_s).astype(int), events.channel), 1)
    np.testing.assert_array_equal(found, counts.counts)
    assert events.duration_s == counts.duration_s


TABLE = "timestamp,hand_x,unit_1,unit_2\n0.000,0.5,0,1\n0.002,0.5,2,0\n0.004,0.5,0,0\n"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("0.004,0.5", "0.006,0.5", ":4: timestamp"),
        ("0.002,0.5", "nan,0.5", "timestamp"),
        (",2,0\n", ",-2,0\n", ":3: unit_1 is -2"),
        (",2,0\n", ",0.5,0\n", ":3: unit_1 is 0.5"),
        (",0,1\n", ",0,nan\n", ":2: unit_2 is nan"),
        (",2,0\n", ",x,0\n", "cannot be read as a table"),
        (",2,0\n", ",2\n", "cannot be read as a table"),
        ("0.002,0.5,2,0\n0.004,0.5,0,0\n", "", "holds 1 rows"),
    ],
)
def test_mistakes_in_a_table_are_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(TABLE)
    np.testing.assert_array_equal(counts_of(path).counts, [[0, 1], [2, 0], [0, 0]])
    assert old in TABLE
    path.write_text(TABLE.replace(old, new, 1))
    assert said in one_line(path)


# XDF


def test_minimal_xdf_gives_its_rows(real_data: Path) -> None:
    source = counts_of(real_data / XDF / "minimal.xdf")
    rows = [[192, 255, 238], *[[n, n + 10, n + 20] for n in (12, 13, 14, 15, 12, 13, 14, 15)]]
    np.testing.assert_array_equal(source.counts, rows)
    assert source.dt_s == 0.1


@pytest.mark.parametrize("stream", ["SendDataC", 0, "0"])
def test_xdf_stream_is_chosen_by_name_or_id(real_data: Path, stream: str | int) -> None:
    assert counts_of(real_data / XDF / "minimal.xdf", stream=stream).n_samples == 9


def test_xdf_stream_of_texts_is_refused(real_data: Path) -> None:
    said = one_line(real_data / XDF / "minimal.xdf", stream="SendDataString")
    assert "holds texts" in said
    assert "'SendDataC' (id 0, type EEG, int16, 10 Hz, 9 samples)" in said


def test_xdf_stream_that_is_not_there_is_refused_with_those_that_are(real_data: Path) -> None:
    said = one_line(real_data / XDF / "empty_streams.xdf", stream="nothing")
    assert "no stream 'nothing'" in said
    assert "'ctrl'" in said


def test_clock_resets_hold_no_counts_and_can_be_taken_as_they_are(real_data: Path) -> None:
    path = real_data / XDF / "clock_resets.xdf"
    said = one_line(path)
    assert "no count of spikes" in said
    assert "--as counts" in said
    source = counts_of(path, as_="counts")
    assert source.counts.shape == (27815, 8)
    assert "1 pause(s) closed up" in source.description


def test_empty_stream_is_refused_and_the_other_taken(real_data: Path) -> None:
    path = real_data / XDF / "empty_streams.xdf"
    assert "is empty" in one_line(path, stream=3)
    assert "is empty" in one_line(path, stream="test_stream.py:191790:0")
    np.testing.assert_array_equal(counts_of(path).counts[:, 0], np.arange(10))


def test_damaged_xdf_is_read_as_far_as_it_goes(
    real_data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "cut.xdf"
    path.write_bytes((real_data / XDF / "clock_resets.xdf").read_bytes()[:600_000])
    source = counts_of(path, as_="counts")
    assert 10_000 < source.n_samples < 20_000
    assert "the file is damaged" in source.description
    assert not caplog.records
    path.write_bytes(path.read_bytes()[:100])
    assert "damaged" in one_line(path)


def _xdf(streams: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, path: Path) -> Path:
    """Make a file of which pyxdf says that it holds `streams`."""
    import pyxdf

    found = []
    for number, stream in enumerate(streams):
        samples = np.asarray(stream["samples"])
        info: dict[str, Any] = {
            "name": [stream.get("name", f"s{number}")],
            "type": [stream.get("type", "Spikes")],
            "channel_count": [str(samples.shape[1])],
            "nominal_srate": [str(stream.get("rate_hz", 0))],
            "channel_format": [stream.get("format", "int32")],
            "source_id": [None],
            "stream_id": number,
        }
        stamps_s = np.asarray(stream.get("stamps_s", np.arange(len(samples))), np.float64)
        found.append({"info": info, "time_series": samples, "time_stamps": stamps_s})
    monkeypatch.setattr(pyxdf, "load_xdf", lambda _: (found, {}))
    monkeypatch.setattr(pyxdf.load_xdf, "__module__", "pyxdf.pyxdf")
    path.write_bytes(b"XDF:")
    return path


def test_irregular_xdf_stream_is_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples, stamps_s = [[3, 1, 9], [0, 0, 9], [2, 1, 9]], [100.0, 102.0, 101.0]  # out of order, and a third column
    path = _xdf([{"samples": samples, "stamps_s": stamps_s}], monkeypatch, tmp_path / "x.xdf")
    source = events_of(path)
    np.testing.assert_array_equal(source.stamps_s, [0.0, 1.0, 2.0])
    np.testing.assert_array_equal(source.channel, [3, 2, 0])
    np.testing.assert_array_equal(source.unit, [1, 1, 0])
    assert source.duration_s == 3.0
    assert source.n_channels == 4


def test_one_column_of_events_is_channels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = events_of(_xdf([{"samples": [[5], [6]]}], monkeypatch, tmp_path / "x.xdf"))
    np.testing.assert_array_equal(source.channel, [5, 6])
    np.testing.assert_array_equal(source.unit, [0, 0])


def test_stream_of_a_spike_type_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    eeg = {"samples": [[1]], "type": "EEG", "rate_hz": 100}
    path = _xdf([eeg, {"samples": [[5]], "type": "SpikeEvents"}], monkeypatch, tmp_path / "x.xdf")
    assert events_of(path).channel.tolist() == [5]


def test_ambiguous_xdf_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _xdf([{"samples": [[1]]}, {"samples": [[2]]}], monkeypatch, tmp_path / "x.xdf")
    assert "choose one (`--stream`, or driver.settings.stream): 's0'" in one_line(path)
    path = _xdf([{"samples": [[1]], "name": "a"}, {"samples": [[2]], "name": "a"}], monkeypatch, tmp_path / "x.xdf")
    assert "by its id" in one_line(path, stream="a")
    assert events_of(path, stream=1).channel.tolist() == [2]


def test_xdf_without_numbers_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _xdf([{"samples": [[1]], "format": "string"}], monkeypatch, tmp_path / "x.xdf")
    assert "no stream with numbers" in one_line(path)
    assert "no stream at all" in one_line(_xdf([], monkeypatch, path))


def test_fractions_are_no_channels_and_irregular_samples_no_bins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _xdf([{"samples": [[1.5, 0.0]], "format": "float32"}], monkeypatch, tmp_path / "x.xdf")
    assert "no channels or units" in one_line(path)
    assert "irregular" in one_line(path, as_="counts")


# All of them


def test_content_counts_and_not_the_name(real_data: Path, tmp_path: Path) -> None:
    path = tmp_path / "recording.txt"
    shutil.copyfile(real_data / XDF / "minimal.xdf", path)
    assert counts_of(path).n_samples == 9


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"some text\n", "known are session folders, XDF"),
        (b"MATLAB 7.3 MAT-file, Platform", "save -v7"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "known are"),
    ],
)
def test_unknown_files_are_refused_with_what_is_known(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert said in one_line(path)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    assert "no such file" in one_line(tmp_path / "nothing.xdf")


def test_options_of_other_formats_are_refused(real_data: Path) -> None:
    assert "--epoch" in one_line(real_data / MC_MAZE, epoch="both")
    assert "--stream" in one_line(real_data / GOLUB, stream="x")


def test_events_are_not_made_of_fractions() -> None:
    counts = np.array([[0.5]], np.float32)
    with pytest.raises(RecordingError, match="keep counts"):
        as_events(CountsSource(Path("x"), "x", "", ("a",), 0.1, counts))
