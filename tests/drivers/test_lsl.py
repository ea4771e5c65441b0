import re
import subprocess
import sys
import threading
import time
import tomllib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files

import numba
import numpy as np
import pylsl
import pytest

import protocols
from bmi_app.rt import cells, records
from bmi_app.rt.contracts import NO_ACT, poll_signature
from bmi_app.rt.ring import read_cell, write_cell, write_cell_f8
from drivers import lsl, lsl_match
from drivers.contract import SOURCE_LOST, SourceError
from protocols.schema import Protocol

PATIENCE_S = 20.0  # only a failing test waits so long
FORMATS = ["int8", "int16", "int32", "float32", "double64"]


def protocol(units: dict[str, object], tick: dict[str, object] | None = None, **driver: object) -> Protocol:
    shipped = tomllib.loads((files(protocols) / "center_out.toml").read_text(encoding="utf-8"))
    return Protocol.model_validate({**shipped, "units": units, "tick": tick or {}, "driver": {"kind": "lsl", **driver}})


def outlet(
    name: str,
    n_channels: int,
    channel_format: str = "int32",
    rate_hz: float = 0.0,
    stream_type: str = "SpikeEvents",
    source_id: str | None = None,
) -> pylsl.StreamOutlet:
    source_id = uuid.uuid4().hex if source_id is None else source_id
    info = pylsl.StreamInfo(name, stream_type, n_channels, rate_hz, channel_format, source_id)
    # An outlet has a queue of its own, of hundreds of samples at an irregular rate; its default is too short for a burst.
    return pylsl.StreamOutlet(info, max_buffered=4000)


class Ring:
    """A spike ring with its cells, and the engine's side of POLL."""

    def __init__(self, slots: int = 1024) -> None:
        self.spikes = np.zeros(slots, records.SPIKE)
        self.ctl = np.zeros(cells.N_WORDS, np.int64)
        self.frames = np.zeros(1, records.FRAME)

    def poll(self, driver: lsl.Driver, wait_s: float = 0.05) -> int:
        until_s = pylsl.local_clock() + wait_s
        return int(lsl.POLL(NO_ACT, driver.memory, self.spikes, self.ctl, self.frames, until_s))

    def poll_until(self, driver: lsl.Driver, accounted: int) -> np.ndarray:
        """Poll until so many samples or entries are in the ring or counted as lost; return those in the ring."""
        give_up_s = time.monotonic() + PATIENCE_S
        while True:
            n_published = self.poll(driver)
            assert n_published >= 0
            counters = (cells.SPIKES_HEAD, cells.DROPPED, cells.BAD_VALUES, cells.UNMAPPED)
            if sum(int(self.ctl[cell]) for cell in counters) >= accounted:
                return self.spikes[: self.ctl[cells.SPIKES_HEAD]]
            assert time.monotonic() < give_up_s, "the samples did not arrive"


