"""Metronome driver: all units fire in turn, at a steady rate."""

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from bmi_app.rt.clock import sleep_until
from bmi_app.rt.contracts import poll_signature
from bmi_app.rt.jit import kernel
from bmi_app.rt.ring import publish, push
from drivers.contract import SourceInfo
from protocols.schema import Protocol

_START_S, _EVERY_S, _UNITS, _NEXT, _MANUAL = range(5)  # words of the memory


class Settings(BaseModel):
    """Set how fast the units fire."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rate_hz: float = Field(default=20.0, gt=0, description="rate of each unit (Hz)")


class Driver:
    """Fire in turn."""

    def __init__(self, protocol: Protocol, settings: Settings) -> None:
        self._units, self._rate_hz = protocol.units.count, settings.rate_hz
        self.memory = np.zeros(5)

    def open(self, timeout_s: float) -> SourceInfo:
        """Have nothing to find."""
        self.memory[:] = 0.0, 1.0 / (self._rate_hz * self._units), self._units, 0.0, 0.0
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
        self.memory[_START_S], self.memory[_MANUAL] = start_s, manual_clock

    def clock_offset_s(self) -> float | None:
        """Return 0: its clock is the local one."""
        return 0.0

    def close(self) -> None:
        """Have nothing to let go."""


@kernel(poll_signature)
def POLL(act, memory, spikes, ctl, frames, until_s):
    """Push every spike that is due; in real time, wait for it."""
    while True:
        due_s = memory[_START_S] + (memory[_NEXT] + 1.0) * memory[_EVERY_S]
        if due_s > until_s:
            break
        if memory[_MANUAL] == 0.0:
            sleep_until(due_s)
        push(spikes, ctl, due_s, 0.0, due_s, int(memory[_NEXT] % memory[_UNITS]), np.float32(1.0))
        memory[_NEXT] += 1.0
    if memory[_MANUAL] == 0.0:
        sleep_until(until_s)
    return publish(ctl, until_s)
