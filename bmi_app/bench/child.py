"""Run a process of a measurement, and read what it says: JSON, a line a message."""

import json
import subprocess
from types import TracebackType
from typing import Any

from bmi_app import own_python


class ChildError(Exception):
    """Tell in one line which process of a measurement failed, and what it said."""


class Child:
    """Hold one process `python -m module arguments...`; leaving the context ends it.

    Parameters
    ----------
    module : str
    arguments : str, int or float
    """

    def __init__(self, module: str, *arguments: object) -> None:
        self._module = module
        self._process = subprocess.Popen(
            own_python.command("-m", module, *map(str, arguments)),
            env=own_python.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.terminate()
        self._process.communicate()

    def hear(self) -> dict[str, Any]:
        """Wait for the next message.

        Raises
        ------
        ChildError
            If the process has ended without one.
        """
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        line = self._process.stdout.readline()
        if not line:
            said = self._process.stderr.read().strip().splitlines()
            raise ChildError(f"{self._module} ended early: {said[-1] if said else 'it said nothing'}")
        message: dict[str, Any] = json.loads(line)
        return message

    def tell(self, text: str) -> None:
        """Send one line."""
        assert self._process.stdin is not None
        self._process.stdin.write(text + "\n")
        self._process.stdin.flush()
