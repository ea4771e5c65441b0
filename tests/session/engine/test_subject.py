"""A subject that learns runs in a live engine, on spiking neurons; what it learns is in the session, which replays."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bmi_app.record.reading import read
from bmi_app.rt.records import EventKind
from bmi_app.session.engine.full_speed import run_fast
from bmi_app.session.recompute.replay import verify

from .conftest import Live, request

pytestmark = pytest.mark.realtime

MOST_SESSIONS = 10


def test_a_learning_subject_leaves_its_log_in_a_live_session(engine: Callable[..., Live]) -> None:
    live = engine(
        "subject.neurons=srm",
        "subject.learner=lms",
        "task.timeout_ms=400",
        "task.failed_ms=50",
        protocol="learning_subject",
    )
    live.wait_for_event(EventKind.TRIAL_END, 6)
    live.stop()
    recording = live.recording()
    records, models = recording.subject, recording.subject_rows
    assert len(records) >= 5
    np.testing.assert_array_equal(records["trial"], np.arange(len(records)))
    assert models.shape == (len(records), 2 * 97)
    assert (records["samples"] > 0).any()
    assert np.linalg.norm(models[-1]) > np.linalg.norm(models[0]) > 0.0  # from nothing, it has learnt something
    assert recording.counts.sum() > 0
    found = verify(live.folder)
    assert found.is_exact, found.difference


def test_live_and_at_full_speed_one_seed_is_one_session(engine: Callable[..., Live], tmp_path: Path) -> None:
    overrides = ("subject.learner=regression", "session.duration_s=8")
    again = request(*overrides, protocol="learning_subject", speed="max", out=tmp_path)
    fast = read(Path(run_fast(again, lambda _: None, lambda _: None)["session"]))
    n_same = 0
    for _ in range(MOST_SESSIONS):
        live = engine(*overrides, protocol="learning_subject")
        live.end()
        recording = live.recording()
        # Where the machine stalls, a spike comes too late for its bin, or a frame too late to be seen after 100 ms: up to a
        # second before the first tick that tells of it nothing may differ.
        frames, health = recording.frames, recording.health
        slow = (health["late_spikes"] > 0) | (health["missed_ticks"] > 0)
        n = max(int(np.argmax(slow)) - 100, 0) if slow.any() else len(frames)
        np.testing.assert_array_equal(recording.counts[:n], fast.counts[:n])
        for axis in "xy":
            np.testing.assert_array_equal(frames[f"cursor_{axis}_cm"][:n], fast.frames[f"cursor_{axis}_cm"][:n])
        n_same += n
        if n_same > 500:
            return
    pytest.fail(f"this machine stalls: only {n_same} ticks of {MOST_SESSIONS} sessions could be compared")
