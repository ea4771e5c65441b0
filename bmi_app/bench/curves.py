"""Draw what was measured: the mean over the seeds, and where it lies with 95 % confidence."""

from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

_CONFIDENCE = 0.95
_LEARNING = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")  # Okabe and Ito 2008: told apart by every eye
_OFF = ("#777777", "#AAAAAA")


def draw(report: dict[str, Any], path: Path) -> None:
    """Draw the report of `bmi_app.bench.learning.measure` into a picture; needs matplotlib."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 4.5), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    learning, off = iter(_LEARNING), iter(_OFF)
    for case in report["cases"]:
        is_off = case["name"].startswith("off")
        success = np.asarray(case["success"])
        middle_min = (np.arange(success.shape[1]) + 0.5) * report["bin_min"]
        mean, half = success.mean(axis=0), half_width(success)
        colour = next(off) if is_off else next(learning)
        axes.plot(middle_min, mean, color=colour, linestyle="--" if is_off else "-", label=case["name"])
        low, high = np.clip(mean - half, 0.0, 1.0), np.clip(mean + half, 0.0, 1.0)
        axes.fill_between(middle_min, low, high, color=colour, alpha=0.2, linewidth=0)
    axes.axhline(0.9, color="black", linewidth=0.6, linestyle=":")
    axes.axvline(report["minutes"], color="black", linewidth=0.6)
    axes.annotate(" left on", (report["minutes"], 0.55), fontsize=9)
    axes.set(
        xlabel="simulated time (min)",
        ylabel=f"success in {report['bin_min']:g} min",
        xlim=(0, 2 * report["minutes"]),
        ylim=(0, 1.02),
        title=f"A scrambled tool: mean of {report['seeds']} seeds, 95 % confidence of the mean",
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="center right", bbox_to_anchor=(1.0, 0.62), frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def half_width(success: np.ndarray) -> np.ndarray:
    """Return half of the confidence interval of the mean over seeds, f8[bin], of success f8[seed, bin]; Student's t."""
    n_seeds = success.shape[0]
    if n_seeds < 2:
        return np.zeros(success.shape[1])
    spread = success.std(axis=0, ddof=1) / np.sqrt(n_seeds)
    return np.asarray(stats.t.ppf(0.5 + _CONFIDENCE / 2, n_seeds - 1) * spread)


_MEASURES = (
    ("success", "success", (0.0, 1.05)),
    ("time_s", "time to target (s)", (0.0, None)),
    ("bits_s", "Fitts (bits/s)", (0.0, None)),
)
_STARTS = {"calibrated": ("#0072B2", "o", -0.15), "scrambled": ("#D55E00", "s", 0.15)}


def draw_closed_loop(report: dict[str, Any], path: Path) -> None:
    """Draw the report of `bmi_app.bench.closed_loop.measure` into a picture; needs matplotlib."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    pairs = list(dict.fromkeys((case["decoder"], case["rule"]) for case in report["cases"]))
    figure = Figure(figsize=(9.0, 1.6 + 0.26 * len(pairs)), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(_MEASURES), sharey=True)
    for axes, (key, label, limits) in zip(panels, _MEASURES, strict=True):
        for case in report["cases"]:
            values = np.array([value for value in case[key] if value is not None])
            if len(values) == 0:
                continue
            colour, marker, shift = _STARTS[case["start"]]
            place = pairs.index((case["decoder"], case["rule"])) + shift
            half = float(half_width(values[:, None])[0])
            axes.errorbar(values.mean(), place, xerr=half, color=colour, marker=marker, markersize=4, linewidth=1)
        for boundary in range(1, len(pairs)):
            if pairs[boundary][0] != pairs[boundary - 1][0]:
                axes.axhline(boundary - 0.5, color="black", linewidth=0.5)
        axes.set(xlabel=label, xlim=limits)
        axes.grid(axis="x", linewidth=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_yticks(range(len(pairs)), [f"{decoder}, {rule}" for decoder, rule in pairs], fontsize=8)
    panels[0].set_ylim(len(pairs) - 0.5, -0.5)
    for name, (colour, marker, _) in _STARTS.items():
        panels[0].plot([], [], color=colour, marker=marker, linestyle="", label=name)
    title = f"Mean of {report['seeds']} seeds and 95 % confidence of it; second half of {report['minutes']:g} min"
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle(title, fontsize=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
