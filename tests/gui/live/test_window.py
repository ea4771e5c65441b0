import contextlib
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QApplication, QLabel

from bmi_app.gui.live import command_sender
from bmi_app.gui.live.window import OperatorWindow
from bmi_app.gui.panels.trial_table import TrialTable
from bmi_app.gui.shell.faults import shown_faults
from bmi_app.record import session_folder
from bmi_app.rt.records import EventKind, Flag, StopReason, TaskState
from bmi_app.session.recompute.replay import verify
from bmi_app.session.store import catalogue
from bmi_app.session.view.observer import Phase
from tests.gui.layout_faults import layout_faults
from tests.gui.questions import press

pytestmark = pytest.mark.usefixtures("not_lowered")

Show = Callable[..., OperatorWindow]


def values(window: OperatorWindow) -> dict[str, str]:
    return {name: label.text() for name, label in window.status.values.items()}


def test_figures_are_shown_in_words(
    stepped: Any, window: Show, qtbot: Any, keep_picture: Callable[[Any, str], Path]
) -> None:
    session = stepped("center_out", "session.duration_s=60")
    session.step(1500)
    session.step_until(lambda frame: frame["hold_fraction"] > 0.6)
    session.time_health(42.0, time.monotonic())
    shown = window(session.folder)
    before = session.core.state[0]["successes"]
    assert shown.status.task.text() == "Hold in the target"
    assert shown.notice.message.text() == "Recording center_out"
    found = values(shown)
    assert found["Block"] == "closed loop (2 of 2)"
    assert found["Trial"] == str(session.last["trial"] + 1)
    assert found["Success"].startswith(f"{before} of {session.core.state[0]['trials_done']} (")
    assert found["Last trials"].count("●") + found["Last trials"].count("✕") == session.core.state[0]["trials_done"]
    assert found["Time to target"].endswith(" s")
    assert found["Latency"] == "p50 42 µs, p99 42 µs"
    assert found["Source"].startswith("simulated, data ")
    assert found["Journal"] == "12.3 MB"
    assert 500 < float(found["Spikes"].removesuffix(" per second").replace(",", "")) < 5000
    keep_picture(shown, "hold")
    session.step_until(lambda frame: frame["state"] == TaskState.REWARD)
    session.step(8)
    qtbot.waitUntil(lambda: shown.status.task.text() == "Reward")
    assert values(shown)["Success"].startswith(f"{before + 1} of ")
    keep_picture(shown, "reward")


def test_a_failure_says_why(stepped: Any, window: Show, keep_picture: Callable[[Any, str], Path]) -> None:
    session = stepped("center_out", "task.hold_ms=50", "task.timeout_ms=300")
    session.step_until(lambda frame: frame["state"] == TaskState.FAILED)
    session.step(3)
    shown = window(session.folder)
    assert shown.status.task.text() == "Failed: target not reached"
    assert "✕" in values(shown)["Last trials"]
    keep_picture(shown, "failed")


def test_a_real_session_is_paused_resumed_and_stopped(engine: Any, window: Show, qtbot: Any) -> None:
    process, folder = engine("session.duration_s=60")
    shown = window(folder, close_at_end=True)
    qtbot.waitUntil(lambda: shown.phase == Phase.RUNNING and shown.status.task.text() != "Starting")
    qtbot.mouseClick(shown.controls.pause, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: shown.phase == Phase.PAUSED)
    assert shown.controls.pause.text() == "Resume (Space)"
    assert "pause · tick " in shown.log.toPlainText()
    shown.log.setFocus()
    qtbot.keyClick(shown.log, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: shown.phase == Phase.RUNNING)
    assert shown.controls.pause.text() == "Pause (Space)"
    assert "resume · tick " in shown.log.toPlainText()
    qtbot.keyClick(shown, Qt.Key.Key_Q, Qt.KeyboardModifier.ControlModifier)
    press(shown, "Go on")
    qtbot.keyClick(shown, Qt.Key.Key_Q, Qt.KeyboardModifier.ControlModifier)
    press(shown, "Stop the session")
    qtbot.waitUntil(lambda: not shown.isVisible())  # it closes by itself
    assert shown.phase == Phase.ENDED
    assert "session ends: operator · tick " in shown.log.toPlainText()
    assert process.wait(10) == 0


