import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PyQt6.QtCore import QSettings, Qt
from PyQt6.QtWidgets import QApplication, QMessageBox

from bmi_app.gui.main_window import MainWindow
from bmi_app.gui.shell.faults import shown_faults
from bmi_app.gui.shell.worker import Worker
from bmi_app.gui.start import start_page
from bmi_app.record import recovery_lock, redo
from bmi_app.record.damage import JournalError
from bmi_app.record.session_folder import read_summary, read_texts
from bmi_app.session.engine.full_speed import run_fast
from bmi_app.session.request import SessionRequest
from bmi_app.session.store import catalogue
from bmi_app.session.view.attachment import Attachment
from bmi_app.session.view.observer import Phase

RESOLVE_MS = 60_000  # only a failing test waits so long


@pytest.fixture
def main(qtbot: Any, tmp_path: Path) -> Iterator[Callable[[], MainWindow]]:
    shown: list[MainWindow] = []

    def show() -> MainWindow:
        window = MainWindow(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat))
        qtbot.addWidget(window, before_close_func=MainWindow.leave)
        window.resize(1280, 720)
        window.show()
        qtbot.waitExposed(window)
        shown.append(window)
        return window

    yield show
    for window in shown:  # the engines that it started
        for process in window.engines:
            process.terminate()
            process.wait()


def start(qtbot: Any, shown: MainWindow) -> Path:
    qtbot.waitUntil(shown.start_page.start.isEnabled, timeout=RESOLVE_MS)
    qtbot.mouseClick(shown.start_page.start, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: shown.live is not None, timeout=60_000)
    assert shown.live is not None
    assert not shown.isVisible()
    folder = shown.live_folder
    assert folder is not None
    return folder


def test_three_sessions_in_one_run_each_verified(main: Any, qtbot: Any, keep_picture: Any) -> None:
    shown = main()
    page, form = shown.start_page, shown.start_page.form
    form.protocol.setCurrentIndex(form.protocol.findText("center_out", Qt.MatchFlag.MatchStartsWith))
    form.driver.setCurrentIndex(form.driver.findData("simulated"))
    form.subject.setText("M1")
    form.session.setText("morning")
    form.duration_s.setValue(3)
    qtbot.waitUntil(page.start.isEnabled, timeout=RESOLVE_MS)
    assert page.reasons.text().startswith("✔ Ready")
    assert form.seed.text() == "as the protocol says: 1"
    assert form.trials.text() == "as the protocol says: any number"
    assert "GB free" in form.free.text()
    keep_picture(shown, "start")
    folders = []
    for seed in (3, 4, 5):
        form.seed.setValue(seed)
        folders.append(start(qtbot, shown))
        engine = shown.engines[-1]
        qtbot.waitUntil(lambda: shown.live is None and shown.isVisible(), timeout=60_000)
        assert page.result.folder == folders[-1]
        assert "3.0 s, ended by: duration" in page.result.text.text()
        qtbot.mouseClick(page.result.verify, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: page.result.verify.isEnabled(), timeout=60_000)
        assert page.result.verdict.text().startswith("✔ Bit-exact: all 300 ticks")
        engine.wait(10)
    keep_picture(shown, "start_after_session")
    qtbot.mouseClick(page.result.replay, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: shown.replay_page.session is not None, timeout=60_000)
    assert shown.pages.currentWidget() is shown.replay_page
    assert shown.replay_page.session.folder == folders[-1]
    assert len(set(folders)) == 3
    for folder, seed in zip(folders, (3, 4, 5), strict=True):
        session, _ = read_texts(folder)
        assert session["seed"] == seed
        assert session["labels"] == {"subject": "M1", "session": "morning"}
        assert read_summary(folder) is not None


def test_start_says_why_not(main: Any, qtbot: Any, tmp_path: Path, keep_picture: Any) -> None:
    shown = main()
    page, form = shown.start_page, shown.start_page.form
    form.driver.setCurrentIndex(form.driver.findData("lsl"))
    qtbot.waitUntil(lambda: "no LSL stream with type 'SpikeEvents'" in page.reasons.text(), timeout=RESOLVE_MS)
    assert not page.start.isEnabled()
    form.driver.setCurrentIndex(form.driver.findData("simulated"))
    qtbot.waitUntil(page.start.isEnabled, timeout=RESOLVE_MS)
    (tmp_path / "file").write_text("")
    form.folder.setText(str(tmp_path / "file" / "sessions"))
    assert not page.start.isEnabled()  # at once: what is typed is not checked yet
    qtbot.waitUntil(lambda: "is not a folder" in page.reasons.text(), timeout=RESOLVE_MS)
    form.folder.setText(str(tmp_path))
    qtbot.waitUntil(page.start.isEnabled, timeout=RESOLVE_MS)
    form.trials.setValue(5)
    form.driver.setCurrentIndex(form.driver.findData("replay"))
    assert form.recording.isVisible()
    qtbot.waitUntil(lambda: "choose a recording" in page.reasons.text(), timeout=RESOLVE_MS)
    assert not page.start.isEnabled()
    form.recording.setText(str(tmp_path / "nothing"))
    qtbot.waitUntil(lambda: "there is no such file or folder" in page.reasons.text(), timeout=RESOLVE_MS)
    assert not page.start.isEnabled()


