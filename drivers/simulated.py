"""The simulated rig, inside the engine: a subject that sees the cursor, and neurons that it drives.

GIL-free like a real source. In real time its spikes appear step by step as time passes; on a manual clock, at once.
"""

import numpy as np
from pydantic import BaseModel, ConfigDict

from bmi_app import plugins
from bmi_app.rt import cells, random
from bmi_app.rt.clock import sleep_until
from bmi_app.rt.contracts import poll_signature
from bmi_app.rt.hand import pack, persons_hand
from bmi_app.rt.jit import kernel
from bmi_app.rt.lsl import local_clock
from bmi_app.rt.ring import load, publish, push, store
from bmi_app.subject import simulate
from bmi_app.subject.model_log import read_records
from bmi_app.subject.neurons import fire, spikes_of_span
from bmi_app.subject.simulate import act_once, hand_of, is_due, parts, see_frame, see_hand
from bmi_app.subject.simulation import build, subject_parts
from bmi_app.traits import DriverTraits
from drivers.contract import SourceInfo
from protocols.schema import Protocol

_LONGEST_STEP_S = 0.010
_DELAY_S, _START_S, _STEP_S = simulate.DELAY_S, simulate.START_S, simulate.STEP_S
_SEED, _STEP, _FRAME, _MANUAL_CLOCK = simulate.SEED, simulate.STEP, simulate.FRAME, simulate.MANUAL_CLOCK


class Settings(BaseModel):
    """Have nothing to set: the subject and the neurons have tables of their own."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Driver:
    """Simulate a subject and its neurons.

    Attributes
    ----------
    act
        The subject's kernel, which the engine hands to POLL.
    subject : dict of ndarray
        The subject's memory by name, once it is open.
    """

    def __init__(self, protocol: Protocol, settings: Settings) -> None:
        self._protocol = protocol
        self.memory = np.zeros(simulate.HEADER)
        self.subject: dict[str, np.ndarray] = {}
        self.act = plugins.load("subjects", protocol.subject.kind).ACT

    def open(self, timeout_s: float) -> SourceInfo:
        """Build the subject; nothing can be missing."""
        self.memory = build(self._protocol)
        self.subject = subject_parts(self._protocol, self.memory)
        return SourceInfo(
            name="simulated",
            type="SpikeEvents",
            source_id=f"simulated-{self._protocol.session.seed}",
            host="",
            uid="",
            n_channels=self._protocol.units.count,
            rate_hz=0.0,
            channel_format="internal",
            kind="events",
            description=f"subject {self._protocol.subject.kind!r}, {self._protocol.subject.neurons} neurons",
        )

    def connect(self) -> None:
        """Have nothing to connect to."""

    def start(self, start_s: float, manual_clock: bool) -> None:
        """Start the simulation with bin 0, in real time or on a manual clock."""
        self.memory[_START_S] = start_s
        self.memory.view(np.int64)[_MANUAL_CLOCK] = manual_clock

    def learnt(self, already: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
        """Return what the subject has logged since its first `already` records; see `read_records`."""
        return read_records(self.subject, already)

    def close(self) -> None:
        """Have nothing to let go."""


@kernel(poll_signature)
def POLL(act, memory, spikes, ctl, frames, until_s):
    """Simulate every whole step up to `until_s`; in real time, sleep until the next step is over."""
    head = memory.view(np.int64)
    seen = parts(memory).seen
    step_s, start_s, delay_s = memory[_STEP_S], memory[_START_S], memory[_DELAY_S]
    published = 0
    while True:
        step_start_s = start_s + head[_STEP] * step_s
        step_end_s = start_s + (head[_STEP] + 1) * step_s
        if head[_MANUAL_CLOCK]:
            if step_end_s > until_s + 1e-9:
                return published
            arrival_s = step_end_s
        else:
            if step_end_s > until_s:
                sleep_until(until_s)
                return published
            sleep_until(step_end_s)
            arrival_s = local_clock()
        newest = load(ctl, cells.FRAMES_HEAD)
        head[_FRAME] = max(head[_FRAME], newest - frames.shape[0] // 2)
        while head[_FRAME] < newest:
            frame = frames[head[_FRAME] & (frames.shape[0] - 1)]
            if not is_due(frame.edge_s, step_start_s, delay_s):
                break
            see_frame(seen, frame)
            head[_FRAME] += 1
        see_hand(seen, persons_hand(ctl, arrival_s))
        fired = act_once(act, memory)
        x_cm, y_cm = hand_of(memory)
        store(ctl, cells.HAND, pack(x_cm, y_cm))
        key = random.key(head[_SEED], random.SPIKES, head[_STEP])
        drawn = spikes_of_span(fired)
        for nth in range(fire(fired, key, step_start_s, step_s)):
            push(spikes, ctl, drawn[0, nth], 0.0, arrival_s, int(drawn[1, nth]), np.float32(1.0))
        head[_STEP] += 1
        published += publish(ctl, arrival_s)


TRAITS = DriverTraits(title="a subject inside the program", needs_network=False, simulates_subject=True)
