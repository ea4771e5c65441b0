"""Begin an engine in a process group of its own, and relay what it says until its session runs."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bmi_app import own_python
from bmi_app.record.session_folder import call_it, read_summary
from bmi_app.session.engine.rescue_folder import now_in
from bmi_app.session.request import SessionRequest


class LaunchError(Exception):
    """Tell the user, in one line a mistake, why a session did not start."""

    def __init__(self, lines: list[str], exit_code: int = 2) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
        self.exit_code = exit_code


def launch(request: SessionRequest, on_progress: Callable[[str], object]) -> tuple["subprocess.Popen[bytes]", Path]:
    """Start an engine; return its process and the session's folder as soon as the session runs.

    The engine stays when this process dies. Its caller polls the process, so that it does not remain as a zombie.

    Raises
    ------
    LaunchError
        With every mistake that the engine found.
    """
    process: subprocess.Popen[bytes] | None = None
    try:
        process = _start(request)
        return process, _listen(process, on_progress)
    except KeyboardInterrupt:
        if process is not None:
            process.terminate()
            process.wait()
        raise


def summary_of(folder: Path, exit_code: int | None) -> dict[str, Any]:
    """Return the summary of a session whose engine is gone, wherever its folder is now.

    Raises
    ------
    LaunchError
        If the engine died before it had written one.
    """
    folder = now_in(folder)
    summary = read_summary(folder)
    if summary is None:
        code = "" if exit_code is None else f" (exit code {exit_code})"
        remedy = f"`bmi sessions recover {call_it(folder)}` keeps what was recorded as far as it is whole"
        raise LaunchError([f"the engine died{code}; {remedy}"], 1)
    return summary


def _start(request: SessionRequest) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        own_python.command("-m", "bmi_app.session.engine.process", request.to_json()),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env=own_python.environment({"PYTHONUNBUFFERED": "1"}),
    )


def _listen(process: "subprocess.Popen[bytes]", on_progress: Callable[[str], object]) -> Path:
    """Relay what an engine says until its session runs; return the session's folder."""
    assert process.stdout is not None
    assert process.stderr is not None
    errors: list[str] = []
    for line in process.stdout:
        message = _parsed(line)
        if "ready" in message:
            process.stderr.close()
            process.stdout.close()
            return Path(message["ready"])
        if "error" in message:
            errors = message["error"]
        else:
            on_progress(message["progress"])
    said = process.stderr.read().decode(errors="replace").strip().splitlines()
    process.stderr.close()
    process.stdout.close()
    code = process.wait()
    if not errors:
        errors = [f"the engine could not start (exit code {code}): {said[-1] if said else 'it said nothing'}"]
    raise LaunchError(errors, 2 if code == 2 else 1)


def _parsed(line: bytes) -> dict[str, Any]:
    """Return a message; what a plugin prints at its import is progress as well."""
    try:
        message = json.loads(line)
    except ValueError:
        message = None
    known = isinstance(message, dict) and message.keys() & {"ready", "error", "progress"}
    return message if known else {"progress": line.decode(errors="replace").rstrip()}
