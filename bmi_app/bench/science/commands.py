"""The `bmi bench science` commands: what the simulated subject must show, measured."""

import importlib.util
import json
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from bmi_app.bench import pages
from bmi_app.bench.pages import Into
from bmi_app.command_line import Json, fail, say

science_app = typer.Typer(
    help="Measure the simulated subject against what is known of real ones.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Figure = Annotated[Path | None, typer.Option(help="draw it into this picture (needs matplotlib)")]


class Prior(StrEnum):
    """Name what a subject knows of the tool at first."""

    nothing = "nothing"
    nominal = "nominal"


Jobs = Annotated[int, typer.Option(min=1, help="sessions at once")]
Realistic = Annotated[
    bool,
    typer.Option("--realistic", help="with the firing of the protocol realistic_subject instead of the bench's own"),
]


Exploration = Annotated[
    float | None, typer.Option(min=0.0, help="exploration of a unit, standard deviation (Hz); else the protocol's")
]


@science_app.command("learners")
def science_learners(
    context: typer.Context,
    seeds: Annotated[int, typer.Option(min=1, help="sessions of each learner")] = 10,
    minutes: Annotated[float, typer.Option(min=20, help="simulated length of a session (min), in tens")] = 60.0,
    tuning_seeds: Annotated[int, typer.Option(min=1, help="sessions of each rate that is tried before")] = 2,
    realistic: Realistic = False,
    exploration_hz: Exploration = None,
    jobs: Jobs = 2,
    figure: Figure = None,
    into: Into = None,
    as_json: Json = False,
) -> None:
    """Measure how each of the five rules learns a fixed tool from nothing, at its best rate."""
    from bmi_app.bench.science import learners, markdown, pictures, tables

    check_figure(figure)
    name, more = _exploring(_name("learners", realistic), _firing(realistic), exploration_hz)
    pages.check(into, name)
    report = learners.measure(seeds, minutes, tuning_seeds, jobs, say, more)
    pages.write(into, name, context, markdown.learners(report))
    show(report, tables.learners, pictures.learners, figure, as_json)


@science_app.command("realism")
def science_realism(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="folder of the three recordings")],
    seeds: Annotated[int, typer.Option(min=1, help="sessions of each subject")] = 5,
    minutes: Annotated[float, typer.Option(min=2, help="simulated length of a session (min)")] = 10.0,
    blind: Annotated[
        bool, typer.Option("--blind", help="against a recording that was not used when its settings were chosen")
    ] = False,
    into: Into = None,
    as_json: Json = False,
) -> None:
    """Hold the firing of simulated subjects against that of three monkeys, by one code."""
    from bmi_app.bench.science import markdown, realism
    from bmi_app.record.formats.source import RecordingError

    name = "realism, blind" if blind else "realism"
    pages.check(into, name)
    try:
        report = (realism.blind if blind else realism.measure)(folder.expanduser(), seeds, minutes, say)
    except RecordingError as error:
        fail(str(error))
    pages.write(into, name, context, markdown.realism(report))
    if as_json:
        print(json.dumps(report))
    else:
        realism.show(report)


@science_app.command("neurons")
def science_neurons(
    simulated_s: Annotated[
        float, typer.Option(min=60, help="length of the sessions whose speed is measured (s)")
    ] = 3600.0,
    as_json: Json = False,
) -> None:
    """Check the spiking neurons: rates, intervals, variability, speed."""
    from bmi_app.bench.science import neurons

    show_checks(neurons.measure(simulated_s, say), as_json)


@science_app.command("body")
def science_body(seed: Annotated[int, typer.Option(min=0)] = 1, as_json: Json = False) -> None:
    """Check what neurons that drive muscles look like to those who record them."""
    from bmi_app.bench.science import body

    show_checks(body.measure(seed), as_json)


