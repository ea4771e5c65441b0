"""Show what was measured, as tables."""

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from bmi_app.bench.figures import PERCENTILES

_HEADS = {"p50": "p50", "p99": "p99", "p999": "p99.9", "max": "max"}
_NAMES = {"latency_us": "published after it could be", "from_stamp_us": "stamp at source to frame"}


def latency(report: dict[str, Any]) -> None:
    """Show the report of `bmi_app.bench.latency.compare`."""
    console = Console()
    _machine(report, console)
    timer = report["timer_us"]
    floor = " / ".join(f"{timer[name]:,.0f}" for name in PERCENTILES)
    console.print(f"A thread that only sleeps wakes late by {floor} us ({timer['scheduling']}).")
    console.print(f"Load before {report['load_before']}, after {report['load_after']}.")
    for quantity, name in _NAMES.items():
        console.print(_latency_table(report, quantity, name))
    for case in report["cases"]:
        if not case["complete"]:
            console.print(f"[red]{case['units']} units, view {case['view']}: not all that was sent arrived[/red]")
    given = {f"{thread}: {how}" for case in report["cases"] for thread, how in case["scheduling"].items()}
    console.print("Scheduling: " + ", ".join(sorted(given)))


def window(report: dict[str, Any]) -> None:
    """Show the report of `bmi_app.bench.window.compare`."""
    console = Console()
    _machine(report, console)
    console.print(f"Load before {report['load_before']}, after {report['load_after']}.")
    frames = Table(title="A frame of the window, 1400 x 900, every panel (ms)")
    for head in ("units", "ticks", "frames", "p50", "p99", "max", "processor p50", "processor p99"):
        frames.add_column(head, justify="right")
    cases = [(units, "10 ms", found) for units, found in report["frames"].items()]
    cases += [(units, "1 ms", found["frames"]) for units, found in report["engine"].items()]
    for units, ticks, found in cases:
        wall, processor = found["wall_ms"], found["processor_ms"]
        values = (wall["p50"], wall["p99"], wall["max"], processor["p50"], processor["p99"])
        frames.add_row(units, ticks, str(found["frames"]), *(f"{value:.1f}" for value in values))
    console.print(frames)
    if not report["engine"]:
        return
    cost = Table(title="The engine beside it: published after it could be, 1 ms ticks over LSL (us)")
    for head in ("units", "window", *_HEADS.values(), "ratio p50", "ratio p99.9"):
        cost.add_column(head, justify="left" if head == "window" else "right")
    for units, found in report["engine"].items():
        for view, name in (("none", "none"), ("window", "attached")):
            latencies = [f"{found['latency_us'][view][key]:,.0f}" for key in _HEADS]
            ratios = [_ratio(found["ratio"][key]) if view == "window" else "" for key in ("p50", "p999")]
            cost.add_row(units, name, *latencies, *ratios)
        cost.add_section()
    console.print(cost)


def speed(report: dict[str, Any]) -> None:
    """Show the report of `bmi_app.bench.speed.measure`."""
    console = Console()
    _machine(report, console)
    simulated = report["simulated"]
    table = Table(title="Speed")
    table.add_column("what")
    table.add_column("figure", justify="right")
    hours = f"{simulated['simulated_s']:,.0f} s simulated, journal included"
    table.add_row(hours, f"{simulated['elapsed_s']:.2f} s, {simulated['times_real_time']:,} times real time")
    sums = report["checksums"]
    least, most = min(sums["ratios"]), max(sums["ratios"])
    table.add_row(
        f"with checksums against without, {len(sums['ratios'])} pairs: elapsed; processor",
        f"{sums['ratio']:.2f} times ({least:.2f}-{most:.2f}); {sums['processor_ratio']:.2f}",
    )
    end = sums["end_ms"]
    table.add_row(
        f"summary at the end without checksums / with / if all of {sums['mb']:,.0f} MB were hashed then",
        f"{end['without']:.1f} / {end['while_writing']:.1f} / {end['all_at_the_end']:.0f} ms",
    )
    for units, cost_us in report["tick_us"].items():
        table.add_row(f"a tick at {units} units", f"{cost_us:.1f} us")
    for which, start in report["start"].items():
        kernels = "kernels cached" if which == "cached" else "all kernels compiled"
        table.add_row(f"from launch to ready, {kernels}", f"{start['ready_s']:.1f} s")
        table.add_row(f"from launch to first tick, {kernels}", f"{start['first_tick_s']:.1f} s")
    console.print(table)


def learning(report: dict[str, Any]) -> None:
    """Show the report of `bmi_app.bench.learning.measure`."""
    minutes = report["minutes"]
    table = Table(
        title=f"Success with a scrambled tool, {report['seeds']} seeds: mean, least-most",
        box=box.SIMPLE,
        padding=(0, 1, 0, 0),
    )
    table.add_column("rule, scramble", no_wrap=True)
    heads = (
        f"first {report['bin_min']:g} min",
        f"{minutes * 2 / 3:g}-{minutes:g} min",
        "90 % after (min)",
        f"{minutes:g}-{2 * minutes:g} min",
        f"lowest {report['bin_min']:g} min",
    )
    for head in heads:
        table.add_column(head, justify="right")
    for case in report["cases"]:
        shares = {key: _mean_and_range(case[key]) for key in ("first", "learnt", "kept")}
        lowest = f"{min(case['lowest_bin']):.2f}"
        table.add_row(case["name"], shares["first"], shares["learnt"], _times(case), shares["kept"], lowest)
    Console().print(table)


