"""Make every driver answer to all names of the contract, as its traits say what it has; and wait for its clock."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from bmi_app.rt.clock import now_s
from bmi_app.rt.contracts import NO_ACT
from bmi_app.traits import DriverTraits
from drivers.contract import ClockReading, SourceError, SourceInfo

# liblsl measures for 0.6 s, every 2 s: time for three attempts.
CLOCK_WAIT_S = 7.0
_NAP_S = 0.05  # between two questions that were answered at once


class Connection:
    """Be a driver with all names of `drivers.contract.Source`, also where it is one from before `connect` was apart from `begin`.

    Attributes
    ----------
    act
        The kernel of the driver's subject, or one that does nothing.
    learnt : callable or None
        Reads what the driver's subject has logged.
    has_clock : bool
        Whether the source has a clock of its own, which has to be measured.
    """

    def __init__(self, driver: Any, traits: DriverTraits) -> None:
        self._driver, self._traits = driver, traits
        self.act: Any = driver.act if traits.simulates_subject else NO_ACT
        self.learnt: Callable[..., Any] | None = driver.learnt if traits.simulates_subject else None
        self.has_clock = traits.has_clock

    @property
    def memory(self) -> np.ndarray:
        """Return all that POLL needs; each `open` may make it anew."""
        memory: np.ndarray = self._driver.memory
        return memory

    def open(self, timeout_s: float) -> SourceInfo:
        """Find and open the source; raise `SourceError` where that cannot be."""
        info: SourceInfo = self._driver.open(timeout_s)
        return info

    def connect(self) -> None:
        """Connect the source; may take as long as it takes. A driver that begins at once connects in `start`.

        Raises
        ------
        SourceError
            If it cannot be connected to.
        """
        if not self._traits.begins_at_once:
            self._driver.connect()

    def start(self, start_s: float, manual_clock: bool) -> None:
        """Tell the driver when bin 0 begins (local clock), and whether time is real.

        Raises
        ------
        SourceError
            If it cannot run so.
        """
        if self._traits.begins_at_once:
            self._driver.begin(start_s, manual_clock)
        else:
            self._driver.start(start_s, manual_clock)

    def close(self) -> None:
        """Let the source go."""
        self._driver.close()

    def read_clock(self) -> ClockReading | None:
        """Return how the source's clock differs from ours, None while that is unknown."""
        if self._traits.has_clock:
            reading: ClockReading | None = self._driver.read_clock()
            return reading
        # Of a driver from before `connect`; it may never know.
        offset_s = self._driver.clock_offset_s() if self._traits.begins_at_once else 0.0
        return None if offset_s is None else ClockReading(float(offset_s), 0.0, now_s())

    def why_no_clock(self) -> str:
        """Say what to do where the clock cannot be measured; empty where the driver says nothing."""
        return str(self._driver.why_no_clock()) if self._traits.has_clock else ""


def first_reading(driver: Any, kind: str, say: Callable[[str], object] = lambda text: None) -> ClockReading | None:
    """Wait for the first measurement of the source's clock.

    A source without a clock of its own is asked once: of a driver from before `connect` its stamps are taken as they are.

    Parameters
    ----------
    driver, kind
        An opened driver, as `Connection` makes it, and its name in the protocol.
    say
        Told where it takes longer than a blink.

    Raises
    ------
    SourceError
        If the clock cannot be measured.
    """
    give_up_s = time.monotonic() + CLOCK_WAIT_S
    told = False
    while True:
        reading: ClockReading | None = driver.read_clock()
        if reading is not None or not driver.has_clock:
            return reading
        if time.monotonic() >= give_up_s:
            raise SourceError(
                driver.why_no_clock()
                or f"{kind}: the source's clock cannot be measured, so that its stamps mean nothing here"
            )
        if not told:
            say("measuring the source's clock")
            told = True
        time.sleep(_NAP_S)
