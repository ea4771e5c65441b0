"""Run a session as fast as the machine can: the same kernels in a plain loop, on a manual clock."""

from collections.abc import Callable
from typing import Any

from bmi_app.rt import cells
from bmi_app.rt.contracts import NO_ACT
from bmi_app.rt.loop import run_fast
from bmi_app.rt.records import StopReason
from bmi_app.session.build import Core

_CHUNK_TICKS = 2048


def run(core: Core, driver: Any, poll: Any, drain: Callable[[], object], on_progress: Callable[[int], object]) -> None:
    """Run until the session stops.

    Parameters
    ----------
    core : Core
        Built with rings of at least 2048 frames.
    driver, poll
        An opened driver and its kernel.
    drain : callable
        Called between chunks, to save what the rings hold.
    on_progress : callable
        Called with the number of ticks made so far.
    """
    core.config["start_s"] = 0.0
    driver.begin(0.0, True)
    act = getattr(driver, "act", NO_ACT)
    state, ctl = core.state, core.arrays["ctl"]
    chunk = min(_CHUNK_TICKS, core.sizes.frame_slots // 2)
    while state[0]["stop_reason"] == 0:
        made = run_fast(poll, act, driver.memory, core.decode, core.learn, core.session, chunk)
        drain()
        on_progress(int(state[0]["tick"]))
        if ctl[cells.SOURCE_ENDED] and state[0]["stop_reason"] == 0:
            state[0]["stop_reason"] = StopReason.SOURCE_ENDED
        assert made >= 0
