"""Say in words what a session's commands and events are: while it runs, and when it is read again."""

from collections import Counter

import numpy as np

from bmi_app.record.audit import cause_words
from bmi_app.rt.operator_commands import BY_KIND, Acted
from bmi_app.rt.records import CommandKind, EventKind, UpdateCause
from bmi_app.rt.stored import named_row
from bmi_app.session.engine.commands import nothing_done
from protocols.schema import Protocol

_ADOPTED = {
    UpdateCause.ADOPTED: "weights adopted (undo or load)",
    UpdateCause.FIT: "fitted decoder adopted",
    UpdateCause.STAGED: "staged update adopted",
}


class Wording:
    """Hold the names that a protocol gives to axes, populations and blocks.

    Parameters
    ----------
    protocol : Protocol
        Of the session.
    """

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self._populations = list(protocol.population_indices())
        self._axes = [letter for letter, _ in protocol.axes.items()]

    def command(self, command: np.void, undone: str = "") -> str:
        """Return what a command of a tick did, or why it did nothing; `undone` is what an adoption took back, in words."""
        kind, index, value = CommandKind(int(command["kind"])), int(command["index"]), float(command["value"])
        if kind == CommandKind.ADOPT:
            name = undone or _ADOPTED.get(UpdateCause(int(value)), "weights adopted")
        else:
            axis = self._axes[index] if kind == CommandKind.GAIN else ""
            population = self._populations[int(command["aux"])] if kind == CommandKind.MOVE_UNIT else ""
            label = self._protocol.session.event_labels[index] if kind == CommandKind.LABEL else ""
            name = BY_KIND[kind].told(Acted(index, value, axis, population, label))
        nothing = nothing_done(command)
        return f"{name}: {nothing}" if nothing else name

    def event(self, kind: int, code: int = 0, value: float = 0.0, text: str = "") -> str:
        """Return what an event says, or nothing for those that the panels show anyway."""
        block = ""
        if kind == EventKind.BLOCK_START:
            begun = self._protocol.blocks[code]
            block = begun.name or begun.kind.replace("_", " ")
        return EventKind(kind).told(code, value, text, block)

    def undone(self, undone: np.ndarray, ends: np.ndarray) -> str:
        """Say what lies between two rows of weights: the kinds of changes, and the units that come back.

        Parameters
        ----------
        undone : WEIGHTS[n]
            The changes that were taken back.
        ends : f8[2, words]
            The row before them, and the last of theirs.
        """
        first, n_units = undone[0], self._protocol.units.count
        place = f"trial {int(first['trial']) + 1}" if first["trial"] >= 0 else f"tick {int(first['tick']):,}"
        kinds = Counter(cause_words(cause) for cause in undone["cause"].tolist())
        words = [
            f"weights back to before {place}",
            f"undone: {', '.join(f'{n} x {kind}' for kind, n in kinds.items())}",
        ]
        then, now = named_row(ends, n_units, self._protocol.n_axes)["population"].astype(int)
        for unit in np.flatnonzero(then != now).tolist():
            name = self._populations[then[unit]] if then[unit] >= 0 else "none"
            words.append(f"unit {unit} back in {name}")
        return "; ".join(words)
