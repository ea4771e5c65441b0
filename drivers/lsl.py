"""Take spikes from a stream of the Lab Streaming Layer (LSL): spike events, or binned counts.

A sample of events is `[channel, unit, ...]`, stamped with the time of the spike. A sample of counts holds one value a
unit, channel i being unit i. Its stamp is taken as given, as the end of its bin: the first moment at which a live source
could know the counts. The whole sample counts in the tick into which that moment falls.

Values are pulled as float64, into which liblsl converts every numeric format, so there is one kernel for all formats.
"""

import contextlib
import math
import threading
import time
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from pylsl.lib import fmt2string

from bmi_app.rt import cells
from bmi_app.rt.contracts import poll_signature
from bmi_app.rt.jit import kernel, part
from bmi_app.rt.liblsl import pylsl
from bmi_app.rt.lsl import handle_of, local_clock, pull_sample_d, samples_available
from bmi_app.rt.ring import load, load_f8, publish, push, store_f8
from drivers.contract import SOURCE_LOST, SourceError, SourceInfo
from drivers.lsl_match import check, discover, kind_of, notes_on, wanted_by
from protocols.schema import Protocol
from protocols.signal import Units

# Words of `memory`, followed by the sample buffer, the known (channel, unit) keys in ascending order, and their units.
_INLET, _IS_COUNTS, _N_CHANNELS, _N_KEYS, _ERROR, _QUEUE_SAMPLES, _HAS_UNITS, _HEADER = range(8)

_TIMEOUT_ERROR = -1  # lsl_error_code_t: no error for a pull
_LONGEST_WAIT_S = 0.05  # so that a stop is noticed
_ROUND_SAMPLES = 64  # published together while draining a backlog: 0.3 ms of work at worst
_EVENTS_PER_S = 50_000  # a thousand units at 50 Hz: sizes the buffer of a stream of events, which has no rate
_MAX_NUMBER = 2.0**31  # channels and units are 32-bit numbers at most
_KEY_STEP = 2**32  # key = channel * step + unit
_MAX_COUNT = 3.0e38  # the ring holds counts as float32
_CONNECT_S = 5.0
_OFFSET_WAIT_S = 0.25  # the first measurement takes longer; it goes on in liblsl, and a later call has it


