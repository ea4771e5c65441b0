"""State what every driver offers: where spikes come from, and how the engine opens, connects, polls and closes it.

A driver is one file. It defines `Settings` (pydantic, frozen, unknown keys forbidden), a class `Driver(protocol,
settings)` with the names of `Source`, and the kernel `POLL` with the signature `bmi_app.rt.contracts.poll_signature`:

    POLL(act, memory, spikes, ctl, frames, until_s) -> entries published, or a negative fault code

The engine owns the loop around POLL, on the acquisition thread, without the GIL. POLL returns as soon as it has
published what there was, and at the latest soon after `until_s` (local clock) or a change of `ctl[cells.STOP]`.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from protocols.signal import Units

# What POLL returns instead of a number of entries.
SOURCE_LOST = -1  # close the driver and open it again, in Python, until that succeeds
SOURCE_ENDED = -2  # a finite source has nothing more

Kind = Literal["events", "counts"]


class SourceError(Exception):
    """Tell the user in one line what is wrong with the source, what was found, and the remedy."""


@dataclass(frozen=True)
class SourceInfo:
    """Describe the source that a driver has opened, as it is written to `session.toml`.

    Attributes
    ----------
    rate_hz
        Nominal rate of the samples; 0 for an irregular stream of events.
    kind
        `events`: a sample is one spike. `counts`: a sample holds one count a unit.
    description
        What the source says about itself, verbatim (of an LSL stream: its XML header).
    notes
        What is allowed, but may not be what was meant; the operator is told.
    """

    name: str
    type: str
    source_id: str
    host: str
    uid: str
    n_channels: int
    rate_hz: float
    channel_format: str
    kind: Kind
    description: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClockReading:
    """Say how a source's clock differs from the local one.

    Attributes
    ----------
    offset_s
        What to add to a stamp to be on the local clock.
    uncertainty_s
        Within how much that is known.
    measured_s
        When it was measured, on the local clock.
    """

    offset_s: float
    uncertainty_s: float
    measured_s: float


class Source(Protocol):
    """Name what the engine uses of a driver.

    Attributes
    ----------
    memory : ndarray, shape (words,), float64
        All that POLL needs, filled by `open`; 64-bit handles and indices stand in it as `memory.view(np.int64)`.
    act : kernel, optional
        What POLL gets as `act`; only a driver with a simulated subject has it.
    """

    memory: np.ndarray

    def open(self, timeout_s: float) -> SourceInfo:
        """Find and open the source; raise `SourceError` when it is not there or does not fit the protocol."""

    def connect(self) -> None:
        """Connect to the source, however long that takes; after `open`. Bin 0 begins only afterwards.

        The engine runs it on its main thread, where a stop raises an exception between two statements of Python: a call
        that blocks in C should do so for a quarter of a second at a time.
        """

    def start(self, start_s: float, manual_clock: bool) -> None:
        """Learn when bin 0 begins, and whether time is real or what POLL's `until_s` says; after `connect`, before POLL."""

    def close(self) -> None:
        """Let the source go. POLL must not be running; may be called twice."""

    def read_clock(self) -> ClockReading | None:
        """Return the latest measurement of the source's clock; None while there is none.

        After `open`: the engine asks until there is one, for 7 s, and connects then; later the clock thread asks. May take a
        while. A driver whose clock is the local one need not have it.
        """


# A driver may also have `why_no_clock() -> str`: what to tell where `read_clock` has given nothing. Drivers from before
# `connect` have `begin(start_s, manual_clock)`, which connects and starts at once, and `clock_offset_s() -> float | None`;
# they go on working (`bmi_app.session.engine.connection`).


def refuse_map_of_counts(units: Units, who: str) -> None:
    """Refuse a map of (channel, unit) pairs for counts, which have none: channel i is unit i.

    Raises
    ------
    SourceError
        Naming `who` sends counts, and the keys to take away.
    """
    defaults = Units(count=1)
    keys = ("map", "table", "first_channel", "first_unit", "units_per_channel", "ignore_units")
    given = [f"units.{key}" for key in keys if getattr(units, key) != getattr(defaults, key)]
    if given:
        raise SourceError(
            f"{who} has counts, whose channel i is unit i, so that {', '.join(given)} would change nothing; remove "
            f"{'it' if len(given) == 1 else 'them'}"
        )
