"""Draw what the science benches found; needs matplotlib."""

from pathlib import Path
from typing import Any

import numpy as np

from bmi_app.bench.curves import half_width

# Okabe and Ito 2008: told apart by every eye.
_COLOURS = ("#777777", "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7")


def new(n_columns: int = 1, width: float = 8.0, height: float = 4.5) -> tuple[Any, Any]:
    """Return a figure and its axes, f[column]."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, n_columns, squeeze=False)[0]
    for one in axes:
        one.spines[["top", "right"]].set_visible(False)
    return figure, axes


def save(figure: Any, path: Path) -> None:
    """Write a figure, with the folders that it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def learners(report: dict[str, Any], path: Path) -> None:
    """Draw the report of `learners.measure`: success over time, and what control units are asked for."""
    figure, (left, right) = new(2, 11.0)
    middle_min = None
    for case, colour in zip(report["cases"], _COLOURS, strict=True):
        success = np.asarray(case["success"])
        middle_min = (np.arange(success.shape[1]) + 0.5) * report["bin_min"]
        mean, half = np.nanmean(success, axis=0), half_width(success)
        left.plot(middle_min, mean, color=colour, label=case["learner"])
        left.fill_between(
            middle_min, np.clip(mean - half, 0, 1), np.clip(mean + half, 0, 1), color=colour, alpha=0.2, lw=0
        )
        if case["learner"] == "none":
            continue
        share = np.array(case["modulation_hz"])
        ratio = share[:, :, 1] / np.maximum(share[:, :, 0], 1e-9)
        at_min = [*np.arange(10.0, report["minutes"], 10.0), report["minutes"]]
        right.plot(at_min, np.nanmean(ratio, axis=0), "o-", color=colour, label=case["learner"])
    left.set(xlabel="simulated time (min)", ylabel=f"success in {report['bin_min']:g} min", ylim=(0, 1.02))
    left.set_title(f"Mean of {report['seeds']} seeds, 95 % confidence of the mean", fontsize=10)
    right.set(xlabel="simulated time (min)", ylabel="modulation, control / driving units", ylim=(0, None))
    right.set_title("What the model asks of units that drive nothing", fontsize=10)
    right.legend(*left.get_legend_handles_labels(), frameon=False, loc="lower left")  # where no curve is
    save(figure, path)
