"""Sources that send in chunks, or more slowly than they say: what is shown of the signal's age and rate is the signal's."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bmi_app.session.recompute.report import verify
from bmi_app.session.store import printing
from bmi_app.session.view.attachment import Attachment
from bmi_app.session.view.dashboard import _line
from bmi_app.session.view.observer import Figures, Observer

from .conftest import wait_until

pytestmark = pytest.mark.realtime

# Sends binned counts of a millisecond, a hundred samples at once, each stamped with the end of its bin.
SOURCE = """
import json, sys, time
import pylsl
_, source_id = json.loads(sys.argv[1])
outlet = pylsl.StreamOutlet(pylsl.StreamInfo("chunks", "SpikeCounts", 96, 1000.0, pylsl.cf_float32, source_id))
assert outlet.wait_for_consumers(60)
begin_s, k = pylsl.local_clock(), 0
chunk = [[float((unit + sample) % 50 == 0) for unit in range(96)] for sample in range(100)]
while True:
    k += 1
    end_s = begin_s + 0.1 * k
    while (rest_s := end_s - pylsl.local_clock()) > 0:
        time.sleep(rest_s)
    outlet.push_chunk(chunk, end_s)  # of the last sample; liblsl deduces those before
"""

# Says 100 samples a second and sends 90.
SLOW = """
import json, sys, time
import pylsl
_, source_id = json.loads(sys.argv[1])
outlet = pylsl.StreamOutlet(pylsl.StreamInfo("slow", "SpikeCounts", 96, 100.0, pylsl.cf_float32, source_id))
assert outlet.wait_for_consumers(60)
begin_s, k = pylsl.local_clock(), 0
while True:
    k += 1
    while (rest_s := begin_s + k / 90 - pylsl.local_clock()) > 0:
        time.sleep(rest_s)
    outlet.push_sample([1.0] * 96, begin_s + k / 90)
"""


def test_the_age_that_is_shown_of_samples_in_chunks_is_from_their_stamps(
    start_source: Callable[..., Any], start_session: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    start_source(SOURCE, "chunks")
    session = start_session(
        "center_out", "tick.source=stream", "tick.period_ms=1", "blocks=[{kind='closed_loop'}]", "task.timeout_ms=4000"
    )
    view = Attachment(session.folder)
    observer = Observer(view)
    wait_until(lambda: view.head > 2000)
    looked: list[tuple[int, Figures]] = []  # at moments that the chunks do not set
    for least in range(2050, 3000, 70):
        wait_until(lambda least=least: view.head > least)
        looked.append((view.head, observer.figures()))
    view.close()
    summary = session.stop()
    assert verify(session.folder)["exact"]
    recording = session.recording()

    # What is true: each sample's way from its stamp, and from its arrival, to its frame.
    entries = recording.spikes
    entries = entries[(entries["tick"] >= 0) & (entries["tick"] <= recording.frames["tick"][-1])]
    published_s = recording.health["published_s"][entries["tick"]]
    entries, published_s = entries[published_s > 0], published_s[published_s > 0]
    from_stamp_ms = (published_s - entries["stamp_s"] - entries["offset_s"]) * 1e3
    from_arrival_ms = (published_s - entries["arrival_s"]) * 1e3
    print(
        f"stamp to frame: mean {from_stamp_ms.mean():.1f}, p99 {np.percentile(from_stamp_ms, 99):.1f} ms; "
        f"arrival to frame: p50 {np.median(from_arrival_ms):.2f} ms; latency p50 {summary['latency_us']['p50']:.0f} us"
    )
    assert from_stamp_ms.mean() > 40  # a chunk's samples are 0 to 99 ms old when it is sent
    assert np.percentile(from_stamp_ms, 99) > 80
    for head, figures in looked:
        newest = np.flatnonzero(entries["tick"] < head)[-4096:]  # what is looked at
        signal = figures.signal
        assert signal.stamp_ms is not None
        assert signal.arrival_ms is not None
        for at, share in enumerate((50, 99)):
            assert 0.5 < signal.stamp_ms[at] / np.percentile(from_stamp_ms[newest], share) < 2
            assert 0.2 < signal.arrival_ms[at] / np.percentile(from_arrival_ms[newest], share) < 5
        assert signal.stamp_ms[0] > 20
        assert f"stamp {signal.stamp_ms[0]:.3g}, p99 {signal.stamp_ms[1]:.3g} ms" in _line(figures)
    signal_us = summary["signal_us"]
    for name, share in (("p50", 50), ("p99", 99)):  # of the whole session
        assert 0.5 < signal_us[name] / 1e3 / np.percentile(from_stamp_ms, share) < 2
    printing.summary(summary)
    assert f"signal  p50 {signal_us['p50'] / 1e3:.3g}, p99 {signal_us['p99'] / 1e3:.3g} ms" in capsys.readouterr().out


def test_a_stream_that_is_slower_than_it_says_is_told_while_it_runs_and_in_the_end(
    start_source: Callable[..., Any], start_session: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    start_source(SLOW, "slow")
    session = start_session("center_out", "tick.source=stream", "blocks=[{kind='closed_loop'}]")
    view = Attachment(session.folder)
    wait_until(lambda: view.head > 350)
    figures = Observer(view).figures()
    view.close()
    summary = session.stop()
    (alarm,) = figures.signal.alarms
    assert re.match(r"samples come at (89|90)(\.\d+)? Hz instead of 100, so that ", alarm)
    assert f"ALARM: {alarm}" in _line(figures)
    assert summary["clock_s"] / summary["duration_s"] == pytest.approx(100 / 90, rel=0.01)
    printing.summary(summary)
    said = capsys.readouterr().out
    assert re.search(r"samples come at (89|90)(\.\d+)? Hz instead of 100, so that ", said), said
