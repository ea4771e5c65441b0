"""Feed the spikes of a recording to a new session: of a recorded session, or any file that `bmi stream` reads.

Bin 0 of the session is the recording's first: a spike falls as far from it as it was recorded, however busy the machine is.
A sample of counts is stamped in the middle of its bin, so that no rounding can move it to the next one; where a sample is
a tick (`tick.source = "stream"`), with the end of its bin, as over LSL.

The spikes do not react to the new session's cursor. (`bmi replay` is another thing: it recomputes a session's ticks.)
"""

import math
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from bmi_app.record.formats import CountsSource, EventsSource, Kind, RecordingError, SpikeSource, open_recording
from bmi_app.rt import cells
from bmi_app.rt.clock import sleep_until
from bmi_app.rt.contracts import poll_signature
from bmi_app.rt.jit import kernel, part
from bmi_app.rt.lsl import local_clock
from bmi_app.rt.ring import load, publish, push, store_f8
from bmi_app.traits import DriverTraits
from drivers.contract import SOURCE_ENDED, SourceError, SourceInfo, refuse_map_of_counts
from protocols.schema import Protocol
from protocols.signal import Units

# Words of `memory`, followed by the entries' times since the start (s), unit indices and counts.
_NEXT, _TURN, _N, _MANUAL, _STREAM, _LOOP, _IS_COUNTS, _START_S, _SPEED, _DURATION_S, _TICK_S, _HEADER = range(12)

_CLOSES = -1  # the ring's unit index of the entry that closes a sample of counts
_UNKNOWN = -2  # a channel and unit that the protocol does not name
_IGNORED = -3  # a sorted unit that the protocol ignores

_ROUND = 4096  # entries published together when a real-time replay has fallen behind: about 0.1 ms of work
_MAX_COUNT = 3.0e38  # the ring holds counts as float32


