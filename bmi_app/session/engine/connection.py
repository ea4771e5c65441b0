"""Connect a driver, start it, and read its clock; drivers from before `connect` was apart from `begin` go on working."""

import time
from collections.abc import Callable
from typing import Any

from bmi_app.rt.clock import now_s
from drivers.contract import ClockReading, SourceError

# liblsl measures for 0.6 s, every 2 s: time for three attempts.
CLOCK_WAIT_S = 7.0
_NAP_S = 0.05  # between two questions that were answered at once


def connect(driver: Any) -> None:
    """Connect the source; may take as long as it takes. A driver without `connect` connects in `start`.

    Raises
    ------
    SourceError
        If it cannot be connected to.
    """
    if hasattr(driver, "connect"):
        driver.connect()


def start(driver: Any, start_s: float, manual_clock: bool) -> None:
    """Tell a driver when bin 0 begins (local clock), and whether time is real.

    Raises
    ------
    SourceError
        If it cannot run so.
    """
    if hasattr(driver, "start"):
        driver.start(start_s, manual_clock)
    else:
        driver.begin(start_s, manual_clock)


def read_clock(driver: Any) -> ClockReading | None:
    """Return how the source's clock differs from ours, None while that is unknown."""
    if hasattr(driver, "read_clock"):
        reading: ClockReading | None = driver.read_clock()
        return reading
    offset_s = driver.clock_offset_s() if hasattr(driver, "clock_offset_s") else 0.0
    return None if offset_s is None else ClockReading(float(offset_s), 0.0, now_s())


def first_reading(driver: Any, kind: str, say: Callable[[str], object] = lambda text: None) -> ClockReading | None:
    """Wait for the first measurement of the source's clock.

    A driver from before `connect` may never have one, and its stamps are taken as they are: it is asked once.

    Parameters
    ----------
    driver, kind
        An opened driver, and its name in the protocol.
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
        reading = read_clock(driver)
        if reading is not None or not hasattr(driver, "read_clock"):
            return reading
        if time.monotonic() >= give_up_s:
            raise SourceError(
                driver.why_no_clock()
                if hasattr(driver, "why_no_clock")
                else f"{kind}: the source's clock cannot be measured, so that its stamps mean nothing here"
            )
        if not told:
            say("measuring the source's clock")
            told = True
        time.sleep(_NAP_S)
