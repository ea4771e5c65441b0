"""Measure decoders in closed loop: each with each rule that fits it, from a calibrated and from a scrambled start.

For each seed the subject first watches the computer move the cursor (an observation block), and every decoder is fitted to the
cursor's velocity of that time. `refit_kalman` is then fitted again, to a closed-loop session with the plain Kalman filter, as Gilja et al. (2012)
did. Decoders with "raw bins" do all this on counts that are not smoothed, in sessions of their own. Then each case runs; what is told is of the second half of its time. The subject is the plain one: it learns nothing.

SmoothBatch is also followed for longer, from a calibrated Kalman filter of which the signs of half of the units are flipped, until
it has eight successes within a minute: the measure of Orsborn et al. (2012). With few seeds this is done in other ways as well, to see
what makes it fast or slow.
"""

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bmi_app import plugins
from bmi_app.record import reading
from bmi_app.record.movements import Movements
from bmi_app.rt.records import EventKind, Outcome
from bmi_app.session.engine.full_speed import run_fast
from bmi_app.session.recompute import fit
from bmi_app.session.request import SessionRequest

PROTOCOL = "learn_the_tool"
_TASK = ("decoder.scramble=0", "learning.when=off", "task.hold_ms=500", "task.timeout_ms=5000")
_SCRAMBLE = 0.35
_OBSERVATION_S = 120.0
_NO_FOLDS = 1  # the closed loop judges, not a cross-validation
RULES: dict[str, tuple[str, ...]] = {
    "off": (),
    "lms": ("learning.rule=lms", "learning.when=tick"),
    "reward_gated": ("learning.rule=reward_gated", "learning.when=reward"),
    "reinforcement": ("learning.rule=reinforcement", "learning.when=trial", "learning.exploration_cm_s=1.5"),
    "regression": ("learning.rule=regression", "learning.when=trial"),
    "batched": ("learning.rule=batched", "learning.when=trial"),
    "smoothbatch": ("learning.rule=smoothbatch", "learning.when=seconds", "learning.every_s=60"),
    "rml": ("learning.rule=rml", "learning.when=trial"),
}
RAW = ", raw bins"
DECODERS = (
    *("groupweight", "linear", "population_vector", "wiener", "kalman", "refit_kalman"),
    *(f"{kind}{RAW}" for kind in ("wiener", "kalman", "refit_kalman")),
)
_SMOOTHBATCH = ("decoder.scramble=0.5", *RULES["smoothbatch"])
_SMOOTHBATCH_MIN, _ENOUGH_A_MIN = 20.0, 8
# The likely reasons why SmoothBatch is fast here, taken away one by one.
_FOLLOWED: dict[str, tuple[str, ...]] = {
    "every 60 s": (),
    "every 120 s": ("learning.every_s=120",),
    "half-life 600 s": ("learning.settings.half_life_s=600",),
    "every 60 s, the subject learns too": ("subject.kind=autonomous", "subject.learner=lms", "subject.encoding=tool"),
}
_FEW_SEEDS = 3


@dataclass(frozen=True)
class Bench:
    """Hold what every session of a bench has in common."""

    folder: Path
    minutes: float
    overrides: tuple[str, ...]

    def run(self, seed: int, *overrides: str) -> Path:
        """Run a session of `minutes`, and return its folder."""
        given = [*_TASK, f"session.seed={seed}", f"session.duration_s={self.minutes * 60:g}", *overrides]
        request = SessionRequest(
            protocol=PROTOCOL,
            overrides=[*given, *self.overrides],
            out=self.folder,
            speed="max",
            source_timeout_s=5.0,
        )
        return Path(run_fast(request, lambda _: None, lambda _: None)["session"])


def measure(
    seeds: int,
    minutes: float,
    overrides: Sequence[str],
    say: Callable[[str], object],
    decoders: Sequence[str] = DECODERS,
) -> dict[str, Any]:
    """Measure every case; return a report ready for JSON.

    Parameters
    ----------
    seeds
        Sessions of each case.
    minutes
        Simulated length of a session; its second half counts.
    overrides
        Keys of the protocol to change in every session.
    say
        Told what is measured now.
    decoders
        Those to measure.

    Returns
    -------
    dict
        `cases`: for each decoder, start and rule the lists, one value a seed, of `success`, `time_s` (median time to target,
        without the hold), `bits_s` (Fitts) and `per_min` (successes). `refit_ratio`: for smoothed features and for
        raw bins, of each seed, the time to target of refit_kalman over that of kalman, both calibrated and without a rule.
        `smoothbatch`: for each way of `_FOLLOWED`, of each seed, `at_first` (successes in the first minute) and `minutes`
        until there were eight in a minute; None: not within 20 minutes.
    """
    cases: dict[tuple[str, str, str], list[dict[str, float | None]]] = {}
    followed: dict[str, list[dict[str, float | None]]] = {}
    for seed in range(1, seeds + 1):
        with tempfile.TemporaryDirectory(prefix="bmi-bench-") as folder:
            bench = Bench(Path(folder), minutes, tuple(overrides))
            say(f"seed {seed} of {seeds}: calibration")
            starts = _calibrate(bench, seed, decoders)
            for kind in decoders:
                for start, rule, given in _cases(kind):
                    say(f"seed {seed} of {seeds}: {kind}, {start}, {rule}")
                    session = bench.run(seed, *starts[kind], *given)
                    cases.setdefault((kind, start, rule), []).append(second_half(session))
            if "kalman" in starts:
                say(f"seed {seed} of {seeds}: SmoothBatch from half of the signs")
                longer = Bench(bench.folder, _SMOOTHBATCH_MIN, bench.overrides)
                for way, given in _FOLLOWED.items():
                    if seed <= _FEW_SEEDS or not given:
                        session = longer.run(seed, *starts["kalman"], *_SMOOTHBATCH, *given)
                        followed.setdefault(way, []).append(_from_chance(session))
    rows = [
        {"decoder": kind, "start": start, "rule": rule, **{key: [one[key] for one in found] for key in found[0]}}
        for (kind, start, rule), found in cases.items()
    ]
    return {
        "protocol": PROTOCOL,
        "seeds": seeds,
        "minutes": minutes,
        "scramble": _SCRAMBLE,
        "cases": rows,
        "refit_ratio": {"smoothed": _refit_ratio(rows), "raw bins": _refit_ratio(rows, RAW)},
        "smoothbatch": {
            way: {key: [one[key] for one in found] for key in ("at_first", "minutes")}
            for way, found in followed.items()
        },
    }