class Settings(BaseModel):
    """Say what is replayed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str = Field(
        min_length=1,
        description="Recording: a file, a session folder, or a session's name (`last` for the newest).",
        examples=["recording.xdf"],
    )
    speed: float = Field(1.0, gt=0, le=1000, description="How many times faster than recorded.")
    loop: bool = Field(False, description="Begin again at the end.")
    stream: str | None = Field(None, min_length=1, description="Name or id of the stream, of an XDF file.")
    epoch: Literal["before", "after", "both"] | None = Field(None, description="Part of Golub's recording.")


class Driver:
    """Replay one recording.

    Attributes
    ----------
    memory : ndarray, shape (words,), float64
        What POLL needs; each `open` makes a new one.
    """

    def __init__(self, protocol: Protocol, settings: Settings) -> None:
        self.memory = np.zeros(_HEADER)
        self._protocol = protocol
        self._settings = settings

    def open(self, timeout_s: float) -> SourceInfo:
        """Read the recording and check that it fits the protocol.

        Raises
        ------
        SourceError
            If it cannot be read or does not fit.
        """
        protocol, settings = self._protocol, self._settings
        is_stream = protocol.tick.source == "stream"
        # A session says what each tick counted, for every kind of source.
        as_: Kind | None = "counts" if is_stream and Path(settings.path).is_dir() else None
        try:
            source = open_recording(
                Path(settings.path).expanduser(), stream=settings.stream, epoch=settings.epoch, as_=as_
            )
        except RecordingError as error:
            raise SourceError(f"replay: {error}") from error
        _check(source, protocol)
        if isinstance(source, CountsSource):
            times_s, units, counts = _entries_of_counts(source, 1.0 if is_stream else 0.5)
            rate_hz = settings.speed / source.dt_s
        else:
            times_s, units, counts = _entries_of_events(source, protocol.units)
            rate_hz = 0.0
        self.memory = np.concatenate((np.zeros(_HEADER), times_s, units.view(np.float64), counts))
        words = self.memory.view(np.int64)
        words[_N], words[_STREAM], words[_LOOP] = len(times_s), is_stream, settings.loop
        words[_IS_COUNTS] = source.kind == "counts"
        self.memory[_SPEED], self.memory[_DURATION_S] = settings.speed, source.duration_s
        self.memory[_TICK_S] = protocol.tick.period_ms / 1e3
        return SourceInfo(
            name=source.name,
            type="SpikeCounts" if source.kind == "counts" else "SpikeEvents",
            source_id=str(source.path.resolve()),
            host="",
            uid="",
            n_channels=source.n_channels,
            rate_hz=rate_hz,
            channel_format="recorded",
            kind=source.kind,
            description=source.description,
        )

    def connect(self) -> None:
        """Have nothing to connect to."""

    def start(self, start_s: float, manual_clock: bool) -> None:
        """Start with bin 0 at `start_s`, in real time or on a manual clock."""
        words = self.memory.view(np.int64)
        words[_NEXT], words[_TURN], words[_MANUAL] = 0, 0, manual_clock
        self.memory[_START_S] = start_s

    def close(self) -> None:
        """Let the recording go. POLL must not be running; may be called twice."""
        self.memory = np.zeros(_HEADER)


def _check(source: SpikeSource, protocol: Protocol) -> None:
    """Refuse a recording that cannot be what the protocol describes."""
    tick, units = protocol.tick, protocol.units
    if isinstance(source, EventsSource):
        if tick.source == "stream":
            raise SourceError(
                f"replay: tick.source = 'stream' needs counts, and {source.path} holds single spikes; "
                "set tick.source = 'clock'"
            )
        return
    refuse_map_of_counts(units, f"replay: {source.path}")
    if source.n_channels != units.count:
        raise SourceError(
            f"replay: units.count is {units.count}, and {source.path} holds counts of {source.n_channels} units; "
            f"set units.count = {source.n_channels}"
        )
    if tick.source == "stream" and abs(source.dt_s * 1e3 - tick.period_ms) > 1e-6 * tick.period_ms:
        raise SourceError(
            f"replay: with tick.source = 'stream' a bin of {source.path} is a tick, and lasts {source.dt_s * 1e3:g} ms, "
            f"but tick.period_ms is {tick.period_ms:g}; set tick.period_ms = {source.dt_s * 1e3:g}"
        )


def _entries_of_events(source: EventsSource, units: Units) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return time (s), unit index and count of each spike."""
    keys, inverse = np.unique(
        source.channel.astype(np.int64) << 32 | source.unit.astype(np.uint32), return_inverse=True
    )
    pairs = [(int(key >> 32), int(np.int64(key).astype(np.int32))) for key in keys]
    indices = [_IGNORED if pair[1] in units.ignore_units else units.index(*pair) for pair in pairs]
    unknown = [pair for pair, index in zip(pairs, indices, strict=True) if index is None]
    if unknown and not units.ignore_unknown:
        channel, unit = unknown[0]
        raise SourceError(
            f"replay: {source.path} has spikes of channel {channel}, unit {unit}, which the protocol does not name; "
            "add it to [units], or set units.ignore_unknown = true"
        )
    of_pair = np.array([_UNKNOWN if index is None else index for index in indices], np.int64)
    return source.stamps_s, of_pair[inverse], np.ones(source.n_samples)


