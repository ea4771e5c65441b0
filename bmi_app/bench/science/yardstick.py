"""Hold simulated learners against a real one: a monkey that learnt a perturbed map within a day (Golub et al. 2018).

The simulated subjects get the animal's own two maps, its units' mean rates as rates at rest, and the intuitive map as what
they know; then the perturbed map is theirs to learn. Of both, bins in which a target was sought near the centre are
measured alike: progress is the velocity toward the target that a map makes of the counts of a bin (M2 u + m0), the Fano
factor the variance of a unit's counts over their mean, direction by direction.
"""

import math
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from bmi_app.api.simulation import run_trials
from bmi_app.learning import batched
from bmi_app.record.formats import golub
from bmi_app.rt import cells
from bmi_app.rt.records import TaskState
from bmi_app.subject import autonomous, mind
from bmi_app.subject.tool_model import CONSTANT_HZ
from drivers import simulated
from protocols.load import load
from protocols.schema import Protocol

LEARNERS = ("none", "regression", "lms", "batched", "gated", "reinforcement")
# `batched` replays between parts of its session: a rest block would measure the decoder's baselines anew, and so change the map.
_PART_MIN, _REPLAYS = 10.0, 1200  # as in a rest of a minute, a call every 50 ms
EDGE_MIN = 5.0  # of the beginning and of the end of a session
_TICK_MS = 45.0
_TASK_TICKS = {"hold_ms": 4, "timeout_ms": 110, "inter_trial_ms": 8, "reward_ms": 7, "failed_ms": 7}
_DIRECTIONS = 8
_MM_PER_CM = 10.0
_SPEED_CM_S = 34.0  # aimed speed: so that its progress with the intuitive map is the animal's
_GAIN_PER_S, _LAMBDA = 3.5, 0.01
_DISTANCE_CM, _RADIUS_CM, _NEAR_CM = 15.0, 3.0, 5.0  # the recording holds bins near the centre
_REACTED_MS = 300.0
# What a subject keeps over night: parts of its memory, and words of its head.
_LASTING = ("weights", "inverse", "rule")
_LASTING_WORDS = [mind.CONFIDENCE, mind.ERROR_SQUARE, mind.VELOCITY_SQUARE]


@dataclass(frozen=True)
class Bins:
    """Hold bins of a session in which a target was sought, and its judged trials.

    Attributes
    ----------
    counts : f8[bin, unit]
    toward : f8[bin, 2]
        Direction from cursor to target, unit vectors.
    time_min : f8[bin]
    end_min : f8[trial], success : bool[trial]
    """

    counts: np.ndarray
    toward: np.ndarray
    time_min: np.ndarray
    end_min: np.ndarray
    success: np.ndarray

    def between(self, begin_min: float, end_min: float) -> "Bins":
        """Return those of a span."""
        these = (self.time_min >= begin_min) & (self.time_min < end_min)
        judged = (self.end_min >= begin_min) & (self.end_min < end_min)
        bins = self.counts[these], self.toward[these], self.time_min[these]
        return Bins(*bins, self.end_min[judged], self.success[judged])


