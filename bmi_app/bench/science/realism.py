"""Hold the firing of simulated subjects against that of recorded animals: one table, by one code.

`realistic_subject` was fitted to `FITTED`, and is checked on the recording that is left, whose figures had been seen. `blind` holds it
against one that was not used: of other bins and fewer units, so that the subject is measured in such bins, and as many of its units.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from bmi_app.api.simulation import run_trials
from bmi_app.bench.science import recordings, statistics
from bmi_app.bench.science.recordings import BIN_S, BLIND, BLIND_BIN_S, Firing
from bmi_app.rt import cells
from bmi_app.rt.records import TaskState
from drivers import simulated
from protocols.load import load

FITTED, CHECKED = ("stabilized_bci", "neural_redundancy"), "golub_bci_learning"
SUBJECTS: dict[str, tuple[str, ...]] = {
    "realistic_subject": ("realistic_subject",),
    "center_out": ("center_out",),
    "center_out, srm": ("center_out", "subject.neurons=srm"),
}
_TICK_MS, _BLIND_TICK_MS = 5.0, 3.0  # each divides its bins
# Times of the task in whole ticks of 3 ms.
_BLIND_TASK = (
    "task.timeout_ms=4998",
    "task.inter_trial_ms=498",
    "blocks=[{kind='rest',duration_s=6},{kind='closed_loop'}]",
)


def measure(folder: Path, seeds: int, minutes: float, say: Callable[[str], object]) -> dict[str, Any]:
    """Measure every recording, and every subject; return a report ready for JSON.

    Parameters
    ----------
    folder
        Where the recordings lie.
    seeds, minutes
        Sessions of each subject, and their length.

    Raises
    ------
    RecordingError
        If a recording is missing.
    """
    rows = []
    for name in (*FITTED, CHECKED):
        say(name)
        rows.append(
            {"name": name, "use": "checked" if name == CHECKED else "fitted", **_row([recordings.load(folder, name)])}
        )
    for name, (protocol, *overrides) in SUBJECTS.items():
        say(f"{name}, {seeds} sessions")
        fired = [firing_of(protocol, overrides, seed, minutes) for seed in range(1, seeds + 1)]
        rows.append({"name": name, "use": "simulated", **_row(fired)})
    return {"seeds": seeds, "minutes": minutes, "rows": rows}


def blind(folder: Path, seeds: int, minutes: float, say: Callable[[str], object]) -> dict[str, Any]:
    """Measure the recording that was not used, and `realistic_subject` with as many units in bins as long.

    Raises
    ------
    RecordingError
        If the recording is missing.
    """
    theirs = recordings.load(folder, BLIND)
    fired = []
    for seed in range(1, seeds + 1):
        say(f"realistic_subject, session {seed} of {seeds}")
        own = firing_of("realistic_subject", list(_BLIND_TASK), seed, minutes, _BLIND_TICK_MS, BLIND_BIN_S)
        units = np.random.default_rng(seed).permutation(own.counts.shape[1])[: theirs.counts.shape[1]]
        fired.append(replace(own, counts=own.counts[:, units]))
    rows = [{"name": BLIND, "use": "not used", **_row([theirs])}]
    rows.append({"name": "realistic_subject", "use": f"{theirs.counts.shape[1]} units, 33 ms", **_row(fired)})
    return {"seeds": seeds, "minutes": minutes, "rows": rows}


def _row(fired: list[Firing]) -> dict[str, Any]:
    found = [statistics.measure(one) for one in fired]
    return {key: [one[key] for one in found] for key in statistics.FIGURES}


def firing_of(
    protocol_name: str,
    overrides: list[str],
    seed: int,
    minutes: float,
    tick_ms: float = _TICK_MS,
    bin_s: float = BIN_S,
) -> Firing:
    """Run a simulated session; return the bins in which a target was shown, a run a trial."""
    given = [f"tick.period_ms={tick_ms:g}", f"session.duration_s={minutes * 60:g}", f"session.seed={seed}"]
    frames: list[np.ndarray] = []
    counts: list[np.ndarray] = []
    tail = 0

    def watch(core: Any, _: simulated.Driver) -> None:
        nonlocal tail
        head = int(core.arrays["ctl"][cells.FRAMES_HEAD])
        at = np.arange(tail, head) % len(core.arrays["frames"])
        frames.append(core.arrays["frames"][at].copy())
        counts.append(core.arrays["counts"][at].copy())
        tail = head

    run_trials(load(protocol_name, [*given, *overrides]), watch)
    ticks = round(bin_s * 1e3 / tick_ms)
    return replace(binned(np.concatenate(frames), np.concatenate(counts), ticks), bin_s=bin_s)


def binned(frames: np.ndarray, counts: np.ndarray, n_ticks: int) -> Firing:
    """Add ticks up to bins from the moment at which each target appears; what is left at a trial's end is dropped."""
    shown = np.isin(frames["state"], (TaskState.MOVE, TaskState.HOLD))
    begins = np.flatnonzero(np.diff(shown.astype(int), prepend=0) == 1)
    ends = np.flatnonzero(np.diff(shown.astype(int), append=0) == -1) + 1
    fired, angles, runs = [], [], []
    for number, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        n_bins = (end - begin) // n_ticks
        ticks = slice(begin, begin + n_bins * n_ticks)
        first = frames[begin : begin + n_bins * n_ticks : n_ticks]
        fired.append(counts[ticks].astype(float).reshape(n_bins, n_ticks, -1).sum(axis=1))
        angles.append(
            np.arctan2(first["target_y_cm"] - first["cursor_y_cm"], first["target_x_cm"] - first["cursor_x_cm"])
        )
        runs.append(np.full(n_bins, number))
    return Firing(np.concatenate(fired), np.concatenate(angles), np.concatenate(runs))


def show(report: dict[str, Any]) -> None:
    """Print the report of `measure`."""
    title = f"Firing while a target is sought; simulated: {report['seeds']} seeds, {report['minutes']:g} min, mean (least-most)"
    table = Table(title=title, box=box.SIMPLE, padding=(0, 1, 0, 0))
    table.add_column("figure")
    for row in report["rows"]:
        table.add_column(f"{row['name']} ({row['use']})")
    for key, (what, form) in statistics.FIGURES.items():
        table.add_row(what, *(_cell(row[key], form) for row in report["rows"]))
    Console().print(table)


def _cell(values: list[float], form: str) -> str:
    if not np.isfinite(values).all():
        return "-"
    middle = form.format(np.mean(values))
    return middle if len(values) == 1 else f"{middle} ({form.format(min(values))}-{form.format(max(values))})"
