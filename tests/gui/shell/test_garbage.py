import gc
import os
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QObject, QTimer

from bmi_app.gui.shell.garbage import collected_here
from bmi_app.gui.shell.worker import Worker


class Looped(QObject):
    """Unreachable only as a cycle, as most of what holds a timer is."""

    def __init__(self) -> None:
        super().__init__()
        self.myself = self
        self.timer = QTimer(self)


def dropped(died_on: list[int]) -> None:
    weakref.finalize(Looped(), lambda: died_on.append(threading.get_ident()))


def allocate() -> list[list[int]]:
    """Make, and keep, far more objects than Python makes before it looks for garbage."""
    return [[] for _ in range(20 * gc.get_threshold()[0])]


def test_qt_objects_die_on_the_window_s_thread_whatever_the_workers_do(qtbot: Any) -> None:
    """The sessions page hung, or crashed, when a worker's thread collected the timers of the window's thread."""
    died_on: list[int] = []
    worker = Worker("test")
    done: list[list[list[int]]] = []
    for n_done in range(1, 6):
        dropped(died_on)
        worker.submit(allocate, done.append)
        qtbot.waitUntil(lambda: len(done) == n_done)  # noqa: B023
    worker.close()
    with collected_here() as collect:
        kept = allocate()
        collect()
        assert kept
    assert died_on == [threading.get_ident()] * 5


def test_collecting_is_left_as_it_was(qtbot: Any) -> None:
    with collected_here():
        assert not gc.isenabled()
        with collected_here():
            pass
        assert not gc.isenabled()
    assert not gc.isenabled()  # the tests of the window collect so too


def test_the_timer_collects_by_itself(qtbot: Any) -> None:
    died_on: list[int] = []
    with collected_here():
        dropped(died_on)
        kept = allocate()
        assert kept
        assert died_on == []
        qtbot.waitUntil(lambda: died_on == [threading.get_ident()])


_PROGRAM = """
import gc, sys
from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication
from bmi_app.gui import main_window
application = QApplication(["bmi"])
QTimer.singleShot(0, lambda: (print(gc.isenabled()), main_window.QApplication.exit()))
main_window.run()
print(gc.isenabled())
"""


def test_the_program_collects_on_its_window_s_thread(tmp_path: Path) -> None:
    home = {name: str(tmp_path) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")}
    came = subprocess.run(
        [sys.executable, "-c", _PROGRAM], env={**os.environ, **home}, capture_output=True, text=True, timeout=100
    )
    assert came.stdout.split() == ["False", "True"], came.stderr