def _entries_of_counts(source: CountsSource, part_of_bin: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return time (s), unit index and count of each count that is not 0, and of what closes each sample."""
    bins, units = np.nonzero(source.counts)
    bins = np.concatenate((bins, np.arange(source.n_samples)))
    units = np.concatenate((units, np.full(source.n_samples, _CLOSES)))
    counts = np.concatenate((source.counts[source.counts != 0], np.zeros(source.n_samples, np.float32)))
    order = np.lexsort((units == _CLOSES, bins))
    return (bins[order] + part_of_bin) * source.dt_s, units[order], counts[order].astype(np.float64)


@part
def _due_s(memory, words, entry):
    """Return when an entry is due, closed form."""
    since_s = words[_TURN] * memory[_DURATION_S] + memory[_HEADER + entry]
    return memory[_START_S] + since_s / memory[_SPEED]


@part
def _sample_end(memory, words, first):
    """Return the index behind the last entry of the sample that begins at `first`."""
    end = first + 1
    if words[_IS_COUNTS]:
        units = _HEADER + words[_N]
        while words[units + end - 1] != _CLOSES:
            end += 1
    return end


@part
def _push_sample(memory, words, spikes, ctl, first, end, stamp_s, arrival_s):
    """Push one spike, or the counts of one sample: all of them, or none when the ring has no room."""
    units = _HEADER + words[_N]
    if ctl[cells.SPIKES_HEAD + 1] + end - first - load(ctl, cells.SPIKES_SAVED) > spikes.shape[0]:
        for entry in range(first, end):
            count = memory[units + words[_N] + entry]
            if words[units + entry] >= 0 and 0.0 < count <= _MAX_COUNT:
                ctl[cells.DROPPED] += math.ceil(count)
        return
    for entry in range(first, end):
        unit, count = words[units + entry], memory[units + words[_N] + entry]
        if unit == _UNKNOWN:
            ctl[cells.UNMAPPED] += 1
        elif unit == _IGNORED:
            ctl[cells.IGNORED] += 1
        elif not 0.0 <= count <= _MAX_COUNT:  # also true for NaN
            ctl[cells.BAD_VALUES] += 1
        else:
            push(spikes, ctl, stamp_s, 0.0, arrival_s, unit, np.float32(count))


@part
def _is_over(memory, words, until_s):
    """Tell whether the recording is over: on a manual clock, whether the tick that ends at `until_s` begins after it."""
    if words[_STREAM]:
        return True
    end_s = memory[_START_S] + memory[_DURATION_S] / memory[_SPEED]
    if words[_MANUAL]:
        return until_s - memory[_TICK_S] >= end_s - 1e-9
    sleep_until(min(end_s, until_s))
    return local_clock() >= end_s


@kernel(poll_signature)
def POLL(act, memory, spikes, ctl, frames, until_s):
    """Push what is due: in real time, wait for the next spike until `until_s`; on a manual clock, all before `until_s`.

    Acquisition thread only. On a manual clock, where a sample is a tick, each poll gives one sample.
    """
    words = memory.view(np.int64)
    manual = words[_MANUAL] != 0
    n_done = 0
    while True:
        if words[_NEXT] == words[_N] and words[_LOOP]:
            words[_NEXT] = 0
            words[_TURN] += 1
        if words[_NEXT] == words[_N]:
            if n_done == 0:
                return SOURCE_ENDED if _is_over(memory, words, until_s) else 0
            break
        due_s = _due_s(memory, words, words[_NEXT])
        if manual:
            arrival_s = due_s
            if n_done > 0 if words[_STREAM] else due_s >= until_s:
                break
        else:
            arrival_s = local_clock()
            if arrival_s < due_s:
                if n_done > 0:
                    break
                sleep_until(min(due_s, until_s))
                if due_s > until_s or load(ctl, cells.STOP) != 0:
                    return 0
                continue
            if n_done >= _ROUND:
                break
        end = _sample_end(memory, words, words[_NEXT])
        _push_sample(memory, words, spikes, ctl, words[_NEXT], end, due_s, arrival_s)
        n_done += end - words[_NEXT]
        words[_NEXT] = end
    if n_done > 0:  # also where nothing came into the ring (unknown, bad, dropped): the source lives
        store_f8(ctl, cells.LAST_ARRIVAL, arrival_s)
    return publish(ctl, arrival_s)


TRAITS = DriverTraits(title="the spikes of a recording", needs_network=False, is_finite=True, takes_recording=True)
