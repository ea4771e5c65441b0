"""Do what takes long on a thread of its own, and come back to the window's thread with the result."""

import os
import sys
import threading
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

from PyQt6.QtCore import QObject, pyqtSignal

T = TypeVar("T")
_NICE = 19
_Job = Callable[[], None]


class Worker(QObject):
    """Run one call after the other; nothing comes back after `close`.

    Parameters
    ----------
    name : str
        Of the thread.
    lowered : bool
        Whether it gives way to every engine, as all that a view computes should. The worker that starts engines must
        not be lowered, and be made before the view lowers itself: an engine inherits the priority of its thread.
    """

    _came = pyqtSignal(object)

    def __init__(self, name: str, parent: QObject | None = None, *, lowered: bool = True) -> None:
        super().__init__(parent)
        self._lowered = lowered
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._closed = threading.Event()
        self._came.connect(self._act)
        # A daemon: a source that does not answer must not hold up the end of the program.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(
        self, call: Callable[[], T], then: Callable[[T], object], failed: Callable[[Exception], object] | None = None
    ) -> None:
        """Queue a call; `then` gets its result, `failed` its exception, both on the window's thread.

        Without `failed`, an exception is raised on the window's thread, where it is shown as a fault.
        """

        def job() -> None:
            try:
                result = call()
            except Exception as error:  # noqa: BLE001 - carried to the window's thread, whatever it is
                self.post(partial(failed or _raise, error))
            else:
                self.post(lambda: then(result))

        self._jobs.put(job)

    def post(self, act: Callable[[], Any]) -> None:
        """Have something done on the window's thread; any thread may call it."""
        if not self._closed.is_set():
            self._came.emit(act)

    def close(self) -> None:
        """Drop what waits, and wait a moment for what is under way."""
        self._closed.set()
        self._jobs.put(None)
        self._thread.join(0.5)

    def _run(self) -> None:
        if self._lowered and sys.platform == "linux":  # elsewhere it is the whole process that is nice
            os.nice(_NICE)
        while (job := self._jobs.get()) is not None:
            if not self._closed.is_set():
                job()

    def _act(self, act: Callable[[], Any]) -> None:
        if not self._closed.is_set():
            act()


def _raise(error: Exception) -> None:
    raise error
