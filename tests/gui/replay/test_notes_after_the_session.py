"""Issue 14, 7: notes, pauses, moves and commands of a session were seen nowhere once it was over."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PyQt6.QtCore import QPoint, QSettings, Qt
from PyQt6.QtWidgets import QApplication

from bmi_app.analysis.told_moments import read_told
from bmi_app.gui.browser.recent_folders import RecentFolders
from bmi_app.gui.browser.sessions_page import SessionsPage
from bmi_app.gui.replay.replay_page import ReplayPage
from bmi_app.gui.shell.worker import Worker
from bmi_app.session.view.attachment import Attachment
from bmi_app.session.view.narrator import Narrator
from tests.gui.layout_faults import layout_faults

NOTE = "the subject yawned <b>loudly</b>"


@pytest.fixture
def workers() -> Iterator[list[Worker]]:
    made = [Worker("reads"), Worker("computes")]
    yield made
    for worker in made:
        worker.close()


def operated(engine: Any, qtbot: Any) -> tuple[Path, list[str]]:
    """Run a session with an operator who notes, pauses, moves a unit, undoes that, and changes the rate; return its log."""
    process, folder = engine("session.duration_s=60")
    view = Attachment(folder)
    qtbot.waitUntil(lambda: view.head > 20, timeout=60_000)
    for request in (
        {"do": "note", "text": NOTE},
        {"do": "pause"},
        {"do": "resume"},
        {"do": "move_unit", "unit": 5, "population": "vertical"},
        {"do": "undo"},
        {"do": "learning_rate", "value": 0.01},
    ):
        answer = view.send(request)
        assert answer["ok"], answer
    lines = Narrator(view).fresh_lines()
    assert view.send({"do": "stop"})["ok"]
    view.close()
    assert process.wait(60) == 0
    return folder, lines


def test_replay_and_browser_tell_what_the_log_told(
    engine: Any, qtbot: Any, workers: list[Worker], tmp_path: Path, keep_picture: Any
) -> None:
    folder, lines = operated(engine, qtbot)
    told = read_told(folder)
    said = [f"{moment.text} · tick {moment.tick:,}" for moment in told.moments]
    assert [line.rpartition(" (")[0] for line in lines] == said[: len(lines)]  # afterwards comes the stop
    texts = {
        sort: [moment.text for moment in told.moments if moment.sort == sort] for sort in ("note", "pause", "move")
    }
    assert texts == {"note": [f"note: {NOTE}"], "pause": ["pause", "resume"], "move": ["move unit 5 to vertical"]}
    undone = next(moment.text for moment in told.moments if moment.text.startswith("weights back to before"))
    assert undone.endswith("undone: 1 x unit moved; unit 5 back in horizontal")
    ((began_s, ended_s),) = told.pauses_s
    pause, resume = (moment for moment in told.moments if moment.sort == "pause")
    assert (began_s, ended_s) == (pause.time_s, resume.time_s)

    page = ReplayPage(workers[0], workers[1])
    qtbot.addWidget(page)
    page.resize(1280, 690)
    page.show()
    qtbot.waitExposed(page)
    page.open(folder)
    qtbot.waitUntil(lambda: page.moments.list.count() == len(told.moments), timeout=60_000)
    assert page.docks is not None
    page.docks.docks["Notes and events"].raise_()
    QApplication.processEvents()
    keep_picture(page, "replay_notes")
    assert layout_faults(page) == []
    page.moments.sort.setCurrentIndex(page.moments.sort.findText("Notes"))
    (line,) = page.moments.lines()
    assert line.endswith(f"note: {NOTE}")
    note = next(moment for moment in told.moments if moment.sort == "note")
    page.seek(0.0)
    page.moments.list.setFocus()
    page.moments.list.setCurrentRow(0)
    qtbot.keyClick(page.moments.list, Qt.Key.Key_Return)
    assert page.time_s == pytest.approx(note.time_s)
    page.seek(0.0)
    item = page.moments.list.item(0)
    assert item is not None
    place = page.moments.list.visualItemRect(item).center()
    qtbot.mouseClick(page.moments.list.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(place))
    assert page.time_s == pytest.approx(note.time_s)
    x = page.timeline.x_of(note.time_s)
    assert note in page.timeline.moments_near(x)
    bare, picture = page.timeline.grab().toImage(), page.palette().window().color()
    marks_y = round(page.timeline.height() * 0.66)
    ratio = bare.devicePixelRatio()
    assert bare.pixelColor(round(x * ratio), round(marks_y * ratio)) != picture

    shown = SessionsPage(
        workers[0],
        workers[1],
        tmp_path / "cache",
        RecentFolders(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)),
    )
    qtbot.addWidget(shown)
    shown.resize(1280, 680)
    shown.show()
    qtbot.waitUntil(lambda: shown.table.rowCount() == 1)
    assert not shown.moments.isVisible()
    shown.table.selectRow(0)
    qtbot.waitUntil(shown.moments.isVisible)
    assert any(line.endswith(f"note: {NOTE}") for line in shown.moments.lines())
    QApplication.processEvents()
    keep_picture(shown, "sessions_notes")
    assert layout_faults(shown) == []
