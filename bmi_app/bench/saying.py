"""Say how a measurement goes, and what is wrong with what was asked for."""

import sys
from typing import NoReturn

import typer


def say(text: str) -> None:
    """Tell how it goes, on standard error."""
    print(text, file=sys.stderr, flush=True)


def fail(line: str, code: int = 2) -> NoReturn:
    """Name a mistake and end."""
    print(f"bmi: {line}", file=sys.stderr)
    raise typer.Exit(code)
