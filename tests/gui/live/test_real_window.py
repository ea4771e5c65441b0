import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bmi_app.rt.records import Flag
from bmi_app.session.view.attachment import Attachment
from tests.gui.real_screen import MISSING, WHY_SKIPPED, Program, Screen

pytestmark = [
    pytest.mark.realtime,
    pytest.mark.skipif(bool(MISSING), reason=WHY_SKIPPED),
]
RUN = """
import sys
from pathlib import Path
from PyQt6.QtCore import QTimer
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import QApplication
from bmi_app.gui import widget_map
from bmi_app.gui.live.window import OperatorWindow, run

def tell_what_is_seen():
    (window,) = [widget for widget in application.topLevelWidgets() if isinstance(widget, OperatorWindow)]
    widget_map.install(window)

application = QApplication(["bmi"])
QTimer.singleShot(0, tell_what_is_seen)
QTimer.singleShot(5000, lambda: QGuiApplication.primaryScreen().grabWindow(0).save(sys.argv[2]))
sys.exit(run(Path(sys.argv[1]), close_at_end=True))
"""


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Screen]:
    folder = tmp_path / "screen"
    folder.mkdir()
    screen = Screen(folder)
    yield screen
    screen.close()


def wait_for(holds: Callable[[], bool], timeout_s: float = 60.0) -> None:
    give_up_s = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < give_up_s
        time.sleep(0.05)


def test_an_operator_pauses_resumes_and_stops_with_real_keys(engine: Any, screen: Screen, tmp_path: Path) -> None:
    process, folder = engine("session.duration_s=60")
    attachment = Attachment(folder)
    screenshots = Path(os.environ.get("BMI_SCREENSHOTS", tmp_path))
    (screenshots / "real_window.png").unlink(missing_ok=True)  # of an earlier run
    xdotool = screen.xdotool
    program = Program(tmp_path, screen.environment, "-c", RUN, str(folder), str(screenshots / "real_window.png"))

    def is_paused() -> bool:
        frame = attachment.latest()
        return frame is not None and bool(int(frame["flags"]) & Flag.PAUSED)

    try:
        wait_for(lambda: xdotool("search", "--onlyvisible", "--name", "center_out") != "")
        shown = xdotool("search", "--onlyvisible", "--name", "center_out").splitlines()[0]
        xdotool("windowfocus", "--sync", shown)
        wait_for(lambda: (screenshots / "real_window.png").exists())
        xdotool("key", "space")
        wait_for(is_paused)
        program.wait_for(text="Resume")  # Space means what the button says
        xdotool("key", "space")
        wait_for(lambda: not is_paused())
        xdotool("key", "ctrl+q")
        wait_for(lambda: xdotool("search", "--onlyvisible", "--name", "^bmi$") != "")
        asked = xdotool("search", "--onlyvisible", "--name", "^bmi$").splitlines()[0]
        xdotool("windowfocus", "--sync", asked)
        xdotool("key", "alt+s")
        assert program.process.wait(60) == 0
        assert process.wait(60) == 0
        assert attachment.has_ended()
    finally:
        program.process.kill()
        _, complaints = program.process.communicate()
    assert "Traceback" not in complaints
