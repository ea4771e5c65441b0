"""Sessions over LSL with the simulated rig in another process: the loop closes, and survives what sources do."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pylsl
import pytest

from bmi_app.record.reading import Recording
from bmi_app.rt.records import EventKind, Flag, StopReason, TaskState
from bmi_app.session.recompute import report
from bmi_app.session.view.attachment import Attachment
from bmi_app.session.view.launch import LaunchError
from tests.session.conftest import PATIENCE_S, RIG

pytestmark = pytest.mark.realtime

TICK_S = 0.01  # of center_out
PUSHING_S = 0.005  # a spike's arrival is stamped before the decoder can see it


def ticks_of(recording: Recording, kind: EventKind) -> list[int]:
    return recording.events["tick"][recording.events["kind"] == kind].tolist()


@pytest.fixture
def listen(source_id: str) -> Iterator[Callable[[], np.ndarray]]:
    """Receive the same source beside the session; return the stamps so far."""
    inlets: list[pylsl.StreamInlet] = []
    stamps_s: list[float] = []

    def take() -> np.ndarray:
        if not inlets:
            (stream,) = pylsl.resolve_byprop("source_id", source_id, timeout=PATIENCE_S)
            inlets.append(pylsl.StreamInlet(stream, max_buflen=3600, processing_flags=pylsl.proc_none))
            inlets[0].open_stream(PATIENCE_S)
        while more := inlets[0].pull_chunk(max_samples=4096)[1]:
            stamps_s.extend(more)
        return np.array(stamps_s)

    yield take
    inlets.clear()


def test_two_sessions_succeed_one_after_the_other_on_one_rig(start_source, start_session, listen) -> None:
    rig = start_source(RIG, "center_out")
    listen()
    sessions = []
    for end, reason in (("session.duration_s=13", StopReason.DURATION), ("session.trials=1", StopReason.TRIALS)):
        session = start_session("center_out", "blocks.0.duration_s=3", end)
        summary = session.summary()
        sessions.append(session.folder.name)
        assert summary["stop_reason"] == reason.name
        assert summary["trials"] >= 1
        assert summary["success_rate"] >= 0.9
        for counter in ("dropped_spikes", "future_spikes", "bad_values", "unmapped_spikes"):
            assert summary[counter] == 0

        recording = session.recording()
        spikes, frames = recording.spikes, recording.frames
        start_s, end_s = recording.session["start_s"], frames["edge_s"][-1]
        stamps_s = spikes["stamp_s"] + spikes["offset_s"]
        assert np.all((spikes["tick"] >= 0) == (stamps_s >= start_s))  # before the session, or counted
        counted = (spikes["tick"] >= 0) & (spikes["tick"] <= frames["tick"][-1])
        assert np.count_nonzero(counted) == recording.counts.sum() == summary["spikes"]
        # Only what came after its tick was due is late, however often this machine stalls.
        bins = np.floor((stamps_s - start_s) / TICK_S)
        late = counted & (spikes["tick"] > bins)
        assert np.count_nonzero(late) == summary["late_spikes"]
        due_s = recording.health["due_s"][bins[late].astype(int)]
        unexcused = spikes["arrival_s"][late] <= due_s - PUSHING_S
        # An arrival that was stamped in time may wait with its thread for the processor.
        assert np.count_nonzero(unexcused) <= 0.001 * np.count_nonzero(counted)
        # Nothing was lost on the way: the session has what another receiver has.
        sent_s = listen()
        margin_s = 0.1  # what arrives at the very end may miss the last tick
        both = [np.sort(of[(of > start_s + margin_s) & (of < end_s - margin_s)]) for of in (spikes["stamp_s"], sent_s)]
        np.testing.assert_array_equal(*both)
        assert report.verify(session.folder)["exact"]
    result = rig.interrupt()
    assert result["interrupted"]
    assert result["sessions"] == sessions


def test_a_source_that_is_killed_freezes_the_cursor_until_it_is_back(
    start_source, start_session, source_id, wait_until
) -> None:
    rig = start_source(RIG, "center_out")
    session = start_session("center_out", "blocks.0.duration_s=1", "session.trials=2", "safety.watchdog_ms=300")
    view = Attachment(session.folder)

    def is_lost() -> bool:
        latest = view.latest()
        return latest is not None and bool(latest["flags"] & Flag.SOURCE_LOST)

    wait_until(lambda: view.head > 200)
    rig.process.kill()
    wait_until(is_lost)
    time.sleep(0.3)  # stay lost for a while
    start_source(RIG, "center_out")
    wait_until(lambda: not is_lost())
    view.close()
    summary = session.summary()
    assert summary["stop_reason"] == StopReason.TRIALS.name
    assert summary["dropped_spikes"] == 0

    recording = session.recording()
    (lost,), (back,) = ticks_of(recording, EventKind.SOURCE_LOST), ticks_of(recording, EventKind.SOURCE_BACK)
    frames = recording.frames
    assert lost + 30 <= back < len(frames) - 50
    held = frames[lost:back]
    assert np.all(held["flags"] & Flag.SOURCE_LOST)
    for field in ("cursor_x_cm", "cursor_y_cm", "state", "trial", "state_ticks", "spikes"):
        assert len(np.unique(held[field])) == 1, field
    assert np.all(held["velocity_x_cm_s"] == 0)
    after = frames[back:]
    assert not np.any(after["flags"] & Flag.SOURCE_LOST)
    assert after["spikes"].mean() > 5
    assert np.ptp(after["cursor_x_cm"]) + np.ptp(after["cursor_y_cm"]) > 1  # and the rig sees the session again
    assert TaskState.MOVE in after["state"]


def test_a_subject_learns_the_tool_of_a_session_that_it_sees_over_lsl(
    start_source, start_session, tmp_path: Path
) -> None:
    log = tmp_path / "learnt.jsonl"
    rig = start_source(RIG, "learning_subject", "subject.neurons=srm", "subject.learner=lms", f"log={log}")
    short = (
        "blocks=[{kind='rest',duration_s=0.5},{kind='closed_loop'}]",
        "task.timeout_ms=400",
        "task.inter_trial_ms=100",
        "task.failed_ms=50",
        "session.trials=8",
    )
    session = start_session("learning_subject", *short)
    assert session.summary()["dropped_spikes"] == 0
    result = rig.interrupt()
    assert result["sessions"] == [session.folder.name]
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert [row["trial"] for row in rows] == list(range(len(rows)))
    assert len(rows) >= 6  # the last may end with the session, before it is seen
    assert {row["session"] for row in rows} == {session.folder.name}
    assert sum(row["samples"] for row in rows) > 10
    models = np.array([row["model"] for row in rows])
    assert models.shape == (len(rows), 2, 97)
    assert np.linalg.norm(models[-1]) > np.linalg.norm(models[0]) > 0.0
    recording = session.recording()
    assert len(recording.subject) == 0  # the source's own knowledge does not travel
    start_s, edges_s = recording.session["start_s"], recording.frames["edge_s"]
    assert all(start_s < row["time_s"] <= edges_s[-1] for row in rows)
    assert report.verify(session.folder)["exact"]


def test_two_rigs_that_match_are_refused_and_named(start_session, source_id) -> None:
    pair = [f"{source_id}-{side}" for side in ("left", "right")]
    rigs = [pylsl.StreamOutlet(pylsl.StreamInfo("BMI-Rig", "SpikeEvents", 2, 0, "int32", one)) for one in pair]
    with pytest.raises(LaunchError) as caught:
        start_session("center_out", match="stream=BMI-Rig", timeout_s=5.0)
    (line,) = caught.value.lines
    assert all(one in line for one in pair)
    assert "set driver.source_id" in line
    assert caught.value.exit_code == 2
    del rigs


def test_without_a_rig_the_answer_comes_in_time(start_session, source_id) -> None:
    began_s = time.monotonic()
    with pytest.raises(LaunchError, match=f"no stream with driver.source_id = '{source_id}' within 1 s"):
        start_session("center_out", timeout_s=1.0)
    assert time.monotonic() - began_s < 15
