"""Patient driver: the metronome, on a device that takes its time to connect and then to tell its clock."""

import time
from pathlib import Path

import numpy as np
from pydantic import Field

from bmi_app.rt.clock import now_s
from bmi_app.traits import DriverTraits
from drivers.contract import ClockReading, SourceInfo
from example_lab import metronome
from example_lab.metronome import POLL
from protocols.schema import Protocol

__all__ = ["POLL", "TRAITS", "Driver", "Settings"]


class Settings(metronome.Settings):
    """Set how long to wait."""

    connect_s: float = Field(default=1.0, ge=0, description="how long connecting takes (s)")
    connected_file: str = Field(default="", description="where to write when it was connected (local clock, s)")
    readings: int = Field(default=3, description="how often the clock is asked in vain; below 0: always")


class Driver:
    """Wait, then fire in turn."""

    def __init__(self, protocol: Protocol, settings: Settings) -> None:
        self._metronome = metronome.Driver(protocol, settings)
        self._settings, self._asked = settings, 0

    @property
    def memory(self) -> np.ndarray:
        """Return what POLL needs."""
        return self._metronome.memory

    def open(self, timeout_s: float) -> SourceInfo:
        """Have nothing to find."""
        return self._metronome.open(timeout_s)

    def connect(self) -> None:
        """Take as long as the settings say."""
        time.sleep(self._settings.connect_s)
        if self._settings.connected_file:
            Path(self._settings.connected_file).write_text(repr(now_s()))

    def start(self, start_s: float, manual_clock: bool) -> None:
        """Start with bin 0."""
        self._metronome.begin(start_s, manual_clock)

    def read_clock(self) -> ClockReading | None:
        """Return an offset, once it was asked for often enough."""
        self._asked += 1
        return ClockReading(0.0, 1e-4, now_s()) if 0 <= self._settings.readings < self._asked else None

    def why_no_clock(self) -> str:
        """Say what to do about it."""
        return "patient: the device does not tell its clock; switch it on"

    def close(self) -> None:
        """Have nothing to let go."""


TRAITS = DriverTraits(needs_network=False, has_clock=True)
