"""A what-if leaves out the commands that would overrule what is asked, and names those that still act on its decoder."""

import numpy as np

from bmi_app.rt.records import COMMAND, CommandKind
from bmi_app.session.recompute import kept_commands

RECORDED = [
    (100, CommandKind.LEARNING_RATE, 0),
    (200, CommandKind.GAIN, 0),
    (300, CommandKind.GAIN, 1),
    (400, CommandKind.ADOPT, 0),
    (500, CommandKind.PAUSE, 0),
]


def commands() -> np.ndarray:
    made = np.zeros(len(RECORDED), COMMAND)
    for row, (tick, kind, index) in zip(made, RECORDED, strict=True):
        row["tick"], row["kind"], row["index"] = tick, kind, index
    return made


def kept(*overrides: str) -> list[int]:
    return kept_commands.kept(commands(), overrides, ["x", "y"])["tick"].tolist()


def test_only_what_sets_the_changed_key_is_left_out() -> None:
    assert kept("learning.rule=lms") == [100, 200, 300, 400, 500]
    assert kept("learning.rate=0.1") == [200, 300, 400, 500]
    assert kept("axes.y.gain = 0.3") == [100, 200, 400, 500]
    assert kept("axes.x.gain=0.3", "axes.y.gain=0.3", "learning.rate=1") == [400, 500]


def test_what_still_acts_is_named_with_its_time() -> None:
    assert kept_commands.as_recorded(commands(), 0.01) == [
        "the rate set at 1 s",
        "the gain set 2 times from 2 s on",
        "recorded weights put in (undo, load or fit) at 4 s",
    ]
    assert kept_commands.as_recorded(commands()[-1:], 0.01) == []
