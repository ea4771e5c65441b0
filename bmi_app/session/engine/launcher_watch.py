"""Notice that the process that launched an engine has died before its session runs, whatever the engine waits for at that moment.

The launcher holds the reading end of the pipe that the engine reports to. Its end is told by the system at once: no polling, no process
number that another process may have meanwhile.
"""

import contextlib
import os
import select
import signal
import threading

from bmi_app.rt import livefile

_UNWIND_S = 5.0  # within which the main thread takes back what it has begun; a search for streams takes no signal


class LauncherWatch:
    """Give up the start of a session when its launcher has gone.

    Parameters
    ----------
    descriptor : int
        The writing end of the pipe to the launcher.
    exit_code : int
        Of an engine whose main thread does not answer.
    """

    def __init__(self, descriptor: int, exit_code: int) -> None:
        self._descriptor, self._exit_code = descriptor, exit_code
        self._over = threading.Event()
        if hasattr(select, "poll"):  # pragma: no branch - not on Windows
            threading.Thread(target=self._watch, name="launcher watch", daemon=True).start()

    def end(self) -> None:
        """Watch no longer: the session runs, and goes on without its launcher."""
        self._over.set()

    def _watch(self) -> None:
        poll = select.poll()
        poll.register(self._descriptor, 0)  # errors are told in any case, and a pipe without a reader is one
        while not self._over.is_set():
            if not any(happened & (select.POLLERR | select.POLLHUP) for _, happened in poll.poll()):
                return  # it is no pipe any more
            if self._over.is_set():
                return
            main = threading.main_thread().ident
            assert main is not None
            signal.pthread_kill(main, signal.SIGTERM)
            if not self._over.wait(_UNWIND_S):
                self._leave()

    def _leave(self) -> None:
        """End the process in the midst of whatever the main thread does."""
        with contextlib.suppress(OSError):
            for path in livefile.folder().glob(f"bmi-{os.getpid()}-*.live"):
                path.unlink(missing_ok=True)
        os._exit(self._exit_code)
