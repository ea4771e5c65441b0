"""Measure how the simulated subject learns a fixed tool from nothing, by each of the five rules, and by none.

Each rule first gets the rate with the most success over the whole session, from a grid, on seeds of its own; then it learns
with that rate on the seeds that are reported. Sessions have a rest every ten minutes, in which `batched` replays.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from bmi_app.api.simulation import run_trials
from bmi_app.session.engine.build import Core
from bmi_app.subject import autonomous
from drivers import simulated
from protocols.load import load
from protocols.schema import Protocol
from protocols.tool import axis_map

PROTOCOL = "learning_subject"
BIN_MIN = 2.0
BLOCK_MIN, REST_S = 10.0, 60.0  # a rest, and the rest of ten minutes with targets
WINDOW_TRIALS, ENOUGH = 20, 18  # the criterion: so many of so many trials in a row succeed
NEAR_REST_MIN = 3.0  # success just before and just after a rest
_TUNING_SEED = 1001  # the first of the seeds on which rates are chosen

# What is tried of each learner: overrides of the protocol, by the figure that the report names.
GRID: dict[str, dict[float, tuple[str, ...]]] = {
    "none": {0.0: ()},
    "regression": {ridge: (f"subject.settings.rule={{ridge={ridge}}}",) for ridge in (2000.0, 8000.0, 32000.0)},
    **{
        learner: {rate: (f"subject.settings.learning_rate={rate}",) for rate in rates}
        for learner, rates in {
            "lms": (0.001, 0.003, 0.01, 0.03),
            "batched": (0.00005, 0.00015, 0.0005, 0.0015, 0.005, 0.015),
            "gated": (0.0002, 0.0006, 0.002, 0.006, 0.02),
            "reinforcement": (0.02, 0.035, 0.05, 0.07, 0.1),
        }.items()
    },
}


@dataclass(frozen=True)
class Learnt:
    """Hold how a session went.

    Attributes
    ----------
    end_min : f8[trial], success : bool[trial]
    known_min : f8[record]
        When the subject logged what it had learnt.
    confidence : f8[record]
    modulation_hz : f8[record, 2]
        What its model asks of a unit, on average, for a movement of 10 cm/s: driving units, control units.
    """

    end_min: np.ndarray
    success: np.ndarray
    known_min: np.ndarray
    confidence: np.ndarray
    modulation_hz: np.ndarray

    def success_between(self, begin_min: float, end_min: float) -> float:
        """Return the share of success of the trials that ended in a span; NaN where none did."""
        within = (self.end_min >= begin_min) & (self.end_min < end_min)
        return float(self.success[within].mean()) if within.any() else float("nan")

    def modulation_at(self, time_min: float) -> list[float]:
        """Return the modulation as logged last before a time (Hz); NaN before the first."""
        before = np.flatnonzero(self.known_min < time_min)
        return [float(value) for value in self.modulation_hz[before[-1]]] if len(before) else [float("nan")] * 2

    def trials_to_criterion(self) -> int | None:
        """Return after how many trials 18 of the last 20 had succeeded for the first time; None: never."""
        if len(self.success) < WINDOW_TRIALS:
            return None
        recent = np.convolve(self.success, np.ones(WINDOW_TRIALS), "valid")
        reached = np.flatnonzero(recent >= ENOUGH)
        return int(reached[0]) + WINDOW_TRIALS if len(reached) else None


def protocol_of(learner: str, overrides: tuple[str, ...], seed: int, minutes: float) -> Protocol:
    """Return the protocol of one session: rests and blocks with targets in turn."""
    n_blocks = round(minutes / BLOCK_MIN)
    pair = f"{{kind='rest',duration_s={REST_S}}},{{kind='closed_loop',duration_s={BLOCK_MIN * 60 - REST_S}}}"
    return load(
        PROTOCOL,
        [
            f"subject.learner={learner}",
            f"session.seed={seed}",
            f"blocks=[{','.join([pair] * n_blocks)}]",
            *overrides,
        ],
    )


def run(protocol: Protocol) -> Learnt:
    """Run a session, and keep its trials and what the subject has learnt in each."""
    taken: list[tuple[np.ndarray, ...]] = []
    already = 0

    def watch(_: Core, driver: simulated.Driver) -> None:
        nonlocal already
        records, models, times_s, already = driver.learnt(already)
        asked_hz = modulation(protocol, models, driver.subject["manifold"])
        taken.append((times_s, records["confidence"], asked_hz))

    trials = run_trials(protocol, watch)
    times_s, confidence, modulation_hz = (np.concatenate(parts) for parts in zip(*taken, strict=True))
    return Learnt(trials.end_min, trials.success, times_s / 60.0, confidence, modulation_hz)


def modulation(
    protocol: Protocol, models: np.ndarray, manifold: np.ndarray | None = None, speed_cm_s: float = 10.0
) -> np.ndarray:
    """Return what models ask of driving and of control units, f8[model, 2] (Hz): the mean over units and directions.

    Parameters
    ----------
    models : f8[model, n_axes * (n_units + 1)]
        As the subject logs them.
    manifold : f8[unit, pattern]
        The patterns that the subject can make; without any, all.
    """
    n_axes, n_units = protocol.n_axes, protocol.units.count
    settings = autonomous.Settings(**protocol.subject.settings, **protocol.subject.choices())
    among = np.zeros((n_units, 0)) if manifold is None else manifold
    control = ~axis_map(protocol).any(axis=0)
    found = np.zeros((len(models), 2))
    by_unit = protocol.subject.learner == "reinforcement"
    for row, model in zip(found, models.reshape(-1, n_axes, n_units + 1), strict=True):
        # Of `reinforcement` it is Theta that is logged, axis by axis.
        inverse = autonomous.inverse_of(settings, model[:, :n_units].T if by_unit else model, among)
        depth_hz = speed_cm_s * np.sqrt((inverse**2).sum(axis=1))
        row[:] = depth_hz[~control].mean(), depth_hz[control].mean() if control.any() else 0.0
    return found


def measure(
    seeds: int,
    minutes: float,
    tuning_seeds: int,
    jobs: int,
    say: Callable[[str], object],
    more: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Measure every learner; return a report ready for JSON.

    Parameters
    ----------
    seeds, tuning_seeds
        Sessions of each learner at its best rate, and of each rate before.
    minutes
        Length of a session.
    jobs
        Sessions at once.
    say
        Told what is measured now.
    more
        Overrides of the protocol, for every session.
    """
    with ThreadPoolExecutor(jobs) as pool:
        cases = []
        for learner, given in GRID.items():
            say(f"{learner}: choosing its rate")
            grid = {rate: (*more, *overrides) for rate, overrides in given.items()}
            best, tried, control = _best_rate(learner, grid, minutes, tuning_seeds, pool)
            say(f"{learner}: {seeds} sessions at {best:g}")
            sessions = _sessions(pool, learner, grid[best], range(1, seeds + 1), minutes)
            chosen = {"learner": learner, "rate": best, "tried": tried, "tried_control": control}
            cases.append(chosen | _report(sessions, minutes))
    return {"protocol": PROTOCOL, "seeds": seeds, "minutes": minutes, "bin_min": BIN_MIN, "cases": cases}