def measure(
    file: Path, seeds: int, minutes: float, jobs: int, say: Callable[[str], object], patterns: int = 0
) -> dict[str, Any]:
    """Measure the recording and every learner; return a report ready for JSON.

    Parameters
    ----------
    file
        `exampleData.mat` of the recording.
    seeds
        Sessions of each learner.
    minutes
        Length of a session.
    jobs
        Sessions at once.
    say
        Told what is measured now.
    patterns
        The subjects can make only so many of the animal's patterns of firing (`repertoire`); 0: any.

    Raises
    ------
    RecordingError
        If the file is not that recording.
    """
    recording = golub.load(file)
    rows: list[dict[str, Any]] = [{"subject": "monkey", **of_monkey(recording)}]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(jobs) as pool:
        for name, mapping in recording.mappings.items():
            m2, m0 = mapping.M2 / _MM_PER_CM, mapping.m0 / _MM_PER_CM
            np.savez(Path(folder) / f"{name}.npz", M1=mapping.M1, M2=m2, m0=m0)
        seeds_ = range(1, seeds + 1)
        say(f"the intuitive map, {seeds} sessions")
        known = list(
            pool.map(
                lambda seed: run(
                    recording, Path(folder), "intuitive", "none", seed, min(4 * EDGE_MIN, minutes), patterns=patterns
                ),
                seeds_,
            )
        )
        for learner in LEARNERS:
            say(f"{learner}, {seeds} sessions")
            learnt = list(
                pool.map(
                    lambda seed, name=learner: learn(recording, Path(folder), name, seed, minutes, patterns), seeds_
                )
            )
            found = [_compare(recording, *pair, minutes) for pair in zip(known, learnt, strict=True)]
            rows.append({"subject": learner, **{key: float(np.mean([f[key] for f in found])) for key in found[0]}})
    for row in rows:
        gap = row["intuitive_mm_s"] - row["before_mm_s"]
        row["regained"] = (row["after_mm_s"] - row["before_mm_s"]) / gap
    return {"seeds": seeds, "minutes": minutes, "patterns": patterns, "rows": rows}


def progress_mm_s(mapping: golub.Mapping, counts: np.ndarray, toward: np.ndarray) -> float:
    """Return the mean speed toward the target, f8[bin, 2], that a map makes of counts, f8[bin, unit]."""
    return float(((counts @ mapping.M2.T + mapping.m0) * toward).sum(axis=1).mean())


def fano_factor(counts: np.ndarray, deg: np.ndarray) -> float:
    """Return the mean over units and directions of variance over mean; units that are silent are left out."""
    sector = np.rint(deg / (360.0 / _DIRECTIONS)).astype(int) % _DIRECTIONS
    found = []
    for direction in np.unique(sector):
        these = counts[sector == direction]
        mean = these.mean(axis=0)
        fires = mean > 0
        found.append(these.var(axis=0, ddof=1)[fires] / mean[fires])
    return float(np.concatenate(found).mean())


def of_monkey(recording: golub.GolubRecording) -> dict[str, float]:
    """Return the measures of the recording."""
    before, after = recording.clouds("before"), recording.clouds("after")
    maps = recording.mappings
    return {
        "intuitive_mm_s": progress_mm_s(maps["intuitive"], before.counts, before.toward),
        "before_mm_s": progress_mm_s(maps["perturbed"], before.counts, before.toward),
        "after_mm_s": progress_mm_s(maps["perturbed"], after.counts, after.toward),
        "fano_before": fano_factor(before.counts, before.angles_deg),
        "fano_after": fano_factor(after.counts, after.angles_deg),
    }


def _compare(recording: golub.GolubRecording, known: Bins, learnt: Bins, minutes: float) -> dict[str, float]:
    """Return the measures of a simulated subject: with the map that it knew, and with the one that it learnt."""
    maps, late = recording.mappings, learnt.between(minutes - EDGE_MIN, minutes)
    return {
        "intuitive_mm_s": progress_mm_s(maps["intuitive"], known.counts, known.toward),
        # What the firing for the intuitive map makes of the perturbed one: as in the recording.
        "before_mm_s": progress_mm_s(maps["perturbed"], known.counts, known.toward),
        "after_mm_s": progress_mm_s(maps["perturbed"], late.counts, late.toward),
        "fano_before": fano_factor(known.counts, _deg(known.toward)),
        "fano_after": fano_factor(late.counts, _deg(late.toward)),
        "success": float(late.success.mean()),
    }


def _deg(toward: np.ndarray) -> np.ndarray:
    return np.asarray(np.degrees(np.arctan2(toward[:, 1], toward[:, 0])))


