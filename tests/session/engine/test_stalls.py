"""An engine that is stopped, and a source that stalls: no spike changes its tick, and what is caught up is held and said."""

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bmi_app.record import nwb
from bmi_app.rt.records import CatchUpCause, EventKind, Flag, TaskState
from bmi_app.session.recompute.replay import verify, what_if
from bmi_app.session.view.attachment import Attachment
from bmi_app.session.view.narrator import Narrator

from .conftest import PATIENCE_S, wait_until

pytestmark = pytest.mark.realtime

TASK = ('blocks=[{kind="closed_loop"}]', "task.timeout_ms=4000", "task.inter_trial_ms=100", "safety.watchdog_ms=300")

# Sends a regular stream of counts, or of single spikes, every `interval`; at a line of input it stalls for that time, then sends
# what it owes. Samples carry the time at which they should have been sent.
SOURCE = """
import json, sys, threading, time
import pylsl
what, source_id, interval_s = json.loads(sys.argv[1])
counts = what == "counts"
if counts:
    info = pylsl.StreamInfo("stall", "SpikeCounts", 96, 1 / interval_s, pylsl.cf_float32, source_id)
else:
    info = pylsl.StreamInfo("stall", "SpikeEvents", 2, 0.0, pylsl.cf_int32, source_id)
outlet = pylsl.StreamOutlet(info)
assert outlet.wait_for_consumers(60)
pauses = []
def listen():
    for line in sys.stdin:
        pauses.append(float(line))
threading.Thread(target=listen, daemon=True).start()
begin, i = pylsl.local_clock(), 0
while True:
    due = begin + i * interval_s
    now = pylsl.local_clock()
    if now < due:
        time.sleep(min(due - now, 0.002))
        continue
    if pauses:
        time.sleep(pauses.pop(0))
    sample = [1.0] * 96 if counts else [i % 96, 0]
    outlet.push_sample(sample, due)
    i += 1
"""


def flagged(frames: np.ndarray, flag: Flag) -> np.ndarray:
    return np.flatnonzero(frames["flags"] & flag)


def stop_for(session: Any, seconds: float) -> None:
    """Stop the engine as a debugger, a laptop's lid or a machine out of memory does."""
    session.process.send_signal(signal.SIGSTOP)
    time.sleep(seconds)
    session.process.send_signal(signal.SIGCONT)


@pytest.fixture
def stalled(start_source: Callable[..., Any], start_session: Callable[..., Any]) -> Callable[..., Any]:
    """Run a session whose engine or source is stopped once in a trial; return recording, summary and what was told."""

    def run(what: str, interval_s: float, overrides: tuple[str, ...], stall: Callable[[Any, Any], None]) -> Any:
        source = start_source(SOURCE, what, interval_s)
        session = start_session("center_out", *TASK, *overrides)
        view = Attachment(session.folder)
        tick_s = float(view.arrays["config"][0]["tick_s"])

        def in_trial() -> bool:
            latest = view.latest()
            return latest is not None and latest["state"] == TaskState.MOVE and view.head * tick_s > 1.0

        wait_until(in_trial)
        stall(session, source)
        resumed_s = time.monotonic()
        wait_until(lambda: view.head and float(view.latest()["edge_s"]) > resumed_s + 1.0)
        told = "\n".join(Narrator(view).fresh_lines())
        view.close()
        session.process.terminate()
        assert session.process.wait(PATIENCE_S) == 0, (session.folder / "engine.log").read_text()
        found = verify(session.folder)
        assert found.is_exact, found.difference
        recording = session.recording()
        summary = json.loads((session.folder / "summary.json").read_bytes())
        return session, recording, summary, told

    return run


@pytest.mark.parametrize("tick_ms", [1, 10])
def test_a_stop_of_a_fifth_of_a_second_changes_nothing(stalled: Callable[..., Any], tick_ms: int) -> None:
    _, recording, summary, _ = stalled(
        "events",
        0.001,
        (f"tick.period_ms={tick_ms}", "safety.watchdog_ms=300"),
        lambda session, _: stop_for(session, 0.2),
    )
    assert summary["future_spikes"] == 0
    assert len(flagged(recording.frames, Flag.SOURCE_LOST)) == 0
    spikes, start_s = recording.spikes, recording.session["start_s"]
    bins = np.floor((spikes["stamp_s"] + spikes["offset_s"] - start_s) / (tick_ms / 1e3))
    counted = spikes["tick"] >= 0
    early = counted & (spikes["tick"] < bins)
    assert np.count_nonzero(early) == 0