def test_streams_are_ticked_or_red_with_the_reason(main: Any, qtbot: Any, keep_picture: Any) -> None:
    import pylsl

    def outlet(name: str, type_: str, channels: int, rate_hz: float) -> pylsl.StreamOutlet:
        return pylsl.StreamOutlet(pylsl.StreamInfo(name, type_, channels, rate_hz, pylsl.cf_int32, f"{name}-1"))

    fitting = outlet("Plexon", "SpikeEvents", 2, 0)
    unfit = outlet("Blackrock", "SpikeCounts", 32, 100)
    other = outlet("Eye", "Gaze", 3, 500)
    shown = main()
    page, form = shown.start_page, shown.start_page.form
    form.protocol.setCurrentIndex(form.protocol.findText("center_out", Qt.MatchFlag.MatchStartsWith))
    form.driver.setCurrentIndex(form.driver.findData("lsl"))
    qtbot.waitUntil(
        lambda: page.streams.rowCount() == 3 and "2 LSL streams match" in page.reasons.text(), timeout=60_000
    )
    rows = {page.streams.item(row, 1).text(): row for row in range(3)}
    assert page.streams.item(rows["Blackrock"], 0).text() == "✕"
    assert "units.count is 96" in page.streams.item(rows["Blackrock"], 6).text()
    assert page.streams.item(rows["Eye"], 0).text() == ""
    keep_picture(shown, "start_lsl_two_match")
    page.streams.cellDoubleClicked.emit(rows["Plexon"], 1)
    qtbot.waitUntil(page.start.isEnabled, timeout=RESOLVE_MS)
    assert page.streams.item(rows["Plexon"], 0).text() == "✔"
    assert page.any_stream.isVisible()
    keep_picture(shown, "start_lsl")
    del fitting, unfit, other


def test_a_running_session_is_attached_to_and_left(main: Any, engine: Any, qtbot: Any, keep_picture: Any) -> None:
    process, _ = engine("session.duration_s=60")
    shown = main()
    page = shown.start_page
    qtbot.waitUntil(lambda: page.running.count() == 1, timeout=RESOLVE_MS)
    keep_picture(shown, "start_running")
    qtbot.mouseClick(page.attach, Qt.MouseButton.LeftButton)
    assert shown.live is not None
    shown.live.close()
    box = next(w for w in QApplication.topLevelWidgets() if isinstance(w, QMessageBox) and w.isVisible())
    next(b for b in box.buttons() if b.text() == "&Leave it running").click()
    qtbot.waitUntil(shown.isVisible)
    assert "goes on without a window" in page.result.heading.text()
    assert process.poll() is None
    qtbot.mouseClick(page.attach, Qt.MouseButton.LeftButton)
    process.kill()
    process.wait()
    qtbot.waitUntil(lambda: shown.live is not None and shown.live.phase.is_over, timeout=5000)
    shown.live.close()
    qtbot.waitUntil(lambda: page.result.recover.isVisible())
    keep_picture(shown, "start_died")
    qtbot.mouseClick(page.result.recover, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.result.verify.isVisible(), timeout=60_000)


def test_the_session_that_has_just_ended_is_shown_at_the_beginning(
    main: Any, qtbot: Any, sessions_folder: Path
) -> None:
    request = SessionRequest(
        protocol="center_out",
        overrides=["session.duration_s=10"],
        out=sessions_folder,
        speed="max",
        source_timeout_s=1.0,
    )
    folder = Path(run_fast(request, lambda text: None, lambda ticks: None)["session"])
    card = main().start_page.result
    qtbot.waitUntil(card.isVisible, timeout=RESOLVE_MS)
    assert card.heading.text() == f"Last session: {folder.name}"
    assert "10.0 s, ended by: duration" in card.text.text()
    catalogue.remove(folder)
    qtbot.waitUntil(lambda: not card.isVisible(), timeout=RESOLVE_MS)


