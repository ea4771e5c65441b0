"""Measure whether a subject learns as well at ticks of other lengths: `lms`, exploring with white noise, from nothing.

Each session has other random numbers at other ticks, and single sessions differ widely: only means over many seeds compare.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from bmi_app.api.simulation import run_trials
from bmi_app.bench.markdown import table
from protocols.load import load

PROTOCOL = "learning_subject"
TICKS_MS = (10.0, 5.0, 2.0, 1.0)
REST_S, BEGIN_MIN, END_MIN = 10.0, 3.0, 8.0  # success is that of the minutes between


def measure(seeds: int, exploration_hz: float, jobs: int, say: Callable[[str], object]) -> dict[str, Any]:
    """Measure the success of every tick and seed; return a report ready for JSON."""
    rows = []
    with ThreadPoolExecutor(jobs) as pool:
        for tick_ms in TICKS_MS:
            say(f"ticks of {tick_ms:g} ms, {seeds} sessions")
            found = pool.map(lambda seed, tick=tick_ms: success(tick, seed, exploration_hz), range(1, seeds + 1))
            rows.append({"tick_ms": tick_ms, "success": list(found)})
    return {"protocol": PROTOCOL, "seeds": seeds, "exploration_hz": exploration_hz, "rows": rows}


def success(tick_ms: float, seed: int, exploration_hz: float) -> float:
    """Return the share of success of a session in minutes 3 to 8."""
    protocol = load(
        PROTOCOL,
        [
            f"tick.period_ms={tick_ms:g}",
            f"session.seed={seed}",
            f"session.duration_s={END_MIN * 60:g}",
            f"blocks=[{{kind='rest',duration_s={REST_S:g}}},{{kind='closed_loop'}}]",
            "subject.exploration=white",
            f"subject.settings.exploration_hz={exploration_hz:g}",
        ],
    )
    return run_trials(protocol).success_between(BEGIN_MIN, END_MIN)


def markdown(report: dict[str, Any]) -> str:
    """Return the report as a table: mean, its standard error, least and most of each tick."""
    lines = []
    for row in report["rows"]:
        shares = np.asarray(row["success"])
        error = f"{shares.std(ddof=1) / np.sqrt(len(shares)):.2f}" if len(shares) > 1 else "-"
        lines.append(
            [f"{row['tick_ms']:g}", f"{shares.mean():.2f} ({error})", f"{shares.min():.2f}-{shares.max():.2f}"]
        )
    said = f"{report['seeds']} seeds, {report['exploration_hz']:g} Hz, success in minutes 3 to 8."
    return f"{said}\n\n{table(['tick (ms)', 'success, mean (standard error)', 'least-most'], lines)}"
