"""Measure how long the operator's window takes for a frame, on a session that runs, without a screen.

As a process: the argument is the session folder. It says when the window is shown with every panel, and draws at display
rate until a line comes; then it says how long each frame took.
"""

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from PyQt6.QtCore import QSettings
from PyQt6.QtWidgets import QApplication

from bmi_app.gui.live.window import OperatorWindow
from bmi_app.gui.shell.garbage import collected_here
from bmi_app.session.priority import lower_view
from bmi_app.session.view.attachment import Attachment

SIZE_PX = (1400, 900)
_RATE_HZ = 60.0
_WARM_UP = 30  # frames: fonts are loaded, layouts settle


def prepare(window: OperatorWindow) -> None:
    """Show every panel at once, and let the window be drawn by `measure` alone."""
    window.hold()
    window.resize(*SIZE_PX)
    window.docks.arrange_all()
    window.show()
    measure(window, lambda n_frames: n_frames < _WARM_UP)


def measure(
    window: OperatorWindow, goes_on: Callable[[int], bool], before_frame: Callable[[], object] = lambda: None
) -> tuple[list[float], list[float]]:
    """Draw frames at display rate, since panels redraw by the clock, while `goes_on(n_frames)`.

    Returns
    -------
    wall_ms, processor_ms : list of float
        What each frame took: reading, drawing, painting; on the clock, and of this thread's processor time.
    """
    wall_ms: list[float] = []
    processor_ms: list[float] = []
    while goes_on(len(wall_ms)):
        before_frame()
        began_s, began_processor_s = time.perf_counter(), time.thread_time()
        window.refresh()
        QApplication.processEvents()
        took_s = time.perf_counter() - began_s
        wall_ms.append(took_s * 1e3)
        processor_ms.append((time.thread_time() - began_processor_s) * 1e3)
        time.sleep(max(0.0, 1 / _RATE_HZ - took_s))
    return wall_ms, processor_ms


def main(folder: str) -> None:
    """Be a process that shows the window until a line comes on standard input."""
    told = threading.Event()

    def listen() -> None:
        sys.stdin.readline()
        told.set()

    attachment = Attachment(Path(folder))
    lower_view()
    application = QApplication(["bmi"])
    with tempfile.TemporaryDirectory(prefix="bmi-bench-") as settings:  # the user's layout is neither taken nor changed
        QSettings.setPath(QSettings.Format.NativeFormat, QSettings.Scope.UserScope, settings)
        window = OperatorWindow(attachment, close_at_end=False)
        prepare(window)
        threading.Thread(target=listen, daemon=True).start()
        print("{}", flush=True)
        with collected_here():
            wall_ms, processor_ms = measure(window, lambda _: not told.is_set())
        print(json.dumps({"wall_ms": wall_ms, "processor_ms": processor_ms}), flush=True)
        window.leave()
    application.quit()


if __name__ == "__main__":
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    main(sys.argv[1])
