"""Draw what the science benches found; needs matplotlib."""

from pathlib import Path
from typing import Any

import numpy as np

from bmi_app.bench.curves import half_width
from bmi_app.bench.science.tables import control_share

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
        at_min = [*np.arange(10.0, report["minutes"], 10.0), report["minutes"]]
        right.plot(at_min, control_share(case), "o-", color=colour, label=case["learner"])
    left.set(xlabel="simulated time (min)", ylabel=f"success in {report['bin_min']:g} min", ylim=(0, 1.02))
    left.set_title(f"Mean of {report['seeds']} seeds, 95 % confidence of the mean", fontsize=10)
    right.set(xlabel="simulated time (min)", ylabel="modulation, control / driving units", ylim=(0, None))
    right.set_title("What the model asks of units that drive nothing", fontsize=10)
    right.legend(*left.get_legend_handles_labels(), frameon=False, loc="lower left")  # where no curve is
    save(figure, path)


def coadaptation(report: dict[str, Any], path: Path) -> None:
    """Draw the report of `coadaptation.measure`: maps of success, and of its worst two minutes in any seed."""
    learners_ = list(dict.fromkeys(pair["learner"] for pair in report["pairs"]))
    rules = list(dict.fromkeys(pair["rule"] for pair in report["pairs"]))
    figure, axes = new(2, 13.0, 4.2)
    maps = {
        "Success in the last third, mean": [np.mean(pair["success"]) for pair in report["pairs"]],
        "Its worst two minutes in any seed": [np.min(pair["lowest"]) for pair in report["pairs"]],
    }
    for one, (title, values) in zip(axes, maps.items(), strict=True):
        grid = np.reshape(values, (len(learners_), len(rules)))
        one.imshow(grid, vmin=0, vmax=1, cmap="cividis", aspect="auto")
        for (row, column), value in np.ndenumerate(grid):
            one.text(column, row, f"{value:.2f}", ha="center", va="center", color="black" if value > 0.5 else "white")
        one.set_xticks(range(len(rules)), [rule.replace("_", " ") for rule in rules], fontsize=9)
        one.set_yticks(range(len(learners_)), learners_)
        one.set_xlabel("decoder")
        one.set_title(title, fontsize=10)
        one.spines[:].set_visible(False)
        one.tick_params(length=0)
    axes[0].set_ylabel("subject")
    save(figure, path)


def movement(report: dict[str, Any], path: Path) -> None:
    """Draw the report of `movement.measure`: each law's prediction against what was measured, and the delays."""
    figure, axes = new(4, 17.0, 4.2)
    sizes = [size for size in report["sizes"] if size["radius_cm"] > report["left_out_cm"]]
    radius, time_s = (np.array([size[key] for size in sizes]) for key in ("radius_cm", "time_s"))
    titles = {
        "fitts": "Fitts: a + b log2(D/W + 1)",
        "willett": "Willett: a + b D + c R^-2",
        "cubic": "a + b D + c R^-3",
    }
    for one, (name, title) in zip(axes[:3], titles.items(), strict=True):
        predicted = np.array(report["fits"][name]["predicted_s"])
        for colour, size in zip(_COLOURS[1:], np.unique(radius), strict=False):
            one.plot(predicted[radius == size], time_s[radius == size], "o", color=colour, label=f"R = {size:g} cm")
        limits = [min(0.0, predicted.min()) - 0.1, 1.05 * max(predicted.max(), time_s.max())]
        one.plot(limits, limits, color="black", linewidth=0.6)
        one.set(xlabel="predicted (s)", ylabel="time to target (s)", xlim=limits, ylim=limits)
        one.set_title(f"{title}; R squared {report['fits'][name]['r_squared']:.2f}", fontsize=10)
    axes[0].legend(frameon=False, loc="lower right")
    added, delayed_s, error_s = (
        np.array([row[key] for row in report["delays"]]) for key in ("added_ms", "time_s", "error_s")
    )
    axes[3].errorbar(added, delayed_s, 2 * error_s, fmt="o-", capsize=3, color=_COLOURS[1])
    axes[3].set(xlabel="added delay (ms)", ylabel="time to target (s)", ylim=(0, None))
    axes[3].set_title("Added delay; mean and two standard errors", fontsize=10)
    save(figure, path)


def yardstick(report: dict[str, Any], path: Path) -> None:
    """Draw the report of `yardstick.measure`: progress and Fano factors before and after, each subject's."""
    figure, (left, right) = new(2, 12.0)
    rows = report["rows"]
    at = np.arange(len(rows))
    for offset, key, label, colour in (
        (-0.25, "intuitive_mm_s", "intuitive map", "#BBBBBB"),
        (0.0, "before_mm_s", "perturbed map, before", "#E69F00"),
        (0.25, "after_mm_s", "perturbed map, after", "#0072B2"),
    ):
        left.bar(at + offset, [row[key] for row in rows], 0.24, color=colour, label=label)
    left.set(ylabel="progress to the target (mm/s)")
    left.legend(frameon=False, loc="upper center", ncols=3, bbox_to_anchor=(0.5, 1.12), fontsize=9)
    for offset, key, label, colour in (
        (-0.15, "fano_before", "before", "#E69F00"),
        (0.15, "fano_after", "after", "#0072B2"),
    ):
        right.plot(at + offset, [row[key] for row in rows], "o", color=colour, label=label)
    right.axhline(1.0, color="black", linewidth=0.6)
    right.set(ylabel="Fano factor of counts in 45 ms", ylim=(0.85, 1.05))
    right.legend(frameon=False, loc="upper center", ncols=2, bbox_to_anchor=(0.5, 1.12), fontsize=9)
    for one in (left, right):
        one.set_xticks(at, [row["subject"] for row in rows], rotation=20, ha="right")
    save(figure, path)
