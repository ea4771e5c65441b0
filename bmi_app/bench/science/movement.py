"""Measure how movement time depends on distance and radius, and what added delay costs.

    Fitts:    MT = a + b log2(D / W + 1),  W the target's diameter
    Willett:  MT = a + b D + c R^-2                           (Willett et al. 2017, for intracortical interfaces)
    cubic:    MT = a + b D + c R^-3                           (as many coefficients; closer with the bench's own firing, but not with --realistic)

The subject knows the tool, so that only control is measured: noise of the neurons, delay, smoothing, hold. Added delay
is known to the subject as well, whose estimate of the cursor bridges it as well as it can.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from bmi_app.api.simulation import run_trials
from bmi_app.rt import cells
from bmi_app.rt.records import EventKind, Outcome
from drivers import simulated
from protocols.load import load

DISTANCES_CM = (3.0, 5.0, 7.0, 9.0)
RADII_CM = (0.8, 1.1, 1.5, 2.0)
ADDED_MS = (0.0, 100.0, 200.0, 300.0)
_OWN_DELAY_MS = 100.0
_DISTANCE_CM, _RADIUS_CM = 7.0, 1.5  # with which delays are measured
_COMMON = (
    "subject.kind=autonomous",
    "subject.exploration=none",
    "task.timeout_ms=30000",  # so long that hardly a slow trial is left out
    "task.hold_ms=500",
    "workspace.size_cm=[30,30]",
)


def measure(minutes: float, jobs: int, say: Callable[[str], object], more: tuple[str, ...] = ()) -> dict[str, Any]:
    """Measure every distance with every radius, and every delay; return a report ready for JSON.

    Parameters
    ----------
    minutes
        Simulated time of each.
    jobs
        Sessions at once.
    say
        Told what is measured now.
    more
        Overrides of the protocol, for every session.
    """
    sizes = [(distance, radius) for distance in DISTANCES_CM for radius in RADII_CM]
    with ThreadPoolExecutor(jobs) as pool:
        say(f"{len(sizes)} sizes of task")
        sized = list(pool.map(lambda size: run(size[0], size[1], 0.0, minutes, more), sizes))
        say(f"{len(ADDED_MS)} delays")
        delayed = list(pool.map(lambda added: run(_DISTANCE_CM, _RADIUS_CM, added, minutes, more), ADDED_MS))
    distance, radius = np.array(sizes).T
    time_s = np.array([found["time_s"] for found in sized])
    larger = radius > min(RADII_CM)  # the least targets take longer than any of the laws says
    return {
        "minutes": minutes,
        "sizes": [{"distance_cm": d, "radius_cm": r, **found} for (d, r), found in zip(sizes, sized, strict=True)],
        "delays": [{"added_ms": added, **found} for added, found in zip(ADDED_MS, delayed, strict=True)],
        "fits": {name: fit(time_s[larger], *terms) for name, terms in laws(distance[larger], radius[larger]).items()},
        "fits_of_all": {name: fit(time_s, *terms) for name, terms in laws(distance, radius).items()},
        "left_out_cm": min(RADII_CM),
    }


def laws(distance_cm: np.ndarray, radius_cm: np.ndarray) -> dict[str, tuple[np.ndarray, ...]]:
    """Return the terms of each law beside its constant."""
    return {
        "fitts": (np.log2(distance_cm / (2 * radius_cm) + 1),),
        "willett": (distance_cm, radius_cm**-2.0),
        "cubic": (distance_cm, radius_cm**-3.0),
    }


def fit(time_s: np.ndarray, *terms: np.ndarray) -> dict[str, Any]:
    """Fit movement times by a constant and terms, in the least squares.

    Returns
    -------
    dict
        ``coefficients``, ``predicted_s``, ``r_squared``, and ``left_out_s``: the root mean square error of each condition
        when it is predicted from the others, which does not reward a law for having more coefficients.
    """
    design = np.column_stack([np.ones_like(time_s), *terms])
    coefficients, *_ = np.linalg.lstsq(design, time_s, rcond=None)
    predicted = design @ coefficients
    residual = time_s - predicted
    leverage = np.einsum("ij,ji->i", design, np.linalg.pinv(design))
    return {
        "coefficients": coefficients.tolist(),
        "predicted_s": predicted.tolist(),
        "r_squared": float(1 - residual @ residual / np.sum((time_s - time_s.mean()) ** 2)),
        "left_out_s": float(np.sqrt(np.mean((residual / (1 - leverage)) ** 2))),
    }


def run(
    distance_cm: float, radius_cm: float, added_ms: float, minutes: float, more: tuple[str, ...] = ()
) -> dict[str, float]:
    """Return the mean time to target of the successes (s, hold not counted), its standard error, the success."""
    protocol = load(
        "center_out",
        [
            *_COMMON,
            *more,
            f"task.distance_cm={distance_cm}",
            f"task.target_radius_cm={radius_cm}",
            f"subject.settings.delay_ms={_OWN_DELAY_MS + added_ms}",
            f"session.duration_s={minutes * 60}",
        ],
    )
    times_s: list[float] = []
    tail = 0

    def watch(core: Any, _: simulated.Driver) -> None:
        nonlocal tail
        events, head = core.arrays["events"], int(core.arrays["ctl"][cells.EVENTS_HEAD])
        new = events[np.arange(tail, head) % len(events)]
        times_s.extend(new["value"][(new["kind"] == EventKind.TRIAL_END) & (new["code"] == Outcome.SUCCESS)])
        tail = head

    success = run_trials(protocol, watch).success
    return {
        "time_s": float(np.mean(times_s)),
        "error_s": float(np.std(times_s, ddof=1) / np.sqrt(len(times_s))),
        "success": float(success.mean()),
        "trials": len(success),
    }
