"""Streams that are too fast, out of order, from the future or no numbers, through a real engine: nothing is lost."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bmi_app.rt.records import EventKind, StopReason
from bmi_app.session.recompute.replay import verify
from bmi_app.session.view.attachment import Attachment
from bmi_app.session.view.dashboard import _line
from bmi_app.session.view.observer import Observer

from .conftest import PATIENCE_S, SHORT, wait_until

pytestmark = pytest.mark.realtime

# Sends one of the streams below when it is told to, says how many of its values were good, and stays until it is told to go.
SOURCE = """
import json, sys, time
import numpy as np, pylsl
what, source_id = json.loads(sys.argv[1])
rng = np.random.default_rng(1)
counts = what == "counts"
kind, channels, rate_hz = ("SpikeCounts", 96, 100.0) if counts else ("SpikeEvents", 2, pylsl.IRREGULAR_RATE)
outlet = pylsl.StreamOutlet(pylsl.StreamInfo("bad", kind, channels, rate_hz, pylsl.cf_double64, source_id))
assert outlet.wait_for_consumers(60)
sys.stdin.readline()
good = 0

def send(units, stamps):
    events = np.column_stack((units, np.zeros(len(units))))
    for event, stamp in zip(events.tolist(), stamps.tolist()):
        outlet.push_sample(event, stamp)

def ordinary(seconds):
    global good
    until = pylsl.local_clock() + seconds
    while (now := pylsl.local_clock()) < until:
        send(rng.integers(0, 96, 5), np.full(5, now))
        good += 5
        time.sleep(0.002)

if what == "burst":  # 200,000 spikes/s for half a second
    ordinary(0.3)
    begin = pylsl.local_clock()
    for i in range(50):
        while pylsl.local_clock() < begin + i * 0.01:
            time.sleep(0.0005)
        units = rng.integers(0, 96, 2000)
        events = np.column_stack((units, np.zeros(2000)))
        outlet.push_chunk(events.tolist(), begin + (i + 1) * 0.01)
        good += 2000
    ordinary(0.3)
elif what == "stamps and values":
    ordinary(0.3)
    for _ in range(100):  # out of order, up to 50 ms old
        send(rng.integers(0, 96, 10), pylsl.local_clock() - rng.uniform(0, 0.05, 10))
        good += 10
        time.sleep(0.002)
    send(np.arange(50), np.full(50, pylsl.local_clock() + 0.4))  # so near a future has its bin
    send(np.arange(50), np.full(50, pylsl.local_clock() + 3600))
    good += 100
    now = np.full(9, pylsl.local_clock())
    send(np.array([np.nan, np.inf, -np.inf, 1.5, -1e300, 1e12, 3, 4, 5]), now)
    send(np.array([7, 8]), np.array([np.nan, np.inf]))
    send(np.array([96, 500, -1]), now[:3])
    good += 3
    ordinary(0.6)
elif what == "unknown":
    ordinary(0.3)
    send(np.array([96]), np.array([pylsl.local_clock()]))
    ordinary(1.0)
else:
    for i in range(150):
        sample = rng.poisson(0.2, 96).astype(float)
        good += int(sample.sum())
        if i % 10 == 3:
            good -= int(sample[5] + sample[6] + sample[7])
            sample[5:8] = np.nan, -1.0, np.inf
        outlet.push_sample(sample.tolist(), pylsl.local_clock())
        time.sleep(0.01)
print(good, flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def record(
    start_source: Callable[..., Any], start_session: Callable[..., Any]
) -> Callable[..., tuple[Any, dict[str, Any], int]]:
    """Record all that a source sends; return the session, its summary and the number of good values."""

    def run(
        what: str, *overrides: str, exit_code: int = 0, look: Callable[[Attachment], object] = lambda _: None
    ) -> tuple[Any, dict[str, Any], int]:
        source = start_source(SOURCE, what)
        session = start_session("center_out", *SHORT, *overrides)
        view = Attachment(session.folder)
        wait_until(lambda: view.head > 10)  # bin 0 lies behind
        tell(source)
        good = int(source.process.stdout.readline())
        if exit_code == 0:  # else it ends by itself
            wait_until(lambda: view.since(0)[1][0]["spikes"].sum() >= good)
            look(view)
            session.process.terminate()
        view.close()
        tell(source)
        assert source.process.wait(PATIENCE_S) == 0
        assert session.process.wait(PATIENCE_S) == exit_code, (session.folder / "engine.log").read_text()
        summary = json.loads((session.folder / "summary.json").read_bytes())
        found = verify(session.folder)
        assert found.is_exact, found.difference
        assert summary["dropped_spikes"] == 0
        return session, summary, good

    return run


def tell(source: Any) -> None:
    source.process.stdin.write("go on\n")
    source.process.stdin.flush()


def test_a_burst_of_200_000_spikes_a_second_is_counted_to_the_last(record: Callable[..., Any]) -> None:
    session, summary, good = record("burst")
    assert good > 100_000
    assert summary["spikes"] == good
    assert len(session.recording().spikes) == good
    assert summary["stop_reason"] == StopReason.OPERATOR.name


def test_events_out_of_order_from_the_future_and_senseless_are_counted_and_said(record: Callable[..., Any]) -> None:
    shown: list[str] = []
    session, summary, good = record(
        "stamps and values", look=lambda view: shown.append(_line(Observer(view).figures()))
    )
    (line,) = shown  # while it runs
    for words in ("3 unmapped", "8 no numbers", "50 far ahead", " stamped ahead"):
        assert words in line, line
    assert summary["spikes"] == good
    assert summary["future_spikes"] == 50
    assert 300 < summary["late_spikes"] < good
    recording = session.recording()
    near = recording.spikes[recording.spikes["stamp_s"] - recording.spikes["arrival_s"] > 0.0]
    near = near[near["stamp_s"] - near["arrival_s"] < 1.0]
    assert len(near) == 50
    start_s = recording.session["start_s"]
    assert np.array_equal(near["tick"], np.floor((near["stamp_s"] + near["offset_s"] - start_s) / 0.01))
    assert np.all(recording.counts.sum(axis=1) == recording.frames["spikes"])
    assert summary["bad_values"] == 8  # six channels that are no whole numbers of 32 bits, and two stamps
    assert summary["unmapped_spikes"] == 3


def test_an_unknown_unit_ends_the_session_where_it_must_not_be_ignored(record: Callable[..., Any]) -> None:
    session, summary, _ = record("unknown", "units.ignore_unknown=false", exit_code=1)
    assert summary["stop_reason"] == StopReason.UNKNOWN_UNIT.name
    assert summary["unmapped_spikes"] == 1
    assert "add them to [units], or set units.ignore_unknown = true" in summary["error"]
    recording = session.recording()
    stop = recording.events[recording.events["kind"] == EventKind.SESSION_STOP]
    assert stop["code"].tolist() == [StopReason.UNKNOWN_UNIT]
    assert stop["tick"][0] == recording.frames["tick"][-1]


def test_counts_that_are_no_numbers_are_left_out_and_said(record: Callable[..., Any]) -> None:
    session, summary, good = record("counts", "tick.source=stream")
    assert summary["spikes"] == good
    assert summary["bad_values"] == 45
    counts = session.recording().counts
    assert np.isfinite(counts).all()
    assert counts.min() == 0