@pytest.mark.realtime
def test_the_death_of_the_engine_is_said_within_a_second(
    engine: Any, window: Show, qtbot: Any, keep_picture: Callable[[Any, str], Path]
) -> None:
    def kill_one() -> tuple[Any, float]:
        process, folder = engine("session.duration_s=60")
        shown = window(folder, close_at_end=True)
        qtbot.waitUntil(lambda: shown.phase == Phase.RUNNING and shown.figures.trial > 0, timeout=60_000)
        process.kill()
        died_s = time.monotonic()
        process.wait()
        qtbot.waitUntil(lambda: shown.phase == Phase.DIED, timeout=60_000)
        return shown, time.monotonic() - died_s

    tries = (kill_one() for _ in range(3))  # where the machine stalls, another engine is killed
    shown = next((shown for shown, took_s in tries if took_s < 1.0), None)
    assert shown is not None
    assert shown.notice.message.text() == (
        "The engine has died: what it recorded is kept as far as it is whole. Press Recover"
    )
    assert shown.notice.recover.isVisible()
    assert not shown.status.isEnabled()  # nothing there lives
    assert shown.isVisible()  # whoever looks shall read it
    assert not shown.controls.pause.isEnabled()
    shown.docks.docks["Trials"].raise_()  # what came before can still be looked at
    n_trials = len(shown.live.trials.ended)
    qtbot.waitUntil(lambda: shown.live.of(TrialTable).model.rowCount() == n_trials)
    keep_picture(shown, "died")
    shown.close()  # without a question
    assert not shown.isVisible()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no local sockets")
def test_an_engine_that_hangs_does_not_freeze_the_window(
    stepped: Any, window: Show, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command_sender, "_ANSWER_S", 3.0)
    path = tmp_path / "s"
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(path))
        listener.listen()
        session = stepped("center_out", socket=str(path))
        session.step(10)
        shown = window(session.folder)
        qtbot.mouseClick(shown.controls.pause, Qt.MouseButton.LeftButton)
        ticks_before = int(shown.task_view.frame["tick"])
        session.step(5)
        qtbot.waitUntil(lambda: int(shown.task_view.frame["tick"]) == ticks_before + 5)
        assert "pause did not act" not in shown.log.toPlainText()  # it went on while the answer was awaited
        qtbot.waitUntil(lambda: "pause did not act" in shown.log.toPlainText(), timeout=60_000)
        assert "the engine does not answer (timed out)" in shown.log.toPlainText()


def test_a_dead_engine_s_session_is_recovered_in_its_window(
    engine: Any, window: Show, qtbot: Any, keep_picture: Callable[[Any, str], Path]
) -> None:
    process, folder = engine("session.duration_s=60")
    shown = window(folder, close_at_end=True)
    qtbot.waitUntil(lambda: shown.phase == Phase.RUNNING and shown.status.task.text() != "Starting")
    assert not shown.notice.recover.isVisible()
    process.kill()
    process.wait()
    qtbot.waitUntil(lambda: shown.phase == Phase.DIED)
    published = shown.attachment.head
    with qtbot.waitSignal(shown.recovered, timeout=60_000) as recovered:
        qtbot.mouseClick(shown.notice.recover, Qt.MouseButton.LeftButton)
    assert recovered.args == [folder]
    assert shown.notice.message.text() == f"Recovered: complete up to tick {published - 1:,}"
    assert not shown.notice.recover.isVisible()
    assert "ended by: killed" in shown.log.toPlainText()
    keep_picture(shown, "recovered")
    found = verify(folder)
    assert found.is_exact, found.difference
    assert found.ticks == published