@science_app.command("lags")
def science_lags(context: typer.Context, into: Into = None, as_json: Json = False) -> None:
    """Sweep what asymmetric damping of the muscles adds to the lag where a path is bent; print a table in Markdown."""
    from bmi_app.bench.science import lag_sweep

    pages.check(into, "lags")
    rows = lag_sweep.measure(say)
    pages.write(into, "lags", context, lag_sweep.markdown(rows))
    print(json.dumps(rows) if as_json else lag_sweep.markdown(rows))


@science_app.command("curiosity")
def science_curiosity(
    seeds: Annotated[int, typer.Option(min=1, help="how many subjects babble")] = 10, as_json: Json = False
) -> None:
    """Check that curiosity seeks what is new and can be influenced."""
    from bmi_app.bench.science import curiosity

    show_checks(curiosity.measure(seeds, say), as_json)


@science_app.command("replay")
def science_replay(
    context: typer.Context,
    seeds: Annotated[int, typer.Option(min=1, help="sessions at each rate")] = 10,
    rates: Annotated[
        list[float] | None, typer.Option("--rate", min=0, help="rate of the replay; several: a row each")
    ] = None,
    into: Into = None,
    as_json: Json = False,
) -> None:
    """Check at which rates replay takes the tuning from units that drive nothing, in their recorded counts."""
    from bmi_app.bench.science import replay

    pages.check(into, "replay")
    report = replay.measure(seeds, tuple(rates or replay.RATES), say)
    pages.write(into, "replay", context, replay.markdown(report))
    show_checks(report, as_json)


@science_app.command("exploration")
def science_exploration(
    context: typer.Context,
    seeds: Annotated[int, typer.Option(min=1, help="sessions of each case")] = 2,
    minutes: Annotated[float, typer.Option(min=20, help="simulated length of a session (min), in tens")] = 60.0,
    explorations_hz: Annotated[
        list[float] | None,
        typer.Option("--exploration-hz", min=0, help="exploration of a unit (Hz); several: a row each"),
    ] = None,
    jobs: Jobs = 2,
    into: Into = None,
    as_json: Json = False,
) -> None:
    """Sweep how strongly subjects with an animal's firing explore, for the rules that wait for a reward."""
    from bmi_app.bench.science import exploration

    pages.check(into, "exploration, realistic")
    given = tuple(explorations_hz or exploration.EXPLORATIONS_HZ)
    report = exploration.measure(seeds, minutes, given, jobs, say, _firing(realistic=True))
    pages.write(into, "exploration, realistic", context, exploration.markdown(report))
    print(json.dumps(report) if as_json else exploration.markdown(report))


@science_app.command("coadaptation")
def science_coadaptation(
    context: typer.Context,
    seeds: Annotated[int, typer.Option(min=1, help="sessions of each pair")] = 3,
    minutes: Annotated[float, typer.Option(min=10, help="simulated length of a session (min), in tens")] = 30.0,
    knows: Annotated[Prior, typer.Option(help="what the subject knows of the tool at first")] = Prior.nothing,
    faster: Annotated[float, typer.Option(min=0, help="factor on the rates of the decoder")] = 1.0,
    decoder_waits: Annotated[
        bool, typer.Option("--decoder-waits", help="let the decoder learn only after ten minutes")
    ] = False,
    realistic: Realistic = False,
    exploration_hz: Exploration = None,
    jobs: Jobs = 2,
    figure: Figure = None,
    into: Into = None,
    as_json: Json = False,
) -> None:
    """Measure what comes of it when subject and decoder both learn, for each pair of rules."""
    from bmi_app.bench.science import coadaptation, markdown, pictures, tables

    check_figure(figure)
    ways = {f"knows {knows.value}": knows is not Prior.nothing, f"faster {faster:g}": faster != 1.0}
    ways["decoder waits"] = decoder_waits
    name = _name(", ".join(["coadaptation", *(way for way, holds in ways.items() if holds)]), realistic)
    name, more = _exploring(name, _firing(realistic), exploration_hz)
    pages.check(into, name)
    report = coadaptation.measure(seeds, minutes, knows.value, faster, decoder_waits, jobs, say, more)
    pages.write(into, name, context, markdown.coadaptation(report))
    show(report, tables.coadaptation, pictures.coadaptation, figure, as_json)


