"""Every page is walked by Tab alone, every stop shows that it has the keyboard and has a name, and keys press what has it."""

import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pytest
from PyQt6.QtCore import QSettings, Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QAbstractButton, QApplication

from bmi_app.gui.live.window import OperatorWindow
from bmi_app.gui.main_window import MainWindow
from bmi_app.gui.panels.docks import is_seen
from bmi_app.gui.panels.learning_panel import LearningPanel
from bmi_app.gui.panels.raster_panel import RasterPanel
from bmi_app.session.engine.full_speed import run_fast
from bmi_app.session.request import SessionRequest
from tests.gui.keys_walk import stops_without, told, walk


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded")
    request = SessionRequest(
        protocol="center_out",
        overrides=["session.duration_s=30", "learning.when='reward'", "decoder.scramble=0.3"],
        out=folder,
        seed=1,
        speed="max",
        source_timeout_s=1.0,
    )
    run_fast(request, lambda text: None, lambda ticks: None)
    return folder


@pytest.fixture
def main(qtbot: Any, tmp_path: Path, sessions_folder: Path, recorded: Path) -> MainWindow:
    shutil.copytree(recorded, sessions_folder)
    window = MainWindow(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat))
    qtbot.addWidget(window, before_close_func=MainWindow.leave)
    window.resize(1280, 720)
    window.show()
    qtbot.waitExposed(window)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    qtbot.waitUntil(lambda: window.start_page.reasons.text().startswith("✔"), timeout=60_000)
    return window


@pytest.fixture
def live(stepped: Any, window: Callable[..., OperatorWindow]) -> OperatorWindow:
    session = stepped("center_out", "learning.when=reward", "decoder.scramble=0.3", "session.duration_s=120")
    session.step(3700)
    session.time_health(120.0, 0.0)
    shown = window(session.folder)
    shown.hold()
    shown.refresh()
    QApplication.processEvents()
    return shown


def nothing_is_missing(missing: Collection[str]) -> None:
    assert not missing, "\n".join(sorted(missing))


def test_the_start_page(main: MainWindow, keep_picture: Any) -> None:
    nothing_is_missing(stops_without(main))
    main.start_page.start.setFocus(Qt.FocusReason.TabFocusReason)
    keep_picture(main, "keys_start")


def test_the_sessions_page(main: MainWindow, qtbot: Any) -> None:
    page = main.sessions_page
    main.pages.setCurrentWidget(page)
    qtbot.waitUntil(lambda: page.table.rowCount() == 1, timeout=60_000)
    page.table.selectRow(0)
    nothing_is_missing(stops_without(main))


def test_the_editor(main: MainWindow, qtbot: Any, keep_picture: Any) -> None:
    page = main.editor_page
    main.pages.setCurrentWidget(page)
    qtbot.waitUntil(lambda: page.state.text().startswith("✔"), timeout=60_000)
    missing = set()
    for tab in range(page.form.count()):
        page.form.setCurrentIndex(tab)
        missing |= set(stops_without(main))
    nothing_is_missing(missing)
    keep_picture(main, "keys_editor")


def test_the_replay_page(main: MainWindow, qtbot: Any, sessions_folder: Path) -> None:
    page = main.replay_page
    main.pages.setCurrentWidget(page)
    missing = set(stops_without(main))
    page.open(min(sessions_folder.iterdir()))
    qtbot.waitUntil(lambda: page.panels is not None and is_seen(page.panels.of(RasterPanel)), timeout=60_000)
    for title in ("Spikes", "Tuning", "Learning"):
        page.docks.docks[title].raise_()
        QApplication.processEvents()
        missing |= set(stops_without(main))
    nothing_is_missing(missing)


def test_the_live_window(live: OperatorWindow, keep_picture: Any) -> None:
    missing = set()
    for title in live.docks.panels:
        live.docks.docks[title].raise_()
        live.refresh()
        QApplication.processEvents()
        missing |= set(stops_without(live))
    nothing_is_missing(missing)
    live.controls.note.setFocus(Qt.FocusReason.TabFocusReason)
    keep_picture(live, "keys_live")


def test_the_walk_goes_both_ways(main: MainWindow) -> None:
    forward = walk(main)
    backward = walk(main, backward=True)
    assert len(forward) > 10
    assert {id(stop) for stop in forward} == {id(stop) for stop in backward}


@pytest.mark.parametrize("key", [Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter])
def test_a_key_presses_the_control_that_has_the_keyboard_and_nothing_else(live: OperatorWindow, key: Any) -> None:
    panel = live.live.of(LearningPanel)
    live.docks.docks["Learning"].raise_()
    pauses: list[bool] = []
    live.controls.pause_asked.connect(pauses.append)
    controls = [*live.controls.plain.values(), panel.learning, panel.follow, panel.fit]
    QApplication.processEvents()
    pressed = []
    for control in controls:
        if not (control.isVisible() and control.isEnabled()):
            continue
        clicks: list[bool] = []
        control.clicked.connect(clicks.append)
        control.setFocus(Qt.FocusReason.TabFocusReason)
        QTest.keyClick(control, key)
        assert len(clicks) == 1, told(control)
        pressed.append(control)
    assert len(pressed) >= 5
    assert pauses == []


def test_behind_a_click_of_the_mouse_space_pauses(live: OperatorWindow, qtbot: Any) -> None:
    pauses: list[bool] = []
    live.controls.pause_asked.connect(pauses.append)
    clicks: list[bool] = []
    reward: QAbstractButton = live.controls.plain["reward"]
    reward.clicked.connect(clicks.append)
    qtbot.mouseClick(reward, Qt.MouseButton.LeftButton)
    assert len(clicks) == 1
    QTest.keyClick(live, Qt.Key.Key_Space)
    assert pauses == [True]
    assert len(clicks) == 1


def test_the_ring_goes_with_the_keyboard_and_comes_at_no_click(live: OperatorWindow, qtbot: Any) -> None:
    from bmi_app.gui.shell.focus_ring import FocusRing

    def rings() -> list[FocusRing]:
        return [ring for ring in live.findChildren(FocusRing) if ring.isVisible()]

    QTest.keyClick(live, Qt.Key.Key_Tab)
    assert len(rings()) == 1
    qtbot.mouseClick(live.controls.note, Qt.MouseButton.LeftButton)
    assert rings() == []
    live.controls.note.clearFocus()
    assert rings() == []
