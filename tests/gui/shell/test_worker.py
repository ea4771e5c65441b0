import os
import sys
import threading
from typing import Any

import pytest

from bmi_app.gui.shell.worker import Worker


@pytest.fixture
def worker(qapp: Any) -> Any:
    made: list[Worker] = []

    def make(**options: bool) -> Worker:
        made.append(Worker("test", **options))
        return made[-1]

    yield make
    for worker in made:
        worker.close()


def test_results_and_exceptions_come_back_to_the_window_s_thread(worker: Any, qtbot: Any) -> None:
    came: list[Any] = []
    one = worker()
    one.submit(threading.get_ident, lambda there: came.append((there, threading.get_ident())))
    one.submit(lambda: 1 // 0, came.append, lambda error: came.append(type(error)))
    qtbot.waitUntil(lambda: len(came) == 2)
    there, here = came[0]
    assert there != here == threading.get_ident()
    assert came[1] is ZeroDivisionError


def test_nothing_comes_back_after_close(worker: Any, qtbot: Any) -> None:
    came: list[Any] = []
    one = worker()
    going = threading.Event()
    one.submit(lambda: going.wait(5), came.append)
    threading.Timer(0.1, going.set).start()
    one.close()
    qtbot.wait(150)
    assert came == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process has one priority")
def test_only_what_starts_engines_keeps_its_priority(worker: Any, qtbot: Any) -> None:
    found: list[int] = []
    for lowered in (True, False):
        worker(lowered=lowered).submit(lambda: os.getpriority(os.PRIO_PROCESS, 0), found.append)
        qtbot.waitUntil(lambda: len(found) == (1 if lowered else 2))  # noqa: B023
    assert found == [19, os.getpriority(os.PRIO_PROCESS, 0)]
