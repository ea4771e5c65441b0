"""Sessions that are run, launched, steered and attached to from Python."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import bmi_app
from bmi_app.rt.records import Flag

PATIENCE_S = 60.0


def until(condition) -> None:
    ticks = threading.Event()
    for _ in range(int(PATIENCE_S / 0.02)):
        if condition():
            return
        ticks.wait(0.02)
    raise AssertionError("it did not come to pass")


def test_full_speed_is_one_session_for_one_seed(session: "bmi_app.Session", tmp_path: Path) -> None:
    again = bmi_app.run(session.protocol, speed="max", out=tmp_path, progress=False)
    assert again.counts.tobytes() == session.counts.tobytes()
    assert again.frames["weights_hash"].tolist() == session.frames["weights_hash"].tolist()
    assert again.folder.parent == tmp_path


def test_progress_is_told_on_standard_error_alone(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    bmi_app.run("center_out", speed="max", duration_s=1, out=tmp_path)
    said = capfd.readouterr()
    assert "opening the source: simulated" in said.err
    assert said.out == ""


@pytest.mark.realtime
def test_a_session_in_real_time_is_run_to_its_end(sessions_folder: Path) -> None:
    done = bmi_app.run("center_out", duration_s=0.5, progress=False)
    assert done.summary["stop_reason"] == "DURATION"
    assert len(done.frames) == 50
    assert done.folder.parent == sessions_folder


@pytest.mark.realtime
def test_a_launched_session_is_watched_steered_attached_to_and_stopped() -> None:
    with bmi_app.launch("center_out", duration_s=300, progress=False) as running:
        until(lambda: running.latest is not None)
        assert running.is_alive()
        assert running.protocol.name == "center_out"
        with pytest.raises(bmi_app.BmiError, match=r"is running; bmi_app\.attach"):
            bmi_app.load(running.folder)
        assert running.send("pause")["tick"] >= 0
        until(lambda: running.latest["flags"] & Flag.PAUSED)
        with bmi_app.attach(running.folder) as other:
            assert other.send("resume")["tick"] >= 0
            with pytest.raises(bmi_app.BmiError, match="assist"):
                other.send("assist", value=7)
        until(lambda: not running.latest["flags"] & Flag.PAUSED)
        with pytest.raises(bmi_app.BmiError, match="still runs after 0 s"):
            running.wait(0)
        session = running.stop()
    assert session.summary["stop_reason"] == "OPERATOR"
    assert list(session.commands["name"]) == ["PAUSE", "RESUME", "STOP"]
    assert session.verify().is_exact
    with pytest.raises(bmi_app.BmiError, match="has ended"):
        bmi_app.attach(session.folder)


@pytest.mark.realtime
def test_an_engine_that_dies_is_told_in_words() -> None:
    running = bmi_app.launch("center_out", duration_s=300, progress=False)
    until(lambda: running.latest is not None)
    assert running._process is not None
    running._process.kill()
    with pytest.raises(bmi_app.BmiError, match=r"the engine died \(exit code -9\); `bmi sessions recover"):
        running.wait()
    running.close()
    with pytest.raises(bmi_app.BmiError, match="is interrupted"):
        bmi_app.load(running.folder)
    from bmi_app.session.store import catalogue

    catalogue.recover(running.folder)
    assert len(bmi_app.load(running.folder).frames) > 0


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"sped": "max"}, "'sped': there is no such field; allowed: protocol, "),
        ({"speed": "fast"}, "speed fast: must be `real` or `max`"),
        ({"speed": "max"}, "at --speed max a session needs an end"),
        ({"speed": "max", "duration_s": -1}, "session.duration_s: -1"),
    ],
)
def test_mistakes_are_told_in_words(request_: dict, said: str) -> None:
    with pytest.raises(bmi_app.BmiError, match=said) as refused:
        bmi_app.run("center_out", progress=False, **request_)
    assert "--set" not in str(refused.value)


def test_a_mistake_that_the_engine_finds_reaches_the_caller() -> None:
    with pytest.raises(bmi_app.BmiError, match="no protocol of this name"):
        bmi_app.launch("centre_out", progress=False)
    with pytest.raises(bmi_app.BmiError, match="launch starts sessions in real time"):
        bmi_app.launch("center_out", speed="max")


@pytest.mark.realtime
def test_ctrl_c_stops_the_session_as_an_operator_would(sessions_folder: Path) -> None:
    program = "import bmi_app; bmi_app.run('center_out', duration_s=300)"
    with subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True) as process:
        until(lambda: any((folder / "frames.arrows").exists() for folder in sessions_folder.glob("*")))
        (folder,) = sessions_folder.iterdir()
        running = bmi_app.attach(folder)
        until(lambda: running.latest is not None)
        running.close()
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=PATIENCE_S)[1]
    assert "KeyboardInterrupt" in said
    assert bmi_app.load(folder).summary["stop_reason"] == "OPERATOR"
