"""Make ticks of a session by hand: counts, lost sources and commands go in, frames and events come out."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from bmi_app.rt import cells
from bmi_app.rt.loop import run_recorded
from bmi_app.rt.records import COMMAND, FRAME, CommandKind, EventKind, Flag
from bmi_app.session.engine.build import Core, build
from protocols.load import load
from protocols.schema import Protocol

Hand = tuple[float, float]
AWAY: Hand = (math.nan, math.nan)

# A task in which something happens in every few ticks, and no rest.
QUICK = (
    'blocks=[{kind="closed_loop"}]',
    "task.hold_ms=50",
    "task.timeout_ms=300",
    "task.inter_trial_ms=30",
    "task.reward_ms=20",
    "task.failed_ms=40",
)


class Ticker:
    """Drive one session's tick."""

    def __init__(self, protocol: Protocol) -> None:
        self.core: Core = build(protocol, frame_slots=1 << 12, spike_slots=1 << 10)
        self.arrays = self.core.arrays
        self.state = self.arrays["state"][0]
        self.n_units = self.core.sizes.n_units
        self._tick_s = float(self.core.config[0]["tick_s"])
        self._id = 0

    def command(self, kind: CommandKind, index: int = 0, aux: int = 0, value: float = 0.0, tick: int = -1) -> None:
        """Let a command wait, for the next tick or a later one."""
        ctl, queue = self.arrays["ctl"], self.arrays["queue"]
        self._id += 1
        entry = np.array([(self._id, tick, kind, index, aux, value, 0, 0)], COMMAND)
        queue[ctl[cells.QUEUE_HEAD] % len(queue)] = entry[0]
        ctl[cells.QUEUE_HEAD] += 1

    def tick(self, counts: Any = None, lost: bool = False, hand_cm: Hand = AWAY) -> np.void:
        """Make one tick; return its frame."""
        frame: np.void = self.run(np.broadcast_to(0 if counts is None else counts, (1, self.n_units)), lost, hand_cm)[0]
        return frame

    def ticks(self, n: int, counts: Any = None, flags: Flag | None = None) -> np.ndarray:
        """Make `n` ticks with the same counts and input flags in each; return their frames."""
        return self.run(np.broadcast_to(0 if counts is None else counts, (n, self.n_units)), flags=flags)

    def run(
        self, counts: np.ndarray, lost: bool = False, hand_cm: Hand = AWAY, flags: Flag | None = None
    ) -> np.ndarray:
        """Make a tick of each row of counts, as many as the ring holds at most, with these input flags; return their frames."""
        n, frames = len(counts), self.arrays["frames"]
        assert n <= len(frames)
        recorded = np.zeros(n, FRAME)
        recorded["edge_s"] = (self.state["tick"] + 1 + np.arange(n)) * self._tick_s
        recorded["flags"] = (Flag.SOURCE_LOST if lost else 0) if flags is None else flags
        recorded["hand_x_cm"], recorded["hand_y_cm"] = hand_cm
        first = int(self.arrays["ctl"][cells.FRAMES_HEAD])
        given = np.array(counts, np.float32, order="C")  # a copy, since a broadcast one may not be written to
        run_recorded(self.core.decode, self.core.learn, self.core.session, recorded, given)
        return frames[np.arange(first, first + n) % len(frames)]

    def frames(self) -> np.ndarray:
        """Return every frame so far."""
        made = int(self.arrays["ctl"][cells.FRAMES_HEAD])
        assert made <= len(self.arrays["frames"])
        return self.arrays["frames"][:made].copy()

    def events(self, *kinds: EventKind) -> list[tuple[int, EventKind, int, float]]:
        """Return (tick, kind, code, value) of the events so far, of some kinds or of all."""
        events = self.arrays["events"][: int(self.arrays["ctl"][cells.EVENTS_HEAD])]
        found = ((int(e["tick"]), EventKind(int(e["kind"])), int(e["code"]), float(e["value"])) for e in events)
        return [event for event in found if not kinds or event[1] in kinds]

    def commands_done(self) -> np.ndarray:
        """Return the commands that ticks have taken, COMMAND[n]."""
        return self.arrays["commands_done"][: int(self.arrays["ctl"][cells.COMMANDS_HEAD])].copy()

    def stored_weights(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the log of stored weights and its rows."""
        stored = int(self.arrays["ctl"][cells.WEIGHTS_HEAD])
        return self.arrays["weights_log"][:stored].copy(), self.arrays["weights_rows"][:stored].copy()

    def put_cursor(self, x_cm: float, y_cm: float = 0.0) -> None:
        """Put the cursor somewhere before the next tick; without spikes it stays there."""
        self.state["cursor_x_cm"], self.state["cursor_y_cm"] = x_cm, y_cm

    def put_on_target(self) -> None:
        self.put_cursor(float(self.state["target_x_cm"]), float(self.state["target_y_cm"]))


def ticker(overrides: Iterable[str] = (), name: str = "center_out") -> Ticker:
    """Return a ticker of a shipped protocol with overrides."""
    return Ticker(load(name, [*overrides]))
