import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PyQt6.QtCore import Qt

from bmi_app.gui.learning_curve import success_curve
from bmi_app.gui.sessions_page import SessionsPage
from bmi_app.gui.worker import Worker
from bmi_app.record.kinds import file_name
from bmi_app.record.session_folder import sessions
from bmi_app.session.run_fast import run_fast


def record(root: Path, protocol: str, duration_s: float, *overrides: str, subject: str = "") -> Path:
    request = {
        "protocol": protocol,
        "overrides": [f"session.duration_s={duration_s}", *overrides],
        "out": str(root),
        "speed": "max",
        "source_timeout_s": 1.0,
        "labels": {"subject": subject},
    }
    return Path(run_fast(request, lambda text: None, lambda ticks: None)["session"])


@pytest.fixture
def page(qtbot: Any, tmp_path: Path) -> Iterator[Callable[[], SessionsPage]]:
    workers = [Worker("reads"), Worker("computes")]

    def show() -> SessionsPage:
        page = SessionsPage(workers[0], workers[1], tmp_path / "cache")
        qtbot.addWidget(page)
        page.resize(1280, 680)
        page.show()
        qtbot.waitExposed(page)
        return page

    yield show
    for worker in workers:
        worker.close()


def names(page: SessionsPage) -> list[str]:
    return [
        page.table.item(row, 0).text()  # type: ignore[union-attr]
        for row in range(page.table.rowCount())
        if not page.table.isRowHidden(row)
    ]


def test_sessions_are_listed_searched_verified_and_removed(
    page: Any, qtbot: Any, sessions_folder: Path, keep_picture: Any
) -> None:
    first = record(sessions_folder, "center_out", 90, subject="M1")
    second = record(sessions_folder, "left_right", 60, subject="K2")
    third = record(sessions_folder, "center_out", 300, "decoder.scramble=0.5", "learning.when='trial'", subject="K2")
    shown = page()
    qtbot.waitUntil(lambda: shown.table.rowCount() == 3)
    assert names(shown) == sorted((first.name, second.name, third.name), reverse=True)
    qtbot.waitUntil(lambda: all(not shown.table.item(row, 7).icon().isNull() for row in range(3)))
    qtbot.keyClicks(shown.search, "left k2")
    assert names(shown) == [second.name]
    assert shown.count.text() == "1 of 3 sessions"
    shown.search.clear()
    row = names(shown).index(third.name)
    shown.table.selectRow(row)
    assert "300.0 s, ended by: duration" in shown.detail.text()
    qtbot.mouseClick(shown.buttons["Verify"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: shown.verdict.text().startswith("✔ Bit-exact: all 30,000 ticks"), timeout=60_000)
    keep_picture(shown, "sessions")
    qtbot.mouseClick(shown.buttons["Remove…"], Qt.MouseButton.LeftButton)
    next(button for button in shown.question.buttons() if button.text() == "&Keep").click()
    assert third in sessions(sessions_folder)
    qtbot.mouseClick(shown.buttons["Remove…"], Qt.MouseButton.LeftButton)
    next(button for button in shown.question.buttons() if button.text() == "&Delete").click()
    qtbot.waitUntil(lambda: shown.table.rowCount() == 2)
    assert third not in sessions(sessions_folder)


def test_an_interrupted_session_is_recovered(page: Any, engine: Any, qtbot: Any, keep_picture: Any) -> None:
    process, folder = engine("session.duration_s=60")
    shown = page()
    qtbot.waitUntil(lambda: shown.table.rowCount() == 1)
    shown.table.selectRow(0)
    assert shown.buttons["Attach"].isEnabled()
    assert not shown.buttons["Remove…"].isEnabled()
    with qtbot.waitSignal(shown.attach_asked) as asked:
        qtbot.mouseClick(shown.buttons["Attach"], Qt.MouseButton.LeftButton)
    assert asked.args == [folder]
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    shown.look()
    qtbot.waitUntil(shown.buttons["Recover"].isEnabled)
    keep_picture(shown, "sessions_interrupted")
    qtbot.mouseClick(shown.buttons["Recover"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: shown.verdict.text().startswith("✔ Recovered"), timeout=20_000)
    qtbot.waitUntil(shown.buttons["Verify"].isEnabled)


def test_the_curve_is_kept_until_the_session_changes(sessions_folder: Path, tmp_path: Path) -> None:
    folder = record(sessions_folder, "center_out", 60)
    curve = success_curve(folder, tmp_path)
    assert curve
    assert all(0 <= rate <= 1 for rate in curve)
    kept = tmp_path / f"{folder.name}.json"
    kept.write_text(kept.read_text().replace('"curve": [', '"curve": [0.125, '))
    assert success_curve(folder, tmp_path)[0] == 0.125
    os.utime(folder / file_name("events"))
    assert success_curve(folder, tmp_path) == curve
