"""Measure learning: success over simulated time, with a scrambled tool and each rule of the decoder.

The subject is the plain one, which learns nothing: what gets better, the decoder has learnt. Each seed flips the signs
of other units and draws other spikes. After the first half of its time a session simply goes on, still learning.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bmi_app.rt import cells
from bmi_app.rt.records import EventKind, Outcome
from bmi_app.session.engine import full_speed_loop
from bmi_app.session.engine.build import Core, build
from drivers import simulated
from protocols.load import load
from protocols.schema import Protocol

PROTOCOL = "learn_the_tool"
BIN_MIN = 2.0
_FRAME_SLOTS, _SPIKE_SLOTS = 1 << 12, 1 << 18
_WINDOW_TRIALS, _ENOUGH = 50, 45  # success is reached when so many of so many trials in a row succeed


@dataclass(frozen=True)
class Case:
    """Say what is compared: a rule and the share of flipped signs, and the keys of the protocol that make it so."""

    name: str
    overrides: tuple[str, ...]


CASES = (
    Case("off, 0.5", ("decoder.scramble=0.5", "learning.when=off")),
    Case("lms, 0.5", ("decoder.scramble=0.5", "learning.rule=lms", "learning.when=tick")),
    Case("off, 0.35", ("decoder.scramble=0.35", "learning.when=off")),
    Case("reward_gated, 0.35", ("decoder.scramble=0.35", "learning.rule=reward_gated", "learning.when=reward")),
    Case(
        "reinforcement, 0.35",
        (
            "decoder.scramble=0.35",
            "learning.rule=reinforcement",
            "learning.when=trial",
            "learning.exploration_cm_s=1.5",
        ),
    ),
)


@dataclass(frozen=True)
class Trials:
    """Hold the judged trials of a session.

    Attributes
    ----------
    end_min : ndarray, f8[trial]
        When each ended (minutes of session).
    success : ndarray, bool[trial]
    core : Core
        The session as it ended.
    """

    end_min: np.ndarray
    success: np.ndarray
    core: Core

    def success_between(self, begin_min: float, end_min: float) -> float:
        """Return the share of success of the trials that ended in a span; NaN where none did."""
        within = (self.end_min >= begin_min) & (self.end_min < end_min)
        return float(self.success[within].mean()) if within.any() else float("nan")

    def minutes_to_success(self) -> float | None:
        """Return when 45 of the last 50 trials had succeeded for the first time; None: never."""
        recent = np.convolve(self.success, np.ones(_WINDOW_TRIALS), "valid")
        reached = np.flatnonzero(recent >= _ENOUGH)
        return float(self.end_min[reached[0] + _WINDOW_TRIALS - 1]) if len(reached) else None


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


def measure(seeds: int, minutes: float, overrides: Sequence[str], say: Callable[[str], object]) -> dict[str, Any]:
    """Measure every case; return a report ready for JSON.

    Parameters
    ----------
    seeds
        Sessions of each case.
    minutes
        Simulated time to learn in; each session then goes on for as long again.
    overrides
        Keys of the protocol to change in every case, as `key=value`.
    say
        Told what is measured now.

    Raises
    ------
    ProtocolError
        If an override is wrong.
    """
    return {
        "protocol": PROTOCOL,
        "overrides": list(overrides),
        "seeds": seeds,
        "minutes": minutes,
        "bin_min": BIN_MIN,
        "cases": [_measure_case(case, seeds, minutes, overrides, say) for case in CASES],
    }


def _measure_case(
    case: Case, seeds: int, minutes: float, overrides: Sequence[str], say: Callable[[str], object]
) -> dict[str, Any]:
    end_min = 2 * minutes
    bins = np.arange(0.0, end_min, BIN_MIN)
    sessions = []
    for seed in range(1, seeds + 1):
        say(f"{case.name}, seed {seed} of {seeds}")
        ends = (f"session.seed={seed}", f"session.duration_s={end_min * 60:g}")
        sessions.append(run_trials(load(PROTOCOL, [*case.overrides, *overrides, *ends])))
    curves = [[trials.success_between(at, at + BIN_MIN) for at in bins] for trials in sessions]
    return {
        "name": case.name,
        "overrides": list(case.overrides),
        "success": curves,  # [seed][bin]
        "first": [curve[0] for curve in curves],
        "learnt": [trials.success_between(minutes * 2 / 3, minutes) for trials in sessions],
        "minutes_to_90": [trials.minutes_to_success() for trials in sessions],
        "kept": [trials.success_between(minutes, end_min) for trials in sessions],
        "lowest_bin": [min(np.asarray(curve)[bins >= minutes]) for curve in curves],
    }
