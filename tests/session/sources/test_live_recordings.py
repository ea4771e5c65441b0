"""Real recordings, streamed over LSL by another process into a live session: nothing is lost, and decoding is right."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bmi_app.record.formats import CountsSource, golub, open_recording
from bmi_app.record.reading import Recording
from bmi_app.rt.records import EventKind, Flag, StopReason
from tests.session.conftest import STREAM, Session

pytestmark = pytest.mark.realtime

PROTOCOL = """
format = 1
name = "recording"
units.count = {n_units}
tick = {{ period_ms = {period_ms}, source = "{ticks}" }}
axes = {{ x = {{}}, y = {{}} }}
decoder = {{ kind = "linear", input = "counts", smoothing = "none", settings.file = "{decoder}" }}
blocks = [{{ kind = "free", duration_s = 60 }}]

[task]
pattern = "ring"
count = 8
distance_cm = 8
target_radius_cm = 1.5
hold_ms = 300
timeout_ms = 6000
inter_trial_ms = 500
"""


@pytest.fixture
def write_protocol(tmp_path: Path) -> Callable[..., Path]:
    """Write the protocol of a session that decodes counts with M2 and m0."""

    def write(M2: np.ndarray, m0: np.ndarray, period_ms: float, ticks: str) -> Path:
        decoder = tmp_path / "decoder.npz"
        np.savez(decoder, M2=M2, m0=m0)
        path = tmp_path / "recording.toml"
        path.write_text(
            PROTOCOL.format(n_units=M2.shape[1], period_ms=period_ms, ticks=ticks, decoder=decoder.as_posix())
        )
        return path

    return write


def samples_of(recording: Recording) -> tuple[np.ndarray, np.ndarray]:
    """Return frames and counts of the ticks that a sample made; the others waited for one."""
    made = recording.frames["flags"] & Flag.SOURCE_LOST == 0
    return recording.frames[made], recording.counts[made]


def assert_nothing_was_lost(summary: dict[str, object]) -> None:
    for counter in ("dropped_spikes", "future_spikes", "bad_values", "unmapped_spikes"):
        assert summary[counter] == 0, counter


@pytest.mark.parametrize("mapping", ["intuitive", "perturbed"])
def test_golub_is_decoded_to_the_velocity_in_the_file(
    real_data: Path, start_source, start_session, write_protocol, mapping: golub.MappingName
) -> None:
    path = real_data / "golub_bci_learning" / "exampleData.mat"
    expected = golub.load(path)
    decoder, clouds = expected.mappings[mapping], expected.clouds("both")
    rate = 18.0  # 45 ms become 2.5 ms
    protocol = write_protocol(decoder.M2, decoder.m0, 1e3 * expected.dt_s / rate, "stream")
    streamer = start_source(STREAM, str(path), rate)
    session: Session = start_session(protocol)
    assert streamer.result()["n_samples"] == 1104
    summary = session.stop()
    frames, counts = samples_of(session.recording())
    np.testing.assert_array_equal(counts, clouds.counts)
    decoded = np.column_stack((frames["decoded_x_cm_s"], frames["decoded_y_cm_s"]))  # here mm/s, as M2 is
    np.testing.assert_allclose(decoded, clouds.vraw_mm_s[mapping], rtol=0, atol=1e-6)
    assert_nothing_was_lost(summary)
    assert summary["late_spikes"] == 0
    assert summary["stop_reason"] == StopReason.OPERATOR.name


@pytest.mark.parametrize("ticks", ["stream", "clock"])
def test_every_spike_of_mc_maze_is_accounted_for_at_1_khz(
    real_data: Path, start_source, start_session, write_protocol, ticks: str
) -> None:
    path = real_data / "mc_maze_trials" / "trial_748_data.csv"
    source = open_recording(path)
    assert isinstance(source, CountsSource)
    start_source(STREAM, str(path), 1.0)
    protocol = write_protocol(np.zeros((2, source.n_channels)), np.zeros(2), 1.0, ticks)
    session: Session = start_session(protocol, "session.duration_s=5", "safety.watchdog_ms=500")
    summary = session.summary()  # the recording is shorter: the session waits for more, and ends by itself
    recording = session.recording()
    np.testing.assert_array_equal(recording.counts.sum(axis=0), source.counts.sum(axis=0))
    if ticks == "stream":
        np.testing.assert_array_equal(samples_of(recording)[1], source.counts)
        assert summary["late_spikes"] == 0
    else:
        assert np.all(recording.spikes["tick"] >= 0)  # the first sample belongs to the session
    assert_nothing_was_lost(summary)
    assert summary["stop_reason"] == StopReason.DURATION.name
    assert recording.frames["flags"][-1] & Flag.SOURCE_LOST
    assert EventKind.SOURCE_LOST in recording.events["kind"]


def test_the_first_samples_of_a_recording_wait_for_bin_0(
    start_source, start_session, write_protocol, tmp_path: Path
) -> None:
    path = tmp_path / "trial_1_data.csv"  # a row a millisecond; each unit fires in the first bins, and seldom later
    firing = [(1, 1, 1) if k < 20 else (int(k % 7 == 0), int(k % 11 == 0), 0) for k in range(600)]
    rows = [f"{k / 1000},{a},{b},{c}" for k, (a, b, c) in enumerate(firing)]
    path.write_text("\n".join(["timestamp,unit_1,unit_2,unit_3", *rows]))
    source = open_recording(path)
    assert isinstance(source, CountsSource)
    streamer = start_source(STREAM, str(path), 1.0)
    protocol = write_protocol(np.zeros((2, 3)), np.zeros(2), 10.0, "clock")
    session: Session = start_session(protocol, "session.duration_s=2", "safety.watchdog_ms=1000")
    assert streamer.result()["n_samples"] == 600
    summary = session.summary()
    assert_nothing_was_lost(summary)
    assert summary["before_spikes"] == 0
    assert summary["spikes"] == source.counts.sum()


def test_minimal_xdf_streams_into_a_session(real_data: Path, start_source, start_session, write_protocol) -> None:
    path = real_data / "xdf_examples" / "minimal.xdf"
    source = open_recording(path)
    assert isinstance(source, CountsSource)
    streamer = start_source(STREAM, str(path), 1.0)
    session: Session = start_session(write_protocol(np.eye(2, 3), np.zeros(2), 1e3 * source.dt_s, "stream"))
    assert streamer.result()["n_samples"] == 9
    assert_nothing_was_lost(session.stop())
    frames, counts = samples_of(session.recording())
    np.testing.assert_array_equal(counts, source.counts)
    np.testing.assert_array_equal(frames["decoded_y_cm_s"], source.counts[:, 1])
