from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PyQt6.QtCore import QPoint, Qt

from bmi_app.gui.replay_page import ReplayPage
from bmi_app.gui.worker import Worker
from bmi_app.session.run_fast import run_fast


@pytest.fixture
def page(qtbot: Any, sessions_folder: Path) -> Iterator[Callable[[], ReplayPage]]:
    workers = [Worker("reads"), Worker("computes")]
    overrides = ["session.duration_s=120", "learning.when='trial'", "decoder.scramble=0.3"]
    request = {
        "protocol": "center_out",
        "overrides": overrides,
        "out": str(sessions_folder),
        "speed": "max",
        "source_timeout_s": 1.0,
    }
    folder = Path(run_fast(request, lambda text: None, lambda ticks: None)["session"])

    def show() -> ReplayPage:
        page = ReplayPage(workers[0], workers[1])
        qtbot.addWidget(page)
        page.resize(1280, 690)
        page.show()
        qtbot.waitExposed(page)
        page.open(folder)
        qtbot.waitUntil(lambda: page.session is not None, timeout=10_000)
        return page

    yield show
    for worker in workers:
        worker.close()


def test_a_session_is_played_sought_and_paused(page: Any, qtbot: Any, keep_picture: Any) -> None:
    shown = page()
    assert shown.clock.text() == "00:00 of 02:00"
    shown.speed.setCurrentIndex(shown.speed.findText("× 20"))
    qtbot.mouseClick(shown.play, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: shown.time_s > 8)
    assert shown.play.text() == "Pause"
    qtbot.mouseClick(shown.play, Qt.MouseButton.LeftButton)
    stood_s = shown.time_s
    assert int(shown.task_view._frame["tick"]) == shown.session.at(stood_s)
    at = QPoint(round(shown.timeline.x_of(100.0)), 30)
    qtbot.mouseClick(shown.timeline, Qt.MouseButton.LeftButton, pos=at)
    assert abs(shown.time_s - 100) < 0.2
    shown.seek(30.0)
    assert int(shown.task_view._frame["tick"]) == 3000
    keep_picture(shown, "replay")
    shown.speed.setCurrentIndex(shown.speed.findText("× 50"))
    qtbot.mouseClick(shown.play, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not shown.is_playing)  # it ends by itself
    assert shown.time_s == pytest.approx(120)


def test_what_if_and_verify(page: Any, qtbot: Any, keep_picture: Any) -> None:
    shown = page()
    panel = shown.what_if
    panel.rule.setCurrentIndex(panel.rule.findData("lms"))
    panel.when.setCurrentIndex(panel.when.findData("off"))
    qtbot.mouseClick(panel.compute, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(panel.compute.isEnabled, timeout=60_000)
    assert "with learning.rule=lms, learning.when=off" in panel.score.text()
    assert "0 updates" in panel.score.text()
    shown.seek(90.0)
    (_, recorded), (_, changed) = panel._recorded[0].getData(), panel._what_if[0].getData()
    assert recorded.shape == changed.shape
    assert not np.array_equal(recorded, changed)
    qtbot.mouseClick(shown.verify, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(shown.verify.isEnabled, timeout=60_000)
    assert shown.verdict.text().startswith("✔ Bit-exact: all 12,000 ticks")
    keep_picture(shown, "replay_what_if")
