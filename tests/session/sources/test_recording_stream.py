"""Everything that is streamed arrives, in order, bit for bit, with stamps that no timing has touched."""

import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pylsl
import pytest

from bmi_app.record.formats import CountsSource, EventsSource, RecordingError, open_recording
from bmi_app.session.sources.recording_stream import Streamed, stream

PATIENCE_S = 20.0


def resolve(source_id: str) -> pylsl.StreamInfo:
    found = pylsl.resolve_byprop("source_id", source_id, timeout=PATIENCE_S)
    assert len(found) == 1
    return found[0]


class Streaming:
    """Run `stream` on a thread of its own."""

    def __init__(self, source, **options) -> None:
        self.source_id = f"test-{uuid.uuid4()}"
        self.result: Streamed | None = None
        self._thread = threading.Thread(target=self._run, args=(source, options))
        self._thread.start()

    def _run(self, source, options) -> None:
        self.result = stream(source, source_id=self.source_id, progress=False, **options)

    def join(self) -> Streamed:
        self._thread.join(PATIENCE_S)
        assert self.result is not None
        return self.result


def receive(streaming: Streaming, n_samples: int) -> tuple[np.ndarray, np.ndarray, pylsl.StreamInfo]:
    """Connect, pull `n_samples`, and leave."""
    inlet = pylsl.StreamInlet(resolve(streaming.source_id), recover=False, processing_flags=pylsl.proc_none)
    info = inlet.info(PATIENCE_S)
    inlet.open_stream(PATIENCE_S)
    samples, stamps_s = [], []
    for _ in range(n_samples):
        sample, stamp_s = inlet.pull_sample(PATIENCE_S)
        assert sample is not None, f"sample {len(samples)} of {n_samples} never came"
        samples.append(sample)
        stamps_s.append(stamp_s)
    inlet.close_stream()
    return np.array(samples), np.array(stamps_s), info


def counts_source(n_samples: int, n_units: int = 3, dt_s: float = 0.001) -> CountsSource:
    counts = np.arange(n_samples * n_units, dtype=np.float32).reshape(n_samples, n_units)
    return CountsSource(Path("made.up"), "made up", "for a test", tuple("abc"[:n_units]), dt_s, counts)


def events_source(stamps_s: list[float], duration_s: float) -> EventsSource:
    n_spikes = len(stamps_s)
    return EventsSource(
        path=Path("made.up"),
        name="made up",
        description="for a test",
        labels=("0", "1", "2"),
        duration_s=duration_s,
        stamps_s=np.array(stamps_s),
        channel=np.arange(n_spikes, dtype=np.int32) % 3,
        unit=np.arange(n_spikes, dtype=np.int32) % 2,
    )


def test_golub_arrives_bit_for_bit(real_data: Path) -> None:
    source = open_recording(real_data / "golub_bci_learning" / "exampleData.mat")
    assert isinstance(source, CountsSource)
    streaming = Streaming(source, rate=20.0)
    samples, stamps_s, info = receive(streaming, source.n_samples)
    result = streaming.join()
    assert samples.shape == (1104, 86)
    np.testing.assert_array_equal(samples.astype(np.float32), source.counts)
    np.testing.assert_array_equal(stamps_s, result.start_s + np.arange(1104) * 0.045 / 20.0)
    assert result.n_samples == 1104
    assert not result.interrupted
    assert info.type() == "SpikeCounts"
    assert info.nominal_srate() == pytest.approx(20.0 / 0.045)
    assert info.channel_format() == pylsl.cf_float32


def test_mc_maze_arrives_bit_for_bit(real_data: Path) -> None:
    source = open_recording(real_data / "mc_maze_trials" / "trial_748_data.csv")
    assert isinstance(source, CountsSource)
    streaming = Streaming(source, rate=20.0)
    samples, stamps_s, info = receive(streaming, source.n_samples)
    result = streaming.join()
    assert samples.shape == (3236, 182)
    np.testing.assert_array_equal(samples.astype(np.float32), source.counts)
    np.testing.assert_array_equal(stamps_s, result.start_s + np.arange(3236) * 0.001 / 20.0)
    label = info.desc().child("channels").child("channel").child_value("label")
    assert label == source.labels[0]


def test_mc_maze_as_events_keeps_every_spike(real_data: Path) -> None:
    source = open_recording(real_data / "mc_maze_trials" / "trial_748_data.csv")
    assert isinstance(source, CountsSource)
    streaming = Streaming(source, rate=20.0, as_="events")
    n_spikes = int(source.counts.sum())
    samples, stamps_s, info = receive(streaming, n_spikes)
    result = streaming.join()
    recovered = np.zeros_like(source.counts)
    bins = np.floor((stamps_s - result.start_s) * 20.0 / 0.001).astype(int)
    np.add.at(recovered, (bins, samples[:, 0]), 1)
    np.testing.assert_array_equal(recovered, source.counts)
    assert info.type() == "SpikeEvents"
    assert info.nominal_srate() == 0
    assert info.channel_format() == pylsl.cf_int32


