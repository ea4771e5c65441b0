"""A test of the window whose time is over fails, and the next one is run, in the same process."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.places import ROOT

CONFTEST = """
import pytest
from tests.gui.time_over import loops_ended_in_time

@pytest.hookimpl(wrapper=True)
def pytest_runtest_call():
    with loops_ended_in_time():
        return (yield)
"""
TESTS = """
import time
import pytest
from PyQt6.QtCore import QEventLoop, QTimer
from PyQt6.QtWidgets import QDialog

@pytest.mark.timeout(2)
def test_a_slot_that_should_end_the_loop(qtbot):
    loop = QEventLoop()
    def work_and_quit():
        end_s = time.monotonic() + 600
        while time.monotonic() < end_s:
            pass
        loop.quit()
    QTimer.singleShot(0, work_and_quit)
    loop.exec()

@pytest.mark.timeout(2)
def test_a_loop_without_python(qtbot):
    QEventLoop().exec()

@pytest.mark.timeout(2)
def test_a_dialog_in_a_slot_during_a_wait(qtbot):
    dialog = QDialog()
    qtbot.addWidget(dialog)
    QTimer.singleShot(0, dialog.exec)
    qtbot.waitUntil(lambda: False, timeout=600_000)

@pytest.mark.timeout(2)
def test_no_loop(qtbot):
    time.sleep(600)

@pytest.mark.timeout(60)
def test_the_next_one_waits_as_ever(qtbot):
    before_s = time.monotonic()
    qtbot.wait(300)
    assert time.monotonic() - before_s > 0.2
"""


def test_a_test_that_waits_in_a_loop_fails_in_time_and_the_next_one_runs(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_waits.py").write_text(TESTS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", tmp_path, tmp_path],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    # pytest-qt tells in an error of its own what a slot raised in a test that failed by itself.
    assert re.search(r"\b4 failed, 1 passed(, 1 error)? in", done.stdout), done.stdout + done.stderr
    assert done.stdout.count("Timeout") >= 4
    assert done.returncode == 1
