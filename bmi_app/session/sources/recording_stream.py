"""Serve recorded spikes as an LSL stream, at the pace at which they were recorded or any other.

What the consumer sees does not depend on this program's timing: the stamp of sample i is `start + offset(i) / rate`,
closed form in the global index, and each sample carries its own (liblsl would otherwise add up nominal intervals).

Nothing is lost at either end. A consumer that has called `open_stream` may not have its queue in the outlet yet, and
what is pushed before that never reaches it; `have_consumers` is true only once the queue is there (liblsl,
`client_session::transfer_samples_thread`), so that is what is waited for, and no settling time is needed. Destroying an
outlet discards what its queues still hold, and liblsl does not say how much that is; so the outlet is kept after the
last sample until its consumers have left, or for `linger_s`.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bmi_app.plain_text import plain
from bmi_app.record.formats import CountsSource, Kind, RecordingError, SpikeSource, as_events
from bmi_app.rt.liblsl import pylsl

# A session's bins begin 0.1 s after it has connected (`bmi_app.session.engine.engine`); a recording that began at once would have
# its first samples before that.
_LEAD_S = 0.2
_CHUNK = 1024  # samples looked at, and pushed, at once
_REST_S = 0.000_5  # shortest sleep: what falls due within it goes out as one chunk
_NAP_S = 0.1  # longest sleep, so that Ctrl-C is heard
_REFRESH_S = 0.2  # of the progress line
_MANUFACTURER = "bmi_app"


@dataclass(frozen=True)
class Streamed:
    """Say what was streamed.

    Attributes
    ----------
    start_s
        Stamp of the beginning of the recording, on the local clock; NaN when no consumer ever came.
    interrupted
        Whether Ctrl-C ended it.
    """

    n_samples: int
    elapsed_s: float
    start_s: float
    interrupted: bool


@dataclass(frozen=True)
class _Plan:
    """Hold the samples to push and, closed form in the global index, when each is due."""

    samples: np.ndarray  # (samples, channels), float32 or int32
    offset_s: Callable[[np.ndarray], np.ndarray]  # of global indices, since the start, at rate 1
    n_total: int | None  # None: the recording is looped


def stream(
    source: SpikeSource,
    *,
    rate: float = 1.0,
    loop: bool = False,
    name: str | None = None,
    stream_type: str | None = None,
    source_id: str | None = None,
    wait_for_consumer: bool = True,
    as_: Kind | None = None,
    linger_s: float = 2.0,
    progress: bool = True,
) -> Streamed:
    """Push a recording's samples when they are due, until it is over or Ctrl-C.

    Counts become a regular float32 stream, one sample per bin, whose nominal rate is `rate` / bin; single spikes an
    irregular int32 stream `[channel, unit]`.

    Parameters
    ----------
    source
        What `open_recording` returned.
    rate
        How many times faster than recorded.
    loop
        Begin again at the end, without end.
    name, stream_type, source_id
        As announced. Without them: the recording's name, `SpikeCounts` or `SpikeEvents`, and an id that the same
        part of the same file always has, so that inlets find the stream again after a restart.
    wait_for_consumer
        Begin when an inlet has connected; else at once.
    as_
        `events`: stream counts as single spikes, each in the middle of its bin.
    linger_s
        How long to stay after the last sample while consumers are connected.
    progress
        Whether to tell on standard error how it goes.

    Raises
    ------
    RecordingError
        If the recording cannot be streamed as asked.
    """
    if not (np.isfinite(rate) and rate > 0):
        raise RecordingError(f"{source.path}: the rate is {rate:g}; allowed is anything above 0")
    if as_ == "events":
        source = as_events(source)
    elif as_ == "counts" and source.kind != "counts":
        raise RecordingError(f"{source.path}: holds single spikes, not counts; stream it as events")
    if source.n_samples == 0:
        raise RecordingError(f"{source.path}: {source.name}: there is no sample to stream; choose another recording")
    plan = _plan(source, loop)
    info = _info(source, rate, name, stream_type, source_id)
    # An irregular stream's buffer is in hundreds of samples; it shall hold the recording if the network stalls.
    outlet = pylsl.StreamOutlet(info, max_buffered=max(360, source.n_samples // 100 + 1))
    report = _Progress(source, info, plan.n_total, progress)
    with report:
        return _serve(outlet, plan, rate, wait_for_consumer, linger_s, report)


def _serve(
    outlet: pylsl.StreamOutlet,
    plan: _Plan,
    rate: float,
    wait_for_consumer: bool,
    linger_s: float,
    report: "_Progress",
) -> Streamed:
    position, start_s = 0, float("nan")
    try:
        if wait_for_consumer:
            report.waiting()
            while not outlet.wait_for_consumers(_NAP_S):
                pass
        start_s = pylsl.local_clock() + _LEAD_S
        report.streaming()
        while plan.n_total is None or position < plan.n_total:
            end = position + _CHUNK if plan.n_total is None else min(position + _CHUNK, plan.n_total)
            index = np.arange(position, end)
            due_s = start_s + plan.offset_s(index) / rate
            now_s = pylsl.local_clock()
            n_due = int(np.searchsorted(due_s, now_s, side="right"))
            if n_due:
                outlet.push_chunk(plan.samples[index[:n_due] % len(plan.samples)], due_s[:n_due].tolist())
                position += n_due
                report.pushed(position, now_s)
            if n_due < len(index):
                time.sleep(min(max(due_s[n_due] - pylsl.local_clock(), _REST_S), _NAP_S))
        report.pushed(position, float("inf"))
        leave_s = pylsl.local_clock() + linger_s
        while outlet.have_consumers() and pylsl.local_clock() < leave_s:
            time.sleep(_REST_S)
        interrupted = False
    except KeyboardInterrupt:
        interrupted = True
    elapsed_s = pylsl.local_clock() - start_s if position else 0.0
    return Streamed(n_samples=position, elapsed_s=elapsed_s, start_s=start_s, interrupted=interrupted)


def _plan(source: SpikeSource, loop: bool) -> _Plan:
    n_total = None if loop else source.n_samples
    if isinstance(source, CountsSource):
        dt_s = source.dt_s
        return _Plan(source.counts, lambda index: index * dt_s, n_total)
    stamps_s, duration_s = source.stamps_s, source.duration_s

    def offset_s(index: np.ndarray) -> np.ndarray:
        turn, spike = np.divmod(index, len(stamps_s))
        return np.asarray(turn * duration_s + stamps_s[spike])

    return _Plan(np.column_stack((source.channel, source.unit)), offset_s, n_total)


def _info(
    source: SpikeSource, rate: float, name: str | None, stream_type: str | None, source_id: str | None
) -> pylsl.StreamInfo:
    """Describe the stream, with the metadata that XDF's conventions name."""
    if isinstance(source, CountsSource):
        type_, channels, kind, unit = "SpikeCounts", source.labels, "SpikeCount", "count"
        rate_hz, channel_format = rate / source.dt_s, pylsl.cf_float32
    else:
        type_, channels, kind, unit = "SpikeEvents", ("channel", "unit"), "SpikeEvent", "index"
        rate_hz, channel_format = pylsl.IRREGULAR_RATE, pylsl.cf_int32
    place = hashlib.sha256(f"{source.path.resolve()}\0{source.name}".encode()).hexdigest()[:12]
    info = pylsl.StreamInfo(
        name or source.name,
        stream_type or type_,
        len(channels),
        rate_hz,
        channel_format,
        source_id or f"bmi-stream-{place}",
    )
    description = info.desc()
    description.append_child("acquisition").append_child_value("manufacturer", _MANUFACTURER)
    recording = description.append_child("recording")
    for key, text in (
        ("file", str(source.path)),
        ("description", source.description),
        ("rate", f"{rate:g}"),
        ("duration_s", f"{source.duration_s:.6f}"),
    ):
        recording.append_child_value(key, text)
    listed = description.append_child("channels")
    for label in channels:
        channel = listed.append_child("channel")
        channel.append_child_value("label", label)
        channel.append_child_value("unit", unit)
        channel.append_child_value("type", kind)
    return info