def test_minimal_xdf_streams_its_rows(real_data: Path) -> None:
    streaming = Streaming(open_recording(real_data / "xdf_examples" / "minimal.xdf"), rate=20.0)
    samples, stamps_s, _ = receive(streaming, 9)
    streaming.join()
    rows = [[192, 255, 238], *[[n, n + 10, n + 20] for n in (12, 13, 14, 15, 12, 13, 14, 15)]]
    np.testing.assert_array_equal(samples, rows)
    np.testing.assert_allclose(np.diff(stamps_s), 0.1 / 20.0)


def test_events_keep_their_times_channels_and_units() -> None:
    source = events_source([0.0, 0.0101, 0.0102, 0.03, 0.07], duration_s=0.08)
    streaming = Streaming(source, rate=0.5)
    samples, stamps_s, _ = receive(streaming, 5)
    result = streaming.join()
    np.testing.assert_array_equal(samples, np.column_stack((source.channel, source.unit)))
    np.testing.assert_array_equal(stamps_s, result.start_s + source.stamps_s / 0.5)


@pytest.mark.parametrize(
    ("source", "offsets_s"),
    [
        (counts_source(7), np.arange(100) * 0.001),
        (
            events_source([0.0, 0.004, 0.005], duration_s=0.006),
            np.arange(100) // 3 * 0.006 + np.array([0.0, 0.004, 0.005])[np.arange(100) % 3],
        ),
    ],
    ids=["counts", "events"],
)
def test_loop_begins_again_without_a_gap(
    source, offsets_s: np.ndarray, end_stream: Callable[[Streaming], Streamed]
) -> None:
    streaming = Streaming(source, loop=True)
    samples, stamps_s, _ = receive(streaming, 100)
    result = end_stream(streaming)
    whole = source.counts if isinstance(source, CountsSource) else np.column_stack((source.channel, source.unit))
    np.testing.assert_array_equal(samples, whole[np.arange(100) % len(whole)])
    np.testing.assert_array_equal(stamps_s, result.start_s + offsets_s)
    assert result.interrupted


@pytest.fixture
def end_stream(monkeypatch: pytest.MonkeyPatch) -> Callable[[Streaming], Streamed]:
    """End an endless stream as Ctrl-C does, which Python delivers to the main thread only."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    def end(streaming: Streaming) -> Streamed:
        monkeypatch.setattr(pylsl.StreamOutlet, "push_chunk", interrupt)
        return streaming.join()

    return end


def test_first_sample_is_never_lost() -> None:
    """Connect often and at once: what `have_consumers` promises is what the module builds on."""
    source = counts_source(3)
    for _ in range(5):
        streaming = Streaming(source, linger_s=5.0)
        samples, _, _ = receive(streaming, 3)
        np.testing.assert_array_equal(samples, source.counts)
        streaming.join()


def test_waits_for_a_consumer_and_stays_until_it_leaves() -> None:
    streaming = Streaming(counts_source(2), linger_s=PATIENCE_S)
    inlet = pylsl.StreamInlet(resolve(streaming.source_id), recover=False)
    before_s = pylsl.local_clock()
    inlet.open_stream(PATIENCE_S)
    assert inlet.pull_sample(PATIENCE_S)[1] >= before_s
    assert inlet.pull_sample(PATIENCE_S)[0] == [3.0, 4.0, 5.0]
    assert streaming.result is None
    inlet.close_stream()
    assert streaming.join().n_samples == 2


def test_source_id_is_the_files_own() -> None:
    source = counts_source(1)
    ids = []
    for _ in range(2):
        thread = threading.Thread(target=stream, args=(source,), kwargs={"progress": False, "name": "stable id"})
        thread.start()
        found = pylsl.resolve_byprop("name", "stable id", timeout=PATIENCE_S)
        ids.append(found[0].source_id())
        inlet = pylsl.StreamInlet(found[0], recover=False)
        assert inlet.pull_sample(PATIENCE_S)[0] is not None
        inlet.close_stream()
        thread.join(PATIENCE_S)
    assert ids[0] == ids[1]
    assert ids[0].startswith("bmi-stream-")


def test_without_waiting_it_ends_by_itself() -> None:
    result = stream(counts_source(10), rate=10.0, wait_for_consumer=False, progress=False)
    assert (result.n_samples, result.interrupted) == (10, False)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_refuses_a_rate_that_is_none(rate: float) -> None:
    with pytest.raises(RecordingError, match="rate"):
        stream(counts_source(1), rate=rate, progress=False)


def test_refuses_an_empty_recording_and_counts_of_events() -> None:
    with pytest.raises(RecordingError, match="no sample"):
        stream(counts_source(0), progress=False)
    with pytest.raises(RecordingError, match="as events"):
        stream(events_source([0.0], 1.0), as_="counts", progress=False)


def test_ctrl_c_ends_it_without_a_traceback(real_data: Path) -> None:
    code = (
        "import sys; from bmi_app.record.formats import open_recording; from bmi_app.session.sources.recording_stream import stream\n"
        "print(stream(open_recording(sys.argv[1]), loop=True, wait_for_consumer=False).interrupted)"
    )
    path = real_data / "xdf_examples" / "minimal.xdf"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        assert "streaming" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
        process.wait()
    assert out == "True\n"
    assert err == ""
    assert process.returncode == 0
