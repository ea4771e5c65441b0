"""Take protocols and changes of them as Python values, where a command takes text."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bmi_app.api.errors import BmiError, in_words
from protocols.load import load, parse
from protocols.problems import ProtocolError
from protocols.schema import Protocol


def protocol(name_or_path: str | Path | Protocol, **changes: Any) -> Protocol:
    """Return a protocol with every default filled in, and with some keys changed.

    Parameters
    ----------
    name_or_path : str, Path or Protocol
        A name as `bmi protocols list` shows it, the path of a file, or a protocol to be changed further.
    **changes
        Keys of the protocol and their values. Two underscores stand for the dot: ``task__hold_ms=500`` changes
        `task.hold_ms`, ``blocks__0__duration_s=5`` the first block. A key may also be written with its dots, as
        ``**{"task.hold_ms": 500}``.

    Raises
    ------
    BmiError
        With every mistake in the protocol and the changes.

    Examples
    --------
    >>> import bmi_app
    >>> changed = bmi_app.protocol("center_out", task__hold_ms=500, learning__when="trial")
    >>> changed.task.hold_ms
    500.0
    """
    try:
        if isinstance(name_or_path, Protocol):
            return parse(name_or_path.to_toml(), name_or_path.name, overrides(changes), Path.cwd())
        return load(name_or_path, overrides(changes))
    except ProtocolError as error:
        raise in_words(error) from error


def overrides(changes: Mapping[str, Any]) -> list[str]:
    """Return changes as `key=value` in TOML.

    Raises
    ------
    BmiError
        If a value is of no kind that a protocol can hold.
    """
    return [f"{key.replace('__', '.')}={_toml(key, value)}" for key, value in changes.items()]


def _toml(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | Path):
        return _text(str(value))
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_text(str(name))} = {_toml(key, part)}" for name, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(key, part) for part in value) + "]"
    if hasattr(value, "tolist"):  # of numpy
        return _toml(key, value.tolist())
    if isinstance(value, int | float):
        return repr(value)
    kind = type(value).__name__
    raise BmiError(
        f"{key.replace('__', '.')}: is a {kind}; allowed: a number, a text, true or false, a list or a table"
    )


def _text(text: str) -> str:
    """Write a text as TOML: as JSON would, but for what JSON writes as two halves of a character, or leaves as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
