"""Say in Markdown what the science benches found, for the pages of the documents."""

from typing import Any

import numpy as np

from bmi_app.bench.markdown import mean, spread, table
from bmi_app.bench.science import statistics
from bmi_app.bench.science.tables import control_share, criterion


def learners(report: dict[str, Any]) -> str:
    """Return the report of `learners.measure`: what was learnt, and the rates that were tried."""
    heads = [
        *(
            "learner",
            "rate",
            "trials to 18 of 20, median [quartiles]",
            "success in the first 2 min",
            "in the last 10 min",
        ),
        *("change over the first rest", "over the second", "control / driving after the first rest", "at the end"),
    ]
    rows, tried = [], []
    for case in report["cases"]:
        changes = np.array(case["after_rest"]) - np.array(case["before_rest"])
        shares = control_share(case)
        rows.append(
            [
                f"`{case['learner']}`",
                f"{case['rate']:g}",
                criterion(case["trials_to_criterion"]).replace("\\[", "["),
                mean([curve[0] for curve in case["success"]]),
                mean(case["last"]),
                *(mean(changes[:, rest].tolist(), "{:+.2f}") for rest in range(min(changes.shape[1], 2))),
                *([] if changes.shape[1] > 1 else ["-"] * (2 - changes.shape[1])),
                *("-" if np.isnan(share) else f"{share:.2f}" for share in (shares[0], shares[-1])),
            ]
        )
        for rate, share in case["tried"].items():
            shown = f"**{rate}**" if rate == f"{case['rate']:g}" else rate
            tried.append([f"`{case['learner']}`", shown, f"{share:.3f}", f"{case['tried_control'][rate]:.2f}"])
    said = [f"{report['seeds']} seeds, sessions of {report['minutes']:g} min.", table(heads, rows)]
    if tried:
        said += [
            "Each rate that was tried before, on seeds of its own: success over the whole session, and control / driving at its end."
        ]
        said += [table(["learner", "rate", "success", "control / driving at the end"], tried)]
    return "\n\n".join(said)


def coadaptation(report: dict[str, Any]) -> str:
    """Return the report of `coadaptation.measure`, a pair a cell."""
    rules = list(dict.fromkeys(pair["rule"] for pair in report["pairs"]))
    heads = ["subject", *("decoder off" if rule == "off" else f"`{rule}`" for rule in rules)]
    found = {(pair["learner"], pair["rule"]): pair for pair in report["pairs"]}
    rows = [
        [f"`{learner}`", *(_pair(found[learner, rule]) for rule in rules)]
        for learner in dict.fromkeys(pair["learner"] for pair in report["pairs"])
    ]
    return f"{report['seeds']} seeds, {report['minutes']:g} min.\n\n{table(heads, rows)}"


def _pair(pair: dict[str, Any]) -> str:
    cell = f"{spread(pair['success'])}; {np.nanmin(pair['lowest']):.2f}; {mean(pair['length'])}"
    returns = float(np.mean(pair["returns"]))
    return f"{cell}; {returns:.2g} returns" if returns else cell


def movement(report: dict[str, Any]) -> str:
    """Return the report of `movement.measure`: times, laws, the cost of delay."""
    radii = sorted({size["radius_cm"] for size in report["sizes"]})
    found = {(size["distance_cm"], size["radius_cm"]): size for size in report["sizes"]}
    times = [
        [f"{distance:g}", *(f"{found[distance, r]['time_s']:.2f} ({found[distance, r]['error_s']:.2f})" for r in radii)]
        for distance in sorted({size["distance_cm"] for size in report["sizes"]})
    ]
    laws = [
        [
            f"{name}, {which}",
            ", ".join(f"{value:.3f}" for value in law["coefficients"]),
            f"{law['r_squared']:.3f}",
            f"{law['left_out_s']:.3f}",
        ]
        for which, key in ((f"without R = {report['left_out_cm']:g} cm", "fits"), ("all sizes", "fits_of_all"))
        for name, law in report[key].items()
    ]
    delays = report["delays"]
    delay_row = ["time to target (s)", *(f"{row['time_s']:.2f} ({row['error_s']:.2f})" for row in delays)]
    least = min(row["success"] for row in (*report["sizes"], *delays))
    return "\n\n".join(
        [
            f"{report['minutes']:g} min of each; time to target in seconds, with its standard error; least success of all runs: {least:.3f}.",
            table(["D (cm)", *(f"R = {radius:g} cm" for radius in radii)], times),
            table(
                ["law", "coefficients (s; s/bit or s/cm; s cm^n)", "R squared", "error of a condition left out (s)"],
                laws,
            ),
            table(["added delay (ms)", *(f"{row['added_ms']:g}" for row in delays)], [delay_row]),
        ]
    )


def yardstick(report: dict[str, Any]) -> str:
    """Return the report of `yardstick.measure`."""
    heads = [
        "subject",
        "intuitive map",
        "perturbed map, before",
        "after",
        "of the gap regained",
        "Fano factor before",
        "after",
        "success in the last 5 min",
    ]
    rows = [
        [
            "the monkey" if row["subject"] == "monkey" else f"`{row['subject']}`",
            *(f"{row[key]:.1f}" for key in ("intuitive_mm_s", "before_mm_s", "after_mm_s")),
            f"{row['regained']:.0%}",
            *(f"{row[key]:.2f}" for key in ("fano_before", "fano_after")),
            f"{row['success']:.2f}" if "success" in row else "-",
        ]
        for row in report["rows"]
    ]
    patterns = f", {report['patterns']} patterns" if report["patterns"] else ""
    return f"{report['seeds']} seeds, {report['minutes']:g} min{patterns}; progress in mm/s.\n\n{table(heads, rows)}"


def realism(report: dict[str, Any]) -> str:
    """Return the report of `realism.measure`."""
    heads = ["figure", *(f"{row['name']} ({row['use']})" for row in report["rows"])]
    rows = [
        [what, *(mean(row[key], form) for row in report["rows"])] for key, (what, form) in statistics.FIGURES.items()
    ]
    return f"Simulated: {report['seeds']} seeds of {report['minutes']:g} min, means.\n\n{table(heads, rows)}"
