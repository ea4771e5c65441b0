"""Who may believe that an engine is dead: from another PID namespace, another boot, another machine."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from bmi_app.record import liveness, session_folder
from bmi_app.record.liveness import Hold, life_of, moves
from bmi_app.rt.records import EventKind
from bmi_app.session.store import catalogue

from .conftest import BMI, PATIENCE_S, Live, bmi, facts, wait_until

INSIDE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A session of which only its texts are there; its engine has a number that no process has."""
    session = {
        "protocol": "p",
        "dt_s": 0.01,
        "n_units": 5,
        "n_axes": 2,
        "id": "0" * 32,
        "engine": {"pid": 4_194_303, "start": "another boot:1"},
    }
    return session_folder.create(tmp_path, "p", session, "")


def rewrite_beat(folder: Path, **said: object) -> None:
    path = folder / liveness.HEARTBEAT
    path.write_text(json.dumps({**json.loads(path.read_text()), **said}))


def life(folder: Path) -> str:
    return life_of(folder, {"engine": {"pid": 4_194_303, "start": "another boot:1"}})


def test_what_lock_and_heartbeat_say(folder: Path) -> None:
    assert life(folder) == "dead"  # of an earlier version: by its process number
    hold = Hold(folder, "0" * 32)
    assert life(folder) == "running"
    assert session_folder.status(folder) == "running"
    hold.close()
    assert life(folder) == "dead"
    rewrite_beat(folder, boot="another")
    assert life(folder) == "dead"
    rewrite_beat(folder, boot="another", machine="another")
    assert life(folder) == "unknown"
    assert session_folder.status(folder) == "perhaps running"
    rewrite_beat(folder, boot=liveness.boot_id(), machine="another container's")
    assert life(folder) == "dead"  # one kernel: its lock would be seen
    rewrite_beat(folder, locked=False)
    assert life(folder) == "dead"
    assert life_of(folder, {"engine": {"pid": os.getpid(), "start": liveness.process_start(os.getpid())}}) == "running"


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"counter": "x"}', "[" * 500, "\0" * 512, '{"counter": NaN}'])
def test_a_damaged_heartbeat_is_none(folder: Path, text: str) -> None:
    Hold(folder, "0" * 32).close()
    (folder / liveness.HEARTBEAT).write_text(text)
    assert life(folder) == "dead"
    assert not moves(folder, 0.01)


def test_the_counter_is_watched_by_the_observers_clock(folder: Path) -> None:
    Hold(folder, "0" * 32).close()
    for beats_at_s, expected in ((9.0, True), (11.0, False)):
        rewrite_beat(folder, counter=5)
        clock = Clock(folder, beats_at_s)
        assert moves(folder, 10.0, lambda: clock.now_s, clock.wait) is expected  # noqa: B023 - called here


class Clock:
    """A clock of which waiting costs nothing; at one moment the heart beats."""

    def __init__(self, folder: Path, beats_at_s: float) -> None:
        self.now_s, self._folder, self._beats_at_s = 0.0, folder, beats_at_s

    def wait(self, wait_s: float) -> None:
        self.now_s += wait_s
        if self.now_s == self._beats_at_s:
            rewrite_beat(self._folder, counter=99)


@pytest.mark.parametrize("act", [catalogue.recover, catalogue.remove])
def test_a_session_of_another_machine_is_touched_only_when_still_and_asked(folder: Path, monkeypatch, act) -> None:
    Hold(folder, "0" * 32).close()
    rewrite_beat(folder, boot="another", machine="another")
    monkeypatch.setattr(catalogue, "moves", lambda folder: True)
    for elsewhere in (False, True):
        with pytest.raises(catalogue.CatalogueError, match="running on another machine"):
            act(folder, not_running_elsewhere=elsewhere)
    monkeypatch.setattr(catalogue, "moves", lambda folder: moves(folder, 0.01))
    with pytest.raises(catalogue.CatalogueError, match="--not-running-elsewhere"):
        act(folder)
    assert (folder / "session.toml").exists()
    act(folder, not_running_elsewhere=True)
    assert not folder.exists() or session_folder.status(folder) == "complete"


