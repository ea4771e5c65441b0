"""Simulate sessions as fast as the machine can, many in one process, and keep their trials alone."""

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bmi_app.api.changes import protocol as changed
from bmi_app.api.errors import BmiError, in_words
from bmi_app.rt import cells
from bmi_app.rt.records import EventKind, Outcome
from bmi_app.session.engine import full_speed_loop
from bmi_app.session.engine.build import BuildError, Core, build
from bmi_app.session.view.progress import bar
from drivers import simulated
from protocols.schema import Protocol

if TYPE_CHECKING:
    from bmi_app.api.running import ProtocolLike

_FRAME_SLOTS, _SPIKE_SLOTS = 1 << 12, 1 << 18
_WINDOW_TRIALS, _ENOUGH = 50, 45  # success is reached when so many of so many trials in a row succeed


@dataclass(frozen=True)
class Outcomes:
    """Hold how the judged trials of a simulated session went.

    Attributes
    ----------
    end_min : f8[trial]
        When each ended (minutes of session).
    success : bool[trial]
    """

    end_min: np.ndarray
    success: np.ndarray

    def success_between(self, begin_min: float, end_min: float) -> float:
        """Return the share of success of the trials that ended in a span; NaN where none did."""
        within = (self.end_min >= begin_min) & (self.end_min < end_min)
        return float(self.success[within].mean()) if within.any() else float("nan")

    def minutes_to_success(self) -> float | None:
        """Return when 45 of the last 50 trials had succeeded for the first time; None: never."""
        recent = np.convolve(self.success, np.ones(_WINDOW_TRIALS), "valid")
        reached = np.flatnonzero(recent >= _ENOUGH)
        return float(self.end_min[reached[0] + _WINDOW_TRIALS - 1]) if len(reached) else None


@dataclass(frozen=True)
class Trials(Outcomes):
    """Hold the judged trials of a session, and the session as it ended.

    Attributes
    ----------
    core : Core
        The session as it ended.
    """

    core: Core


def run_trials(
    protocol: Protocol,
    watch: Callable[[Core, simulated.Driver], object] = lambda *_: None,
    prepare: Callable[[simulated.Driver], object] = lambda _: None,
) -> Trials:
    """Run a simulated session as fast as the machine can, and keep nothing but its trials.

    Parameters
    ----------
    protocol
        With the simulated driver.
    watch
        Called again and again, before the rings go round, to take from them what else is wanted.
    prepare
        Called once, when the subject has been built.
    """
    core = build(protocol, frame_slots=_FRAME_SLOTS, spike_slots=_SPIKE_SLOTS)
    driver = simulated.Driver(protocol, simulated.Settings())
    driver.open(0.0)
    prepare(driver)
    ctl, events = core.arrays["ctl"], core.arrays["events"]
    ends: list[np.ndarray] = []
    tail = 0

    def drain() -> None:
        nonlocal tail
        head = int(ctl[cells.EVENTS_HEAD])
        new = events[np.arange(tail, head) % len(events)]
        ends.append(new[(new["kind"] == EventKind.TRIAL_END) & (new["code"] != Outcome.BLOCK_ENDED)])
        tail = head
        watch(core, driver)
        ctl[cells.SPIKES_SAVED] = ctl[cells.SPIKES_DECODED]

    full_speed_loop.run(core, driver, simulated.POLL, drain, lambda _: None)
    driver.close()
    found = np.concatenate(ends)
    return Trials(found["time_s"] / 60.0, found["code"] == Outcome.SUCCESS, core)


def simulate(
    protocol: "ProtocolLike", seeds: int | Iterable[int], *, progress: bool = True, **changes: Any
) -> dict[int, Outcomes]:
    """Simulate a protocol with several seeds, one after the other in this process; nothing is recorded.

    The simulated rig and its subject take the place of the source.

    Parameters
    ----------
    protocol : str, Path or Protocol
        A name, a path, or what `bmi_app.protocol` returned. It needs an end: ``session__duration_s=600``.
    seeds : int or iterable of int
        The seeds; a number n stands for 0 to n - 1.
    progress : bool
        Whether to show a bar on standard error.
    **changes
        As for `bmi_app.protocol`.

    Returns
    -------
    dict of int to Outcomes
        For each seed its judged trials: `end_min` f8[trial], `success` bool[trial].

    Raises
    ------
    BmiError
        With every mistake in the protocol and the changes.

    Examples
    --------
    >>> runs = bmi_app.simulate("learn_the_tool", 10, session__duration_s=600, learning__rule="lms")
    >>> np.mean([run.success_between(5, 10) for run in runs.values()])
    """
    asked = list(range(seeds) if isinstance(seeds, int) else seeds)
    given = changed(protocol, **(changes | {"driver__kind": "simulated"}))  # type: ignore[arg-type]
    if not any((given.session.duration_s, given.session.trials, given.blocks[-1].duration_s, given.blocks[-1].trials)):
        raise BmiError("session: a simulation needs an end: session__duration_s or session__trials")
    found = {}
    with bar("seeds", len(asked)) if progress else nullcontext(lambda _: None) as advance:
        for done, seed in enumerate(asked):
            try:
                trials = run_trials(changed(given, session__seed=seed))
            except BuildError as error:
                raise in_words(error) from error
            found[seed] = Outcomes(trials.end_min, trials.success)  # without the arrays of the session
            advance(done + 1)
    return found