def _calibrate(bench: Bench, seed: int, decoders: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the overrides with which each decoder starts."""
    blocks = f'blocks=[{{kind="rest",duration_s=5}},{{kind="observation",duration_s={_OBSERVATION_S:g}}}]'
    watching = Bench(bench.folder, (_OBSERVATION_S + 5) / 60, bench.overrides)
    watched: dict[bool, Path] = {}
    starts: dict[str, tuple[str, ...]] = {}
    for name in decoders:
        kind, is_raw = name.removesuffix(RAW), name.endswith(RAW)
        given = (f"decoder.kind={kind}", *(("decoder.smoothing=none",) if is_raw else ()))
        if plugins.load("decoders", kind).TRAITS.fit is None:
            starts[name] = given
            continue
        if is_raw not in watched:
            watched[is_raw] = watching.run(seed, blocks, *given[1:])
        file = bench.folder / f"{name}.npz"
        fit.fit(watched[is_raw], kind, file, [], "velocity", _NO_FOLDS, replace=True)
        starts[name] = (*given, f"decoder.start_from={json.dumps(str(file))}")
    for suffix in ("", RAW):
        plain, refit = f"kalman{suffix}", f"refit_kalman{suffix}"
        if {plain, refit} <= starts.keys():
            session = bench.run(seed, *starts[plain])
            fit.fit(session, "refit_kalman", bench.folder / f"{refit}.npz", [], None, _NO_FOLDS, replace=True)
    return starts


def _cases(kind: str) -> list[tuple[str, str, tuple[str, ...]]]:
    """List the starts and rules of a decoder, each with its overrides."""
    adaptable, known = plugins.load("decoders", kind.removesuffix(RAW)).TRAITS.adaptable, plugins.names("learning")
    found = []
    for rule, given in RULES.items():
        if rule != "off":
            if rule not in known:
                continue
            adapts = plugins.load("learning", rule).TRAITS.adapts
            if not adaptable & ({adapts} if isinstance(adapts, str) else set(adapts)):
                continue
        found.append(("calibrated", rule, given))
        found.append(("scrambled", rule, (*given, f"decoder.scramble={_SCRAMBLE}")))
    return found


def second_half(session: Path) -> dict[str, float | None]:
    """Return the success, median time to target (s), Fitts throughput and successes a minute of a session's second half."""
    recording = reading.read(session, kinds=("frames", "events"))
    dt_s, half = float(recording.session["dt_s"]), len(recording.frames) // 2
    movements = Movements()
    movements.add_frames(recording.frames[half:])
    ends = _ends(recording.events[recording.events["tick"] >= half])
    succeeded = ends["code"] == Outcome.SUCCESS
    return {
        "success": float(succeeded.mean()) if len(ends) else 0.0,
        "time_s": float(np.median(ends["value"][succeeded])) if succeeded.any() else None,
        "bits_s": movements.measures(dt_s, 0)["fitts_throughput_bits_s"],
        "per_min": float(succeeded.sum() / (half * dt_s) * 60),
    }


def _from_chance(session: Path) -> dict[str, float | None]:
    """Return how many successes the first minute had, and when (min) there were eight within a minute for the first time."""
    recording = reading.read(session, kinds=("events",))
    ends = _ends(recording.events)
    at_min = ends["tick"][ends["code"] == Outcome.SUCCESS] * float(recording.session["dt_s"]) / 60
    span_min = at_min[_ENOUGH_A_MIN - 1 :] - at_min[: len(at_min) - _ENOUGH_A_MIN + 1]
    reached = np.flatnonzero(span_min <= 1.0)
    minutes = float(at_min[reached[0] + _ENOUGH_A_MIN - 1]) if len(reached) else None
    return {"at_first": float(np.count_nonzero(at_min < 1.0)), "minutes": minutes}


def _ends(events: np.ndarray) -> np.ndarray:
    """Return the ends of the trials that were judged."""
    judged: np.ndarray = events[(events["kind"] == EventKind.TRIAL_END) & (events["code"] != Outcome.BLOCK_ENDED)]
    return judged


def _refit_ratio(rows: list[dict[str, Any]], suffix: str = "") -> list[float]:
    times = {row["decoder"]: row["time_s"] for row in rows if (row["start"], row["rule"]) == ("calibrated", "off")}
    pairs = zip(times.get(f"refit_kalman{suffix}", []), times.get(f"kalman{suffix}", []), strict=False)
    return [refit / plain for refit, plain in pairs if refit is not None and plain is not None]