def test_a_lost_lock_is_told_once(folder: Path, monkeypatch) -> None:
    monkeypatch.setattr(liveness, "BEAT_S", 0.02)
    said: list[str] = []
    told = threading.Event()
    hold = Hold(folder, "0" * 32)
    hold.on_lost = lambda text: (said.append(text), told.set())
    (folder / liveness.LOCK).unlink()
    assert told.wait(PATIENCE_S)
    hold.close()
    assert len(said) == 1
    assert "the lock of this session is lost" in said[0]


def test_the_lock_is_not_inherited_and_dies_with_its_process(folder: Path) -> None:
    script = f"""
import subprocess, sys
from pathlib import Path
from bmi_app.record.liveness import Hold
hold = Hold(Path({str(folder)!r}), "0" * 32)
child = subprocess.Popen([sys.executable, "-c", "print(1, flush=True); input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
input()
"""
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        child = int(holder.stdout.readline())
        assert life(folder) == "running"
        holder.kill()
        holder.wait()
        assert life(folder) == "dead"
        os.kill(child, signal.SIGKILL) if Path(f"/proc/{child}").exists() else None


@pytest.fixture
def inside() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Run a command in a PID namespace of its own."""
    if (
        shutil.which("unshare") is None
        or subprocess.run([*INSIDE, "true"], check=False, capture_output=True).returncode
    ):
        pytest.skip("no PID namespace can be made here")
    return lambda *command: subprocess.run([*INSIDE, *command], capture_output=True, text=True, check=False)


def test_a_running_session_is_seen_and_left_alone_from_another_pid_namespace(engine, inside) -> None:
    live: Live = engine()
    live.wait_for_tick(30)
    before = live.view.head
    listed = json.loads(inside(*BMI, "sessions", "list", "--json").stdout)["sessions"]
    assert [entry["status"] for entry in listed] == ["running"]
    for command in (("recover", "last"), ("remove", "last", "--yes"), ("recover", "last", "--not-running-elsewhere")):
        done = inside(*BMI, "sessions", *command)
        assert done.returncode == 2, done.stdout
        assert "is running" in done.stderr
        assert "Traceback" not in done.stderr
    assert Path(live.view.session["engine"]["socket"]).exists()
    live.wait_for_tick(before + 10)
    assert live.stop()["stop_reason"] == "OPERATOR"
    assert facts("sessions", "verify", "last")["intact"] is True


def test_an_engine_in_another_pid_namespace_is_seen_and_its_death_too(inside, sessions_folder: Path) -> None:
    arguments = ("run", "center_out", "--headless", "--duration", "60")
    with subprocess.Popen([*INSIDE, *BMI, *arguments], stderr=subprocess.PIPE, text=True) as outside:
        try:
            wait_until(lambda: list(sessions_folder.glob("*/frames.arrows")))
            (folder,) = sessions_folder.iterdir()
            wait_until(lambda: (folder / "frames.arrows").stat().st_size > 20_000)
            assert session_folder.status(folder) == "running"
            assert bmi("sessions", "recover", "last").returncode == 2
            assert bmi("sessions", "remove", "last", "--yes").returncode == 2
        finally:
            outside.kill()  # and with it all that is in the namespace
    wait_until(lambda: session_folder.status(folder) == "interrupted")
    assert facts("sessions", "recover", "last")["last_tick"] > 10
    assert facts("replay", "last", "--verify")["exact"] is True


def test_the_loss_of_the_lock_is_an_alarm_in_every_view(engine) -> None:
    live: Live = engine()
    live.wait_for_tick(20)
    (live.folder / liveness.LOCK).unlink()
    wait_until(lambda: (live.view.arrays["words"]["kind"] == EventKind.ALARM).any())
    live.stop()
    recording = live.recording()
    texts = [
        text
        for kind, text in zip(recording.events["kind"], recording.event_texts, strict=True)
        if kind == EventKind.ALARM
    ]
    assert len(texts) == 1
    assert "the lock of this session is lost" in texts[0]


def test_the_heartbeat_beats_each_second_and_syncs_nothing(folder: Path, monkeypatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: pytest.fail("a heartbeat must not sync"))
    hold = Hold(folder, "0" * 32)
    beats = [json.loads((folder / liveness.HEARTBEAT).read_text())["counter"]]
    wait_until(lambda: json.loads((folder / liveness.HEARTBEAT).read_text())["counter"] >= beats[0] + 2)
    said = json.loads((folder / liveness.HEARTBEAT).read_text())
    assert (said["session"], said["machine"], said["boot"]) == ("0" * 32, liveness.machine_id(), liveness.boot_id())
    hold.close()