def _sessions(
    pool: ThreadPoolExecutor, learner: str, overrides: tuple[str, ...], seeds: range, minutes: float
) -> list[Learnt]:
    return list(pool.map(lambda seed: run(protocol_of(learner, overrides, seed, minutes)), seeds))


def _best_rate(
    learner: str, grid: dict[float, tuple[str, ...]], minutes: float, n_seeds: int, pool: ThreadPoolExecutor
) -> tuple[float, dict[str, float], dict[str, float]]:
    """Return the rate with the most success over all, the success of each rate, and what it asks of control beside driving units."""
    if len(grid) == 1:
        return next(iter(grid)), {}, {}
    tuning = range(_TUNING_SEED, _TUNING_SEED + n_seeds)
    success, control = {}, {}
    for rate, overrides in grid.items():
        sessions = _sessions(pool, learner, overrides, tuning, minutes)
        success[rate] = float(np.mean([session.success.mean() for session in sessions]))
        asked_hz = np.array([session.modulation_at(minutes) for session in sessions])
        control[f"{rate:g}"] = float(np.mean(asked_hz[:, 1] / np.where(asked_hz[:, 0] > 0, asked_hz[:, 0], np.nan)))
    best = max(success, key=lambda rate: success[rate])
    return best, {f"{rate:g}": share for rate, share in success.items()}, control


def _report(sessions: list[Learnt], minutes: float) -> dict[str, Any]:
    bins = np.arange(0.0, minutes, BIN_MIN)
    rests = np.arange(BLOCK_MIN, minutes, BLOCK_MIN)
    rest_min = REST_S / 60.0
    return {
        "success": [[session.success_between(at, at + BIN_MIN) for at in bins] for session in sessions],
        "trials_to_criterion": [session.trials_to_criterion() for session in sessions],
        "last": [session.success_between(minutes - BLOCK_MIN, minutes) for session in sessions],
        "before_rest": [[s.success_between(at - NEAR_REST_MIN, at) for at in rests] for s in sessions],
        "after_rest": [
            [s.success_between(at + rest_min, at + rest_min + NEAR_REST_MIN) for at in rests] for s in sessions
        ],
        # The first trial after a rest logs what the rest has made of the model.
        "modulation_hz": [[s.modulation_at(at) for at in (*(rests + rest_min + 0.4), minutes)] for s in sessions],
        "confidence": [float(session.confidence[-1]) for session in sessions],
    }
