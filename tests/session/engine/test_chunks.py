"""A source that sends its samples a tenth of a second at a time: what is shown of the signal's age is the signal's."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bmi_app.rt.records import Flag
from bmi_app.session import showing
from bmi_app.session.attach import Attachment
from bmi_app.session.dashboard import _line
from bmi_app.session.observe import Figures, Observer
from bmi_app.session.replaying import verify

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
    looked: list[Figures] = []  # at moments that the chunks do not set
    for least in range(2050, 3000, 70):
        wait_until(lambda least=least: view.head > least)
        looked.append(observer.figures())
    view.close()
    summary = session.stop()
    assert verify(session.folder)["exact"]
    recording = session.recording()

    # What is true: each sample's way from its stamp, and from its arrival, to its frame.
    frames, health, entries = recording.frames, recording.health, recording.spikes
    entries = entries[(entries["tick"] >= 1000) & (entries["tick"] <= frames["tick"][-1])]
    published_s = health["published_s"][entries["tick"]]
    from_stamp_ms = (published_s - entries["stamp_s"] - entries["offset_s"])[published_s > 0] * 1e3
    from_arrival_ms = (published_s - entries["arrival_s"])[published_s > 0] * 1e3
    true_p50, true_p99 = np.percentile(from_stamp_ms, (50, 99))
    print(
        f"stamp to frame: mean {from_stamp_ms.mean():.1f}, p50 {true_p50:.1f}, p99 {true_p99:.1f}, max {from_stamp_ms.max():.1f} ms; "
        f"arrival to frame: p50 {np.median(from_arrival_ms):.2f} ms; latency p50 {summary['latency_us']['p50']:.0f} us"
    )
    assert 40 < from_stamp_ms.mean() < 200  # a chunk's samples are 0 to 99 ms old when it is sent
    assert true_p99 > 80
    assert not np.any(frames["flags"] & (Flag.SOURCE_LOST | Flag.CATCHING_UP))

    shown_p50, shown_p99 = np.median([figures.signal.stamp_ms for figures in looked], axis=0)
    assert 0.5 < shown_p50 / true_p50 < 2
    assert 0.5 < shown_p99 / true_p99 < 2
    arrivals_ms = np.median([figures.signal.arrival_ms for figures in looked], axis=0)
    assert 0.25 < arrivals_ms[0] / np.median(from_arrival_ms) < 4
    assert f"stamp {looked[-1].signal.stamp_ms[0]:.3g}, p99 " in _line(looked[-1])
    signal_us = summary["signal_us"]
    assert 0.5 < signal_us["p50"] / 1e3 / true_p50 < 2
    assert 0.5 < signal_us["p99"] / 1e3 / true_p99 < 2
    showing.summary(summary)
    assert f"signal  p50 {signal_us['p50'] / 1e3:.3g}, p99 {signal_us['p99'] / 1e3:.3g} ms" in capsys.readouterr().out