class _Progress:
    """Tell on standard error what happens: one live line on a terminal, else a line at each turn."""

    def __init__(self, source: SpikeSource, info: pylsl.StreamInfo, n_total: int | None, shown: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        console = Console(stderr=True, quiet=not shown)
        self._console = console
        self._source, self._info = source, info
        self._live = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:,.0f} samples"),
            TextColumn("{task.fields[pace]}"),
            TimeElapsedColumn(),
            console=console,
            auto_refresh=False,  # a thread of its own would contend with the pushes
            disable=not (shown and console.is_terminal),
        )
        self._task = self._live.add_task(plain(source.name), total=n_total, start=False, pace="")
        self._told_s, self._told_samples, self._pace = 0.0, 0, ""

    def __enter__(self) -> "_Progress":
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def waiting(self) -> None:
        """Say that no consumer is there yet."""
        self._say(f"waiting for a consumer of {self._info.name()!r} (source_id {self._info.source_id()})")

    def streaming(self) -> None:
        """Say that the first sample goes out now."""
        self._say(f"streaming {self._source.path}: {self._source.description}")
        self._live.start_task(self._task)

    def pushed(self, n_samples: int, now_s: float) -> None:
        """Show how many samples went out, a few times a second, and at the end (`now_s` infinite)."""
        if now_s - self._told_s < _REFRESH_S:
            return
        if self._told_s and now_s < float("inf"):
            self._pace = f"{(n_samples - self._told_samples) / (now_s - self._told_s):,.0f}/s"
        self._told_s, self._told_samples = now_s, n_samples
        self._live.update(self._task, completed=n_samples, pace=self._pace, refresh=True)

    def _say(self, text: str) -> None:
        self._console.print(plain(text), markup=False, highlight=False, soft_wrap=True)
