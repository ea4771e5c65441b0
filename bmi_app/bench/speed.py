"""Measure what does not depend on a source: simulated time, checksums, the cost of a tick, and how soon a session runs."""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bmi_app.bench import hashing, machine
from bmi_app.bench.child import ChildError
from bmi_app.record.reading import read
from bmi_app.rt.clock import now_s
from bmi_app.rt.loop import run_recorded
from bmi_app.rt.records import FRAME
from bmi_app.session.engine.build import build
from bmi_app.session.engine.full_speed import run_fast
from bmi_app.session.request import SessionRequest, Speed
from bmi_app.session.view.launch import LaunchError, launch
from protocols.load import load

_PROTOCOL = "center_out"
_TICK_UNITS = (96, 256, 1024)
_TICK_RATE_HZ = 20.0
_CHUNK_TICKS = 1024
_N_CHUNKS = 50
_LAUNCHES = 3


def measure(simulated_s: float, with_compilation: bool, say: Callable[[str], object]) -> dict[str, Any]:
    """Measure; return a report ready for JSON.

    Parameters
    ----------
    simulated_s
        Length of the simulated session.
    with_compilation
        Also compile every kernel anew, in a cache folder of its own.
    say
        Told what is measured now.

    Raises
    ------
    ChildError
        If a session did not run.
    """
    with tempfile.TemporaryDirectory(prefix="bmi-bench-") as folder:
        say("simulated time")
        _simulate(10.0, folder)  # loads the kernels
        report: dict[str, Any] = {
            "machine": machine.describe(),
            "load_before": machine.load_average(),
            "simulated": _simulate(simulated_s, folder),
        }
        say("cost of the checksums")
        report["checksums"] = hashing.measure(lambda: _timed(simulated_s, folder)[::2])
        say("cost of a tick")
        report["tick_us"] = {str(n_units): _tick_us(n_units) for n_units in _TICK_UNITS}
        say("start of a session")
        report["start"] = {
            "cached": min((_start(folder) for _ in range(_LAUNCHES)), key=lambda start: start["ready_s"])
        }
        if with_compilation and sys.platform == "linux":
            say("start of a session with all kernels to compile")
            with _own_cache(folder):
                report["start"]["first"] = _start(folder)
    report["load_after"] = machine.load_average()
    return report


def _simulate(duration_s: float, folder: str) -> dict[str, float]:
    """Run a session at `--speed max`, with its journal; the process's own start is not counted."""
    elapsed_s, summary, _ = _timed(duration_s, folder)
    return {
        "simulated_s": duration_s,
        "ticks": summary["ticks"],
        "elapsed_s": round(elapsed_s, 3),
        "times_real_time": round(duration_s / elapsed_s),
    }


def _timed(duration_s: float, folder: str) -> tuple[float, dict[str, Any], Path]:
    began_s = time.perf_counter()
    summary = run_fast(_request("max", duration_s, folder), lambda _: None, lambda _: None)
    return time.perf_counter() - began_s, summary, Path(summary["session"])


def _tick_us(n_units: int) -> float:
    """Return the cost of a tick (us) in a loop of ticks: smoothing, decoding, task, frame, all arrays in the cache."""
    core = build(load(_PROTOCOL, [f"units.count={n_units}"]), frame_slots=_CHUNK_TICKS, spike_slots=_CHUNK_TICKS)
    tick_s = float(core.config[0]["tick_s"])
    counts = np.random.default_rng(1).poisson(_TICK_RATE_HZ * tick_s, (_CHUNK_TICKS, n_units)).astype(np.float32)
    recorded = np.zeros(_CHUNK_TICKS, FRAME)
    elapsed_s = []
    for _ in range(_N_CHUNKS):
        began_s = now_s()
        run_recorded(core.decode, core.learn, core.session, recorded, counts)
        elapsed_s.append(now_s() - began_s)
    return round(float(np.median(elapsed_s)) / _CHUNK_TICKS * 1e6, 2)


def _start(folder: str) -> dict[str, float]:
    """Start a session in real time; return how long after the command it was ready, and its first tick was made."""
    began_s = now_s()
    try:
        process, session = launch(_request("real", 1.0, folder), lambda _: None)
    except LaunchError as error:
        raise ChildError(f"the engine did not start: {error}") from error
    ready_s = now_s() - began_s
    process.wait()
    first_s = float(read(session, kinds=("health",)).health[0]["published_s"]) - began_s
    return {"ready_s": round(ready_s, 2), "first_tick_s": round(first_s, 2)}


def _request(speed: Speed, duration_s: float, folder: str) -> SessionRequest:
    return SessionRequest(
        protocol=_PROTOCOL,
        overrides=[f"session.duration_s={duration_s:g}"],
        out=folder,
        speed=speed,
        source_timeout_s=5.0,
    )


@contextmanager
def _own_cache(folder: str) -> Iterator[None]:
    """Let processes that are started meanwhile keep their compiled kernels in an empty folder."""
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(Path(folder) / "cache")
    try:
        yield
    finally:
        del os.environ["XDG_CACHE_HOME"]
        if before is not None:
            os.environ["XDG_CACHE_HOME"] = before
