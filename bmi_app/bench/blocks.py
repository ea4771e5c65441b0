"""Measure one block: a source streams for some seconds to the engine, or to the bare loop, and to nothing else.

An outlet serves its receivers one after the other, so that two of them at once could not be compared.
"""

import contextlib
import json
import math
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bmi_app.bench.child import Child, ChildError
from bmi_app.record.reading import read
from bmi_app.rt.clock import now_s, sleep_until
from bmi_app.session.request import SessionRequest
from bmi_app.session.view.attachment import Attachment
from bmi_app.session.view.launch import LaunchError, launch

Consumer = Literal["engine", "bare"]
View = Literal["none", "busy", "window"]

# A process that is run by its name: nothing here may import Qt.
_VIEWS: dict[View, str] = {"busy": "bmi_app.bench.view", "window": "bmi_app.gui.frame_time"}

_LEAD_S = 0.3  # from telling the source when to begin to its beginning
_PHASE = 0.5  # of a bin, at which samples are stamped
_SETTLE_S = 0.5  # left out at the beginning: caches are cold, and processes that have just started still end their work
_DRAIN_S = 0.1
_PATIENCE_S = 20.0


@dataclass(frozen=True)
class Plan:
    """Say what a block is.

    Attributes
    ----------
    view
        What runs beside it: nothing, a busy view, or the operator's window with every panel (only beside the engine).
    """

    n_units: int
    view: View
    block_s: float
    period_s: float = 0.001
    grace_s: float = 0.0004  # ends before the next sample, so that a tick uses none of the next bin

    @property
    def n_samples(self) -> int:
        """Return how many samples the source sends."""
        return round(self.block_s / self.period_s)


@dataclass(frozen=True)
class Block:
    """Hold what was measured in one block.

    Attributes
    ----------
    latency_us : ndarray, shape (ticks,)
        From the moment at which a frame could have been made (edge + grace, or the arrival of the last sample that it
        used, whichever came later) to its publication.
    from_stamp_us : ndarray, shape (ticks,)
        From the source's stamp of the last sample used to the publication.
    samples_sent, samples_found, spikes_sent, spikes_found
        Of the whole block; what was sent must be found.
    scheduling : dict of str to str
        What each real-time thread was given.
    frames_ms : dict of str to list of float
        Of a window: how long each of its frames took, ``wall_ms`` and ``processor_ms``.
    """

    latency_us: np.ndarray
    from_stamp_us: np.ndarray
    samples_sent: int
    samples_found: int
    spikes_sent: float
    spikes_found: float
    scheduling: dict[str, str]
    frames_ms: dict[str, list[float]] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        """Tell whether all that was sent was found."""
        return self.samples_sent == self.samples_found and self.spikes_sent == self.spikes_found


@dataclass(frozen=True)
class _Found:
    times: np.ndarray  # (4, ticks): due, arrival, stamp, published
    samples: int
    spikes: float
    scheduling: dict[str, str]
    frames_ms: dict[str, list[float]] = field(default_factory=dict)


def measure(consumer: Consumer, plan: Plan) -> Block:
    """Measure one block.

    Raises
    ------
    ChildError
        If a process failed.
    """
    name = f"bench-{uuid.uuid4().hex[:8]}"
    with (
        tempfile.TemporaryDirectory(prefix="bmi-bench-") as folder,
        Child("bmi_app.bench.source", name, plan.n_units, plan.period_s, plan.n_samples) as source,
    ):
        scheduling = {"source": source.hear()["scheduling"]}
        run = _engine if consumer == "engine" else _bare
        began_s, sent, found = run(name, plan, source, Path(folder))
    due_s, arrival_s, stamp_s, published_s = found.times
    counted = (due_s >= began_s + _SETTLE_S) & (due_s <= began_s + plan.block_s)
    latency_s = published_s - np.maximum(due_s, arrival_s)
    return Block(
        latency_us=latency_s[counted] * 1e6,
        from_stamp_us=(published_s - stamp_s)[counted] * 1e6,
        samples_sent=sent["samples"],
        samples_found=found.samples,
        spikes_sent=sent["spikes"],
        spikes_found=found.spikes,
        scheduling=scheduling | found.scheduling,
        frames_ms=found.frames_ms,
    )


def _start_source(source: Child, start_s: float, plan: Plan) -> float:
    """Let the source begin at a fixed phase of the bins; return when."""
    first_bin = math.ceil((now_s() + _LEAD_S - start_s) / plan.period_s)
    begin_s: float = start_s + (first_bin + _PHASE) * plan.period_s
    source.tell(repr(begin_s))
    return begin_s


def _bare(name: str, plan: Plan, source: Child, folder: Path) -> tuple[float, dict[str, Any], _Found]:
    path = folder / "times.npy"
    arguments = (name, plan.n_units, plan.period_s, plan.grace_s, plan.n_samples, path)
    with Child("bmi_app.bench.bare", *arguments) as bare, _view(plan, ""):
        ready = bare.hear()
        began_s = _start_source(source, ready["start_s"], plan)
        sent = source.hear()
        came = bare.hear()
    scheduling = {"bare": ready["scheduling"]}
    return began_s, sent, _Found(np.load(path), came["samples"], came["spikes"], scheduling)


def _engine(name: str, plan: Plan, source: Child, folder: Path) -> tuple[float, dict[str, Any], _Found]:
    overrides = [
        f"units.count={plan.n_units}",
        f"tick.period_ms={plan.period_s * 1e3:g}",
        f"tick.grace_ms={plan.grace_s * 1e3:g}",
        f"session.duration_s={plan.block_s + _PATIENCE_S:g}",  # ends by itself when this process is killed
        "driver.kind=lsl",
        f"driver.stream={name}",
    ]
    request = SessionRequest(
        protocol="center_out",
        overrides=overrides,
        out=folder,
        speed="real",
        source_timeout_s=_PATIENCE_S,
    )
    try:
        process, session = launch(request, lambda _: None)
    except LaunchError as error:
        raise ChildError(f"the engine did not start: {error}") from error
    attachment = Attachment(session)
    try:
        with _view(plan, str(session)) as frames_ms:
            began_s = _start_source(source, attachment.session["start_s"], plan)
            sent = source.hear()
            sleep_until(now_s() + _DRAIN_S)
        attachment.send({"do": "stop"})
        process.wait(_PATIENCE_S)
    finally:
        attachment.close()
        process.terminate()
        process.wait()
    recording = read(session, kinds=("frames", "health", "spikes"))
    health = recording.health
    times = np.stack([health[field] for field in ("due_s", "arrival_s", "stamp_s", "published_s")])
    n_samples = int(np.count_nonzero(recording.spikes["unit"] < 0))
    scheduling = _scheduling(session)
    return began_s, sent, _Found(times, n_samples, float(recording.frames["spikes"].sum()), scheduling, frames_ms)


def _scheduling(session: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads((session / "summary.json").read_text())["scheduling"]
    return found


@contextlib.contextmanager
def _view(plan: Plan, folder: str) -> Iterator[dict[str, list[float]]]:
    """Run the view beside the block; what the window has measured stands in the dict afterwards."""
    said: dict[str, list[float]] = {}
    if plan.view == "none":
        yield said
        return
    with Child(_VIEWS[plan.view], folder) as view:
        view.hear()
        yield said
        if plan.view == "window":
            view.tell("end")
            said.update(view.hear())
