"""End a test of the window whose time is over, also where it waits in loops of Qt.

pytest-timeout raises once, in whatever Python code runs then. In a slot that is swallowed: pytest-qt notes it, and the loop that
called the slot goes on, for ever if it was the slot that should have ended it. So it is raised until it leaves the test, and
all loops are ended each time.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest
from PyQt6.QtCore import QCoreApplication, QTimer

_AGAIN_S = 0.5
_NOTICED_MS = 200  # Python hears of a signal only when Python code runs, and a loop of Qt need not run any


@contextmanager
def loops_ended_in_time() -> Iterator[None]:
    """Have the alarm of pytest-timeout end every loop of Qt in the block, until what it raises leaves the block."""
    alarm = getattr(signal, "SIGALRM", None)
    theirs = signal.getsignal(alarm) if alarm else None
    application = QCoreApplication.instance()
    if alarm is None or not callable(theirs) or application is None:  # no time was set
        yield
        return
    n_alarms = 0

    def end(signal_number: int, frame: FrameType | None) -> None:
        nonlocal n_alarms
        n_alarms += 1
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_S)
        QCoreApplication.exit()
        if n_alarms == 1:
            theirs(signal_number, frame)  # shows where each thread is, and fails
        pytest.fail("the test's time is over")

    noticing = QTimer()
    noticing.timeout.connect(lambda: None)
    noticing.start(_NOTICED_MS)
    signal.signal(alarm, end)
    try:
        yield
    finally:
        if n_alarms:
            signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(alarm, theirs)
        noticing.stop()
        if n_alarms:  # loops would end at once from now on, until one of the application has ended
            QTimer.singleShot(0, QCoreApplication.exit)
            application.exec()
