"""Sweep what asymmetric damping of the muscles adds to the growth of the lag with curvature (Todorov 2000), over its settings.

A spiral is drawn as in `body`. The growth is the lag of the movement behind the population vector where the path is bent most, less
that where it is straightest (a fifth each, medians); what the asymmetry adds is the difference to symmetric damping.
"""

from collections.abc import Callable
from typing import Any

from bmi_app.bench.markdown import table
from bmi_app.bench.science import body

REST_HZ, STIFFNESS_N_M, ASYMMETRIES = (0.5, 5.0, 15.0), (0.0, 10.0, 50.0, 200.0), (0.25, 0.5, 0.9)


def measure(say: Callable[[str], object]) -> list[dict[str, Any]]:
    """Return a row for each rate at rest and stiffness: `symmetric_ms`, the growth without asymmetry, and `added_ms`, by each."""
    spiral = body.spiral()
    rows = []
    for rest_hz in REST_HZ:
        for stiffness in STIFFNESS_N_M:
            say(f"at rest {rest_hz:g} Hz, k = {stiffness:g} N/m")
            symmetric, *others = (grown_ms(spiral, rest_hz, stiffness, s) for s in (0.0, *ASYMMETRIES))
            added = [other - symmetric for other in others]
            rows.append({"rest_hz": rest_hz, "k_n_m": stiffness, "symmetric_ms": symmetric, "added_ms": added})
    return rows


def grown_ms(spiral: body.Spiral, rest_hz: float, stiffness_n_m: float, asymmetry: float) -> float:
    """Return by how much the lag grows with curvature (ms), with cells whose directions are spread evenly."""
    cells = body.even_cells(rest_hz)
    straight_ms, bent_ms = body.lags_ms(spiral, cells, asymmetry, stiffness_n_m)
    return bent_ms - straight_ms


def markdown(rows: list[dict[str, Any]]) -> str:
    """Return the rows as a table."""
    heads = ["cells at rest (Hz)", "k (N/m)", "growth, damping symmetric (ms)"]
    heads += [f"added by an asymmetry of {asymmetry:g} (ms)" for asymmetry in ASYMMETRIES]
    lines = [
        [
            f"{row['rest_hz']:g}",
            f"{row['k_n_m']:g}",
            *(f"{round(value, 1) + 0.0:+.1f}" for value in (row["symmetric_ms"], *row["added_ms"])),
        ]
        for row in rows
    ]
    return table(heads, lines)
