"""Run a session as fast as the machine can: the same kernels in a plain loop, on a manual clock.

While one chunk of ticks is made, without the GIL, another thread saves the chunk before.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from bmi_app.rt.contracts import NO_ACT
from bmi_app.rt.loop import run_fast
from bmi_app.session.build import Core

_CHUNK_TICKS = 2048
_EVENTS_A_TRIAL = 8
_MOST_HZ = 200.0  # mean rate of a unit up to which no spike finds its ring full


def run(core: Core, driver: Any, poll: Any, drain: Callable[[], object], on_progress: Callable[[int], object]) -> None:
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
    """
    core.config["start_s"] = 0.0
    driver.begin(0.0, True)
    act = getattr(driver, "act", NO_ACT)
    state = core.state
    chunk = _chunk(core)
    with ThreadPoolExecutor(1, "journal") as saver:
        saved: Future[object] = saver.submit(drain)
        while state[0]["stop_reason"] == 0:
            run_fast(poll, act, driver.memory, core.decode, core.learn, core.session, chunk)
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
    )
    return max(1, int(min(_CHUNK_TICKS, *fitting)))
