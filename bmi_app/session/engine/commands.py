"""Read what an operator asks for, in JSON, and say in one line what is wrong with it.

Every request is one object with `do`, and the arguments of that command: `bmi_app.rt.operator_commands` declares them.
The answer to one that a tick takes has `tick`; where it found nothing to do, also `"acted": false` and `why`.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from bmi_app.rt.operator_commands import BY_NAME, Argument
from bmi_app.rt.records import COMMAND, CommandKind
from protocols.schema import Protocol


class CommandError(Exception):
    """Tell the operator in one line what is wrong with a command, and what is allowed."""


def needs_files(request: Any) -> bool:
    """Tell whether a request reads or writes files, which may take long on a slow drive."""
    command = BY_NAME.get(str(request.get("do"))) if isinstance(request, dict) else None
    return command is not None and command.needs_files


def check(request: Any) -> str:
    """Return the name of the command that a request asks for, if its form is right.

    Raises
    ------
    CommandError
        If it is not an object, or has an unknown command or argument.
    """
    if not isinstance(request, dict) or not isinstance(request.get("do"), str):
        raise CommandError('a command is a JSON object with "do"')
    name = str(request["do"])
    if name not in BY_NAME:
        raise CommandError(f"unknown command {name!r}; there are: {', '.join(BY_NAME)}")
    arguments = [argument.name for argument in BY_NAME[name].arguments]
    unknown = set(request) - {"do", *arguments}
    if unknown:
        takes = ", ".join(arguments) or "no arguments"
        raise CommandError(f"{name}: unknown argument {min(unknown)!r}; it takes {takes}")
    return name


def record(name: str, request: dict[str, Any], protocol: Protocol) -> np.ndarray:
    """Return the command record, COMMAND[1], of a request; its id is not set yet.

    Raises
    ------
    CommandError
        If an argument is missing or not allowed.
    """
    declared = BY_NAME[name]
    assert declared.kind is not None, "it becomes no record"
    command = np.zeros(1, COMMAND)
    command["tick"] = -1
    command["kind"] = declared.kind
    for field, number in declared.fixed.items():
        command[field] = number
    for argument in declared.arguments:
        command[argument.field] = value_of(name, argument, request, protocol)
    return command


def nothing_done(command: np.ndarray | np.void) -> str:
    """Say why a command that a tick has taken did nothing; nothing is said of one that acted, or where that is not known."""
    return "" if int(command["acted"]) else f"did nothing: {CommandKind(int(command['kind'])).nothing}"


def echo(command: np.ndarray) -> dict[str, Any]:
    """Return what to answer of a command that a tick has taken: `tick`, and where it did nothing `acted` and `why`."""
    said = nothing_done(command)
    return {"tick": int(command["tick"])} | ({"acted": False, "why": said} if said else {})


def hand_cm(request: dict[str, Any], protocol: Protocol) -> tuple[float, float]:
    """Return the place of a person's hand (cm); NaN where it is away.

    Raises
    ------
    CommandError
        If only one coordinate is given, or one is not allowed.
    """
    if request.get("x_cm") is None and request.get("y_cm") is None:
        return math.nan, math.nan
    x_cm, y_cm = (value_of("hand", argument, request, protocol) for argument in BY_NAME["hand"].arguments)
    return x_cm, y_cm


def value_of(name: str, argument: Argument, request: dict[str, Any], protocol: Protocol) -> float:
    """Return what a request says of an argument, as a number that a record can hold.

    Raises
    ------
    CommandError
        If it is missing or not allowed.
    """
    value = request.get(argument.name)
    if value is None and argument.absent is not None:
        return argument.absent
    return _READ[argument.kind](name, argument, value, protocol)


def _number(name: str, argument: Argument, value: Any, protocol: Protocol) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not argument.least <= value <= argument.most:
        raise CommandError(f"{name}: `{argument.name}` must be a number from {argument.least:g} to {argument.most:g}")
    return float(value)


def _switch(name: str, argument: Argument, value: Any, protocol: Protocol) -> int:
    if not isinstance(value, bool):
        raise CommandError(f"{name}: `{argument.name}` must be true or false")
    return int(value)


def _axis(name: str, argument: Argument, value: Any, protocol: Protocol) -> int:
    return _one_of(name, argument, value, [letter for letter, _ in protocol.axes.items()])


def _unit(name: str, argument: Argument, value: Any, protocol: Protocol) -> int:
    if not protocol.population_indices():
        raise CommandError(f"{name}: this protocol declares no populations")
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < protocol.units.count:
        raise CommandError(f"{name}: `{argument.name}` must be a whole number from 0 to {protocol.units.count - 1}")
    if value in protocol.units.exclude:
        raise CommandError(f"{name}: unit {value} is excluded by the protocol (units.exclude)")
    return value


def _population(name: str, argument: Argument, value: Any, protocol: Protocol) -> int:
    return _one_of(name, argument, value, list(protocol.population_indices()))


def _label(name: str, argument: Argument, value: Any, protocol: Protocol) -> int:
    labels = protocol.session.event_labels
    if not labels:
        raise CommandError(f"{name}: this protocol names no labels; session.event_labels is the list of them")
    return _one_of(name, argument, value, list(labels))


def _one_of(name: str, argument: Argument, value: Any, allowed: list[str]) -> int:
    if value not in allowed:
        raise CommandError(f"{name}: `{argument.name}` must be one of {', '.join(allowed)}")
    return allowed.index(str(value))


_READ: dict[str, Callable[[str, Argument, Any, Protocol], float]] = {
    "number": _number,
    "switch": _switch,
    "axis": _axis,
    "unit": _unit,
    "population": _population,
    "label": _label,
}
