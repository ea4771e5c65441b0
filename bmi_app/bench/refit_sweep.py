"""Find what makes ReFIT faster or slower than the plain Kalman filter: one part of the fitted filters changed at a time.

As in `closed_loop`, the plain filter is fitted to the cursor watched in an observation block, and `refit_kalman` to a session with
it: to the cursor's speed turned toward the target ("refit") or to the modelled intention ("intent"). Then each runs, as fitted and

    W / n       with less noise of the process: a filter that believes its firing less
    C / g       with velocities about g times as large
    lag         fitted to what was wanted some time before
    no onsets   fitted as if no movement had been seen to begin, in the session that it is fitted to (for refit) and in itself
    holding     what is taken for the intention on the target: nothing at all (left out), or what the cursor did there
    aim         with a subject that pushes harder or less hard: another speed per distance, and another greatest speed
"""

import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from bmi_app.bench.closed_loop import Bench, second_half
from bmi_app.bench.markdown import mean, spread, table
from bmi_app.decoders import kalman, refit_kalman
from bmi_app.decoders.contract import Fitted
from bmi_app.record import reading
from bmi_app.record.movements import Movements
from bmi_app.session.recompute import fit as fitting
from bmi_app.session.recompute import fit_samples
from bmi_app.session.recompute.fit_samples import Training

_OBSERVATION_MIN = 125 / 60
_WATCHING = 'blocks=[{kind="rest",duration_s=5},{kind="observation",duration_s=120}]'
_SMOOTHING = {"raw bins": ("decoder.smoothing=none",), "smoothed": ()}
LESS_NOISE, SLOWER, LAGS_TICKS = (4, 16, 64), (0.85, 0.7, 0.5), (10, 20)
# Speed per distance (1/s) and greatest speed (cm/s) at which the subject aims; its own are 2.5 and 12.
AIMS = ((1.25, 12.0), (5.0, 12.0), (2.5, 24.0), (5.0, 24.0), (10.0, 48.0))

Row = dict[str, float | None]


def measure(seeds: int, minutes: float, say: Callable[[str], object]) -> list[dict[str, Any]]:
    """Return a row for each smoothing, filter and change: lists, one value a seed, of `success`, `time_s` and `dial_in_s`."""
    found: dict[tuple[str, str, str], list[Row]] = {}
    for seed in range(1, seeds + 1):
        for smoothing, given in _SMOOTHING.items():
            say(f"seed {seed} of {seeds}: {smoothing}")
            with tempfile.TemporaryDirectory(prefix="bmi-bench-") as folder:
                rows = _of_seed(Path(folder), seed, minutes, given)
                for aim in AIMS:
                    rows += _of_aim(Path(folder), seed, minutes, given, *aim)
                for (name, change), row in rows:
                    found.setdefault((smoothing, name, change), []).append(row)
    return [
        {
            "smoothing": key[0],
            "filter": key[1],
            "change": key[2],
            **{name: [row[name] for row in rows] for name in rows[0]},
        }
        for key, rows in found.items()
    ]


def _of_aim(
    folder: Path, seed: int, minutes: float, given: tuple[str, ...], per_s: float, most_cm_s: float
) -> list[tuple[tuple[str, str], Row]]:
    """Return the rows of both filters, unchanged, with a subject that aims otherwise."""
    aim = (f"subject.settings.gain_per_s={per_s:g}", f"subject.settings.speed_cm_s={most_cm_s:g}")
    bench, change = Bench(folder, minutes, (*given, *aim)), f"aim {per_s:g}/s, {most_cm_s:g} cm/s"
    watched = Bench(folder, _OBSERVATION_MIN, bench.overrides).run(seed, _WATCHING)
    session, plain = _run(bench, seed, kalman, fit_samples.of_session(watched, "velocity"))
    _, refit = _run(bench, seed, refit_kalman, fit_samples.of_session(session, "refit"))
    return [(("kalman", change), plain), (("refit", change), refit)]


def _run(
    bench: Bench, seed: int, module: ModuleType, training: Training, fitted: Fitted | None = None
) -> tuple[Path, Row]:
    """Run a session with a fitted filter; return its folder and its figures."""
    kind, file = module.__name__.rpartition(".")[2], bench.folder / "decoder.npz"
    if fitted is None:
        fitted = module.fit(module.Settings(), training.samples, training.mask)
    fitting.save(file, kind, module, module.Settings(), training, fitted, replace=True)
    session = bench.run(seed, f"decoder.kind={kind}", f"decoder.start_from={json.dumps(str(file))}")
    half = second_half(session)
    return session, {key: half[key] for key in ("success", "time_s")} | {"dial_in_s": _dial_in(session)}