class Settings(BaseModel):
    """Say how a stream is read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["auto", "events", "counts"] = Field(
        "auto", description="What a sample is; `auto`: by the stream's type, else events where its rate is irregular."
    )
    event_types: tuple[str, ...] = Field(("SpikeEvents",), description="Types of streams of spike events.")
    count_types: tuple[str, ...] = Field(
        ("SpikeCounts", "SpikingRates"), description="Types of streams of binned counts."
    )
    buffer_s: float = Field(
        20.0,
        gt=0,
        le=600,
        description="How much of the stream waits in liblsl when the program is held up; beyond, it drops the oldest.",
        json_schema_extra={"unit": "s"},
    )


REAL_TIME_ONLY = True


class Driver:
    """Read one LSL stream.

    Attributes
    ----------
    memory : ndarray, shape (words,), float64
        What POLL needs. Each `open` makes a new one.
    """

    def __init__(self, protocol: Protocol, settings: Settings) -> None:
        self.memory = np.zeros(_HEADER)
        self._protocol = protocol
        self._settings = settings
        self._inlet: pylsl.StreamInlet | None = None
        self._stream: pylsl.StreamInfo | None = None
        self._in_use = threading.Lock()  # liblsl must not measure the clock of an inlet that is being destroyed

    def open(self, timeout_s: float) -> SourceInfo:
        """Find the stream and check that it fits the protocol; data flow from `begin` on.

        Raises
        ------
        SourceError
            If there is no such stream, more than one, or one that does not fit.
        """
        self.close()
        settings = self._settings
        give_up_s = time.monotonic() + timeout_s
        spike_types = settings.event_types + settings.count_types
        stream = discover(wanted_by(self._protocol), spike_types, timeout_s)
        kind = kind_of(stream, settings.event_types, settings.count_types) if settings.kind == "auto" else settings.kind
        check(stream, kind, self._protocol)
        rate_hz = stream.nominal_srate()
        # liblsl takes whole seconds at a regular rate, else hundreds of samples.
        max_buflen = int(np.ceil(settings.buffer_s if rate_hz > 0 else settings.buffer_s * _EVENTS_PER_S / 100))
        inlet = pylsl.StreamInlet(stream, max_buflen, recover=True, processing_flags=pylsl.proc_none)
        try:
            full = inlet.info(max(give_up_s - time.monotonic(), 1.0))
        except RuntimeError as error:  # pylsl's TimeoutError and LostError
            raise _unreachable(stream, error) from error
        self._inlet, self._stream = inlet, stream
        self.memory = _memory(
            inlet, kind == "counts", max(int((rate_hz or 100.0) * max_buflen), 1), self._protocol.units
        )
        return SourceInfo(
            name=full.name(),
            type=full.type(),
            source_id=full.source_id(),
            host=full.hostname(),
            uid=full.uid(),
            n_channels=full.channel_count(),
            rate_hz=rate_hz,
            channel_format=fmt2string[full.channel_format()],
            kind=kind,
            description=full.as_xml(),
            notes=notes_on(stream, kind, self._protocol),
        )

    def begin(self, start_s: float, manual_clock: bool) -> None:
        """Connect to the stream: a source that waits for its receiver begins now, and not before the session does.

        Raises
        ------
        SourceError
            If time is not to be real, or the stream does not answer.
        """
        if manual_clock:
            raise SourceError("lsl: a live stream runs in real time; leave out --speed max, or replay a recording")
        assert self._inlet is not None, "open comes first"
        assert self._stream is not None, "open comes first"
        try:
            self._inlet.open_stream(_CONNECT_S)
        except RuntimeError as error:
            raise _unreachable(self._stream, error) from error

    def close(self) -> None:
        """Disconnect. POLL must not be running; may be called twice."""
        self.memory.view(np.int64)[_INLET] = 0
        with self._in_use:
            self._inlet = None  # the last reference: pylsl destroys the inlet

    def clock_offset_s(self) -> float | None:
        """Return what to add to the source's stamps to be on the local clock; None while that is unknown.

        Clock thread only: waits up to a quarter of a second.
        """
        with self._in_use:
            if self._inlet is not None:
                with contextlib.suppress(RuntimeError):  # timed out, or the stream is lost
                    return float(self._inlet.time_correction(_OFFSET_WAIT_S))
        return None


def _unreachable(stream: pylsl.StreamInfo, error: RuntimeError) -> SourceError:
    return SourceError(
        f"lsl: stream {stream.name()!r} on host {stream.hostname()!r} was announced but cannot be connected to "
        f"({error}); it may just have ended; else check the network and the firewall between the two machines"
    )


def _memory(inlet: pylsl.StreamInlet, is_counts: bool, queue_samples: int, units: Units) -> np.ndarray:
    """Lay out what POLL needs: header, sample buffer, keys, units."""
    keys, indices = _keys(units)
    n_channels = inlet.channel_count
    memory = np.zeros(_HEADER + n_channels + 2 * len(keys))
    words = memory.view(np.int64)
    words[_INLET] = handle_of(inlet)
    words[_IS_COUNTS] = is_counts
    words[_N_CHANNELS] = n_channels
    words[_N_KEYS] = len(keys)
    words[_QUEUE_SAMPLES] = queue_samples
    words[_HAS_UNITS] = units.map != "channel"
    words[_HEADER + n_channels :] = np.concatenate((keys, indices))
    return memory


def _keys(units: Units) -> tuple[np.ndarray, np.ndarray]:
    """Return the key of every (channel, unit) pair that the protocol names, ascending, and the unit index of each."""
    pairs = np.array(units.pairs(), np.int64).reshape(-1, 2)
    keys = pairs[:, 0] * _KEY_STEP + pairs[:, 1]
    order = np.argsort(keys)
    return keys[order], order


@part
def _pull(words, sample, timeout_s):
    """Pull one sample into `sample`; return its stamp, 0 when none came."""
    error = words.ctypes.data + 8 * _ERROR
    return pull_sample_d(words[_INLET], sample.ctypes.data, sample.shape[0], timeout_s, error)


@part
def _is_lost(words):
    """Tell whether the last pull failed."""
    error = np.int32(words[_ERROR])
    return error != 0 and error != _TIMEOUT_ERROR


@part
def _push_event(words, sample, spikes, ctl, stamp_s, offset_s, arrival_s):
    """Push one spike, if the protocol knows its channel and unit."""
    channel = sample[0]
    unit = sample[1] if words[_HAS_UNITS] != 0 else 0.0
    in_range = abs(channel) < _MAX_NUMBER and abs(unit) < _MAX_NUMBER  # false for NaN
    if not in_range or channel != np.floor(channel) or unit != np.floor(unit):
        ctl[cells.BAD_VALUES] += 1
        return
    key = np.int64(channel) * _KEY_STEP + np.int64(unit)
    n_keys = words[_N_KEYS]
    keys = _HEADER + words[_N_CHANNELS]
    first, end = 0, n_keys
    while first < end:
        middle = (first + end) >> 1
        if words[keys + middle] < key:
            first = middle + 1
        else:
            end = middle
    if first == n_keys or words[keys + first] != key:
        ctl[cells.UNMAPPED] += 1
        return
    push(spikes, ctl, stamp_s, offset_s, arrival_s, words[keys + n_keys + first], np.float32(1.0))


@part
def _push_counts(sample, spikes, ctl, stamp_s, offset_s, arrival_s):
    """Push one sample's counts and the entry that closes it: all of them, or none when the ring has no room."""
    n_entries, n_spikes = 1, 0
    for unit in range(sample.shape[0]):
        if not 0.0 <= sample[unit] <= _MAX_COUNT:  # also true for NaN
            ctl[cells.BAD_VALUES] += 1
            sample[unit] = 0.0
        elif sample[unit] > 0.0:
            n_entries += 1
            n_spikes += math.ceil(sample[unit])
    if ctl[cells.SPIKES_HEAD + 1] + n_entries - load(ctl, cells.SPIKES_SAVED) > spikes.shape[0]:
        ctl[cells.DROPPED] += n_spikes
        return
    for unit in range(sample.shape[0]):
        if sample[unit] > 0.0:
            push(spikes, ctl, stamp_s, offset_s, arrival_s, unit, np.float32(sample[unit]))
    push(spikes, ctl, stamp_s, offset_s, arrival_s, -1, np.float32(0.0))


