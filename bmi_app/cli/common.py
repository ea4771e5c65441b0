"""What the subcommands of `bmi` share: kinds of arguments, looking up, printing."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from bmi_app.command_line import fail

SessionName = Annotated[str, typer.Argument(metavar="SESSION", help="a folder, its name or beginning, or `last`")]
ProtocolName = Annotated[str, typer.Argument(help="name (`bmi protocols list`) or path of a protocol")]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="override a key of the protocol")]


def find_session(name: str) -> Path:
    """Return the folder of a session, or end the command."""
    from bmi_app.record.session_folder import SessionNotFoundError, find, sessions_root

    try:
        return find(name, sessions_root())
    except SessionNotFoundError as error:
        fail(str(error))


def load_protocol(name: str, overrides: list[str] | None) -> Any:
    """Return a protocol, or end the command with every mistake in it."""
    from protocols.load import load
    from protocols.problems import ProtocolError

    try:
        return load(name, overrides or ())
    except ProtocolError as error:
        fail(*(str(problem) for problem in error.problems))


def path_of(text: Path | None) -> Path | None:
    """Return the path that an option names, or end the command; `~` is the home folder."""
    from bmi_app.small_files import user_path

    try:
        return None if text is None else user_path(text)
    except OSError as error:
        fail(f"{text}: {error.strerror}")


def print_facts(facts: dict[str, Any], as_json: bool) -> None:
    """Print facts, one a line, or as one JSON object."""
    if as_json:
        print(json.dumps(facts))
        return
    from bmi_app.session.store import printing

    printing.facts(facts)