def learn(
    recording: golub.GolubRecording, folder: Path, learner: str, seed: int, minutes: float, patterns: int = 0
) -> Bins:
    """Let a learner use the perturbed map; `batched` sleeps after every ten minutes."""
    if learner != "batched":
        return run(recording, folder, "perturbed", learner, seed, minutes, patterns=patterns)
    parts: list[Bins] = []
    slept: dict[str, np.ndarray] = {}
    for begin_min in np.arange(0.0, minutes, _PART_MIN):
        awake: dict[str, np.ndarray] = {}
        length_min = min(_PART_MIN, minutes - begin_min)
        # Other random numbers in each part.
        part_seed = seed + 1000 * len(parts)
        part = run(recording, folder, "perturbed", learner, part_seed, length_min, slept, awake, patterns)
        parts.append(replace(part, time_min=part.time_min + begin_min, end_min=part.end_min + begin_min))
        slept = awake
        _replay(slept)
    return _joined(parts)


def _replay(subject: dict[str, np.ndarray]) -> None:
    """Let the subject `batched` replay as it would at rest, and renew its inverse."""
    weights, none = subject["weights"], np.zeros((0, 2))
    nothing_new = np.zeros((0, weights.shape[1]))
    rate = float(subject["head"][mind.RATE])
    bias, mask, rule = subject["bias"], subject["mask"], subject["rule"]
    for _ in range(_REPLAYS):
        batched.LEARN(weights, bias, mask, rule, nothing_new, none, none, none, rate, 0.0)
    subject["inverse"][:] = _inverse(weights, subject["manifold"])


def _inverse(weights: np.ndarray, manifold: np.ndarray) -> np.ndarray:
    return autonomous.inverse_of(autonomous.Settings(inversion_lambda=_LAMBDA), weights, manifold)


def repertoire(recording: golub.GolubRecording, patterns: int) -> np.ndarray:
    """Return the animal's main patterns before it learnt, f8[unit, pattern], orthonormal: principal components of its counts.

    The means of the eight directions are among what these hold most of.
    """
    counts = recording.clouds("before").counts.astype(float)
    found: np.ndarray = np.linalg.svd(counts - counts.mean(axis=0), full_matrices=False)[2][:patterns].T
    return found


def run(
    recording: golub.GolubRecording,
    folder: Path,
    name: golub.MappingName,
    learner: str,
    seed: int,
    minutes: float,
    known: dict[str, np.ndarray] | None = None,
    in_the_end: dict[str, np.ndarray] | None = None,
    patterns: int = 0,
) -> Bins:
    """Let a learner use one of the two maps, `NAME.npz` in the folder; return its bins.

    Parameters
    ----------
    known
        What the subject has in mind at first, by name; none: the intuitive map.
    in_the_end
        Filled with what it then has in mind.
    patterns
        It can make only so many of the animal's patterns; 0: any.
    """
    drivers: list[simulated.Driver] = []
    taken: list[tuple[np.ndarray, ...]] = []
    tail = 0

    def watch(core: Any, _: simulated.Driver) -> None:
        nonlocal tail
        head = int(core.arrays["ctl"][cells.FRAMES_HEAD])
        at = np.arange(tail, head) % len(core.arrays["frames"])
        frames = core.arrays["frames"][at]
        cursor, target = (np.column_stack([frames[f"{of}_{a}_cm"] for a in "xy"]) for of in ("cursor", "target"))
        these = (frames["state"] == TaskState.MOVE) & (frames["state_ticks"] * _TICK_MS > _REACTED_MS)
        these &= np.hypot(*cursor.T) < _NEAR_CM
        away = (target - cursor)[these]
        toward = away / np.linalg.norm(away, axis=1, keepdims=True)
        taken.append((core.arrays["counts"][at][these].astype(float), toward, frames["edge_s"][these] / 60.0))
        tail = head

    protocol = _protocol(recording, folder / f"{name}.npz", name, learner, seed, minutes, patterns)

    def prepare(driver: simulated.Driver) -> None:
        drivers.append(driver)
        _teach_intuitive(driver, recording)
        if known:
            for part in _LASTING:
                driver.subject[part][:] = known[part]
            driver.subject["head"][_LASTING_WORDS] = known["head"][_LASTING_WORDS]

    trials = run_trials(protocol, watch, prepare)
    if in_the_end is not None:
        in_the_end.update({part: values.copy() for part, values in drivers[0].subject.items()})
    counts, toward, time_min = (np.concatenate(part) for part in zip(*taken, strict=True))
    return Bins(counts, toward, time_min, trials.end_min, trials.success)


