"""Say in Markdown what the benches of decoders and rules found, for the pages of the documents."""

from collections.abc import Iterable, Sequence
from typing import Any

Values = Sequence[float | None]


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a bar within a cell is escaped."""
    lines = [list(heads), ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def mean(values: Values, form: str = "{:.2f}") -> str:
    """Return the mean of what is known, or a dash."""
    known = [value for value in values if value is not None and value == value]
    return form.format(sum(known) / len(known)) if known else "-"


def spread(values: Values, form: str = "{:.2f}") -> str:
    """Return mean (least-most) of what is known, or a dash."""
    known = [value for value in values if value is not None and value == value]
    return f"{mean(known, form)} ({form.format(min(known))}-{form.format(max(known))})" if known else "-"


def closed_loop(report: dict[str, Any]) -> str:
    """Return the report of `bmi_app.bench.closed_loop.measure`."""
    starts = ("calibrated", "scrambled")
    heads = ["decoder", "rule", *(f"{start}: {key}" for start in starts for key in ("success", "time (s)", "bits/s"))]
    found = {(case["decoder"], case["rule"], case["start"]): case for case in report["cases"]}
    rows = []
    for decoder, rule in dict.fromkeys((case["decoder"], case["rule"]) for case in report["cases"]):
        kind, *raw = decoder.partition(", ")
        cases = [found[decoder, rule, start] for start in starts]
        figures = [
            text for case in cases for text in (spread(case["success"]), mean(case["time_s"]), mean(case["bits_s"]))
        ]
        rows.append([f"`{kind}`{''.join(raw)}", rule, *figures])
    said = [
        f"Means of {report['seeds']} seeds, second half of {report['minutes']:g} simulated minutes; of the success also the range.",
        table(heads, rows),
    ]
    said.extend(
        f"Time to target of `refit_kalman` over that of `kalman`, {features}: {spread(ratios)}."
        for features, ratios in report["refit_ratio"].items()
        if ratios
    )
    if report["smoothbatch"]:
        said.append(table(*_smoothbatch(report["smoothbatch"])))
    return "\n\n".join(said)


def _smoothbatch(followed: dict[str, dict[str, Values]]) -> tuple[list[str], list[list[str]]]:
    heads = [
        "SmoothBatch, from half of the signs",
        "successes in the first minute",
        "8 in a minute after (min)",
        "seeds",
    ]
    rows = []
    for way, found in followed.items():
        reached = [minutes for minutes in found["minutes"] if minutes is not None]
        seeds = f"{len(reached)} of {len(found['minutes'])}"
        rows.append([way, mean(found["at_first"]), spread(reached, "{:.1f}"), seeds])
    return heads, rows


def learning(report: dict[str, Any]) -> str:
    """Return the report of `bmi_app.bench.learning.measure`."""
    minutes, bin_min = report["minutes"], report["bin_min"]
    heads = [
        *("rule, scramble", f"first {bin_min:g} min", f"minutes {2 * minutes / 3:g}-{minutes:g}"),
        *("45 of 50 trials after (min)", f"minutes {minutes:g}-{2 * minutes:g}", f"lowest {bin_min:g} min of these"),
    ]
    rows = []
    for case in report["cases"]:
        rule, _, share = case["name"].partition(", ")
        reached = [value for value in case["minutes_to_90"] if value is not None]
        after = spread(reached, "{:.1f}") if reached else "never"
        if 0 < len(reached) < len(case["minutes_to_90"]):
            after += f", {len(reached)} of {len(case['minutes_to_90'])} seeds"
        name = rule if rule == "off" else f"`{rule}`"
        figures = [spread(case["first"]), mean(case["learnt"]), after, spread(case["kept"])]
        rows.append([f"{name}, {share}", *figures, f"{min(case['lowest_bin']):.2f}"])
    return f"Success; mean (least-most) of {report['seeds']} seeds.\n\n{table(heads, rows)}"
