"""No text is cut and nothing lies over anything, at 1280x720 in the light and in the dark, and at 4K scaling."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PyQt6.QtCore import QSettings
from PyQt6.QtWidgets import QApplication

from bmi_app.gui.live.window import OperatorWindow
from bmi_app.gui.main_window import MainWindow
from bmi_app.gui.panels.docks import is_seen
from bmi_app.gui.panels.raster_panel import RasterPanel
from bmi_app.gui.shell.shortcuts import ShortcutsDialog
from bmi_app.session.engine.full_speed import run_fast
from bmi_app.session.request import SessionRequest
from tests.gui.layout_faults import layout_faults
from tests.support.places import ROOT

WIDTH, HEIGHT = (int(size) for size in os.environ.get("BMI_LAYOUT_SIZE", "1280x720").split("x"))
NAME = f"{WIDTH}x{HEIGHT}"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Record two sessions, of which each test takes a copy."""
    folder = tmp_path_factory.mktemp("recorded")
    request = SessionRequest(
        protocol="center_out",
        overrides=["session.duration_s=90", "learning.when='reward'", "decoder.scramble=0.3"],
        out=folder,
        speed="max",
        source_timeout_s=1.0,
        subject="monkey J",
    )
    for seed in (1, 2):
        run_fast(replace(request, seed=seed), lambda text: None, lambda ticks: None)
    return folder


@pytest.fixture
def main(qtbot: Any, tmp_path: Path, sessions_folder: Path, recorded: Path) -> MainWindow:
    shutil.copytree(recorded, sessions_folder)
    window = MainWindow(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat))
    qtbot.addWidget(window, before_close_func=MainWindow.leave)
    window.resize(WIDTH, HEIGHT)
    window.show()
    qtbot.waitExposed(window)
    return window


def check(widget: Any, name: str, keep_picture: Callable[[Any, str], Path]) -> None:
    for _ in range(3):
        QApplication.processEvents()
    keep_picture(widget, f"layout_{name}_{NAME}")
    assert layout_faults(widget) == []


def test_the_start_page(main: MainWindow, qtbot: Any, appearance: str, keep_picture: Any) -> None:
    qtbot.waitUntil(lambda: main.start_page.reasons.text().startswith("✔"), timeout=60_000)
    check(main, f"start_{appearance}", keep_picture)


def test_the_sessions_page(main: MainWindow, qtbot: Any, appearance: str, keep_picture: Any) -> None:
    page = main.sessions_page
    main.pages.setCurrentWidget(page)
    qtbot.waitUntil(lambda: page.table.rowCount() == 2, timeout=60_000)
    page.table.selectRow(0)
    check(main, f"sessions_{appearance}", keep_picture)


def test_the_editor_s_tabs(main: MainWindow, qtbot: Any, appearance: str, keep_picture: Any) -> None:
    page = main.editor_page
    main.pages.setCurrentWidget(page)
    qtbot.waitUntil(lambda: page.state.text().startswith("✔"), timeout=60_000)
    for tab in range(page.form.count()):
        page.form.setCurrentIndex(tab)
        check(main, f"editor_{page.form.tabText(tab).lower()}_{appearance}", keep_picture)


def test_the_replay_page(
    main: MainWindow, qtbot: Any, appearance: str, sessions_folder: Path, keep_picture: Any
) -> None:
    page = main.replay_page
    main.pages.setCurrentWidget(page)
    check(main, f"replay_empty_{appearance}", keep_picture)
    page.open(min(sessions_folder.iterdir()))
    qtbot.waitUntil(lambda: page.panels is not None and is_seen(page.panels.of(RasterPanel)), timeout=60_000)
    page.seek(60.0)
    for title in ("Spikes", "Tuning", "Trials", "Timing", "Decoder", "Learning", "Curves", "Trajectories"):
        page.docks.docks[title].raise_()
        check(main, f"replay_{title.lower()}_{appearance}", keep_picture)


def test_the_live_window(
    stepped: Any, window: Callable[..., OperatorWindow], appearance: str, keep_picture: Any
) -> None:
    session = stepped("center_out", "learning.when=reward", "decoder.scramble=0.3", "session.duration_s=120")
    session.step(200)
    session.step(3500)
    session.time_health(120.0, 0.0)
    shown = window(session.folder)
    shown.hold()
    shown.resize(WIDTH, HEIGHT)
    for title in shown.docks.panels:
        shown.docks.docks[title].raise_()
        for _ in range(3):
            shown.refresh()
            QApplication.processEvents()
        check(shown, f"live_{title.lower()}_{appearance}", keep_picture)
    shown.resize(max(WIDTH, 1400), max(HEIGHT, 900))
    shown.docks.arrange_all()
    check(shown, f"live_all_{appearance}", keep_picture)


def test_the_list_of_keys(qtbot: Any, appearance: str, keep_picture: Any) -> None:
    dialog = ShortcutsDialog()
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitExposed(dialog)
    assert dialog.width() < 1280
    assert dialog.height() < 720
    check(dialog, f"keys_{appearance}", keep_picture)


@pytest.mark.timeout(900)
@pytest.mark.skipif("BMI_LAYOUT_SIZE" in os.environ, reason="this is that test's own process")
def test_all_of_it_at_4k_scaling(tmp_path: Path) -> None:
    pictures = os.environ.get("BMI_SCREENSHOTS", str(tmp_path))
    environment = os.environ | {"QT_SCALE_FACTOR": "2", "BMI_LAYOUT_SIZE": "1920x1080", "BMI_SCREENSHOTS": pictures}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", "not dark", __file__],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout[-4000:]
