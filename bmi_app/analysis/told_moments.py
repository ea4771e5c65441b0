"""Read what a session tells in words: notes, pauses, moves of units, the other commands, and the events an operator must know of."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar, get_args

import numpy as np

from bmi_app.plain_text import plain
from bmi_app.record import reading
from bmi_app.record.reading import Recording
from bmi_app.rt.records import CommandKind, EventKind
from bmi_app.session.view.narrator import TICK_REFUSALS_S
from bmi_app.session.view.wording import Wording
from protocols.schema import Protocol

K = TypeVar("K", CommandKind, EventKind)
Sort = Literal["note", "label", "pause", "move", "command", "event"]
SORTS: tuple[Sort, ...] = get_args(Sort)
_OF_COMMANDS: dict[CommandKind, Sort] = {
    CommandKind.PAUSE: "pause",
    CommandKind.RESUME: "pause",
    CommandKind.MOVE_UNIT: "move",
    CommandKind.LABEL: "label",
}
_OF_EVENTS: dict[EventKind, Sort] = {EventKind.NOTE: "note"}


@dataclass(frozen=True)
class Moment:
    """Hold one thing that was said or done.

    Attributes
    ----------
    tick : int
    time_s : float
        Since the session's start.
    sort : str
        `note`, `label` (of an event), `pause`, `move` (of a unit), `command` (any other) or `event`.
    text : str
        In the words of the log of the running session.
    """

    tick: int
    time_s: float
    sort: Sort
    text: str


@dataclass(frozen=True)
class Told:
    """Hold what a session tells, in the order of its ticks.

    Attributes
    ----------
    moments : tuple of Moment
    pauses_s : tuple of (float, float)
        When each pause began and ended, since the session's start; one that lasted until the end ends at infinity.
    """

    moments: tuple[Moment, ...] = ()
    pauses_s: tuple[tuple[float, float], ...] = ()


def read_told(folder: Path) -> Told:
    """Read what a session tells, as far as its files are whole.

    Raises
    ------
    JournalError
        If the folder holds no session, or its protocol is damaged.
    """
    recording = reading.read(folder, kinds=("events", "commands", "weights"))
    return told_in(recording, reading.protocol_of(folder, recording.protocol_text))


def told_in(recording: Recording, protocol: Protocol) -> Told:
    """Return what a recording tells; its events, commands and weights must have been read."""
    dt_s = protocol.tick.period_ms / 1e3
    said = [*_commands(recording, protocol), *_events(recording, protocol)]
    said.sort(key=lambda each: each[0])
    return Told(
        tuple(Moment(tick, tick * dt_s, sort, plain(text)) for tick, sort, text in said),
        tuple(_pauses_s(recording.events, dt_s)),
    )


def _commands(recording: Recording, protocol: Protocol) -> Iterator[tuple[int, Sort, str]]:
    wording = Wording(protocol)
    for command in recording.commands:
        kind = _known(CommandKind, int(command["kind"]))
        if kind is None:
            yield int(command["tick"]), "command", f"a command of another version (kind {int(command['kind'])})"
            continue
        undone = _undone(recording, wording, command) if kind == CommandKind.ADOPT else ""
        yield int(command["tick"]), _OF_COMMANDS.get(kind, "command"), wording.command(command, undone)


def _undone(recording: Recording, wording: Wording, command: np.void) -> str:
    """Say what an undo has taken back."""
    first = int(command["undone"])
    found = np.flatnonzero(recording.weights["id"] == command["aux"])
    if first < 1 or not len(found) or first >= found[-1]:
        return ""
    return wording.undone(recording.weights[first : found[-1]], recording.weight_rows[[first - 1, found[-1] - 1]])


def _events(recording: Recording, protocol: Protocol) -> Iterator[tuple[int, Sort, str]]:
    wording, refused_tick = Wording(protocol), -(10**9)
    between_ticks = TICK_REFUSALS_S * 1e3 / protocol.tick.period_ms
    for event, text in zip(recording.events, recording.event_texts, strict=True):
        kind, tick = _known(EventKind, int(event["kind"])), int(event["tick"])
        if kind is None:
            continue  # of another version: there are no words for it
        if kind == EventKind.UPDATE_REJECTED:
            if tick - refused_tick < between_ticks:
                continue
            refused_tick = tick
        told = wording.event(kind, int(event["code"]), float(event["value"]), text)
        if told:
            yield tick, _OF_EVENTS.get(kind, "event"), told


def _pauses_s(events: np.ndarray, dt_s: float) -> Iterator[tuple[float, float]]:
    began_s = -1.0
    switched = np.isin(events["kind"], (EventKind.PAUSED, EventKind.RESUMED))
    for tick, kind in sorted(zip(events["tick"][switched].tolist(), events["kind"][switched].tolist(), strict=True)):
        if kind == EventKind.PAUSED and began_s < 0:
            began_s = tick * dt_s
        elif kind == EventKind.RESUMED and began_s >= 0:
            yield began_s, tick * dt_s
            began_s = -1.0
    if began_s >= 0:
        yield began_s, float("inf")


def _known(kinds: type[K], number: int) -> K | None:
    try:
        return kinds(number)
    except ValueError:
        return None
