"""State what every driver offers: where spikes come from, and how the engine opens, polls and closes it.

A driver is one file. It defines `Settings` (pydantic, frozen, unknown keys forbidden), a class `Driver(protocol,
settings)` with the names of `Source`, and the kernel `POLL` with the signature `bmi_app.rt.contracts.poll_signature`:

    POLL(act, memory, spikes, ctl, frames, until_s) -> entries published, or a negative fault code

The engine owns the loop around POLL, on the acquisition thread, without the GIL. POLL returns as soon as it has
published what there was, and at the latest soon after `until_s` (local clock) or a change of `ctl[cells.STOP]`.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

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

    def begin(self, start_s: float, manual_clock: bool) -> None:
        """Learn when bin 0 begins, and whether time is real or what POLL's `until_s` says; after `open`, before POLL."""

    def close(self) -> None:
        """Let the source go. POLL must not be running; may be called twice."""

    def clock_offset_s(self) -> float | None:
        """Measure what to add to a stamp to be on the local clock; None when it cannot be said now.

        Clock thread only; may take a while.
        """
