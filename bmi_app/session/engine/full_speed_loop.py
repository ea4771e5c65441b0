"""Run a session as fast as the machine can: the same kernels in a plain loop, on a manual clock.

While one chunk of ticks is made, without the GIL, another thread saves the chunk before.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from bmi_app.rt import cells
from bmi_app.rt.loop import run_fast
from bmi_app.rt.records import COMMAND, CommandKind, StopReason
from bmi_app.session.engine import staging
from bmi_app.session.engine.build import Core
from bmi_app.session.engine.staged_fits import Refitter, Staged

_CHUNK_TICKS = 2048
_EVENTS_A_TRIAL = 8
_MOST_HZ = 200.0  # mean rate of a unit up to which no spike finds its ring full


class Commands:
    """Send commands to a session that no control thread serves: staged updates and, when asked, the stop.

    Parameters
    ----------
    core : Core
    keep : callable
        Journals what is to be adopted, given the id of its blob and of its command, before it is sent; without a blob, only
        the words.
    stopping : callable
        Tells whether the session is to be stopped as by an operator.
    """

    def __init__(
        self,
        core: Core,
        keep: Callable[[int, int, Staged], object] = lambda blob, command, staged: None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._core, self._keep, self._stopping = core, keep, stopping
        self._refitter = Refitter(core)
        self._blobs = self._sent = 0
        self._stopped = False

    def send(self) -> None:
        """Send what is due; the next tick takes it."""
        if self._core.state[0]["stop_reason"]:
            return
        for staged in self._refitter.take():
            if staged.blob is None:
                self._keep(0, 0, staged)
                continue
            self._blobs += 1
            self._keep(self._blobs, self._sent + 1, staged)
            self._put(staging.put(self._core, self._blobs, staged.blob, staged.cause))
        if not self._stopped and self._stopping():
            self._stopped = True
            command = np.zeros(1, COMMAND)
            command["tick"], command["kind"], command["index"] = -1, CommandKind.STOP, StopReason.OPERATOR
            self._put(command)

    def _put(self, command: np.ndarray) -> None:
        queue, ctl = self._core.arrays["queue"], self._core.arrays["ctl"]
        self._sent += 1
        command["id"] = self._sent
        head = int(ctl[cells.QUEUE_HEAD])
        queue[head & (len(queue) - 1)] = command[0]
        ctl[cells.QUEUE_HEAD] = head + 1


def run(
    core: Core,
    driver: Any,
    poll: Any,
    drain: Callable[[], object],
    on_progress: Callable[[int], object],
    commands: Commands | None = None,
) -> None:
    """Run until the session stops.

    Parameters
    ----------
    core : Core
        Built with rings of at least 2048 frames.
    driver, poll
        An opened driver and its kernel.
    drain : callable
        Saves what the rings hold; called on a thread of its own, one call at a time.
    on_progress : callable
        Called with the number of ticks made so far.
    commands : Commands, optional
        Sends staged updates, and the stop; without it, the former alone.
    """
    core.config["start_s"] = 0.0
    driver.connect()
    driver.start(0.0, True)
    state = core.state
    chunk = _chunk(core)
    commands = commands or Commands(core)
    with ThreadPoolExecutor(1, "journal") as saver:
        saved: Future[object] = saver.submit(drain)
        while state[0]["stop_reason"] == 0:
            run_fast(poll, driver.act, driver.memory, core.decode, core.learn, core.session, chunk)
            commands.send()
            saved.result()
            saved = saver.submit(drain)
            on_progress(int(state[0]["tick"]))
        saved.result()


def _chunk(core: Core) -> int:
    """Return how many ticks to make at once: what two of them write must fit into the rings."""
    sizes, config = core.sizes, core.config[0]
    ending_ticks = min(config["hold_ticks"] + config["reward_ticks"], config["timeout_ticks"] + config["failed_ticks"])
    trial_ticks = int(ending_ticks + config["inter_trial_ticks"] + 1)  # at least; each may store its weights
    events_a_tick = 1 + _EVENTS_A_TRIAL / trial_ticks  # an update may be rejected in every tick
    spikes_a_tick = sizes.n_units * float(core.config[0]["tick_s"]) * _MOST_HZ + 1
    fitting = (
        sizes.frame_slots // 2,
        sizes.spike_slots / 2 / spikes_a_tick,
        sizes.event_slots / 2 / events_a_tick,
        sizes.weight_slots / 2 * trial_ticks,
        sizes.update_slots / 4 * trial_ticks,  # an update and what the guard says of it
    )
    return max(1, int(min(_CHUNK_TICKS, *fitting)))
