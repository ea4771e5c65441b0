"""Begin an engine in a process group of its own, and relay what it says until its session runs."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


class LaunchError(Exception):
    """Tell the user, in one line a mistake, why a session did not start."""

    def __init__(self, lines: list[str], exit_code: int = 2) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
        self.exit_code = exit_code


def launch(request: dict[str, Any], on_progress: Callable[[str], object]) -> tuple["subprocess.Popen[bytes]", Path]:
    """Start an engine; return its process and the session's folder as soon as the session runs.

    The engine stays when this process dies. Its caller polls the process, so that it does not remain as a zombie.

    Raises
    ------
    LaunchError
        With every mistake that the engine found.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "bmi_app.session.start", json.dumps(request)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    errors: list[str] = []
    try:
        for line in process.stdout:
            message = json.loads(line)
            if "ready" in message:
                process.stderr.close()
                process.stdout.close()
                return process, Path(message["ready"])
            if "error" in message:
                errors = message["error"]
            else:
                on_progress(message["progress"])
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise
    said = process.stderr.read().decode(errors="replace").strip().splitlines()
    code = process.wait()
    if not errors:
        errors = [f"the engine could not start (exit code {code}): {said[-1] if said else 'it said nothing'}"]
    raise LaunchError(errors, 2 if code == 2 else 1)
