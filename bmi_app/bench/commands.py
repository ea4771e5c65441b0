"""The `bmi bench` commands: thin, one function a command."""

import importlib.util
import json
from pathlib import Path
from typing import Annotated

import typer

from bmi_app.bench import pages
from bmi_app.bench.pages import Into
from bmi_app.bench.science.commands import science_app
from bmi_app.command_line import Json, fail, say

bench_app = typer.Typer(help="Measure this machine.", no_args_is_help=True, rich_markup_mode=None)
bench_app.add_typer(science_app, name="science")


@bench_app.command("latency")
def bench_latency(
    units: Annotated[list[int] | None, typer.Option(min=65, help="units of the source; default: 96 and 1024")] = None,
    blocks: Annotated[int, typer.Option(min=1, help="pairs of blocks of each case")] = 10,
    block_s: Annotated[float, typer.Option(min=1, help="length of a block (s)")] = 10.0,
    view: Annotated[str, typer.Option(help="`none`, `busy` or `both`: what runs beside")] = "both",
    quick: Annotated[bool, typer.Option("--quick", help="two short pairs of blocks of one case")] = False,
    as_json: Json = False,
) -> None:
    """Compare the engine's latency over LSL with that of a bare loop."""
    from bmi_app.bench import latency, tables
    from bmi_app.bench.child import ChildError

    if view not in ("none", "busy", "both"):
        fail(f"--view {view}: must be `none`, `busy` or `both`")
    if quick:
        units, view, blocks, block_s = [96], "none", 2, 1.5
    try:
        report = latency.compare(units or [96, 1024], view, blocks, block_s, say)  # type: ignore[arg-type]
    except ChildError as error:
        fail(str(error), code=1)
    if as_json:
        print(json.dumps(report))
    else:
        tables.latency(report)
    raise typer.Exit(0 if all(case["complete"] for case in report["cases"]) else 1)


@bench_app.command("gui")
def bench_gui(
    units: Annotated[list[int] | None, typer.Option(min=65, help="units of the source; default: 96 and 1024")] = None,
    blocks: Annotated[
        int, typer.Option(min=0, help="pairs of blocks with and without the window; 0: only the frames")
    ] = 10,
    block_s: Annotated[float, typer.Option(min=1, help="length of a block (s)")] = 10.0,
    as_json: Json = False,
) -> None:
    """Measure the window's frames, offscreen with every panel, and what the window costs the engine."""
    from bmi_app.bench import tables, window
    from bmi_app.bench.child import ChildError

    try:
        report = window.compare(units or [96, 1024], blocks, block_s, say)
    except ChildError as error:
        fail(str(error), code=1)
    if as_json:
        print(json.dumps(report))
    else:
        tables.window(report)
    raise typer.Exit(0 if all(case["complete"] for case in report["engine"].values()) else 1)


@bench_app.command("speed")
def bench_speed(
    simulated_s: Annotated[float, typer.Option(min=10, help="length of the simulated session (s)")] = 3600.0,
    compile_anew: Annotated[bool, typer.Option("--compile", help="also time a start without compiled kernels")] = False,
    as_json: Json = False,
) -> None:
    """Measure simulated time, the cost of a tick, and how soon a session runs."""
    from bmi_app.bench import speed, tables
    from bmi_app.bench.child import ChildError

    try:
        report = speed.measure(simulated_s, compile_anew, say)
    except ChildError as error:
        fail(str(error), code=1)
    if as_json:
        print(json.dumps(report))
    else:
        tables.speed(report)