def test_a_window_is_not_closed_while_it_recovers(
    engine: Any, window: Show, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, folder = engine("session.duration_s=60")
    shown = window(folder)
    qtbot.waitUntil(lambda: shown.attachment.head > 0, timeout=60_000)
    process.kill()
    process.wait()
    qtbot.waitUntil(lambda: shown.phase == Phase.DIED)
    begun, go_on = [], threading.Event()

    def recover(asked: Path) -> Any:
        begun.append(asked)
        assert go_on.wait(30)
        return recover_it(asked)

    recover_it = catalogue.recover
    monkeypatch.setattr(catalogue, "recover", recover)
    qtbot.mouseClick(shown.notice.recover, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: begun == [folder])
    assert not shown.notice.recover.isEnabled()
    qtbot.waitUntil(lambda: shown.notice.message.text().endswith(", 1 s"))  # it is seen to go on
    shown.close()
    assert shown.isVisible()
    go_on.set()
    qtbot.waitUntil(lambda: not shown.isVisible(), timeout=60_000)  # it closes once that is done
    assert begun == [folder]
    assert session_folder.status(folder) == "complete"


def test_a_session_that_a_failure_has_ended_says_why_and_stays(
    stepped: Any, window: Show, qtbot: Any, keep_picture: Callable[[Any, str], Path]
) -> None:
    session = stepped()
    session.step(10)
    shown = window(session.folder, close_at_end=True)
    session.event(EventKind.SESSION_STOP, StopReason.JOURNAL_FAILED)
    session.end(stop_reason="JOURNAL_FAILED", error="frames.arrows: cannot be written: No space left on device")
    qtbot.waitUntil(lambda: shown.phase == Phase.ENDED)
    why = "The session was ended by a failure: frames.arrows: cannot be written: No space left on device"
    assert shown.notice.message.text() == why
    assert "session ends: journal failed · tick" in shown.log.toPlainText()
    keep_picture(shown, "ended_by_failure")
    qtbot.wait(50)
    assert shown.isVisible()  # whoever looks shall read it


def test_ticks_that_stop_are_noticed(stepped: Any, window: Show, qtbot: Any) -> None:
    session = stepped()
    session.step(10)
    shown = window(session.folder)
    qtbot.waitUntil(lambda: shown.phase == Phase.STALLED)
    session.step(10)
    qtbot.waitUntil(lambda: shown.phase == Phase.RUNNING)


@pytest.mark.parametrize("flag", ["PAUSED", "SOURCE_LOST", "SOURCE_SILENT", "CATCHING_UP"])
def test_what_holds_the_session_is_said_first(
    stepped: Any, window: Show, flag: str, keep_picture: Callable[[Any, str], Path]
) -> None:
    session = stepped()
    session.step(700)
    session.last["flags"] |= Flag[flag]
    shown = window(session.folder)
    assert shown.phase == Phase[flag]
    assert shown.controls.stop.isEnabled()  # whoever must stop it now can
    assert shown.notice.message.text().startswith(flag.capitalize().replace("_", " "))
    keep_picture(shown, flag.lower())


@pytest.mark.parametrize("velocity", [float("nan"), float("inf"), -float("inf")])
def test_a_decoder_that_yields_no_number_alarms_in_the_strip(
    stepped: Any, window: Show, velocity: float, keep_picture: Callable[[Any, str], Path]
) -> None:
    session = stepped()
    session.step(700)
    shown = window(session.folder)
    shown.hold()

    def show(phase: Phase) -> str:
        shown.notice.show_figures(replace(shown.observer.figures(), phase=phase))
        return shown.notice.message.text()

    words = "The decoder yields no number: the cursor does not follow it. Undo or load weights"
    assert show(Phase.RUNNING) == "Recording center_out"
    calm = shown.notice.painted
    for axis in ("decoded_x_cm_s", "decoded_y_cm_s"):
        kept = float(session.last[axis])
        session.last[axis] = velocity
        assert show(Phase.RUNNING) == words
        assert shown.notice.painted[0] == "alarm"
        keep_picture(shown, "no_number")
        session.last[axis] = kept
        assert show(Phase.RUNNING) == "Recording center_out"  # it is not said any longer than it is so
        assert shown.notice.painted == calm
    session.last["decoded_x_cm_s"] = velocity
    assert show(Phase.SOURCE_LOST).startswith("Source lost")  # what holds the cursor comes first


def test_every_phase_is_said_in_its_own_words_and_offers_what_can_be_done(stepped: Any, window: Show) -> None:
    session = stepped("center_out")
    session.step(10)
    shown = window(session.folder)
    shown.hold()
    said = {}
    for phase in Phase:
        for age_s in (None, 3.0):
            figures = replace(shown.figures, phase=phase, data_age_s=age_s)
            shown.notice.show_figures(figures)
            shown.status.show_figures(figures)
            shown.controls.show_phase(phase, False)
            said[phase] = shown.notice.message.text()
            assert "none yet ago" not in said[phase]
        over = phase in (Phase.FINISHING, Phase.ENDED, Phase.DIED)
        for button in (shown.controls.pause, shown.controls.stop, shown.controls.note):
            assert button.isEnabled() is not over, phase
    assert all(said.values())
    assert len(set(said.values())) == len(Phase)


def test_an_exception_in_a_slot_is_shown_and_the_window_lives_on(
    engine: Any, window: Show, qtbot: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    process, folder = engine("session.duration_s=60")
    shown = window(folder)
    qtbot.waitUntil(lambda: shown.attachment.head > 0, timeout=60_000)

    def fail() -> None:
        raise ValueError("nonsense")

    with shown_faults(shown.log.say, lambda: None):
        shown.controls.stop.clicked.disconnect()
        shown.controls.stop.clicked.connect(fail)
        qtbot.mouseClick(shown.controls.stop, Qt.MouseButton.LeftButton)
        qtbot.mouseClick(shown.controls.stop, Qt.MouseButton.LeftButton)
    text = shown.log.toPlainText()
    assert "ValueError: nonsense (test_window.py:" in text
    assert "(×2)" in text
    assert "Traceback" in capsys.readouterr().err
    at = shown.attachment.head
    qtbot.waitUntil(lambda: int(shown.task_view.frame["tick"]) > at, timeout=60_000)
    qtbot.mouseClick(shown.controls.pause, Qt.MouseButton.LeftButton)  # and still commands
    qtbot.waitUntil(lambda: shown.phase == Phase.PAUSED, timeout=60_000)
    assert process.poll() is None


def is_whole(label: QLabel) -> bool:
    room = label.contentsRect()
    needed = label.fontMetrics().boundingRect(room, Qt.TextFlag.TextWordWrap, label.text())
    return needed.width() <= room.width() and needed.height() <= room.height()


@pytest.mark.parametrize("width_px", [900, 1280])
def test_what_alarms_is_read_whole(stepped: Any, window: Show, width_px: int, keep_picture: Any) -> None:
    session = stepped("center_out")
    session.step(900)
    shown = window(session.folder)
    shown.hold()
    shown.resize(width_px, 720)
    for phase in Phase:
        shown.notice.show_figures(replace(shown.figures, phase=phase, duration_s=3600.0, data_age_s=3.0))
        keep_picture(shown, f"notice_{phase.name.lower()}_{width_px}")
        assert is_whole(shown.notice.message), phase
    shown.notice.say("Cannot be recovered: " + "frames.arrows cannot be read, " * 6, "alarm")
    QApplication.processEvents()
    assert is_whole(shown.notice.message)
    assert layout_faults(shown.notice) == []
    assert shown.width() == width_px


def test_nothing_at_the_side_is_cut_while_baselines_are_measured(stepped: Any, window: Show) -> None:
    session = stepped("center_out")
    session.step(100)
    shown = window(session.folder)
    shown.refresh()
    assert shown.status.task.text() == "Rest: measuring baselines"
    QApplication.processEvents()
    side = shown.docks.docks["Session"]
    for widget in (shown.controls.stop, shown.controls.note, shown.log):
        assert widget.visibleRegion().boundingRect().width() == widget.width()
    assert layout_faults(side) == []
    shown.resize(900, 560)  # where it must scroll
    QApplication.processEvents()
    for widget in (shown.controls.stop, shown.controls.note, shown.log):
        if not widget.visibleRegion().isEmpty():
            assert widget.visibleRegion().boundingRect().width() == widget.width()
