"""A source of spikes that has nothing to send yet is no reason not to begin, and no baseline."""

from collections.abc import Callable

import numpy as np
import pylsl
import pytest

from bmi_app.rt.records import EventKind, StopReason
from tests.session.conftest import PATIENCE_S, Session

pytestmark = pytest.mark.realtime

# Says nothing for 3 s after its receiver has come, then sends 96 units at 20 Hz.
SOURCE = """
import json, sys, time, pylsl
_, source_id = json.loads(sys.argv[1])
outlet = pylsl.StreamOutlet(pylsl.StreamInfo("late riser", "SpikeEvents", 2, 0.0, pylsl.cf_int32, source_id))
assert outlet.wait_for_consumers(60)
time.sleep(3)
unit = 0
while True:
    outlet.push_sample([unit % 96, 0])
    unit += 1
    time.sleep(1 / 1920)
"""


def test_a_session_begins_although_its_source_sends_nothing_and_its_baselines_wait(
    start_source: Callable[..., object], start_session: Callable[..., Session]
) -> None:
    start_source(SOURCE, "")
    rests = "blocks=[{kind='rest',duration_s=1},{kind='closed_loop'}]"
    session = start_session("center_out", rests, "safety.watchdog_ms=10000", "session.duration_s=5")
    summary, recording = session.summary(), session.recording()
    assert summary["stop_reason"] == StopReason.DURATION.name
    assert summary["ticks"] == 500
    frames, events = recording.frames, recording.events
    assert np.all(frames["spikes"][:100] == 0)  # of the rest block
    assert frames["spikes"][-50:].sum() > 0
    kinds = events["kind"].tolist()
    assert EventKind.BASELINE_SILENT in kinds
    assert EventKind.BASELINE_FROZEN not in kinds
    assert summary["silent_rests"] == 1


def test_a_source_that_never_sends_is_lost_and_its_session_runs_on(
    start_session: Callable[..., Session], source_id: str
) -> None:
    outlet = pylsl.StreamOutlet(pylsl.StreamInfo("mute", "SpikeEvents", 2, 0.0, pylsl.cf_int32, source_id))
    session = start_session("center_out", "safety.watchdog_ms=300", "session.duration_s=2")
    assert outlet.wait_for_consumers(PATIENCE_S)
    summary = session.summary()
    assert (summary["ticks"], summary["spikes"], summary["source_losses"]) == (200, 0, 1)
    assert summary["stop_reason"] == StopReason.DURATION.name
    assert EventKind.BASELINE_FROZEN not in session.recording().events["kind"].tolist()
