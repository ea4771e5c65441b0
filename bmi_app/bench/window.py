"""Measure the operator's window: how long its frames take, and what it costs the engine.

Frames: a session on the simulated rig at its own 10 ms ticks, the window offscreen with every panel. Cost: the engine at
1 ms ticks over LSL, in blocks with and without the window attached, interleaved, the order within a pair alternating.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bmi_app.bench import machine
from bmi_app.bench.blocks import Block, Plan, View, measure
from bmi_app.bench.child import Child, ChildError
from bmi_app.bench.figures import paired_ratio, percentiles
from bmi_app.session.request import SessionRequest
from bmi_app.session.view.attachment import Attachment
from bmi_app.session.view.launch import LaunchError, launch

AIMS = {"p50_ms": {"96": 8.0, "1024": 12.0}, "p99_ms": {"96": 16.0}, "ratio_p999": 1.2}
_PATIENCE_S = 15.0  # what an engine may take to end


def compare(
    units: Sequence[int], n_pairs: int, block_s: float, say: Callable[[str], object], first_s: float = 15.0
) -> dict[str, Any]:
    """Measure every number of units; return a report ready for JSON.

    Parameters
    ----------
    units
        Numbers of units, one case each.
    n_pairs, block_s
        Pairs of blocks with and without the window, and the length of a block. Frames are measured for as long as all
        blocks of a case take.
    say
        Told what is measured now.
    first_s
        How long a session has run before its frames are measured; by default its rest block is over then, and there are
        trials to show.

    Raises
    ------
    ChildError
        If a process failed.
    """
    report: dict[str, Any] = {"machine": machine.describe(), "load_before": machine.load_average(), "aims": AIMS}
    report["frames"] = {str(n_units): _frames(n_units, first_s, max(n_pairs * block_s, 5.0), say) for n_units in units}
    report["engine"] = {str(n_units): _cost(n_units, n_pairs, block_s, say) for n_units in units} if n_pairs else {}
    report["load_after"] = machine.load_average()
    return report


def _frames(n_units: int, first_s: float, duration_s: float, say: Callable[[str], object]) -> dict[str, Any]:
    """Return how long frames took beside a session on the simulated rig."""
    say(f"{n_units} units: frames for {duration_s:g} s")
    with tempfile.TemporaryDirectory(prefix="bmi-bench-") as folder:
        request = SessionRequest(
            protocol="center_out",
            overrides=[f"units.count={n_units}", f"session.duration_s={first_s + duration_s + 10 * _PATIENCE_S:g}"],
            out=folder,
            speed="real",
            source_timeout_s=5.0,
        )
        try:
            process, session = launch(request, lambda _: None)
        except LaunchError as error:
            raise ChildError(f"the engine did not start: {error}") from error
        attachment = Attachment(session)
        try:
            time.sleep(first_s)
            with Child("bmi_app.gui.frame_time", session) as window:
                window.hear()
                time.sleep(duration_s)
                window.tell("end")
                said = window.hear()
            attachment.send({"do": "stop"})
            process.wait(_PATIENCE_S)
        finally:
            attachment.close()
            process.terminate()
            process.wait()
    return _frame_figures(said)


def _cost(n_units: int, n_pairs: int, block_s: float, say: Callable[[str], object]) -> dict[str, Any]:
    """Return the engine's latency with and without the window, and the ratios of the pairs."""
    blocks: dict[View, list[Block]] = {"none": [], "window": []}
    order: tuple[View, View] = ("none", "window")
    for pair in range(n_pairs):
        for view in order:
            say(f"{n_units} units, {'with' if view == 'window' else 'without'} the window, {pair + 1}/{n_pairs}")
            blocks[view].append(measure("engine", Plan(n_units, view, block_s)))
        order = (order[1], order[0])
    each = {view: [percentiles(block.latency_us) for block in done] for view, done in blocks.items()}
    frames = {
        key: [took_ms for block in blocks["window"] for took_ms in block.frames_ms[key]]
        for key in ("wall_ms", "processor_ms")
    }
    return {
        "complete": all(block.is_complete for done in blocks.values() for block in done),
        "latency_us": {
            view: percentiles(np.concatenate([block.latency_us for block in done])) for view, done in blocks.items()
        },
        "ratio": {
            name: paired_ratio([block[name] for block in each["window"]], [block[name] for block in each["none"]])
            for name in each["none"][0]
        },
        "frames": _frame_figures(frames),
        "scheduling": blocks["window"][0].scheduling,
    }


def _frame_figures(took: dict[str, list[float]]) -> dict[str, Any]:
    """Return the percentiles (ms) of frames, on the clock and of processor time."""
    figures: dict[str, Any] = {"frames": len(took["wall_ms"])}
    for key, values_ms in took.items():
        p50_ms, p99_ms = np.percentile(values_ms, (50, 99)).round(2).tolist()
        figures[key] = {"p50": p50_ms, "p99": p99_ms, "max": round(max(values_ms), 2)}
    return figures