@pytest.fixture(autouse=True)
def _nobody_is_far(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every source of a test is on this machine, and answers at once."""
    monkeypatch.setattr(lsl_match, "SETTLE_S", 0.1)


@pytest.fixture
def name() -> str:
    return f"spikes-{uuid.uuid4().hex[:8]}"


@contextmanager
def opened(driver: lsl.Driver, source: pylsl.StreamOutlet | None = None) -> Iterator[lsl.Driver]:
    """Open the driver; wait until the source feeds it; close before the outlet goes."""
    driver.open(PATIENCE_S)
    driver.connect()
    try:
        if source is not None:
            assert source.wait_for_consumers(PATIENCE_S)
        yield driver
    finally:
        driver.close()


@pytest.mark.parametrize("channel_format", FORMATS)
def test_events_reach_the_ring_bit_exact_and_in_order(name: str, channel_format: str) -> None:
    units = {"count": 6, "map": "channel_unit", "first_channel": 1, "first_unit": 1, "units_per_channel": 2}
    source = outlet(name, 2, channel_format)
    sent = [(3, 2), (1, 1), (1, 2), (2, 1), (3, 1), (2, 2)]
    stamps = [1e6 / 3 + 0.1 * n for n in range(len(sent))]
    ring = Ring()
    write_cell_f8(ring.ctl, cells.OFFSET, 0.125)
    before_s = pylsl.local_clock()
    with opened(lsl.Driver(protocol(units, stream=name), lsl.Settings()), source) as driver:
        for pair, stamp in zip(sent, stamps, strict=True):
            source.push_sample(list(pair), stamp)
        entries = ring.poll_until(driver, len(sent))
    assert entries["unit"].tolist() == [5, 0, 1, 2, 4, 3]
    assert entries["stamp_s"].tolist() == stamps
    assert entries["count"].tolist() == [1.0] * 6
    assert entries["offset_s"].tolist() == [0.125] * 6
    assert entries["tick"].tolist() == [-1] * 6
    assert np.all(np.diff(entries["arrival_s"]) >= 0)
    assert before_s < entries["arrival_s"][0] <= entries["arrival_s"][-1] < pylsl.local_clock()
    assert (
        ring.ctl[cells.LAST_ARRIVAL] == entries["arrival_s"].view(np.int64)[-1] if entries.flags.c_contiguous else True
    )


@pytest.mark.parametrize(
    "units",
    [
        {"count": 5, "map": "channel", "first_channel": 2},
        {"count": 7, "map": "channel_unit", "first_channel": 1, "first_unit": 1, "units_per_channel": 3},
        {"count": 4, "map": "table", "table": [[3, 1], [0, 2], [3, 0], [70000, 255]]},
    ],
)
def test_every_pair_gets_the_index_that_the_protocol_says(name: str, units: dict[str, object]) -> None:
    described = protocol(units, stream=name)
    pairs = [
        (channel, unit) for channel in (*range(-2, 10), 70000, 2**31 - 1, -(2**31) + 1) for unit in (-1, *range(5), 255)
    ]
    expected = [index for pair in pairs if (index := described.unit_index(*pair)) is not None]
    assert len(set(expected)) == units["count"]
    source, ring = outlet(name, 3), Ring()
    with opened(lsl.Driver(described, lsl.Settings()), source) as driver:
        source.push_chunk([[*pair, 7] for pair in pairs], 1.0)
        entries = ring.poll_until(driver, len(pairs))
    assert entries["unit"].tolist() == expected
    assert ring.ctl[cells.UNMAPPED] == len(pairs) - len(expected)


def test_an_event_that_is_no_number_is_counted_and_left_out(name: str) -> None:
    source, ring = outlet(name, 2, "float32"), Ring()
    units = {"count": 4, "map": "channel_unit"}
    bad = [[np.nan, 0], [0, np.nan], [np.inf, 0], [0, -np.inf], [1.5, 0], [1, 0.5], [1e30, 0]]
    with opened(lsl.Driver(protocol(units, stream=name), lsl.Settings()), source) as driver:
        source.push_chunk([*bad, [3, 0]], 1.0)
        source.push_sample([2, 0], np.nan)
        entries = ring.poll_until(driver, len(bad) + 2)
    assert entries["unit"].tolist() == [3]
    assert ring.ctl[cells.BAD_VALUES] == len(bad) + 1
    assert ring.ctl[cells.UNMAPPED] == 0


@pytest.mark.parametrize("channel_format", FORMATS)
def test_each_sample_of_counts_is_pushed_and_closed(name: str, channel_format: str) -> None:
    source, ring = outlet(name, 3, channel_format, 100.0, "SpikeCounts"), Ring()
    with opened(lsl.Driver(protocol({"count": 3}, stream=name), lsl.Settings()), source) as driver:
        for sample, stamp in (([0, 2, 1], 5.0), ([0, 0, 0], 5.01), ([127, 0, 0], 5.02)):
            source.push_sample(sample, stamp)
        entries = ring.poll_until(driver, 6)
    assert [(e["stamp_s"], e["unit"], e["count"]) for e in entries] == [
        (5.0, 1, 2.0), (5.0, 2, 1.0), (5.0, -1, 0.0), (5.01, -1, 0.0), (5.02, 0, 127.0), (5.02, -1, 0.0)
    ]  # fmt: skip


def test_bad_counts_are_counted_and_the_rest_of_their_sample_kept(name: str) -> None:
    source, ring = outlet(name, 5, "double64", 100.0, "SpikeCounts"), Ring()
    with opened(lsl.Driver(protocol({"count": 5}, stream=name), lsl.Settings()), source) as driver:
        source.push_sample([np.nan, np.inf, -1.0, 1e300, 0.5], 2.0)
        entries = ring.poll_until(driver, 6)
    assert entries["unit"].tolist() == [4, -1]
    assert entries["count"].tolist() == [0.5, 0.0]
    assert ring.ctl[cells.BAD_VALUES] == 4


def test_a_full_ring_takes_a_sample_of_counts_whole_or_not_at_all(name: str) -> None:
    source, ring = outlet(name, 3, "int16", 100.0, "SpikeCounts"), Ring(8)
    with opened(lsl.Driver(protocol({"count": 3}, stream=name), lsl.Settings()), source) as driver:
        for stamp in (1.0, 2.0, 3.0):
            source.push_sample([1, 4, 0], stamp)
        entries = ring.poll_until(driver, 9)
        assert entries["stamp_s"].tolist() == [1.0] * 3 + [2.0] * 3
        assert ring.ctl[cells.DROPPED] == 5  # spikes, as everywhere: not entries of the ring
        write_cell(ring.ctl, cells.SPIKES_SAVED, 6)  # the journal has caught up
        source.push_sample([0, 0, 9], 4.0)
        ring.poll_until(driver, 11)
    assert ring.spikes["count"][6:8].tolist() == [9.0, 0.0]


def push_burst(source: pylsl.StreamOutlet, n_chunks: int, chunk: np.ndarray) -> None:
    for index in range(n_chunks):
        source.push_chunk(chunk, 1.0 + index)


@pytest.mark.parametrize("slots", [1 << 18, 1 << 12])
def test_a_burst_is_taken_or_counted_to_the_last_spike(name: str, slots: int) -> None:
    n_chunks, n_in_chunk = 100, 2000  # 200,000 spikes, sent faster than in a second
    chunk = np.zeros((n_in_chunk, 2), np.int32)
    chunk[:, 0] = np.arange(n_in_chunk) % 96
    source, ring = outlet(name, 2), Ring(slots)
    with opened(lsl.Driver(protocol({"count": 96}, stream=name), lsl.Settings()), source) as driver:
        sender = threading.Thread(target=push_burst, args=(source, n_chunks, chunk))
        sender.start()
        entries = ring.poll_until(driver, n_chunks * n_in_chunk)
        sender.join()
        assert ring.poll(driver) == 0
    n_kept = min(slots, n_chunks * n_in_chunk)
    assert len(entries) == n_kept
    assert ring.ctl[cells.DROPPED] == n_chunks * n_in_chunk - n_kept
    assert np.array_equal(entries["unit"], np.tile(chunk[:, 0], n_chunks)[:n_kept])


def test_an_overflow_of_liblsl_s_own_queue_is_not_silent(name: str) -> None:
    source, ring = outlet(name, 2), Ring(1 << 14)
    settings = lsl.Settings(buffer_s=0.01)
    with opened(lsl.Driver(protocol({"count": 96}, stream=name), settings), source) as driver:
        inlet = driver._inlet
        assert inlet is not None
        give_up_s = time.monotonic() + PATIENCE_S
        while inlet.samples_available() < 500:
            source.push_chunk([[1, 0]] * 100, 1.0)
            assert time.monotonic() < give_up_s
        ring.poll(driver)
    assert ring.ctl[cells.DROPPED] > 0


def test_no_such_stream_is_answered_with_what_was_found(name: str) -> None:
    source = outlet(name, 2)
    with pytest.raises(SourceError, match=r"driver\.stream = 'nobody' and driver\.type = 'SpikeEvents'") as caught:
        lsl.Driver(protocol({"count": 1}, stream="nobody", type="SpikeEvents"), lsl.Settings()).open(0.6)
    assert f"'{name}' (type 'SpikeEvents'" in str(caught.value)
    assert "2 x int32, irregular" in str(caught.value)
    assert "\n" not in str(caught.value)
    del source


def test_two_streams_that_match_are_refused_with_the_key_that_tells_them_apart(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # as long as a user would wait for the second
    first, second = outlet(name, 2, source_id=f"{name}-a"), outlet(name, 2, source_id=f"{name}-b")
    with pytest.raises(SourceError, match=r"2 streams with .*; set driver\.source_id to tell them apart") as caught:
        lsl.Driver(protocol({"count": 1}, stream=name), lsl.Settings()).open(PATIENCE_S)
    assert f"{name}-a" in str(caught.value)
    assert f"{name}-b" in str(caught.value)
    driver = lsl.Driver(protocol({"count": 1}, source_id=f"{name}-b"), lsl.Settings())
    with opened(driver):
        assert driver.open(PATIENCE_S).source_id == f"{name}-b"
    del first, second


def test_without_any_key_the_one_stream_of_spikes_is_taken(name: str) -> None:
    spikes, other = outlet(name, 2), outlet(f"{name}-eeg", 8, "float32", 100.0, "EEG")
    driver = lsl.Driver(protocol({"count": 1}), lsl.Settings())
    info = driver.open(PATIENCE_S)
    driver.close()
    assert (info.name, info.kind, info.rate_hz, info.channel_format) == (name, "events", 0.0, "int32")
    assert f"<name>{name}</name>" in info.description
    del spikes, other


@pytest.mark.parametrize(
    ("stream", "units", "tick", "settings", "message"),
    [
        ((1, "string", 0.0, "SpikeEvents"), {"count": 1}, {}, {}, "carries text, not spikes"),
        ((95, "int16", 100.0, "SpikeCounts"), {"count": 96}, {}, {}, r"has 95 channels; set units\.count = 95"),
        ((1, "int16", 0.0, "SpikeEvents"), {"count": 4, "map": "channel_unit"}, {}, {}, "has one channel only"),
        ((2, "int16", 0.0, "SpikeEvents"), {"count": 4}, {"source": "stream"}, {}, r"set tick\.source = 'clock'"),
        (
            (4, "int16", 50.0, "SpikeCounts"), {"count": 4}, {"source": "stream", "period_ms": 10.0}, {},
            r"one every 20 ms, but tick\.period_ms is 10; set tick\.period_ms = 20",
        ),
        ((4, "int16", 0.0, "SpikeEvents"), {"count": 8}, {}, {"kind": "counts"}, r"set units\.count = 4"),
    ],
)  # fmt: skip
def test_a_stream_that_does_not_fit_is_refused(
    name: str,
    stream: tuple[int, str, float, str],
    units: dict[str, object],
    tick: dict[str, object],
    settings: dict[str, str],
    message: str,
) -> None:
    source = outlet(name, *stream)
    driver = lsl.Driver(protocol(units, tick, stream=name), lsl.Settings.model_validate(settings))
    with pytest.raises(SourceError, match=message):
        driver.open(PATIENCE_S)
    assert Ring().poll(driver) == SOURCE_LOST
    del source


def test_a_live_stream_refuses_a_manual_clock() -> None:
    driver = lsl.Driver(protocol({"count": 1}), lsl.Settings())
    with pytest.raises(SourceError, match="leave out --speed max"):
        driver.start(0.0, True)


def test_a_wait_ends_when_a_stop_is_asked_for(name: str) -> None:
    source, ring = outlet(name, 2), Ring()
    with opened(lsl.Driver(protocol({"count": 1}, stream=name), lsl.Settings()), source) as driver:
        waiting = threading.Thread(target=ring.poll, args=(driver, PATIENCE_S))
        waiting.start()
        write_cell(ring.ctl, cells.STOP, int(records.StopReason.OPERATOR))
        waiting.join(PATIENCE_S / 2)
        assert not waiting.is_alive()


def test_the_clock_offset_of_a_source_on_this_machine_is_next_to_nothing(name: str) -> None:
    source = outlet(name, 2)
    driver = lsl.Driver(protocol({"count": 1}, stream=name), lsl.Settings())
    assert driver.read_clock() is None
    with opened(driver, source):
        give_up_s = time.monotonic() + PATIENCE_S
        while (reading := driver.read_clock()) is None:
            assert time.monotonic() < give_up_s
    assert abs(reading.offset_s) < 0.05
    assert 0.0 < reading.uncertainty_s < 0.05
    assert pylsl.local_clock() - 10 < reading.measured_s < pylsl.local_clock()
    assert driver.read_clock() is None


SOURCE = """
import sys, time, pylsl
name = sys.argv[1]
outlet = pylsl.StreamOutlet(pylsl.StreamInfo(name, "SpikeEvents", 2, 0, "int32", name))
while True:
    outlet.push_sample([int(sys.argv[2]), 0])
    time.sleep(0.001)
"""


@contextmanager
def source_process(name: str, channel: int) -> Iterator[None]:
    """Run a source in a process of its own, and kill it without giving it a chance to say goodbye."""
    process = subprocess.Popen([sys.executable, "-c", SOURCE, name, str(channel)])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def test_a_source_that_was_killed_and_started_again_is_heard_again(name: str) -> None:
    ring = Ring(1 << 16)
    driver = lsl.Driver(protocol({"count": 2}, stream=name), lsl.Settings())
    with source_process(name, 0):
        driver.open(PATIENCE_S)
        driver.connect()
        ring.poll_until(driver, 20)
    while ring.poll(driver, 0.2) > 0:  # what was under way
        pass
    heard = int(ring.ctl[cells.SPIKES_HEAD])
    driver.read_clock()  # must not raise while the source is gone
    with source_process(name, 1):
        entries = ring.poll_until(driver, heard + 20)
        assert set(entries["unit"][:heard]) == {0}
        assert set(entries["unit"][heard:]) == {1}
        driver.close()


def test_a_source_without_an_id_is_reported_lost_and_can_be_opened_again(name: str) -> None:
    ring = Ring()
    driver = lsl.Driver(protocol({"count": 1}, stream=name), lsl.Settings())
    source = outlet(name, 2, source_id="")
    driver.open(PATIENCE_S)
    driver.connect()
    assert ring.poll(driver) == 0
    del source
    give_up_s = time.monotonic() + PATIENCE_S
    while ring.poll(driver) != SOURCE_LOST:
        assert time.monotonic() < give_up_s
    assert driver.read_clock() is None
    source = outlet(name, 2, source_id="")
    with opened(driver, source):
        source.push_sample([0, 0])
        assert len(ring.poll_until(driver, 1)) == 1


def test_poll_neither_allocates_nor_calls_python() -> None:
    # A kernel from the cache cannot be inspected: compile it once more.
    compiled = numba.njit(poll_signature, nogil=True, error_model="numpy")(lsl.POLL.py_func)
    functions = re.findall(r"^define .*?^}", compiled.inspect_llvm(compiled.signatures[0]), re.MULTILINE | re.DOTALL)
    # Numba adds two wrappers, through which Python and C enter; they are no part of the loop.
    bodies = [body for body in functions if not re.match(r"define [^\n]*@(_ZN7cpython|cfunc\.)", body)]
    assert any("@lsl_pull_sample_d" in body for body in bodies)
    assert not re.search(r"@NRT_(Allocate|MemInfo_alloc|Reallocate)\w*|@Py\w+|@numba_gil\w+", "\n".join(bodies))


def test_poll_runs_without_the_gil(name: str) -> None:
    source, ring = outlet(name, 2), Ring()
    with opened(lsl.Driver(protocol({"count": 1}, stream=name), lsl.Settings()), source) as driver:
        waiting = threading.Thread(target=ring.poll, args=(driver, 0.3))
        waiting.start()
        turns = 0
        while waiting.is_alive():
            turns += 1
        waiting.join()
    assert turns > 10_000
    assert read_cell(ring.ctl, cells.SPIKES_HEAD) == 0
