"""Run a session from the command line: launch its engine, watch it in one of three ways, say how it went."""

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

from bmi_app.plain_text import plain
from bmi_app.record.session_folder import call_it, read_summary
from bmi_app.session.request import SessionRequest
from bmi_app.session.view.attachment import AttachError, Attachment, why_not
from bmi_app.session.view.launch import LaunchError, launch, summary_of

View = Literal["gui", "terminal", "headless"]
ShowWindow = Callable[[Path], object]  # given by the command, since the window lies above this layer


class RunError(Exception):
    """Tell the user, in one line a mistake, why there was no session."""

    def __init__(self, lines: list[str], exit_code: int = 2) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
        self.exit_code = exit_code


def run(request: SessionRequest, view: View, show_window: ShowWindow, *, verify: bool) -> dict[str, Any]:
    """Run the session that a request asks for, and return its summary, with `replay` where it was verified.

    Raises
    ------
    RunError
        If it did not start, or its engine died.
    """
    with _terminated_as_interrupted():
        summary = _run_fast(request) if request.speed == "max" else _run_live(request, view, show_window)
    if verify:
        from bmi_app.session.recompute import report

        _tell("verifying: recomputing every tick")
        try:
            summary["replay"] = report.verify(Path(summary["session"]))
        except report.ReplayError as error:
            summary["replay"] = {"exact": False, "failed": True, "difference": error.lines[0]}
    return summary


def watch(folder: Path) -> None:
    """Show a running session in the terminal until it ends or Ctrl-C.

    Raises
    ------
    RunError
        If it does not run.
    """
    try:
        attachment = Attachment(folder)
    except AttachError as error:
        raise RunError([str(error)]) from error
    if not attachment.is_alive():
        attachment.close()
        raise RunError([why_not(folder)])
    from rich.console import Console

    from bmi_app.session.view import dashboard

    try:
        dashboard.watch(attachment, Console(stderr=True))
    except KeyboardInterrupt:
        name = call_it(folder)
        goes_on = f"goes on. `bmi attach {name}` shows it, `bmi sessions stop {name}` ends it"
        _tell(f"left; {folder.name} {goes_on if attachment.is_alive() else 'runs no longer'}")
    finally:
        attachment.close()


def _run_fast(request: SessionRequest) -> dict[str, Any]:
    from bmi_app.session.engine.full_speed import run_fast
    from bmi_app.session.engine.prepare import PrepareError
    from bmi_app.session.view.progress import bar

    try:
        with bar("ticks") as advance:
            return run_fast(request, _tell, advance)
    except PrepareError as error:
        raise RunError(error.lines) from error


def _run_live(request: SessionRequest, view: View, show_window: ShowWindow) -> dict[str, Any]:
    try:
        process, folder = launch(request, _tell)
    except LaunchError as error:
        raise RunError(error.lines, error.exit_code) from error
    try:
        try:
            _show(process, folder, view, show_window)
        except KeyboardInterrupt:
            _stop(process, folder)
        process.wait()
    except KeyboardInterrupt:
        raise RunError(
            [f"left; {folder.name} is still stopping: `bmi sessions show {call_it(folder)}` says when it has ended"],
            130,
        ) from None
    try:
        return summary_of(folder, process.returncode)
    except LaunchError as error:
        raise RunError(error.lines, error.exit_code) from error


def _show(process: "subprocess.Popen[bytes]", folder: Path, view: View, show_window: ShowWindow) -> None:
    """Show the session until its end; whatever happens to the view, the session goes on."""
    if view == "gui":
        show_window(folder)
        if process.poll() is None and read_summary(folder) is None:  # a complete one closed the window itself
            _tell(f"the window is closed; {folder.name} goes on until its end, or Ctrl-C")
    elif view == "terminal":
        from rich.console import Console

        from bmi_app.session.view import dashboard

        try:
            attachment = Attachment(folder)
        except AttachError:
            return  # it was so short that it has ended
        try:
            dashboard.watch(attachment, Console(stderr=True))
        finally:
            attachment.close()
    else:
        _lower()
        while process.poll() is None:
            time.sleep(0.05)


def _stop(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    """Stop the session at Ctrl-C, as an operator would."""
    _tell("stopping (Ctrl-C again leaves without waiting)")
    try:
        attachment = Attachment(folder)
        attachment.send({"do": "stop"})
        attachment.close()
    except AttachError:
        process.terminate()


@contextlib.contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM end a session as Ctrl-C does; only the main thread is told of signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _lower() -> None:
    from bmi_app.session.priority import lower_view

    lower_view()


def _tell(text: str) -> None:
    print(plain(text), file=sys.stderr, flush=True)