@science_app.command("movement")
def science_movement(
    context: typer.Context,
    minutes: Annotated[float, typer.Option(min=0.5, help="simulated time of each size and delay (min)")] = 30.0,
    realistic: Realistic = False,
    jobs: Jobs = 2,
    figure: Figure = None,
    into: Into = None,
    as_json: Json = False,
) -> None:
    """Measure movement time against distance and radius, by two laws, and what added delay costs."""
    from bmi_app.bench.science import markdown, movement, pictures, tables

    check_figure(figure)
    name = _name("movement", realistic)
    pages.check(into, name)
    report = movement.measure(minutes, jobs, say, _firing(realistic))
    pages.write(into, name, context, markdown.movement(report))
    show(report, tables.movement, pictures.movement, figure, as_json)


@science_app.command("ticks")
def science_ticks(
    context: typer.Context,
    seeds: Annotated[int, typer.Option(min=1, help="sessions at each length of tick")] = 10,
    exploration_hz: Annotated[float, typer.Option(min=0, help="white exploration of a unit (Hz)")] = 2.0,
    jobs: Jobs = 2,
    into: Into = None,
    as_json: Json = False,
) -> None:
    """Measure whether a subject that explores with white noise learns as well at ticks of other lengths."""
    from bmi_app.bench.science import ticks

    pages.check(into, "ticks")
    report = ticks.measure(seeds, exploration_hz, jobs, say)
    pages.write(into, "ticks", context, ticks.markdown(report))
    print(json.dumps(report) if as_json else ticks.markdown(report))


@science_app.command("yardstick")
def science_yardstick(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="exampleData.mat of Golub et al. 2018")],
    seeds: Annotated[int, typer.Option(min=1, help="sessions of each learner")] = 3,
    minutes: Annotated[float, typer.Option(min=15, help="simulated length of a session (min)")] = 60.0,
    patterns: Annotated[
        int, typer.Option(min=0, max=256, help="dimension of the manifold of the animal's patterns; 0: any pattern")
    ] = 0,
    jobs: Jobs = 2,
    figure: Figure = None,
    into: Into = None,
    as_json: Json = False,
) -> None:
    """Hold simulated learners of a perturbed map against a monkey that learnt it."""
    from bmi_app.bench.science import markdown, pictures, tables, yardstick
    from bmi_app.record.formats.source import RecordingError

    check_figure(figure)
    name = f"yardstick, patterns {patterns}" if patterns else "yardstick"
    pages.check(into, name)
    try:
        report = yardstick.measure(file.expanduser(), seeds, minutes, jobs, say, patterns)
    except RecordingError as error:
        fail(str(error))
    pages.write(into, name, context, markdown.yardstick(report))
    show(report, tables.yardstick, pictures.yardstick, figure, as_json)


def _name(table: str, realistic: bool) -> str:
    """Return the name of a table in a page."""
    return f"{table}, realistic" if realistic else table


def _firing(realistic: bool) -> tuple[str, ...]:
    """Return the overrides that give a bench the firing of `realistic_subject`; none without it."""
    from bmi_app.bench.science.realistic import overrides

    return overrides() if realistic else ()


def _exploring(name: str, more: tuple[str, ...], exploration_hz: float | None) -> tuple[str, tuple[str, ...]]:
    """Return the name of a table and its overrides where the strength of exploration is asked for."""
    if exploration_hz is None:
        return name, more
    return f"{name}, exploration {exploration_hz:g} Hz", (*more, f"subject.settings.exploration_hz={exploration_hz:g}")


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


def show_checks(report: dict[str, Any], as_json: bool) -> None:
    """Print what was expected beside what was obtained; end with 1 where something does not hold."""
    from bmi_app.bench.science import checks

    if as_json:
        print(json.dumps(report))
    else:
        checks.show(report)
    raise typer.Exit(0 if all(check["holds"] for check in report["checks"]) else 1)
