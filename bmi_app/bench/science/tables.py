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
            *("-" if np.isnan(share) else f"{share:.2f}" for share in (shares[0], shares[-1])),
        )
    Console().print(table)


def coadaptation(report: dict[str, Any]) -> None:
    """Show the report of `coadaptation.measure`, a table for each figure: success, stability, weights, returns."""
    console = Console()
    knows = "nothing" if report["prior"] == "nothing" else "the tool before it was scrambled"
    waits = ", the decoder after ten minutes" if report["decoder_waits"] else ""
    console.print(
        f"Both learn{waits}: {report['seeds']} seeds, {report['minutes']:g} min; the subject knows {knows}; "
        f"the decoder's rates times {report['rate_factor']:g}",
        highlight=False,
    )
    rules = list(dict.fromkeys(pair["rule"] for pair in report["pairs"]))
    for title, key in (
        ("Success in the last third: mean (least-most)", "success"),
        ("Its worst two minutes: mean (least-most)", "lowest"),
        ("Length of the decoder's weights at the end: mean (least-most)", "length"),
        ("Returns by the guard: mean (least-most)", "returns"),
    ):
        table = _table(title)
        table.add_column("subject")
        for rule in rules:
            table.add_column(f"decoder {rule}", justify="right")
        for learner in dict.fromkeys(pair["learner"] for pair in report["pairs"]):
            row = [pair[key] for pair in report["pairs"] if pair["learner"] == learner]
            table.add_row(learner, *(_spread(values) for values in row))
        console.print(table)


def _spread(values: list[float]) -> str:
    """Return mean, least and most, without decimals where all are whole."""
    digits = 0 if all(float(value).is_integer() for value in values) and max(values) > 1 else 2
    return f"{np.mean(values):.{max(digits, 1)}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def movement(report: dict[str, Any]) -> None:
    """Show the report of `movement.measure`."""
    console = Console()
    table = _table("Time to target (s, with its standard error), by distance and radius")
    table.add_column("distance (cm)", justify="right")
    for radius in sorted({size["radius_cm"] for size in report["sizes"]}):
        table.add_column(f"R = {radius:g} cm", justify="right")
    for distance in sorted({size["distance_cm"] for size in report["sizes"]}):
        row = sorted((s for s in report["sizes"] if s["distance_cm"] == distance), key=lambda size: size["radius_cm"])
        table.add_row(f"{distance:g}", *(f"{size['time_s']:.2f} ({size['error_s']:.2f})" for size in row))
    console.print(table)
    for title, key in (
        (f"Which law fits, without R = {report['left_out_cm']:g} cm", "fits"),
        ("Which law fits, all sizes", "fits_of_all"),
    ):
        laws = _table(title)
        for head in ("law", "coefficients", "R squared", "error of what is left out (s)"):
            laws.add_column(head, justify="left" if head == "law" else "right")
        for name, law in report[key].items():
            numbers = ", ".join(f"{value:.3f}" for value in law["coefficients"])
            laws.add_row(name, numbers, f"{law['r_squared']:.3f}", f"{law['left_out_s']:.3f}")
        console.print(laws)
    delays = _table("What added delay costs")
    for head in ("added delay (ms)", "time to target (s)", "success"):
        delays.add_column(head, justify="right")
    for row in report["delays"]:
        delays.add_row(f"{row['added_ms']:g}", f"{row['time_s']:.2f} ({row['error_s']:.2f})", f"{row['success']:.2f}")
    console.print(delays)


def yardstick(report: dict[str, Any]) -> None:
    """Show the report of `yardstick.measure`."""
    table = _table(f"A perturbed map: progress (mm/s), Fano factor; {report['seeds']} seeds, {report['minutes']:g} min")
    heads = (
        "subject",
        "intuitive map",
        "perturbed, before",
        "after",
        "gap regained",
        "Fano before",
        "after",
        "success",
    )
    for head in heads:
        table.add_column(head, justify="left" if head == "subject" else "right")
    for row in report["rows"]:
        table.add_row(
            row["subject"],
            *(f"{row[key]:.1f}" for key in ("intuitive_mm_s", "before_mm_s", "after_mm_s")),
            f"{row['regained']:.0%}",
            *(f"{row[key]:.2f}" for key in ("fano_before", "fano_after")),
            f"{row['success']:.2f}" if "success" in row else "-",
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
    """Return the modulation asked of control units, as a share of that of driving units, after each rest and at the end.

    The mean over the sessions in which any was asked for; NaN without one.
    """
    asked_hz = np.array(case["modulation_hz"])
    shares = asked_hz[:, :, 1] / np.where(asked_hz[:, :, 0] > 0, asked_hz[:, :, 0], np.nan)
    known = np.isfinite(shares)
    return np.asarray(np.where(known, shares, 0.0).sum(axis=0) / np.where(known.any(axis=0), known.sum(axis=0), np.nan))


def _table(title: str) -> Table:
    return Table(title=title, box=box.SIMPLE, padding=(0, 1, 0, 0))
