"""Declare every command of the operator once: its arguments, what becomes of them, and what is said of it.

The check of the socket, the record that a tick takes, the echo, the lines of the views, the buttons and keys of the
window, and the table of the guide follow from `COMMANDS`. A command that a tick carries out is declared here and acts in
`bmi_app.rt.commands`; one that only the control thread does is declared here and acts in `bmi_app.session.engine.operator`.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal, NamedTuple, Self

from bmi_app.rt.vocabulary import HAND_REACH_CM, StopReason


class CommandKind(IntEnum):
    """Name what a command record does at the start of the tick at which it acts; `nothing` says why one did nothing."""

    nothing: str

    def __new__(cls, number: int, nothing: str = "") -> Self:
        """Take the number as the value; the words stand beside it."""
        member = int.__new__(cls, number)
        member._value_ = number
        member.nothing = nothing
        return member

    PAUSE = 0, "it was paused already"
    RESUME = 1, "it was not paused"
    STOP = 2, "it was stopping already"  # index: StopReason
    ASSIST = 3, "it was so already"  # value: 0..1, or negative to follow the block again
    LEARNING = 4, "it was so already, or learning.when is off"  # index: 1 on, 0 off (freeze)
    LEARNING_RATE = 5, "it was so already"  # value
    GAIN = 6, "it was so already"  # index: axis; value: multiplier of the decoder's output
    MOVE_UNIT = 7, "the unit was there already"  # index: unit; aux: population index
    # index: staging slot; aux: blob id; value: UpdateCause; undone: the first row of weights that an undo takes back
    ADOPT = 8, "it was refused; the list of updates says why"
    REWARD = 9, "a reward was being given already"  # manual reward
    SKIP_TRIAL = 10, "no trial was running, or it was ending already"
    NEXT_BLOCK = 11, "no block had begun, or it was ending already"
    LABEL = 12, "the session was ending already"  # index: which of session.event_labels


@dataclass(frozen=True)
class Argument:
    """Declare an argument of a command.

    Attributes
    ----------
    name : str
        In the JSON object.
    kind : str
        What it must be: a `number` from `least` to `most`, a `switch` (true or false), an `axis`, a `unit`, a `population`, a
        `label` of session.event_labels;
        `own` is checked by whoever carries the command out.
    field : str
        The field of the command's record that takes it.
    absent : float, optional
        What the record says where it is null or left out; without it, it is needed.
    """

    name: str
    kind: Literal["number", "switch", "axis", "unit", "population", "label", "own"] = "own"
    field: Literal["", "index", "aux", "value"] = ""
    least: float = 0.0
    most: float = sys.float_info.max
    absent: float | None = None


@dataclass(frozen=True)
class Button:
    """Declare the button and the key of a command in the window: its text, its hint, its key, and what the list of keys says."""

    text: str
    hint: str
    key: str
    key_says: str


class Acted(NamedTuple):
    """Hold what a record of a command says, with its axis, its population and its label by name."""

    number: int  # the record's `index`
    value: float
    axis: str
    population: str
    label: str = ""


@dataclass(frozen=True)
class OperatorCommand:
    """Declare a command of the operator.

    Attributes
    ----------
    name : str
        What `do` says.
    says : str
        What the guide says of it.
    examples : tuple of str
        JSON that the guide shows.
    arguments : tuple of Argument
    kind : CommandKind, optional
        The record that a tick takes, where the request only becomes one.
    fixed : mapping of str to int
        Fields of that record that no argument says.
    needs_files : bool
        Whether it reads or writes files that the operator names, or the journal: it is then done beside all others.
    button : Button, optional
        In the window, for a command without arguments.
    tells : callable, optional
        Returns what a view tells when it has acted; without it, its name.
    """

    name: str
    says: str
    examples: tuple[str, ...]
    arguments: tuple[Argument, ...] = ()
    kind: CommandKind | None = None
    fixed: Mapping[str, int] = field(default_factory=dict)
    needs_files: bool = False
    button: Button | None = None
    tells: Callable[[Acted], str] | None = None

    def told(self, acted: Acted) -> str:
        """Return what a view tells of it."""
        return self.tells(acted) if self.tells else self.name.replace("_", " ")


COMMANDS = (
    OperatorCommand("pause", "Hold the cursor and the trial's clock.", ('{"do": "pause"}',), kind=CommandKind.PAUSE),
    OperatorCommand("resume", "Let the session go on.", ('{"do": "resume"}',), kind=CommandKind.RESUME),
    OperatorCommand(
        "stop",
        "End the session.",
        ('{"do": "stop"}',),
        kind=CommandKind.STOP,
        fixed={"index": int(StopReason.OPERATOR)},
    ),
    OperatorCommand(
        "reward",
        "Give a reward now.",
        ('{"do": "reward"}',),
        kind=CommandKind.REWARD,
        button=Button("Reward", "Give a reward now (R)", "R", "give a reward"),
        tells=lambda acted: "reward by the operator",
    ),
    OperatorCommand(
        "skip_trial",
        "End this trial; it counts as skipped.",
        ('{"do": "skip_trial"}',),
        kind=CommandKind.SKIP_TRIAL,
        button=Button("Skip trial", "End this trial; it counts as skipped (K)", "K", "skip this trial"),
    ),
    OperatorCommand(
        "next_block",
        "End this block and begin the next. In the last block this ends the session.",
        ('{"do": "next_block"}',),
        kind=CommandKind.NEXT_BLOCK,
        button=Button(
            "Next block",
            "End this block, and begin the next (B); in the last one: end the session, after a question",
            "B",
            "go to the next block",
        ),
    ),
    OperatorCommand(
        "assist",
        "Set the computer's share of the velocity, from 0 to 1. `null` follows the block again.",
        ('{"do": "assist", "value": 0.3}',),
        (Argument("value", "number", "value", 0.0, 1.0, absent=-1.0),),
        CommandKind.ASSIST,
        tells=lambda acted: "assist as the block says" if acted.value < 0 else f"assist {acted.value:g}",
    ),
    OperatorCommand(
        "learning",
        "Switch learning on or off. Off freezes the decoder.",
        ('{"do": "learning", "on": false}',),
        (Argument("on", "switch", "index"),),
        CommandKind.LEARNING,
        tells=lambda acted: "learning on" if acted.number else "learning off, frozen",
    ),
    OperatorCommand(
        "learning_rate",
        "Set the learning rate.",
        ('{"do": "learning_rate", "value": 0.01}',),
        (Argument("value", "number", "value"),),
        CommandKind.LEARNING_RATE,
        tells=lambda acted: f"learning rate {acted.value:g}",
    ),
    OperatorCommand(
        "gain",
        "Set the factor by which the decoder's output on an axis is multiplied.",
        ('{"do": "gain", "axis": "x", "value": 0.1}',),
        (Argument("axis", "axis", "index"), Argument("value", "number", "value", 0.0, 1e6)),
        CommandKind.GAIN,
        tells=lambda acted: f"gain {acted.axis} {acted.value:g}",
    ),
    OperatorCommand(
        "move_unit",
        "Give a unit to another population.",
        ('{"do": "move_unit", "unit": 5, "population": "control"}',),
        (Argument("unit", "unit", "index"), Argument("population", "population", "aux")),
        CommandKind.MOVE_UNIT,
        tells=lambda acted: f"move unit {acted.number} to {acted.population}",
    ),
    OperatorCommand(
        "undo",
        "Go back to the weights before the last update, or before the first update at or after a tick.",
        ('{"do": "undo"}', '{"do": "undo", "to_tick": 12000}'),
        (Argument("to_tick"),),
        needs_files=True,
    ),
    OperatorCommand(
        "load_weights",
        "Adopt a saved decoder.",
        ('{"do": "load_weights", "file": "d.npz"}',),
        (Argument("file"),),
        needs_files=True,
    ),
    OperatorCommand(
        "save_weights",
        'Save the present decoder. `"replace": true` replaces an existing file.',
        ('{"do": "save_weights", "file": "d.npz"}', '{"do": "save_weights", "file": "d.npz", "replace": true}'),
        (Argument("file"), Argument("replace")),
        needs_files=True,
    ),
    OperatorCommand(
        "label",
        "Stamp an event with one of the names in `session.event_labels`.",
        ('{"do": "label", "label": "artefact"}',),
        (Argument("label", "label", "index"),),
        CommandKind.LABEL,
        tells=lambda acted: f"label {acted.label} (F{acted.number + 1})",
    ),
    OperatorCommand(
        "note", "Stamp a note into the journal.", ('{"do": "note", "text": "the subject yawned"}',), (Argument("text"),)
    ),
    OperatorCommand(
        "hand",
        "Say where the person's hand is, as in an arm block. It must be said again within 0.5 s. Without a place the hand is away.",
        ('{"do": "hand", "x_cm": 1.5, "y_cm": -2}', '{"do": "hand"}'),
        (
            Argument("x_cm", "number", least=-HAND_REACH_CM, most=HAND_REACH_CM),
            Argument("y_cm", "number", least=-HAND_REACH_CM, most=HAND_REACH_CM),
        ),
    ),
    OperatorCommand(
        "fit", "Fit the decoder to the samples that are kept, and go on with the fitted decoder.", ('{"do": "fit"}',)
    ),
    OperatorCommand("status", "Answer at once with the tick and the task's state.", ('{"do": "status"}',)),
)

BY_NAME = {command.name: command for command in COMMANDS}
BY_KIND = {command.kind: command for command in COMMANDS if command.kind is not None}
BUTTONS = {command.name: command.button for command in COMMANDS if command.button is not None}


def guide_table() -> str:
    """Return the guide's table of commands in Markdown."""
    rows = ["| command | what it does |", "|---|---|"]
    rows += [
        f"| {'<br>'.join(f'`{example}`' for example in command.examples)} | {command.says} |" for command in COMMANDS
    ]
    return "\n".join(rows)


if __name__ == "__main__":
    print(guide_table())
