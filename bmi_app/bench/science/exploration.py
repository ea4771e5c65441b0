"""Sweep how strongly a subject with the firing of an animal explores, and how fast it learns, for the rules that wait for a reward.

A reward that never comes teaches nothing, whatever the rate: both settings are swept together.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from bmi_app.bench.markdown import table
from bmi_app.bench.science.learners import BLOCK_MIN, GRID, protocol_of, run

LEARNERS = ("gated", "reinforcement")
EXPLORATIONS_HZ = (2.0, 4.0, 8.0, 16.0)


def measure(
    seeds: int,
    minutes: float,
    explorations_hz: tuple[float, ...],
    jobs: int,
    say: Callable[[str], object],
    more: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Measure every learner at every strength and rate; return a report ready for JSON.

    Parameters
    ----------
    seeds, minutes
        Sessions of each case, and their length.
    explorations_hz
        Standard deviations of the exploration of a unit (Hz).
    more
        Overrides of the protocol, for every session.
    """
    rows = []
    with ThreadPoolExecutor(jobs) as pool:
        for learner in LEARNERS:
            for exploration_hz in explorations_hz:
                for rate, overrides in GRID[learner].items():
                    say(f"{learner}, exploration {exploration_hz:g} Hz, rate {rate:g}")
                    given = (*more, f"subject.settings.exploration_hz={exploration_hz:g}", *overrides)
                    sessions = pool.map(
                        lambda seed, name=learner, with_=given: run(protocol_of(name, with_, seed, minutes)),
                        range(1, seeds + 1),
                    )
                    last = [session.success_between(minutes - BLOCK_MIN, minutes) for session in sessions]
                    rows.append({"learner": learner, "exploration_hz": exploration_hz, "rate": rate, "last": last})
    return {"seeds": seeds, "minutes": minutes, "rows": rows}


def markdown(report: dict[str, Any]) -> str:
    """Return the report as a table for each learner: a row a strength, a column a rate."""
    said = [
        f"{report['seeds']} seeds, sessions of {report['minutes']:g} min: success in the last ten minutes, mean (least-most)."
    ]
    for learner in LEARNERS:
        rows = [row for row in report["rows"] if row["learner"] == learner]
        rates = list(dict.fromkeys(row["rate"] for row in rows))
        heads = [f"`{learner}`: exploration (Hz)", *(f"rate {rate:g}" for rate in rates)]
        lines = []
        for exploration_hz in dict.fromkeys(row["exploration_hz"] for row in rows):
            shares = [np.array(row["last"]) for row in rows if row["exploration_hz"] == exploration_hz]
            cells = [f"{share.mean():.2f} ({share.min():.2f}-{share.max():.2f})" for share in shares]
            lines.append([f"{exploration_hz:g}", *cells])
        said.append(table(heads, lines))
    return "\n\n".join(said)