@part
def _publish(ctl, arrival_s):
    """Publish what was pushed. Data that is not in the ring (unknown, bad, dropped) still shows that the source lives."""
    store_f8(ctl, cells.LAST_ARRIVAL, arrival_s)
    return publish(ctl, arrival_s)


@kernel(poll_signature)
def POLL(act, memory, spikes, ctl, frames, until_s):
    """Wait for a sample until `until_s`, then drain what there is into the ring; return how many entries are new.

    Acquisition thread only. `DROPPED` counts spikes that found no room, and one more whenever liblsl's own queue
    was found full, where it drops without saying how many.
    """
    words = memory.view(np.int64)
    if words[_INLET] == 0:
        return SOURCE_LOST
    sample = memory[_HEADER : _HEADER + words[_N_CHANNELS]]
    offset_s = load_f8(ctl, cells.OFFSET)
    if samples_available(words[_INLET]) >= words[_QUEUE_SAMPLES]:
        ctl[cells.DROPPED] += 1
    stamp_s = _pull(words, sample, 0.0)
    while stamp_s == 0.0:
        if _is_lost(words):
            return SOURCE_LOST
        rest_s = until_s - local_clock()
        if rest_s <= 0.0 or load(ctl, cells.STOP) != 0:
            return 0
        stamp_s = _pull(words, sample, min(rest_s, _LONGEST_WAIT_S))
    n_published, n_pulled = 0, 0
    arrival_s = local_clock()
    while stamp_s != 0.0:
        arrival_s = local_clock()
        if not np.isfinite(stamp_s):
            ctl[cells.BAD_VALUES] += 1
        elif words[_IS_COUNTS] != 0:
            _push_counts(sample, spikes, ctl, stamp_s, offset_s, arrival_s)
        else:
            _push_event(words, sample, spikes, ctl, stamp_s, offset_s, arrival_s)
        n_pulled += 1
        if n_pulled % _ROUND_SAMPLES == 0:
            n_published += _publish(ctl, arrival_s)
            if arrival_s >= until_s:
                return n_published
        stamp_s = _pull(words, sample, 0.0)
    return n_published + _publish(ctl, arrival_s)
