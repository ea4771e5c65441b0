"""Say on standard error how a command goes, and how a mistake ends it; what `bmi` and its benches share."""

import sys
from typing import Annotated, NoReturn

import typer

Json = Annotated[bool, typer.Option("--json", help="print one JSON object, and nothing else, on standard output")]


def say(text: str) -> None:
    """Tell how it goes."""
    print(text, file=sys.stderr, flush=True)


def fail(*lines: str, code: int = 2) -> NoReturn:
    """End the command; each line names a mistake and its remedy."""
    from bmi_app.plain_text import plain

    for line in lines:
        print(f"bmi: {plain(line)}", file=sys.stderr)
    raise typer.Exit(code)
