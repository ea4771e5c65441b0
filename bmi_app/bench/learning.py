"""Measure learning: success over simulated time, with a scrambled tool and each rule of the decoder.

The subject is the plain one, which learns nothing: what gets better, the decoder has learnt. Each seed flips the signs
of other units and draws other spikes. After the first half of its time a session simply goes on, still learning.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bmi_app.api.simulation import run_trials
from protocols.load import load

PROTOCOL = "learn_the_tool"
BIN_MIN = 2.0


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
