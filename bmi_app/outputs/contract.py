"""State what every output offers: something outside the program that a moment of the session sets off.

An output is one file. It defines `Settings` (pydantic, frozen, unknown keys forbidden) and a class `Output(settings)`
with `open()`, `fire(event)` and `close()`, all called in this order on Python threads: `open` and `close` by whoever
starts and ends the session, `fire` by the output thread (`bmi_app.session.engine.output_thread`), one event after the other.

A file may define `why_not(settings)` as well: why the device cannot be used now, without opening it, or an empty text. It
is asked every second before a session is started.

`fire` returns once the event was sent, and before a pulse is over: what it takes is measured as the output's delay
and holds up the outputs behind it. `open` and `fire` raise `OutputError`; a failure to fire never ends a session.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

Moment = Literal["reward", "trial_start", "trial_end", "block_start", "session"]


class OutputError(Exception):
    """Tell the user in one line which output failed, why, and the remedy."""


@dataclass(frozen=True)
class OutputEvent:
    """Describe the moment that an output is told of.

    Attributes
    ----------
    kind
        The moment; `session` is both start and stop.
    time_s
        Local clock at the end of the bin in whose tick it was decided.
    trial
        Index of the trial, -1 before the first.
    value
        Of a reward, how much was given; of a trial's end, the time to target (s); else 0.
    """

    kind: Moment
    tick: int
    time_s: float
    trial: int
    value: float


class Sink(Protocol):
    """Name what the program uses of an output."""

    def open(self) -> None:
        """Get ready to fire; raise `OutputError` where that cannot be."""

    def fire(self, event: OutputEvent) -> None:
        """Send the event; raise `OutputError` where that fails."""

    def close(self) -> None:
        """Leave everything at rest. May be called twice, and without `open`."""
