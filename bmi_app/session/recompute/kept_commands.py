"""Sort out which commands of a recording a what-if leaves out, and name those that still act on its decoder."""

from collections.abc import Iterable

import numpy as np

from bmi_app.rt.records import CommandKind

_WORDS = {
    CommandKind.LEARNING: "learning switched",
    CommandKind.LEARNING_RATE: "the rate set",
    CommandKind.GAIN: "the gain set",
    CommandKind.ADOPT: "recorded weights put in (undo, load or fit)",
}


def kept(commands: np.ndarray, overrides: Iterable[str], letters: Iterable[str]) -> np.ndarray:
    """Return the commands without those that would overrule what is asked for: a rate, or the gain of an axis.

    Parameters
    ----------
    commands : COMMAND[command]
        As recorded.
    overrides : iterable of str
        `KEY=VALUE`.
    letters : iterable of str
        The axes of the protocol, in their order.
    """
    keys = {override.partition("=")[0].strip() for override in overrides}
    keep = np.ones(len(commands), bool)
    if "learning.rate" in keys:
        keep &= commands["kind"] != CommandKind.LEARNING_RATE
    for axis, letter in enumerate(letters):
        if f"axes.{letter}.gain" in keys:
            keep &= (commands["kind"] != CommandKind.GAIN) | (commands["index"] != axis)
    return commands[keep]


def as_recorded(commands: np.ndarray, tick_s: float) -> list[str]:
    """Say which commands act on the decoder of a what-if as they did on the recorded one, and when."""
    said = []
    for kind, words in _WORDS.items():
        times_s = commands["tick"][commands["kind"] == kind] * tick_s
        if len(times_s):
            at = f"at {times_s[0]:.0f} s" if len(times_s) == 1 else f"{len(times_s)} times from {times_s[0]:.0f} s on"
            said.append(f"{words} {at}")
    return said
