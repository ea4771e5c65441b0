"""Follow the clock of a session's source: publish its offset, and tell where it stepped or is not known."""

from collections.abc import Callable
from typing import Any

import numpy as np

from bmi_app.rt import cells
from bmi_app.rt.records import EventKind
from bmi_app.rt.ring import read_cell, write_cell, write_cell_f8
from bmi_app.session.engine import connection
from drivers.contract import ClockReading

_JOURNALED_S = 1e-4  # the offset is journaled where it has moved by so much
_DRIFT = 5e-4  # two clocks drift apart by less: quartz is within 1e-4
_CLOSE_S = 1e-3  # what the machines' own stalls add to a measurement


class ClockWatch:
    """Measure the offset of a source's clock, on the clock thread; `reset` belongs to the acquisition thread.

    The offset holds for one connection only. Who finds the source connected anew (the driver's kernel, or `reset`)
    counts `CLOCK_RESETS` up; an offset is published with the count that stood before it was measured, and the driver
    uses it only while that is still the count.

    Parameters
    ----------
    driver
        Of the session.
    ctl : ndarray of int64
        The session's cells.
    note : callable
        Journals an event with its text; a `CLOCK_STEP` is told to every view too.
    """

    def __init__(self, driver: Any, ctl: np.ndarray, note: Callable[..., object]) -> None:
        self._driver, self._ctl, self._note = driver, ctl, note
        self._last: ClockReading | None = None
        self._journaled_s: float | None = None
        self._resets = 0  # as last seen
        self._told_lack = False

    def begin(self, kind: str, say: Callable[[str], object]) -> None:
        """Wait for the first measurement, and publish it.

        Raises
        ------
        SourceError
            If there is none.
        """
        reading = connection.first_reading(self._driver, kind, say)
        if reading is not None:
            self._take(reading, 0)

    def reset(self) -> None:
        """Say that the source is another one, or the same one anew: its clock is not known."""
        write_cell(self._ctl, cells.CLOCK_RESETS, read_cell(self._ctl, cells.CLOCK_RESETS) + 1)

    def measure(self) -> None:
        """Measure once more."""
        resets = read_cell(self._ctl, cells.CLOCK_RESETS)
        reading = self._driver.read_clock()
        if resets != self._resets and not self._told_lack:
            self._told_lack = True
            self._note(
                EventKind.CLOCK_STEP,
                "the source was connected anew; until its clock is measured, spikes are timed by their arrival",
                value=np.nan,
            )
        if reading is not None:
            self._take(reading, resets)

    def _take(self, reading: ClockReading, resets: int) -> None:
        write_cell_f8(self._ctl, cells.OFFSET, reading.offset_s)
        write_cell_f8(self._ctl, cells.OFFSET_UNCERTAINTY, reading.uncertainty_s)
        write_cell_f8(self._ctl, cells.OFFSET_MEASURED, reading.measured_s)
        write_cell(self._ctl, cells.OFFSET_RESETS, resets)
        last, self._last = self._last, reading
        within = f"within {reading.uncertainty_s * 1e3:.2g} ms"
        if resets != self._resets:
            self._resets, self._told_lack = resets, False
            moved_s = reading.offset_s - (last.offset_s if last is not None else 0.0)
            text = (
                f"measured anew: its offset is {reading.offset_s:.6f} s ({within}), {moved_s:+.6f} s from what it was"
            )
            self._note(EventKind.CLOCK_STEP, text, value=moved_s)
        elif last is not None and _is_step(last, reading):
            moved_s = reading.offset_s - last.offset_s
            text = f"it stepped: its offset moved by {moved_s:+.6f} s to {reading.offset_s:.6f} s ({within})"
            self._note(EventKind.CLOCK_STEP, text, value=moved_s)
        if self._journaled_s is None or abs(reading.offset_s - self._journaled_s) > _JOURNALED_S:
            self._journaled_s = reading.offset_s
            self._note(EventKind.CLOCK_OFFSET, within, value=reading.offset_s)


def _is_step(before: ClockReading, now: ClockReading) -> bool:
    """Tell whether an offset moved by more than its uncertainties and drifting clocks explain."""
    apart_s = abs(now.measured_s - before.measured_s)
    margin_s = before.uncertainty_s + now.uncertainty_s + _CLOSE_S + _DRIFT * apart_s
    return abs(now.offset_s - before.offset_s) > margin_s