def _mean_and_range(values: list[float]) -> str:
    return f"{sum(values) / len(values):.2f}\n{min(values):.2f}-{max(values):.2f}"


def _times(case: dict[str, Any]) -> str:
    reached = [minutes for minutes in case["minutes_to_90"] if minutes is not None]
    if len(reached) < len(case["minutes_to_90"]):
        return f"{len(reached)} of {len(case['minutes_to_90'])} seeds" if reached else "never"
    return f"{sum(reached) / len(reached):.1f}\n{min(reached):.1f}-{max(reached):.1f}"


def closed_loop(report: dict[str, Any]) -> None:
    """Show the report of `bmi_app.bench.closed_loop.measure`."""
    console = Console()
    title = f"Closed loop, {report['seeds']} seeds, second half of {report['minutes']:g} min: means, and range of the success"
    table = Table(title=title, box=box.SIMPLE, padding=(0, 1, 0, 0))
    for head in ("decoder", "start", "rule"):
        table.add_column(head, no_wrap=True)
    for head in ("success", "time (s)", "bits/s", "per min"):
        table.add_column(head, justify="right", no_wrap=True)
    for case in report["cases"]:
        figures = (_spread(case["success"]), *(_mean(case[key]) for key in ("time_s", "bits_s", "per_min")))
        table.add_row(case["decoder"], case["start"], case["rule"], *figures)
    console.print(table)
    for features, ratios in report["refit_ratio"].items():
        if ratios:
            console.print(
                f"Time to target, refit_kalman / kalman, {features}: {_spread(ratios)} (Gilja 2012: about 0.5)"
            )
    for way, found in report["smoothbatch"].items():
        reached = [minutes for minutes in found["minutes"] if minutes is not None]
        console.print(
            f"SmoothBatch {way}, from {_mean(found['at_first'])} successes in the first minute to 8 within a minute: "
            f"{_spread(reached)} min, in {len(reached)} of {len(found['minutes'])} seeds (Orsborn 2012: 13.1 +- 5.5 min)"
        )


def _mean(values: list[float | None]) -> str:
    found = [value for value in values if value is not None]
    return f"{sum(found) / len(found):.2f}" if found else "-"


def _spread(values: list[float | None]) -> str:
    found = [value for value in values if value is not None]
    if not found:
        return "-"
    return f"{sum(found) / len(found):.2f} {min(found):.2f}-{max(found):.2f}"


def decoders(report: dict[str, Any]) -> None:
    """Show the report of `bmi_app.bench.decoders.measure`."""
    console = Console()
    _machine(report, console)
    console.print(f"Load before {report['load_before']}, after {report['load_after']}.")
    for key, title in (("decode_us", "Decoding a tick"), ("learn_us", "Learning a sample")):
        sizes = list(next(iter(report[key].values())))
        table = Table(title=f"{title} (us): kernel, and how many times longer numpy takes", box=box.SIMPLE)
        table.add_column("plugin", no_wrap=True)
        for size in sizes:
            table.add_column(f"{size} units", justify="right")
        for name, found in report[key].items():
            table.add_row(name, *(_cost(found[size]) for size in sizes))
        console.print(table)


def _cost(found: dict[str, float | None]) -> str:
    return f"{found['kernel']:,.1f}" + ("" if found["ratio"] is None else f"  x{found['ratio']:,.1f}")


def kernels(calls: dict[str, list[str]]) -> None:
    """Show what `bmi_app.bench.machine_code.calls_of` found for each kernel."""
    table = Table("kernel", "calls outside of its own code", title="Real-time kernels")
    for name, found in calls.items():
        table.add_row(name, ", ".join(found) or "none")
    Console().print(table)


def _machine(report: dict[str, Any], console: Console) -> None:
    machine = report["machine"]
    console.print(f"{machine['processor']}, {machine['processors']} processors, {machine['system']}")


def _latency_table(report: dict[str, Any], quantity: str, name: str) -> Table:
    table = Table(title=f"{name} (us)")
    for head in ("units", "view", "loop", *_HEADS.values(), "ratio p50", "ratio p99.9"):
        table.add_column(head, justify="left" if head in ("view", "loop") else "right")
    for case in report["cases"]:
        figures = case[quantity]
        for loop in ("bare", "engine"):
            values = [f"{figures[loop]['all'][key]:,.0f}" for key in _HEADS]
            ratios = [_ratio(figures["ratio"][key]) if loop == "engine" else "" for key in ("p50", "p999")]
            table.add_row(str(case["units"]), case["view"], loop, *values, *ratios)
        table.add_section()
    return table


def _ratio(found: dict[str, Any]) -> str:
    return f"{found['median']:.2f} [{found['low']:.2f}, {found['high']:.2f}]".replace("[", "\\[")