def _of_seed(folder: Path, seed: int, minutes: float, given: tuple[str, ...]) -> list[tuple[tuple[str, str], Row]]:
    bench, rows = Bench(folder, minutes, given), []

    def run(module: ModuleType, name: str, change: str, training: Training, fitted: Fitted) -> Path:
        session, row = _run(bench, seed, module, training, fitted)
        rows.append(((name, change), row))
        return session

    def fit(module: ModuleType, training: Training) -> Fitted:
        fitted: Fitted = module.fit(module.Settings(), training.samples, training.mask)
        return fitted

    def sweep(module: ModuleType, name: str, training: Training) -> Path:
        fitted = fit(module, training)
        session = run(module, name, "nothing", training, fitted)
        for share in LESS_NOISE:
            less = {"process": fitted.parts["process"] / share}
            run(module, name, f"W / {share}", training, _changed(module, fitted, training, less))
        for speed in SLOWER:
            model = fitted.parts["model"].copy()
            model[: len(training.mask)] /= speed
            run(module, name, f"C / {speed}", training, _changed(module, fitted, training, {"model": model}))
        for lag in LAGS_TICKS:
            later = lagged(training, lag)
            run(module, name, f"lag {round(lag * training.samples.dt_s * 1e3)} ms", later, fit(module, later))
        return session

    watched = Bench(folder, _OBSERVATION_MIN, given).run(seed, _WATCHING)
    watching = fit_samples.of_session(watched, "velocity")
    session = sweep(kalman, "kalman", watching)
    refit = fit_samples.of_session(session, "refit")
    sweep(refit_kalman, "refit", refit)
    for change, other in (
        ("holding left out", without_holding(refit)),
        ("holding as the cursor moved", holding_as(refit, fit_samples.of_session(session, "velocity"))),
    ):
        run(refit_kalman, "refit", change, other, fit(refit_kalman, other))
    sweep(refit_kalman, "intent", fit_samples.of_session(session, "intent"))
    blind = run(kalman, "kalman", "no onsets", watching, fit(kalman, _blind(watching)))
    of_blind = fit_samples.of_session(blind, "refit")
    run(refit_kalman, "refit", "no onsets", of_blind, fit(refit_kalman, _blind(of_blind)))
    return rows


def _blind(training: Training) -> Training:
    return replace(training, samples=replace(training.samples, from_rest=None))


def without_holding(training: Training) -> Training:
    """Return the samples off the target, where alone a velocity is wanted; what is cut out of a piece leaves two pieces."""
    samples = training.samples
    kept = (samples.velocity != 0.0).any(axis=1)
    begins = np.concatenate([[True], ~samples.follows()]) | (kept & ~np.concatenate([[False], kept[:-1]]))
    return replace(training, samples=replace(samples, piece=np.cumsum(begins)).part(kept))


def holding_as(training: Training, other: Training) -> Training:
    """Return the samples with the velocity of others where none is wanted."""
    holds = (training.samples.velocity == 0.0).all(axis=1)
    velocity = np.where(holds[:, None], other.samples.velocity, training.samples.velocity)
    return replace(training, samples=replace(training.samples, velocity=velocity))


def _changed(module: ModuleType, fitted: Fitted, training: Training, parts: dict[str, np.ndarray]) -> Fitted:
    """Return a filter with some parts of its model changed, and what follows from them."""
    all_parts = fitted.parts | parts
    rest: Fitted = module.from_model(module.Settings(), all_parts, training.mask, training.samples.dt_s)
    return Fitted(rest.weights, rest.bias, all_parts | rest.parts)


def lagged(training: Training, ticks: int) -> Training:
    """Return samples whose velocity is that of some ticks before, and 0 where the piece had not begun."""
    samples = training.samples
    rows = np.arange(len(samples.piece))
    first = np.concatenate([[True], ~samples.follows()])
    begun = np.maximum.accumulate(np.where(first, rows, 0))
    velocity = np.where((rows - begun >= ticks)[:, None], samples.velocity[rows - ticks], 0.0)
    return replace(training, samples=replace(samples, velocity=velocity))


def _dial_in(session: Path) -> float | None:
    recording, movements = reading.read(session, kinds=("frames",)), Movements()
    movements.add_frames(recording.frames[len(recording.frames) // 2 :])
    measured: float | None = movements.measures(float(recording.session["dt_s"]), 0)["dial_in_time_s"]
    return measured


def markdown(rows: list[dict[str, Any]]) -> str:
    """Return a table for docs/decoders.md, a row for each change: what each filter makes of it, means over seeds."""
    filters = tuple(dict.fromkeys(row["filter"] for row in rows))
    heads = [
        "features",
        "changed",
        *(f"{name}: success, time (s), dial-in (s)" for name in filters),
        "time, refit / kalman",
    ]
    found = {(row["smoothing"], row["change"], row["filter"]): row for row in rows}
    lines = []
    for smoothing, change in dict.fromkeys((row["smoothing"], row["change"]) for row in rows):
        of_filters = {name: found[smoothing, change, name] for name in filters if (smoothing, change, name) in found}
        cells = [
            ", ".join(mean(of_filters[name][key]) for key in ("success", "time_s", "dial_in_s"))
            if name in of_filters
            else ""
            for name in filters
        ]
        lines.append([smoothing, change, *cells, _ratio(of_filters)])
    return table(heads, lines)


def _ratio(of_filters: dict[str, dict[str, Any]]) -> str:
    """Return the mean over seeds of the ratio of times, and its range."""
    if not {"refit", "kalman"} <= of_filters.keys():
        return ""
    pairs = zip(of_filters["refit"]["time_s"], of_filters["kalman"]["time_s"], strict=True)
    return spread([refit / plain for refit, plain in pairs if refit is not None and plain is not None])
