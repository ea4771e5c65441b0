"""Be the engine process: say what takes a while, run one session, leave nothing behind.

The request is the first argument, as JSON (`bmi_app.session.request.SessionRequest`). Until the session runs, messages go to
standard output as JSON lines: {"progress": text}, {"error": [lines]}, {"ready": folder}; afterwards to `engine.log`. If
the launcher dies before that, so does the engine, and nothing was made; afterwards the session goes on without it.
"""

import contextlib
import faulthandler
import json
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bmi_app import collector, permissions
from bmi_app.session.engine.launcher_watch import LauncherWatch
from bmi_app.session.request import RequestError, SessionRequest

_GIVEN_UP = 130


class _GivenUp(BaseException):
    """Unwind what was prepared: asked to stop, or left by the launcher, before the session ran."""


class _Signals:
    """Turn SIGTERM and SIGINT into an end without traces: of the preparation, or of the running session."""

    def __init__(self) -> None:
        self.came = False
        self.stop: Callable[[], object] | None = None  # of the engine, once there is one
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._take)

    def _take(self, *_: object) -> None:
        again, self.came = self.came, True
        if self.stop is not None:
            self.stop()
        elif not again:  # a second one must not disturb the cleaning up after the first
            raise _GivenUp

    def hand_to(self, stop: Callable[[], object]) -> None:
        """Let the engine stop from now on, unless a signal came before and was swallowed on its way up."""
        self.stop = stop
        if self.came:
            raise _GivenUp


def main() -> int:
    """Run the engine that the first argument asks for; return the exit code."""
    collector.look_seldom()
    try:
        signals = _Signals()
        watch = LauncherWatch(1, _GIVEN_UP)
        permissions.apply()
        request = SessionRequest.of_json(sys.argv[1])
        _announce_compilation()
        from bmi_app.session.engine.prepare import PrepareError, prepare

        try:
            prepared = prepare(request, _tell)
        except PrepareError as error:
            _say(error=error.lines)
            return 2
        except OSError as error:  # of files that are no session's: those of the program, compiled kernels
            _say(error=[f"the session cannot start: {error}"])
            return 2
        return _run(prepared, signals, watch)
    except (permissions.PermissionsError, RequestError) as error:
        _say(error=[str(error)])
        return 2
    except _GivenUp:
        return _GIVEN_UP


def _run(prepared: Any, signals: _Signals, watch: LauncherWatch) -> int:
    """Run the prepared session; leave nothing of one that never began."""
    from bmi_app.outputs.contract import OutputError
    from bmi_app.record.damage import JournalError
    from drivers.contract import SourceError

    log = None
    try:
        log = (prepared.folder / "engine.log").open("ab", buffering=0)
        faulthandler.enable(log)
        return _run_engine(prepared, signals, watch, log)
    except _GivenUp:
        _forget(prepared)
        raise
    except Exception as error:  # noqa: BLE001 - the last line of defence: said to the user, kept in the log
        began = _has_frames(prepared)
        expected = isinstance(error, OutputError | SourceError | JournalError | OSError)
        if log is not None:
            with contextlib.suppress(OSError):  # on a full disk the words to the launcher must do
                log.write(f"{time.strftime('%FT%T')} {traceback.format_exc()}\n".encode())
        said = str(error)
        if (
            isinstance(error, OSError) and error.errno is not None and error.filename is None
        ):  # the system does not say of which file it speaks
            said = f"{prepared.folder}: {error.strerror or error}"
        _say(error=[f"the session stopped: {said}; see engine.log" if began else said])
        if not began:
            _forget(prepared)
        return 2 if expected and not began else 1
    finally:
        prepared.live_path.unlink(missing_ok=True)
        prepared.release()


def _run_engine(prepared: Any, signals: _Signals, watch: LauncherWatch, log: Any) -> int:
    from bmi_app.record.session_folder import write_summary
    from bmi_app.session.engine.engine import Engine

    engine = Engine(prepared)
    collector.look_as_usual()
    try:
        _tell("starting")  # the last message before data flow: a launcher that has gone is noticed here
        # Until the source is connected, a signal unwinds what was prepared: a source may take as long as it takes.
        summary = engine.run(
            lambda: _hand_over(prepared.folder, watch, log), lambda: signals.hand_to(engine.stop), _tell
        )
    finally:
        engine.close()
    write_summary(prepared.folder, summary, engine.seals())
    return 1 if "error" in summary else 0


def _forget(prepared: Any) -> None:
    """Remove the folder of a session that never began: it would only mislead."""
    shutil.rmtree(prepared.folder, ignore_errors=True)


def _has_frames(prepared: Any) -> bool:
    from bmi_app.rt import cells

    return bool(prepared.core.arrays["ctl"][cells.FRAMES_HEAD])


def _announce_compilation() -> None:
    from bmi_app.session.engine import compilation

    if compilation.is_due():
        _tell(compilation.said())


def _hand_over(folder: Path, watch: LauncherWatch, log: Any) -> None:
    """Tell the launcher that the session runs; from now on the engine speaks to its log only."""
    watch.end()
    if not _say(ready=str(folder)):
        raise _GivenUp
    os.dup2(log.fileno(), 1)
    os.dup2(log.fileno(), 2)


def _tell(text: str) -> None:
    """Tell the launcher what takes a while; without a launcher the session is given up."""
    if not _say(progress=text):
        raise _GivenUp


def _say(**message: Any) -> bool:
    """Write one JSON line to the launcher; tell whether it is still there."""
    try:
        os.write(1, json.dumps(message).encode() + b"\n")
    except OSError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