def test_the_result_follows_what_becomes_of_the_session(main: Any, engine: Any, qtbot: Any) -> None:
    process, folder = engine("session.duration_s=60")
    shown = main()
    card = shown.start_page.result
    shown.show_result(folder)
    assert "goes on without a window" in card.heading.text()
    attachment = Attachment(folder)
    attachment.send({"do": "stop"})  # from another view
    attachment.close()
    process.wait(20)
    qtbot.waitUntil(lambda: card.heading.text() == f"Last session: {folder.name}", timeout=RESOLVE_MS)
    assert "ended by: operator" in card.text.text()


def test_a_session_is_recovered_once_and_says_how_it_goes(
    main: Any, engine: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, folder = engine("session.duration_s=60")
    process.kill()
    process.wait()
    shown = main()
    card = shown.start_page.result
    shown.show_result(folder)
    goes_on = threading.Event()
    roll_forward = redo.roll_forward
    monkeypatch.setattr(redo, "roll_forward", lambda folder: goes_on.wait() and roll_forward(folder))
    qtbot.mouseClick(card.recover, Qt.MouseButton.LeftButton)
    assert card.recover.text() == "Recovering…"
    assert not card.recover.isEnabled()
    qtbot.waitUntil(lambda: recovery_lock.under_way_s(folder) is not None)
    with pytest.raises(JournalError, match="is being recovered already"):
        catalogue.recover(folder)
    qtbot.waitUntil(lambda: re.search(r" [1-9]\d* s so far", card.text.text()) is not None, timeout=RESOLVE_MS)
    shown.show_result(folder)  # as when another window gives way to this one
    assert not card.recover.isEnabled()
    goes_on.set()
    qtbot.waitUntil(card.verify.isVisible, timeout=60_000)
    assert "ended by: killed" in card.text.text()


def test_an_edited_protocol_is_run_and_played_back(
    main: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep_picture: Any
) -> None:
    own = tmp_path / "protocols"
    # The user's folder, in this process and in the engine's.
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for module in ("protocols.load", "bmi_app.gui.editor.editor_page", "bmi_app.gui.start.session_form"):
        monkeypatch.setattr(f"{module}.user_folder", lambda: own)
    shown = main()
    page, editor = shown.start_page, shown.editor_page
    page.form.protocol.setCurrentIndex(page.form.protocol.findText("center_out", Qt.MatchFlag.MatchStartsWith))
    qtbot.mouseClick(page.form.edit, Qt.MouseButton.LeftButton)
    assert shown.pages.currentWidget() is editor
    assert editor.path.stem == "center_out"
    target_radius = editor.form.editor("task.target_radius_cm")
    target_radius.setFocus()
    target_radius.selectAll()
    qtbot.keyClicks(target_radius, "3")
    qtbot.keyClick(target_radius, Qt.Key.Key_Return)
    shown.close()  # not without a question
    assert shown.isVisible()
    next(button for button in editor.question.box.buttons() if button.text() == "&Cancel").click()
    keep_picture(shown, "editor_in_window")
    qtbot.mouseClick(editor.run, Qt.MouseButton.LeftButton)
    assert shown.pages.currentWidget() is page
    assert page.form.protocol.currentText() == "my_center_out   (yours)"
    page.form.duration_s.setValue(2)
    folder = start(qtbot, shown)
    qtbot.waitUntil(lambda: shown.live is None and shown.isVisible(), timeout=60_000)
    assert "target_radius_cm = 3" in (folder / "protocol.toml").read_text()
    shown.pages.setCurrentWidget(shown.sessions_page)
    qtbot.waitUntil(lambda: shown.sessions_page.table.rowCount() == 1)
    shown.sessions_page.table.selectRow(0)
    qtbot.mouseClick(shown.sessions_page.buttons["Replay"], Qt.MouseButton.LeftButton)
    assert shown.pages.currentWidget() is shown.replay_page
    qtbot.waitUntil(lambda: shown.replay_page.session is not None)
    assert shown.replay_page.session.folder == folder
    for process in shown.engines:  # unless it has gone already
        process.wait(10)


def test_choices_are_remembered(main: Any, qtbot: Any) -> None:
    shown = main()
    form = shown.start_page.form
    form.protocol.setCurrentIndex(form.protocol.findText("left_right", Qt.MatchFlag.MatchStartsWith))
    form.subject.setText("M7")
    form.duration_s.setValue(42)
    shown.close()
    again = main().start_page.form
    assert again.protocol.currentText().startswith("left_right")
    assert (again.subject.text(), again.duration_s.value()) == ("M7", 42)


def test_a_failed_start_is_told(main: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from bmi_app.gui import main_window
    from bmi_app.session.view.launch import LaunchError

    def fail(request: dict[str, Any], say: Callable[[str], object]) -> tuple["subprocess.Popen[bytes]", Path]:
        say("compiling")
        time.sleep(0.2)
        raise LaunchError(["the disk is full"])

    monkeypatch.setattr(main_window, "launch", fail)
    shown = main()
    page = shown.start_page
    qtbot.waitUntil(page.start.isEnabled, timeout=RESOLVE_MS)
    qtbot.mouseClick(page.start, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.reasons.text() == "Starting: compiling")
    assert not page.start.isEnabled()
    qtbot.waitUntil(lambda: page.reasons.text() == "the disk is full")
    assert page.form.isEnabled()


def test_a_session_whose_engine_died_is_recovered_and_its_result_shown(main: Any, engine: Any, qtbot: Any) -> None:
    process, folder = engine("session.duration_s=60")
    shown = main()
    shown.open_session(folder)
    live = shown.live
    assert live is not None
    qtbot.waitUntil(lambda: live.phase == Phase.RUNNING and live.status.task.text() != "Starting")
    process.kill()
    process.wait()
    qtbot.waitUntil(live.notice.recover.isVisible)
    qtbot.mouseClick(live.notice.recover, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: shown.isVisible() and shown.start_page.result.verify.isVisible(), timeout=60_000)
    assert shown.live is None
    assert "ended by: killed" in shown.start_page.result.text.text()
    assert folder.parent in shown.folders.all()


def test_an_exception_in_a_slot_is_shown_below_the_pages(
    main: Any, qtbot: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = main()
    assert not shown.log.isVisible()

    def fail() -> None:
        raise ValueError("nonsense")

    with shown_faults(shown.say_fault, lambda: None):
        shown.start_page.form.edit.clicked.disconnect()
        shown.start_page.form.edit.clicked.connect(fail)
        qtbot.mouseClick(shown.start_page.form.edit, Qt.MouseButton.LeftButton)
        shown._computes.submit(fail, lambda _: None)  # and one from a worker's thread
        qtbot.waitUntil(lambda: "(×2)" in shown.log.toPlainText() or shown.log.blockCount() == 2)
    assert shown.log.isVisible()
    assert "ValueError: nonsense (test_start_page.py:" in shown.log.toPlainText()
    assert "Traceback" in capsys.readouterr().err
    shown.pages.setCurrentWidget(shown.sessions_page)  # it lives on
    assert shown.sessions_page.isVisible()


def test_what_the_protocol_says_stands_where_it_is_left_to_it(main: Any, qtbot: Any) -> None:
    shown = main()
    form = shown.start_page.form
    form.protocol.setCurrentIndex(form.protocol.findText("center_out", Qt.MatchFlag.MatchStartsWith))
    qtbot.waitUntil(lambda: form.driver.currentText() == "as the protocol says: simulated", timeout=RESOLVE_MS)
    assert form.duration_s.text() == "as the protocol says: until you stop it"


def test_keys_of_the_pages(main: Any, qtbot: Any, keep_picture: Any) -> None:
    shown = main()
    shown.activateWindow()
    qtbot.waitUntil(shown.isActiveWindow)
    for at, key in enumerate((Qt.Key.Key_1, Qt.Key.Key_2, Qt.Key.Key_3, Qt.Key.Key_4)):
        qtbot.keyClick(shown, key, Qt.KeyboardModifier.ControlModifier)
        assert shown.pages.currentIndex() == at
    qtbot.keyClick(shown, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert shown.pages.currentWidget() is shown.sessions_page
    assert shown.focusWidget() is shown.sessions_page.search
    qtbot.keyClicks(shown.sessions_page.search, "why?")  # here it is a letter
    assert shown.sessions_page.search.text() == "why?"
    assert shown.keys is None
    shown.sessions_page.table.setFocus()
    qtbot.keyClick(shown, "?")
    assert shown.keys is not None
    assert shown.keys.isVisible()
    shown.keys.close()


def test_a_first_look_that_takes_long_says_why(qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_page, "_SLOW_MS", 10)
    compiled = threading.Event()
    checks, others = Worker("checks"), Worker("others")
    checks.submit(compiled.wait, lambda _: None)
    page = start_page.StartPage(checks, others)
    qtbot.addWidget(page)
    page.show()
    qtbot.waitUntil(lambda: "the kernels are compiled once" in page.reasons.text())
    compiled.set()
    qtbot.waitUntil(page.start.isEnabled, timeout=RESOLVE_MS)
    assert page.reasons.text().startswith("✔ Ready")
    page.close_page()
    for worker in (checks, others):
        worker.close()