@pytest.mark.parametrize(("tick_ms", "what"), [(1, "events"), (10, "events"), (10, "counts")])
def test_a_stop_of_ten_seconds_is_caught_up_while_the_task_is_held(
    stalled: Callable[..., Any], tick_ms: int, what: str, tmp_path: Path
) -> None:
    from pynwb import NWBHDF5IO

    interval_s = 0.001 if what == "events" else 0.01
    session, recording, summary, told = stalled(
        what, interval_s, (f"tick.period_ms={tick_ms}",), lambda session, _: stop_for(session, 10.0)
    )
    frames, events = recording.frames, recording.events
    behind = flagged(frames, Flag.CATCHING_UP)
    assert len(behind) * tick_ms > 9000  # the whole stop, but for what the watchdog's time allows
    assert (frames["flags"][behind] & Flag.ENGINE_STOPPED != 0).all()
    assert len(flagged(frames, Flag.SOURCE_LOST)) == 0
    assert summary["future_spikes"] == 0
    assert (summary["engine_stops"], summary["late_sources"], summary["source_losses"]) == (1, 0, 0)
    assert summary["caught_up_s"] == pytest.approx(len(behind) * tick_ms / 1e3)
    # Every spike in the tick of its stamp, and none lost.
    spikes, start_s = recording.spikes, recording.session["start_s"]
    counted = (spikes["tick"] >= 0) & (spikes["unit"] >= 0)
    bins = np.floor((spikes["stamp_s"] + spikes["offset_s"] - start_s) / (tick_ms / 1e3))
    inside = counted & (bins >= behind[0]) & (bins <= behind[-1])
    assert np.count_nonzero(inside) > 9000
    assert np.count_nonzero(spikes["tick"][inside] != bins[inside]) <= 0.001 * np.count_nonzero(inside)
    # The trial in which it happened goes on where it was: no clock has moved, nor the cursor.
    held = frames[behind]
    for name in ("trial", "state", "state_ticks", "cursor_x_cm", "cursor_y_cm", "block"):
        assert len(np.unique(held[name])) == 1, name
    began, ended = (events[events["kind"] == kind] for kind in (EventKind.CATCHING_UP, EventKind.CAUGHT_UP))
    assert began["code"].tolist() == ended["code"].tolist() == [CatchUpCause.ENGINE_STOPPED]
    assert ended["value"][0] == pytest.approx(summary["caught_up_s"])
    assert "the engine was stopped: the task is held until its ticks are caught up" in told
    with NWBHDF5IO(str(nwb.export(session.folder, tmp_path / "session.nwb")), "r") as file:
        rows = file.read().trials[:]
    assert rows["caught_up"].sum() == pytest.approx(summary["caught_up_s"])
    assert rows["caught_up"].max() == pytest.approx(summary["caught_up_s"])  # in one trial, all others 0
    again = what_if(session.folder, ["learning.rate=0.01"]).frames
    np.testing.assert_array_equal(again["flags"] & Flag.CATCHING_UP, frames["flags"] & Flag.CATCHING_UP)


@pytest.mark.parametrize("stall_s", [2.0])
def test_a_source_that_stalls_with_stream_ticks_is_lost_then_late(stalled: Callable[..., Any], stall_s: float) -> None:
    def stall(_: Any, source: Any) -> None:
        source.process.stdin.write(f"{stall_s}\n")
        source.process.stdin.flush()
        time.sleep(stall_s)

    _, recording, summary, told = stalled("counts", 0.01, ("tick.source=stream",), stall)
    frames, events = recording.frames, recording.events
    assert (np.diff(frames["edge_s"]) > 0).all()
    assert len(flagged(frames, Flag.SOURCE_LOST)) > 50
    behind = flagged(frames, Flag.CATCHING_UP)
    assert len(behind) > 100  # 2 s owed, less the watchdog's 0.3 s
    assert (frames["flags"][behind] & Flag.ENGINE_STOPPED == 0).all()
    assert summary["engine_stops"] == 0
    assert summary["late_sources"] >= 1  # a sender that is held up in its hurry is late twice
    assert "the source was late" in told
    began = events[events["kind"] == EventKind.CATCHING_UP]
    assert set(began["code"].tolist()) == {CatchUpCause.SOURCE_LATE}
    assert (frames["spikes"][behind] == 96).all()
    assert summary["edges_behind"] + summary["edges_ahead"] > 0  # owed samples lie behind the held ticks' edges


def test_a_stop_of_ten_seconds_with_stream_ticks_names_the_engine(stalled: Callable[..., Any]) -> None:
    _, recording, summary, _ = stalled(
        "counts", 0.01, ("tick.source=stream",), lambda session, _: stop_for(session, 10.0)
    )
    frames = recording.frames
    assert (np.diff(frames["edge_s"]) > 0).all()
    assert len(flagged(frames, Flag.SOURCE_LOST)) == 0
    assert len(flagged(frames, Flag.CATCHING_UP)) > 900
    assert (summary["engine_stops"], summary["late_sources"]) == (1, 0)


def test_a_regular_source_that_dies_is_noticed_after_three_intervals(
    start_source: Callable[..., Any], start_session: Callable[..., Any]
) -> None:
    source = start_source(SOURCE, "counts", 0.01)
    session = start_session("center_out", *TASK, "safety.watchdog_ms=1000")
    view = Attachment(session.folder)
    wait_until(lambda: view.head > 300)
    source.process.kill()
    wait_until(lambda: view.latest()["flags"] & Flag.SOURCE_LOST)
    view.close()
    session.process.terminate()
    assert session.process.wait(PATIENCE_S) == 0
    found = verify(session.folder)
    assert found.is_exact, found.difference
    recording = session.recording()
    frames = recording.frames
    lost = int(flagged(frames, Flag.SOURCE_LOST)[0])
    last_fed = int(np.flatnonzero(frames["spikes"][:lost])[-1])
    silent = flagged(frames[:lost], Flag.SOURCE_SILENT)
    silent = silent[silent > last_fed]
    assert lost - last_fed >= 90
    assert len(silent) > 60  # the watchdog waits for a second: for most of it the task is held already
    for name in ("cursor_x_cm", "cursor_y_cm", "state_ticks"):  # on a machine that stalls, not every tick need be held
        assert (frames[name][silent] == frames[name][silent - 1]).all(), name
