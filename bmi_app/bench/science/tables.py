"""Show what the science benches found, as tables that a terminal and a page of docs can hold."""

from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table


def learners(report: dict[str, Any]) -> None:
    """Show the report of `learners.measure`."""
    table = _table(f"Learning a fixed tool from nothing, {report['seeds']} seeds, {report['minutes']:g} min")
    for head in ("learner", "rate", "trials to 18 of 20", "first 2 min", "last 10 min", "jump after rest 1", "2"):
        table.add_column(head, justify="left" if head == "learner" else "right")
    table.add_column("control/driving after rest 1", justify="right")
    table.add_column("at the end", justify="right")
    for case in report["cases"]:
        jumps = np.nanmean(np.array(case["after_rest"]) - np.array(case["before_rest"]), axis=0)
        shares = control_share(case)
        table.add_row(
            case["learner"],
            f"{case['rate']:g}",
            criterion(case["trials_to_criterion"]),
            f"{np.nanmean([curve[0] for curve in case['success']]):.2f}",
            f"{np.mean(case['last']):.2f}",
            *(f"{jump:+.2f}" for jump in jumps[:2]),
            *(f"{share:.2f}" for share in (shares[0], shares[-1])),
        )
    Console().print(table)


def criterion(trials: list[int | None]) -> str:
    """Return the median of the trials to criterion and its quartiles, or how many seeds reached it."""
    reached = [found for found in trials if found is not None]
    if len(reached) < len(trials):
        return f"{len(reached)} of {len(trials)} seeds" if reached else "never"
    low, middle, high = np.percentile(reached, [25, 50, 75])
    return f"{middle:.0f} [{low:.0f}, {high:.0f}]".replace("[", "\\[")


def control_share(case: dict[str, Any]) -> np.ndarray:
    """Return the modulation asked of control units, as a share of that of driving units, after each rest and at the end."""
    mean_hz = np.nanmean(np.array(case["modulation_hz"]), axis=0)
    return np.asarray(mean_hz[:, 1] / np.maximum(mean_hz[:, 0], 1e-9))


def _table(title: str) -> Table:
    return Table(title=title, box=box.SIMPLE, padding=(0, 1, 0, 0))