@bench_app.command("learning")
def bench_learning(
    context: typer.Context,
    seeds: Annotated[int, typer.Option(min=1, help="sessions of each case")] = 5,
    minutes: Annotated[
        float, typer.Option(min=6, help="simulated time to learn in (min); each session goes on for as long again")
    ] = 30.0,
    figure: Annotated[Path | None, typer.Option(help="draw the curves into this picture (needs matplotlib)")] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="override a key of the protocol in every case"),
    ] = None,
    realistic: Annotated[
        bool, typer.Option("--realistic", help="with the firing of the protocol realistic_subject")
    ] = False,
    into: Into = None,
    as_json: Json = False,
) -> None:
    """Measure how each learning rule recovers from a scrambled tool, and whether it stays recovered."""
    from bmi_app.bench import curves, learning, markdown, tables
    from bmi_app.bench.science.realistic import overrides as firing
    from protocols.problems import ProtocolError

    if figure is not None and importlib.util.find_spec("matplotlib") is None:
        fail("--figure needs matplotlib; install it with `pip install bmi-app[reports]`")
    name = "learning, realistic" if realistic else "learning"
    pages.check(into, name)
    try:
        report = learning.measure(
            seeds, minutes, [*(firing(is_plain=True) if realistic else ()), *(overrides or ())], say
        )
    except ProtocolError as error:
        fail("; ".join(str(problem) for problem in error.problems))
    if figure is not None:
        curves.draw(report, figure.expanduser())
    pages.write(into, name, context, markdown.learning(report))
    if as_json:
        print(json.dumps(report))
    else:
        tables.learning(report)


@bench_app.command("closed-loop")
def bench_closed_loop(
    context: typer.Context,
    seeds: Annotated[int, typer.Option(min=1, help="sessions of each case")] = 10,
    minutes: Annotated[
        float, typer.Option(min=0.5, help="simulated length of a session; its second half counts")
    ] = 6.0,
    figure: Annotated[Path | None, typer.Option(help="draw the table into this picture (needs matplotlib)")] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="override a key of the protocol in every session"),
    ] = None,
    into: Into = None,
    as_json: Json = False,
) -> None:
    """Measure each decoder with each rule that fits it, from a calibrated and from a scrambled start."""
    from bmi_app.bench import closed_loop, curves, markdown, tables
    from bmi_app.session.engine.prepare import PrepareError
    from bmi_app.session.recompute.fit import FittingError

    if figure is not None and importlib.util.find_spec("matplotlib") is None:
        fail("--figure needs matplotlib; install it with `pip install bmi-app[reports]`")
    pages.check(into, "closed-loop")
    try:
        report = closed_loop.measure(seeds, minutes, overrides or (), say)
    except (PrepareError, FittingError) as error:
        fail("; ".join(error.lines))
    if figure is not None:
        curves.draw_closed_loop(report, figure.expanduser())
    pages.write(into, "closed-loop", context, markdown.closed_loop(report))
    if as_json:
        print(json.dumps(report))
    else:
        tables.closed_loop(report)


@bench_app.command("refit")
def bench_refit(
    context: typer.Context,
    seeds: Annotated[int, typer.Option(min=1, help="sessions of each case")] = 4,
    minutes: Annotated[
        float, typer.Option(min=0.5, help="simulated length of a session; its second half counts")
    ] = 3.0,
    into: Into = None,
    as_json: Json = False,
) -> None:
    """Sweep what makes ReFIT faster or slower than the plain Kalman filter; print a table in Markdown."""
    from bmi_app.bench import refit_sweep

    pages.check(into, "refit")
    rows = refit_sweep.measure(seeds, minutes, say)
    pages.write(into, "refit", context, refit_sweep.markdown(rows))
    print(json.dumps(rows) if as_json else refit_sweep.markdown(rows))


@bench_app.command("decoders")
def bench_decoders(
    units: Annotated[list[int] | None, typer.Option(min=2, help="numbers of units; default: 96 to 2048")] = None,
    as_json: Json = False,
) -> None:
    """Measure what decoding a tick and learning a sample cost, beside the same in numpy."""
    from bmi_app.bench import decoders, tables

    report = decoders.measure(units or decoders.UNITS, say)
    if as_json:
        print(json.dumps(report))
    else:
        tables.decoders(report)


@bench_app.command("kernels")
def bench_kernels(as_json: Json = False) -> None:
    """Show what each real-time kernel calls, read from its compiled code: nothing that allocates, nothing of Python."""
    from bmi_app.bench import machine_code, tables

    calls = {name: sorted(machine_code.calls_of(kernel)) for name, kernel in machine_code.kernels().items()}
    if as_json:
        print(json.dumps(calls))
    else:
        tables.kernels(calls)
    raise typer.Exit(1 if any(machine_code.forbidden(set(found)) for found in calls.values()) else 0)
