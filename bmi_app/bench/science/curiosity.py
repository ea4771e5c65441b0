"""Check curiosity: it learns what it can influence, gets bored of it, ignores a television, seeks what is new."""

from collections.abc import Callable
from typing import Any

import numpy as np

from bmi_app.bench.science.babbling import N_MOVED, TELEVISION, Babbler
from bmi_app.bench.science.checks import Check, report

_STEPS, _EARLY, _LATE = 8000, 200, 2000
_KNOWN, _ALL = 6, 8  # patterns that are practised first, and all


def measure(seeds: int, say: Callable[[str], object]) -> dict[str, Any]:
    """Make every check over some seeds; return a report ready for JSON."""
    looks, early, late, first, last, nothing_new = [], [], [], [], [], []
    for seed in range(1, seeds + 1):
        say(f"seed {seed} of {seeds}")
        alone = Babbler(_KNOWN, seed).babble(_STEPS)
        weights = np.linalg.norm(alone.features, axis=0)
        looks.append(weights[TELEVISION] / weights[:N_MOVED].mean())
        early.append(alone.reward[:_EARLY].mean())
        late.append(alone.reward[-_LATE:].mean())
        new = _share_after(seed, _KNOWN)
        first.append(new[:_EARLY].mean())
        last.append(new[-_LATE:].mean())
        nothing_new.append(_share_after(seed, _ALL)[:_EARLY].mean())
    chance = (_ALL - _KNOWN) / _ALL
    checks = [
        Check(
            "weight of a television's noise in the features, beside what it moves",
            "small (below 0.2)",
            _range(looks),
            max(looks) < 0.2,
        ),
        Check(
            f"reward in the last {_LATE} babbles, beside the first {_EARLY}",
            "falls (below 0.25)",
            _range(np.divide(late, early)),
            bool(np.max(np.divide(late, early)) < 0.25),
        ),
        Check(
            f"share of two new patterns in the first {_EARLY} babbles with them",
            f"above chance ({chance:.2f}), and above the next row",
            _range(first),
            min(first) > max(chance, *nothing_new),
        ),
        Check(
            "the same where they had been practised as well, for comparison",
            f"chance ({chance:.2f})",
            _range(nothing_new),
            bool(abs(np.mean(nothing_new) - chance) < 0.05),
        ),
        Check(
            f"share of them in the last {_LATE}",
            "falls again",
            _range(last),
            bool(np.all(np.less(last, first))),
        ),
    ]
    return report(f"Curiosity, {seeds} seeds: mean (least-most)", checks)


def _share_after(seed: int, n_practised: int) -> np.ndarray:
    """Return in which babbles one of the last patterns was chosen, bool[step], after so many patterns were practised.

    It begins with no more hope of the last than of the others.
    """
    babbler = Babbler(_ALL, seed)
    babbler.babble(_STEPS, only=n_practised)
    babbler.expect_the_usual(_KNOWN)
    chosen: np.ndarray = babbler.babble(_STEPS).pattern >= _KNOWN
    return chosen


def _range(values: Any) -> str:
    return f"{np.mean(values):.2f} ({np.min(values):.2f}-{np.max(values):.2f})"
