"""The `bmi bench science` commands: what the simulated subject must show, measured."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from bmi_app.bench.saying import fail, say

science_app = typer.Typer(
    help="Measure the simulated subject against what is known of real ones.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Json = Annotated[bool, typer.Option("--json", help="print one JSON object, and nothing else, on standard output")]
Figure = Annotated[Path | None, typer.Option(help="draw it into this picture (needs matplotlib)")]
Jobs = Annotated[int, typer.Option(min=1, help="sessions at once")]


@science_app.command("learners")
def science_learners(
    seeds: Annotated[int, typer.Option(min=1, help="sessions of each learner")] = 10,
    minutes: Annotated[float, typer.Option(min=20, help="simulated length of a session (min), in tens")] = 60.0,
    tuning_seeds: Annotated[int, typer.Option(min=1, help="sessions of each rate that is tried before")] = 2,
    jobs: Jobs = 2,
    figure: Figure = None,
    as_json: Json = False,
) -> None:
    """Measure how each of the five rules learns a fixed tool from nothing, at its best rate."""
    from bmi_app.bench.science import learners, pictures, tables

    check_figure(figure)
    show(learners.measure(seeds, minutes, tuning_seeds, jobs, say), tables.learners, pictures.learners, figure, as_json)


def check_figure(figure: Path | None) -> None:
    """Refuse a figure that could not be drawn, before anything is measured."""
    if figure is not None and importlib.util.find_spec("matplotlib") is None:
        fail("--figure needs matplotlib; install it with `pip install bmi-app[reports]`")


def show(
    report: dict[str, Any],
    table: Callable[[dict[str, Any]], object],
    picture: Callable[[dict[str, Any], Path], object],
    figure: Path | None,
    as_json: bool,
) -> None:
    """Draw a report if asked to, and print it."""
    if figure is not None:
        picture(report, figure.expanduser())
    if as_json:
        print(json.dumps(report))
    else:
        table(report)