def _joined(parts: list[Bins]) -> Bins:
    return Bins(*(np.concatenate([getattr(bins, field.name) for bins in parts]) for field in fields(Bins)))


def _protocol(
    recording: golub.GolubRecording,
    file: Path,
    name: golub.MappingName,
    learner: str,
    seed: int,
    minutes: float,
    patterns: int,
) -> Protocol:
    """Return the protocol of a session with one of the animal's maps, bin for bin as the map was used."""
    keep = float(np.trace(recording.mappings[name].M1) / 2)
    return load(
        "center_out",
        [
            f"units.count={recording.epochs['before'].counts.shape[1]}",
            "populations={}",
            "axes={x={gain=1.0},y={gain=1.0}}",
            "decoder.kind=linear",
            f"decoder.settings.file={file}",
            "decoder.input=counts",
            "decoder.smoothing=none",
            f"tick.period_ms={_TICK_MS}",
            f"learning.sample_ms={_TICK_MS}",
            "safety.max_speed_cm_s=100",
            f"workspace.size_cm={[4 * _DISTANCE_CM] * 2}",
            "blocks=[{kind='closed_loop'}]",
            f"task.distance_cm={_DISTANCE_CM}",
            f"task.target_radius_cm={_RADIUS_CM}",
            *(f"task.{key}={ticks * _TICK_MS}" for key, ticks in _TASK_TICKS.items()),
            f"session.seed={seed}",
            f"session.duration_s={minutes * 60}",
            "subject.kind=autonomous",
            f"subject.learner={learner}",
            f"subject.settings.patterns={patterns}",
            f"subject.settings.lag_ms={-_TICK_MS / math.log(keep):.3f}",
            f"subject.settings.speed_cm_s={_SPEED_CM_S}",
            f"subject.settings.gain_per_s={_GAIN_PER_S}",
            f"subject.settings.inversion_lambda={_LAMBDA}",
        ],
    )


def _teach_intuitive(driver: simulated.Driver, recording: golub.GolubRecording) -> None:
    """Give the subject the animal's mean rates as rates at rest, and the intuitive map as what it knows."""
    subject, dt_s = driver.subject, recording.dt_s
    subject["baseline_hz"][:] = np.maximum(recording.epochs["before"].counts.mean(axis=0) / dt_s, 0.1)
    mapping = recording.mappings["intuitive"]
    n_patterns = subject["manifold"].shape[1]
    subject["manifold"][:] = repertoire(recording, n_patterns)
    steady = np.linalg.inv(np.eye(2) - mapping.M1) / _MM_PER_CM  # velocity of a constant firing, cm/s per mm/s
    model = steady @ mapping.M2 * dt_s
    if subject["weights"].shape[0] == 2:
        subject["weights"][:, :-1] = model
        offset = mapping.M2 @ (subject["baseline_hz"] * dt_s) + mapping.m0
        subject["weights"][:, -1] = steady @ offset / CONSTANT_HZ
        subject["inverse"][:] = _inverse(subject["weights"], subject["manifold"])
    else:  # reinforcement: it knows what to fire, not what that does
        known = _pseudoinverse(model, subject["manifold"])
        subject["weights"][:] = _SPEED_CM_S * known
        subject["inverse"][:] = known


def _pseudoinverse(model: np.ndarray, manifold: np.ndarray) -> np.ndarray:
    """Return what to fire for a velocity, f8[unit, axis], among the patterns of a manifold; without one, among all."""
    if not manifold.shape[1]:
        return np.asarray(np.linalg.pinv(model))
    return np.asarray(manifold @ np.linalg.pinv(model @ manifold))
