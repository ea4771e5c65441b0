"""Kill engines at random moments: what is lost, and whether what is left can be made whole and recomputed."""

import json
import os
import random
import shutil
import signal
import statistics
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from bmi_app.record import integrity, session_folder
from bmi_app.record.full_check import names
from bmi_app.record.message import CUT_OFF
from bmi_app.record.reading import read
from bmi_app.session.recompute.replay import verify
from bmi_app.session.store import catalogue
from bmi_app.session.view.launch import launch

from .conftest import PATIENCE_S, Live, bmi, children, facts, request, traces, wait_until

N_KILLS = 21
N_AT_ONCE = 3
MOST_LOST_MS = 150.0
TICK_MS = 10.0
KINDS_OF_SESSION = (
    (),
    ("learning.when=tick", "learning.rate=0.0005"),
    ("learning.when=trial", "learning.rule=reward_gated", "learning.exploration_cm_s=3"),
)


@dataclass
class Killed:
    folder: Path
    pid: int
    published: int  # frames in the live file when the engine was dead
    with_live_file: bool
    changed: list[int]  # ticks of commands that were echoed


def kill_one(number: int, out: Path) -> Killed:
    """Run a session up to a random moment, with commands on the way, and kill its engine."""
    chance = random.Random(number)
    overrides = (*KINDS_OF_SESSION[number % len(KINDS_OF_SESSION)], f"session.seed={number}")
    live = Live(*launch(request(*overrides, out=out), lambda _: None))
    last_tick = chance.randrange(2, 220)
    acted = []
    for tick in sorted(chance.sample(range(220), 12)):
        if tick >= last_tick:
            break
        live.wait_for_tick(tick)
        if tick % 3 == 0:
            answer = live.do("undo")
            acted += [answer["tick"]] if answer["ok"] else []
        elif tick % 3 == 1:
            acted.append(live.did("move_unit", unit=tick % 96, population="control"))
        else:
            acted.append(live.did("assist", value=0.1))
    live.wait_for_tick(last_tick)
    # A random moment within a tick and within the journal's round, not one that the tick's own end would set.
    until = live.view.head + chance.random() * 12
    wait_until(lambda: live.view.head >= until)
    published = live.kill()
    live.view.close()
    return Killed(live.folder, live.process.pid, published, chance.random() < 0.5, acted)


@pytest.mark.realtime
@pytest.mark.timeout(240)
def test_a_kill_at_any_moment_loses_at_most_150_ms_and_nothing_with_the_live_file(tmp_path, record_property) -> None:
    with ThreadPoolExecutor(N_AT_ONCE) as pool:
        killed = list(pool.map(lambda number: kill_one(number, tmp_path / "sessions"), range(N_KILLS)))
    listed = {entry["session"]: entry for entry in facts("sessions", "list")["sessions"]}
    lost_ms = []
    for session in killed:
        assert listed[str(session.folder)]["status"] == "interrupted"
        if not session.with_live_file:
            Path(read(session.folder).session["engine"]["live_file"]).unlink()
        report = catalogue.recover(session.folder)
        assert all(found.what.startswith(CUT_OFF) for found in report.damage)  # by a kill in the midst of a write
        assert integrity.verify(session.folder) == []
        assert session_folder.status(session.folder) == "complete"
        n_kept = report.summary["ticks"]
        assert n_kept == report.last_tick + 1
        assert (report.summary["stop_reason"], report.summary["recovered"]) == ("KILLED", True)
        if session.with_live_file:
            assert n_kept == session.published
        else:
            lost_ms.append((session.published - n_kept) * TICK_MS)
        recording = read(session.folder)
        assert np.array_equal(recording.commands["tick"], [tick for tick in session.changed if tick < n_kept])
        found = verify(session.folder)
        assert found.is_exact, (session, found.difference, found.damage)
        assert found.ticks == n_kept
    print(f"lost without the live file: median {statistics.median(lost_ms):.0f} ms, most {max(lost_ms):.0f} ms")
    record_property("lost_ms", lost_ms)
    assert max(lost_ms) <= MOST_LOST_MS
    assert not any(traces(session.pid) for session in killed)


def test_a_killed_session_is_recovered_from_the_command_line(engine) -> None:
    live = engine()
    live.wait_for_tick(40)
    published = live.kill()
    (entry,) = facts("sessions", "list")["sessions"]
    assert (entry["session"], entry["status"]) == (str(live.folder), "interrupted")
    assert bmi("sessions", "stop", live.folder.name).returncode == 2
    assert f"its engine has died; `bmi sessions recover {live.folder.name}`" in bmi("attach", live.folder.name).stderr
    report = facts("sessions", "recover", "last")
    assert (report["changed"], report["last_tick"]) == (True, published - 1)
    assert facts("sessions", "recover", "last")["changed"] is False
    assert facts("replay", "last", "--verify")["exact"] is True
    assert facts("sessions", "verify", "last")["intact"] is True


