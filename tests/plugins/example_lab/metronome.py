"""Metronome driver: all units fire in turn, at a steady rate."""

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from bmi_app.rt.clock import sleep_until
from bmi_app.rt.contracts import poll_signature
from bmi_app.rt.jit import kernel
from bmi_app.rt.memory import MemoryLayout, length, named_parts
from bmi_app.rt.ring import publish, push
from bmi_app.traits import DriverTraits
from drivers.contract import SourceInfo
from protocols.schema import Protocol

_LAYOUT = MemoryLayout({"start_s": (), "every_s": (), "units": (), "next": (), "manual": ()})


class Settings(BaseModel):
    """Set how fast the units fire."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rate_hz: float = Field(default=20.0, gt=0, description="rate of each unit (Hz)")


class Driver:
    """Fire in turn."""

    def __init__(self, protocol: Protocol, settings: Settings) -> None:
        self._units, self._rate_hz = protocol.units.count, settings.rate_hz
        self.memory = np.zeros(length(_LAYOUT.shapes()))
        self._named = named_parts(self.memory, _LAYOUT.shapes())

    def open(self, timeout_s: float) -> SourceInfo:
        """Have nothing to find."""
        _LAYOUT.fill(self._named, every_s=1.0 / (self._rate_hz * self._units), units=self._units, next=0.0)
        return SourceInfo(
            name="metronome",
            type="SpikeEvents",
            source_id="metronome",
            host="",
            uid="",
            n_channels=self._units,
            rate_hz=0.0,
            channel_format="internal",
            kind="events",
            description="all units in turn",
        )

    def begin(self, start_s: float, manual_clock: bool) -> None:
        """Start with bin 0."""
        _LAYOUT.fill(self._named, start_s=start_s, manual=manual_clock)

    def clock_offset_s(self) -> float | None:
        """Return 0: its clock is the local one."""
        return 0.0

    def close(self) -> None:
        """Have nothing to let go."""


@kernel(poll_signature)
def POLL(act, memory, spikes, ctl, frames, until_s):
    """Push every spike that is due; in real time, wait for it."""
    m = _LAYOUT.named(memory)
    while True:
        due_s = m.start_s + (m.next + 1.0) * m.every_s
        if due_s > until_s:
            break
        if m.manual == 0.0:
            sleep_until(due_s)
        push(spikes, ctl, due_s, 0.0, due_s, int(m.next % m.units), np.float32(1.0))
        m.next += 1.0
    if m.manual == 0.0:
        sleep_until(until_s)
    return publish(ctl, until_s)


TRAITS = DriverTraits(title="all units in turn", needs_network=False, begins_at_once=True)
