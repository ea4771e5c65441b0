import json
import math

import numpy as np
import pytest

from bmi_app.record.reading import read
from bmi_app.record.summary import Tally, summarise
from bmi_app.rt.records import EVENT, FRAME, HEALTH, CatchUpCause, EventKind, Flag, Outcome, StopReason


def test_a_hand_made_session():
    frames = np.zeros(1000, FRAME)
    frames["spikes"] = 3
    frames["flags"][:7] = Flag.UPDATED | Flag.LEARNING
    frames["flags"][5:10] |= Flag.REJECTED
    frames["flags"][100:120] |= Flag.CATCHING_UP | Flag.ENGINE_STOPPED
    frames["flags"][200:203] |= Flag.SOURCE_SILENT
    health = np.zeros(1000, HEALTH)
    health["due_s"] = np.arange(1000)
    health["arrival_s"][::2] = health["due_s"][::2] + 0.5
    health["published_s"] = np.maximum(health["due_s"], health["arrival_s"]) + 1e-4 * np.arange(1, 1001)
    health["published_s"][-1] = 0  # was never published
    health["late_spikes"] = np.arange(1000)
    health["edges_ahead"][500:], health["edges_behind"][600:] = 2, 5
    ends = [(Outcome.SUCCESS, 1.5), (Outcome.TIMEOUT_NOT_HELD, 9.0), (Outcome.SUCCESS, 2.5), (Outcome.BLOCK_ENDED, 0.0)]
    frames["edge_s"] = 500.0 + 0.0125 * np.arange(1000)
    frames["edge_s"][-1] = 500.0 + 12.5 - 0.01
    health["stamp_s"] = health["arrival_s"] - 0.003
    ends += [(Outcome.OPERATOR, -1.0)]  # skipped: neither a success nor a failure
    events = np.zeros(len(ends) + 8, EVENT)
    for event, (code, value) in zip(events, ends, strict=False):
        event["kind"], event["code"], event["value"] = EventKind.TRIAL_END, code, value
    events["kind"][5], events["code"][5] = EventKind.REWARD, Outcome.SUCCESS
    events["kind"][6], events["code"][6] = EventKind.SESSION_STOP, StopReason.DURATION
    events["kind"][7], events["code"][7] = EventKind.CATCHING_UP, CatchUpCause.ENGINE_STOPPED
    events["kind"][8], events["code"][8] = EventKind.CAUGHT_UP, CatchUpCause.ENGINE_STOPPED
    events["kind"][9] = EventKind.BASELINE_SILENT
    events["kind"][10:] = EventKind.JOURNAL_SYNCED
    events["time_s"][10:], events["value"][10:] = (1.0, 2.5, 3.0), (1e5, 2e5, 3e5)
    tally = Tally()
    for part in np.array_split(np.arange(1000), 7):
        tally.add_frames(frames[part])
        tally.add_health(health[part])
    for event in events:
        tally.add_events(event[None])
    found = tally.summary("folder", "center_out", 0.01)
    latency_us = found.pop("latency_us")
    signal_us = found.pop("signal_us")
    movement = found.pop("movement")
    assert movement["wrong_selections"] == 0
    assert movement["fitts_throughput_bits_s"] is None
    assert found == {
        "session": "folder",
        "protocol": "center_out",
        "ticks": 1000,
        "duration_s": 10.0,
        "trials": 4,
        "skipped": 1,
        "successes": 2,
        "success_rate": pytest.approx(2 / 3),
        "trials_per_min": pytest.approx(24.0),
        "median_time_to_target_s": 2.0,
        "spikes": 3000,
        "late_spikes": 999,
        "dropped_spikes": 0,
        "future_spikes": 0,
        "bad_values": 0,
        "unmapped_spikes": 0,
        "missed_ticks": 0,
        "before_spikes": 0,
        "ahead_spikes": 0,
        "no_offset_spikes": 0,
        "no_stamp_spikes": 0,
        "ignored_spikes": 0,
        "silent_rests": 1,
        "undecoded_ticks": 0,
        "clock_s": pytest.approx(12.5),  # its ticks came at 80 instead of 100 Hz
        "stamp_lag_s": pytest.approx(0.003),
        "edges_ahead": 2,
        "edges_behind": 5,
        "weight_updates": 7,
        "rejected_updates": 5,
        "source_losses": 0,
        "source_lost_s": 0.0,
        "source_silent_s": 0.03,
        "engine_stops": 1,
        "late_sources": 0,
        "caught_up_s": 0.2,
        "longest_data_age_s": 0.5,
        "journal_bytes": 300_000,
        "longest_sync_gap_s": 1.5,
        "stop_reason": "DURATION",
        "recovered": False,
    }
    assert latency_us["p50"] == pytest.approx(50_000, rel=1e-3)
    assert signal_us["p50"] > latency_us["p50"]  # from the stamp, not from when the frame could have been made
    assert latency_us["max"] == pytest.approx(99_900, rel=1e-6)


def test_an_empty_session_and_one_of_noise_are_still_json(recorded):
    for n_ticks in (0, 60):
        folder, _ = recorded(n_ticks, 10)
        found = summarise(read(folder), StopReason.KILLED, recovered=True)
        assert json.loads(json.dumps(found, allow_nan=False)) == found
        assert found["ticks"] == n_ticks
        assert found["stop_reason"] == "KILLED"
        assert math.isclose(found["duration_s"], n_ticks * 0.01)
    assert Tally().summary("x", "y", 0.01)["latency_us"] == {"p50": None, "p99": None, "p999": None, "max": None}