def test_removing_a_killed_session_leaves_no_trace(engine) -> None:
    live = engine()
    live.kill()
    assert len(traces(live.process.pid)) == 2
    assert bmi("sessions", "remove", live.folder.name, "--yes").returncode == 0
    assert not traces(live.process.pid)
    assert not live.folder.exists()


def test_a_kill_while_it_starts_leaves_nothing_unreadable(run_bmi, sessions_folder) -> None:
    for wait_for in ("opening", "starting", "starting"):
        view = run_bmi("run", "center_out", "--headless", "--duration", "5")
        for line in view.stderr:
            if wait_for in line:
                break
        (engine,) = children(view)
        os.kill(engine, signal.SIGKILL)
        _, said = view.communicate(timeout=PATIENCE_S)
        assert view.returncode == 1
        assert said.splitlines()[-1].startswith("bmi: the engine ")  # what it was at may stand before
        for entry in catalogue.entries(sessions_folder):
            assert entry.status == "interrupted"
            assert catalogue.recover(entry.folder).last_tick >= -1
            assert verify(entry.folder).is_exact
            shutil.rmtree(entry.folder)
        for path in traces(engine):  # of one that had no folder yet
            path.unlink()


@pytest.mark.parametrize(
    ("kind", "part"), [("frames", 0.5), ("frames", 0.02), ("spikes", 0.6), ("events", 0.7), ("health", 0.9)]
)
def test_a_flipped_bit_is_named_and_all_before_it_is_kept(
    kind: str, part: float, recorded_session: Path, tmp_path
) -> None:
    folder = tmp_path / "flipped"
    shutil.copytree(recorded_session, folder)
    whole = read(folder)
    path = folder / f"{kind}.arrows"
    content = bytearray(path.read_bytes())
    at = int(len(content) * part)
    content[at] ^= 1 << 3
    path.write_bytes(content)

    (damage,) = integrity.verify(folder)
    assert str(damage).startswith(f"{kind}.arrows: ")
    assert "readable up to tick" in str(damage)
    kept = read(folder)
    n_kept = len(getattr(kept, kind))
    assert getattr(kept, kind).tobytes() == getattr(whole, kind)[:n_kept].tobytes()

    again = tmp_path / "again"
    shutil.copytree(folder, again)
    if kind != "frames":  # which a replay needs: no other file is cut for one that it does not need
        report = catalogue.recover(again)
        assert (report.damage, set(report.lost)) == ([damage], {kind})
        assert read(again).frames.tobytes() == whole.frames.tobytes()
        assert [found.file for found in integrity.verify(again)] == [path.name]

    report = catalogue.recover(folder, to_common_tick=True)
    assert report.damage == [damage]
    assert integrity.verify(folder) == []
    recovered = read(folder)
    n_ticks = len(recovered.frames)
    assert n_ticks == report.last_tick + 1 < len(whole.frames)
    assert n_ticks >= len(whole.frames) * (part - 0.25)
    assert recovered.frames.tobytes() == whole.frames[:n_ticks].tobytes()
    assert recovered.counts.tobytes() == whole.counts[:n_ticks].tobytes()
    found = verify(folder)
    assert (found.is_exact, found.ticks) == (True, n_ticks)


def test_damage_is_named_on_the_command_line(recorded_session: Path, tmp_path) -> None:
    folder = tmp_path / "cut"
    shutil.copytree(recorded_session, folder)
    path = folder / "frames.arrows"
    path.write_bytes(path.read_bytes()[:-5_000])
    end_s = len(read(folder).frames) * 0.01
    named = f"frames.arrows from {int(end_s) // 60}:{int(end_s) % 60:02d} on: {CUT_OFF}, or its length is damaged"
    done = bmi("sessions", "verify", str(folder), "--json")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert (found["status"], found["damage"]) == ("damaged", [named])
    assert set(found["whole"]) == set(names(recorded_session)) - {"frames.arrows"}
    assert named in bmi("sessions", "verify", str(folder)).stdout
    done = bmi("replay", str(folder), "--verify", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["damage"] == [named]


@pytest.fixture(scope="module")
def recorded_session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session of two seconds, recorded once."""
    live = Live(*launch(request("session.duration_s=2", out=tmp_path_factory.mktemp("recorded")), lambda _: None))
    live.end()
    return live.folder
