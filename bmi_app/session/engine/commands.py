"""Read what an operator asks for, in JSON, and say in one line what is wrong with it.

Every request is one object with `do`, and the arguments of that command:

    {"do": "pause"}  {"do": "resume"}  {"do": "stop"}  {"do": "reward"}  {"do": "skip_trial"}  {"do": "next_block"}
    {"do": "assist", "value": 0.3}            share of the computer, 0 to 1; null: follow the block again
    {"do": "learning", "on": false}           freeze
    {"do": "learning_rate", "value": 0.01}
    {"do": "gain", "axis": "x", "value": 0.1}
    {"do": "move_unit", "unit": 5, "population": "control"}
    {"do": "undo", "to_tick": 12000}          back to the weights before the first update at or after a tick;
    {"do": "undo"}                            without it, before the last one
    {"do": "load_weights", "file": "d.npz"}   adopt a saved decoder
    {"do": "save_weights", "file": "d.npz"}   save the present one; with "replace": true over an existing file
    {"do": "fit"}                             fit the decoder to the samples kept, and go on with it
    {"do": "hand", "x_cm": 1.5, "y_cm": -2}   the person's hand, as in an arm block; to be told again within 0.5 s;
    {"do": "hand"}                            the hand is away
    {"do": "note", "text": "..."}             stamped into the journal
    {"do": "status"}                          answers at once

The answer to one that a tick takes has `tick`; where it found nothing to do, also `"acted": false` and `why`.
"""

import math
import sys
from typing import Any

import numpy as np

from bmi_app.rt.records import COMMAND, HAND_REACH_CM, CommandKind, StopReason
from protocols.schema import Protocol

# Commands that only become a record; the others need a hand of the control thread as well.
PLAIN = ("pause", "resume", "stop", "reward", "skip_trial", "next_block", "assist", "learning", "learning_rate", "gain")
OTHERS = ("move_unit", "undo", "load_weights", "save_weights", "note", "hand", "fit", "status")
_FILE_WORK = (
    "undo",
    "load_weights",
    "save_weights",
)  # these read or write files that the operator names, or the journal
_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "assist": ("value",),
    "learning": ("on",),
    "learning_rate": ("value",),
    "gain": ("axis", "value"),
    "move_unit": ("unit", "population"),
    "undo": ("to_tick",),
    "load_weights": ("file",),
    "save_weights": ("file", "replace"),
    "note": ("text",),
    "hand": ("x_cm", "y_cm"),
}


# Why a command that a tick has taken did nothing (`COMMAND.acted`).
_NOTHING = {
    CommandKind.PAUSE: "it was paused already",
    CommandKind.RESUME: "it was not paused",
    CommandKind.STOP: "it was stopping already",
    CommandKind.ASSIST: "it was so already",
    CommandKind.LEARNING: "it was so already, or learning.when is off",
    CommandKind.LEARNING_RATE: "it was so already",
    CommandKind.GAIN: "it was so already",
    CommandKind.MOVE_UNIT: "the unit was there already",
    CommandKind.ADOPT: "it was refused; the list of updates says why",
    CommandKind.REWARD: "a reward was being given already",
    CommandKind.SKIP_TRIAL: "no trial was running, or it was ending already",
    CommandKind.NEXT_BLOCK: "no block had begun, or it was ending already",
}


class CommandError(Exception):
    """Tell the operator in one line what is wrong with a command, and what is allowed."""


def needs_files(request: Any) -> bool:
    """Tell whether a request reads or writes files, which may take as long as a drive likes."""
    return isinstance(request, dict) and request.get("do") in _FILE_WORK


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
    if name not in PLAIN + OTHERS:
        raise CommandError(f"unknown command {name!r}; there are: {', '.join(PLAIN + OTHERS)}")
    unknown = set(request) - {"do", *_ARGUMENTS.get(name, ())}
    if unknown:
        takes = ", ".join(_ARGUMENTS.get(name, ())) or "no arguments"
        raise CommandError(f"{name}: unknown argument {min(unknown)!r}; it takes {takes}")
    return name


def record(name: str, request: dict[str, Any], protocol: Protocol) -> np.ndarray:
    """Return the command record, COMMAND[1], of a request; its id is not set yet.

    Raises
    ------
    CommandError
        If an argument is missing or not allowed.
    """
    command = np.zeros(1, COMMAND)
    command["tick"] = -1
    command["kind"] = CommandKind[name.upper()]
    if name == "stop":
        command["index"] = StopReason.OPERATOR
    elif name == "assist":
        command["value"] = -1.0 if request.get("value") is None else _number(name, request, "value", 0.0, 1.0)
    elif name == "learning":
        if not isinstance(request.get("on"), bool):
            raise CommandError("learning: `on` must be true or false")
        command["index"] = int(request["on"])
    elif name == "learning_rate":
        command["value"] = _number(name, request, "value", 0.0, sys.float_info.max)
    elif name == "gain":
        axes = [letter for letter, _ in protocol.axes.items()]
        if request.get("axis") not in axes:
            raise CommandError(f"gain: `axis` must be one of {', '.join(axes)}")
        command["index"] = axes.index(str(request["axis"]))
        command["value"] = _number(name, request, "value", 0.0, 1e6)
    elif name == "move_unit":
        command["index"], command["aux"] = _unit_and_population(request, protocol)
    return command


def nothing_done(command: np.ndarray) -> str:
    """Say why a command that a tick has taken did nothing; nothing is said of one that acted, or where that is not known."""
    return "" if int(command["acted"]) else f"did nothing: {_NOTHING[CommandKind(int(command['kind']))]}"


def echo(command: np.ndarray) -> dict[str, Any]:
    """Return what to answer of a command that a tick has taken: `tick`, and where it did nothing `acted` and `why`."""
    said = nothing_done(command)
    return {"tick": int(command["tick"])} | ({"acted": False, "why": said} if said else {})


def hand_cm(request: dict[str, Any]) -> tuple[float, float]:
    """Return the place of a person's hand (cm); NaN where it is away.

    Raises
    ------
    CommandError
        If only one coordinate is given, or one is not allowed.
    """
    if request.get("x_cm") is None and request.get("y_cm") is None:
        return math.nan, math.nan
    x_cm, y_cm = (_number("hand", request, key, -HAND_REACH_CM, HAND_REACH_CM) for key in ("x_cm", "y_cm"))
    return x_cm, y_cm


def _number(name: str, request: dict[str, Any], key: str, least: float, most: float) -> float:
    value = request.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise CommandError(f"{name}: `{key}` must be a number from {least:g} to {most:g}")
    return float(value)


def _unit_and_population(request: dict[str, Any], protocol: Protocol) -> tuple[int, int]:
    names = list(protocol.population_indices())
    if not names:
        raise CommandError("move_unit: this protocol declares no populations")
    unit = request.get("unit")
    if isinstance(unit, bool) or not isinstance(unit, int) or not 0 <= unit < protocol.units.count:
        raise CommandError(f"move_unit: `unit` must be a whole number from 0 to {protocol.units.count - 1}")
    if unit in protocol.units.exclude:
        raise CommandError(f"move_unit: unit {unit} is excluded by the protocol (units.exclude)")
    if request.get("population") not in names:
        raise CommandError(f"move_unit: `population` must be one of {', '.join(names)}")
    return unit, names.index(str(request["population"]))
