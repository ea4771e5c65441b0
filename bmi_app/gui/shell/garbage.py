"""Collect Python's garbage on the window's thread alone.

Python looks for unreachable cycles of objects on whatever thread happens to allocate, and destroys them there. A cycle
with a Qt object in it (a timer whose slot is a method of its owner is one) is then destroyed on a worker's thread while
the window's thread runs: Qt forbids that, timers stop, and the process may crash.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from PyQt6.QtCore import QTimer

from bmi_app import collector

_INTERVAL_MS = 1000


@contextmanager
def collected_here() -> Iterator[Callable[[], None]]:
    """Let nothing but the thread that enters this block collect, each second while its event loop runs.

    Yields
    ------
    callable
        Collects now what is due, for where no event loop runs.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    gc.collect()
    collector.look_as_usual()  # what is loaded by now stays, and need not be looked through each time
    timer = QTimer()
    timer.timeout.connect(_collect_due)
    timer.start(_INTERVAL_MS)
    try:
        yield _collect_due
    finally:
        timer.stop()
        gc.unfreeze()
        if was_enabled:
            gc.enable()


def _collect_due() -> None:
    """Collect the oldest generation that Python would have collected by now, and with it all younger ones."""
    limits = zip(gc.get_count(), gc.get_threshold(), strict=True)
    due = [generation for generation, (count, most) in enumerate(limits) if count > most]
    if due:
        gc.collect(due[-1])
