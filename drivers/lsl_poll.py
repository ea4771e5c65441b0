"""Take samples from an inlet of liblsl and push their spikes, without the GIL.

Values are pulled as float64, into which liblsl converts every numeric format, so there is one kernel for all formats.
liblsl says 0.0 both where no sample came and where one has the stamp 0.0; so the sample buffer holds a NaN of our own
before each pull, and is unchanged where none came.
"""

import math

import numpy as np

from bmi_app.rt import cells
from bmi_app.rt.contracts import poll_signature
from bmi_app.rt.jit import kernel, part
from bmi_app.rt.liblsl import pylsl
from bmi_app.rt.lsl import handle_of, local_clock, pull_sample_d, samples_available, was_clock_reset
from bmi_app.rt.records import Stamping
from bmi_app.rt.ring import load, load_f8, publish, push, store, store_f8
from drivers.contract import SOURCE_LOST
from protocols.signal import Units

# Words of `memory`, followed by the sample buffer, the known (channel, unit) keys in ascending order, their units, and the
# sorted units that are ignored.
_INLET, _IS_COUNTS, _N_CHANNELS, _N_KEYS, _ERROR, _QUEUE_SAMPLES, _HAS_UNITS, _N_IGNORED = range(8)
_BY_ARRIVAL, _IS_IRREGULAR, _SCALE, _LAST_STAMP, _LAST_ARRIVAL, HEADER = range(8, 14)

_UNTOUCHED = 0x7FF8_0B31_A995_0001  # a quiet NaN that no source sends: the buffer before a pull
_TIMEOUT_ERROR = -1  # lsl_error_code_t: no error for a pull
_LONGEST_WAIT_S = 0.05  # so that a stop is noticed
_ROUND_SAMPLES = 64  # published together while draining a backlog: 0.3 ms of work at worst
_MAX_NUMBER = 2.0**31  # channels and units are 32-bit numbers at most
_KEY_STEP = 2**32  # key = channel * step + unit
_MAX_COUNT = 3.0e38  # the ring holds counts as float32
_INEXACT_S = 1e-3  # a stamp so large that adding to it rounds by more is of no use
# Of an irregular stream, liblsl gives a sample without a stamp that of the sample before. Spikes that share a stamp in
# earnest are sent together; one that comes so much later had none.
_SAME_STAMP_S = 0.1
# A stamp is clearly after its arrival beyond the uncertainty of the clocks' offset, and what clocks drift apart meanwhile.
_AHEAD_S, _DRIFT = 0.002, 5e-4

_SOURCE, _NO_OFFSET = int(Stamping.SOURCE), int(Stamping.NO_OFFSET)
_NO_STAMP, _ARRIVAL = int(Stamping.NO_STAMP), int(Stamping.ARRIVAL)


def lay_out(
    inlet: pylsl.StreamInlet,
    units: Units,
    *,
    is_counts: bool,
    is_irregular: bool,
    by_arrival: bool,
    scale: float,
    queue_samples: int,
) -> np.ndarray:
    """Lay out what POLL needs: header, sample buffer, keys, units, ignored units.

    Parameters
    ----------
    inlet, units
        Where samples come from, and which unit a (channel, unit) pair is.
    is_counts, is_irregular
        What a sample is, and whether the stream has no rate.
    by_arrival
        Whether arrivals are taken for stamps.
    scale
        What a value is multiplied by to be a count.
    queue_samples
        How many samples liblsl keeps for us.
    """
    keys, indices = _keys(units)
    n_channels = inlet.channel_count
    ignored = np.array(units.ignore_units if n_channels > 1 and not is_counts else (), np.int64)
    memory = np.zeros(HEADER + n_channels + 2 * len(keys) + len(ignored))
    words = memory.view(np.int64)
    words[_INLET] = handle_of(inlet)
    words[_IS_COUNTS] = is_counts
    words[_N_CHANNELS] = n_channels
    words[_N_KEYS] = len(keys)
    words[_QUEUE_SAMPLES] = queue_samples
    words[_HAS_UNITS] = units.map != "channel"
    words[_N_IGNORED] = len(ignored)
    words[_BY_ARRIVAL], words[_IS_IRREGULAR] = by_arrival, is_irregular
    memory[_SCALE], memory[_LAST_STAMP] = scale, np.nan
    words[HEADER + n_channels :] = np.concatenate((keys, indices, ignored))
    return memory


def let_go(memory: np.ndarray) -> None:
    """Forget the inlet, so that POLL says that the source is lost."""
    memory.view(np.int64)[_INLET] = 0


def _keys(units: Units) -> tuple[np.ndarray, np.ndarray]:
    """Return the key of every (channel, unit) pair that the protocol names, ascending, and the unit index of each."""
    pairs = np.array(units.pairs(), np.int64).reshape(-1, 2)
    keys = pairs[:, 0] * _KEY_STEP + pairs[:, 1]
    order = np.argsort(keys)
    return keys[order], order


@part
def _pull(words, sample, timeout_s):
    """Pull one sample into `sample`; return its stamp. `_came` tells whether one came."""
    words[HEADER] = _UNTOUCHED
    error = words.ctypes.data + 8 * _ERROR
    return pull_sample_d(words[_INLET], sample.ctypes.data, sample.shape[0], timeout_s, error)


@part
def _came(words, stamp_s):
    """Tell whether the last pull, which returned `stamp_s`, gave a sample."""
    return stamp_s != 0.0 or words[HEADER] != _UNTOUCHED


@part
def _is_lost(words):
    """Tell whether the last pull failed."""
    error = np.int32(words[_ERROR])
    return error != 0 and error != _TIMEOUT_ERROR


@part
def _has_no_stamp(memory, words, stamp_s, arrival_s):
    """Tell whether the source gave a sample no stamp; remember when its stamp first came."""
    if stamp_s != memory[_LAST_STAMP]:
        memory[_LAST_STAMP], memory[_LAST_ARRIVAL] = stamp_s, arrival_s
        return stamp_s == 0.0
    return stamp_s == 0.0 or (words[_IS_IRREGULAR] != 0 and arrival_s - memory[_LAST_ARRIVAL] > _SAME_STAMP_S)


@part
def _timed(memory, words, ctl, stamp_s, arrival_s):
    """Return what is to be entered as stamp, offset and `Stamping` of a sample."""
    stamping = _SOURCE
    if words[_BY_ARRIVAL] != 0:
        stamping = _ARRIVAL
    elif _has_no_stamp(memory, words, stamp_s, arrival_s):
        stamping = _NO_STAMP
    elif load(ctl, cells.OFFSET_RESETS) != ctl[cells.CLOCK_RESETS]:
        stamping = _NO_OFFSET
    if stamping == _SOURCE:
        return stamp_s, load_f8(ctl, cells.OFFSET), stamping
    offset_s = arrival_s - stamp_s
    if not abs(stamp_s + offset_s - arrival_s) < _INEXACT_S:
        return arrival_s, 0.0, stamping
    return stamp_s, offset_s, stamping


@part
def _count_stamping(ctl, time_s, arrival_s, stamping, n_spikes):
    """Count spikes whose time is not what their source says, or lies clearly after their arrival."""
    if stamping == _NO_OFFSET:
        ctl[cells.NO_OFFSET] += n_spikes
    elif stamping == _NO_STAMP:
        ctl[cells.NO_STAMP] += n_spikes
    elif stamping == _SOURCE:
        margin_s = _AHEAD_S + load_f8(ctl, cells.OFFSET_UNCERTAINTY)
        measured_s = load_f8(ctl, cells.OFFSET_MEASURED)
        if measured_s > 0.0:
            margin_s += _DRIFT * max(arrival_s - measured_s, 0.0)
        if time_s > arrival_s + margin_s:
            ctl[cells.AHEAD] += n_spikes


@part
def _push(spikes, ctl, stamp_s, offset_s, arrival_s, stamping, unit, count):
    """Push one entry, and say where its time comes from."""
    head = ctl[cells.SPIKES_HEAD + 1]
    push(spikes, ctl, stamp_s, offset_s, arrival_s, unit, count)
    if ctl[cells.SPIKES_HEAD + 1] != head:  # else there was no room
        spikes[head & (spikes.shape[0] - 1)].stamping = stamping


@part
def _is_ignored(words, unit):
    """Tell whether a sorted unit is one of those that the protocol ignores."""
    first = HEADER + words[_N_CHANNELS] + 2 * words[_N_KEYS]
    found = False
    for index in range(first, first + words[_N_IGNORED]):
        found |= unit == words[index]
    return found


@part
def _push_event(memory, words, sample, spikes, ctl, stamp_s, arrival_s):
    """Push one spike, if the protocol knows its channel and unit."""
    channel = sample[0]
    unit = sample[1] if words[_HAS_UNITS] != 0 or words[_N_IGNORED] > 0 else 0.0
    in_range = abs(channel) < _MAX_NUMBER and abs(unit) < _MAX_NUMBER  # false for NaN
    if not in_range or channel != np.floor(channel) or unit != np.floor(unit):
        ctl[cells.BAD_VALUES] += 1
        return
    if words[_N_IGNORED] > 0 and _is_ignored(words, np.int64(unit)):
        ctl[cells.IGNORED] += 1
        return
    key = np.int64(channel) * _KEY_STEP + (np.int64(unit) if words[_HAS_UNITS] != 0 else 0)
    n_keys = words[_N_KEYS]
    keys = HEADER + words[_N_CHANNELS]
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
    stamp_s, offset_s, stamping = _timed(memory, words, ctl, stamp_s, arrival_s)
    _count_stamping(ctl, stamp_s + offset_s, arrival_s, stamping, 1)
    _push(spikes, ctl, stamp_s, offset_s, arrival_s, stamping, words[keys + n_keys + first], np.float32(1.0))


@part
def _push_counts(memory, words, sample, spikes, ctl, stamp_s, arrival_s):
    """Push one sample's counts and the entry that closes it: all of them, or none when the ring has no room."""
    n_entries, n_spikes = 1, 0
    for unit in range(sample.shape[0]):
        if not 0.0 <= sample[unit] <= _MAX_COUNT:  # also true for NaN
            ctl[cells.BAD_VALUES] += 1
            sample[unit] = 0.0
        elif sample[unit] > 0.0:
            sample[unit] *= memory[_SCALE]
            n_entries += 1
            n_spikes += math.ceil(sample[unit])
    stamp_s, offset_s, stamping = _timed(memory, words, ctl, stamp_s, arrival_s)
    _count_stamping(ctl, stamp_s + offset_s, arrival_s, stamping, n_spikes)
    if ctl[cells.SPIKES_HEAD + 1] + n_entries - load(ctl, cells.SPIKES_SAVED) > spikes.shape[0]:
        ctl[cells.DROPPED] += n_spikes
        return
    for unit in range(sample.shape[0]):
        if sample[unit] > 0.0:
            _push(spikes, ctl, stamp_s, offset_s, arrival_s, stamping, unit, np.float32(sample[unit]))
    _push(spikes, ctl, stamp_s, offset_s, arrival_s, stamping, -1, np.float32(0.0))


@part
def _publish(ctl, arrival_s):
    """Publish what was pushed. Data that is not in the ring (unknown, bad, dropped) still shows that the source lives."""
    store_f8(ctl, cells.LAST_ARRIVAL, arrival_s)
    return publish(ctl, arrival_s)


@kernel(poll_signature)
def POLL(act, memory, spikes, ctl, frames, until_s):
    """Wait for a sample until `until_s`, then drain what there is into the ring; return how many entries are new.

    Acquisition thread only. `DROPPED` counts spikes that found no room, and one more whenever liblsl's own queue
    was found full, where it drops without saying how many. Before each round liblsl is asked whether the source was
    connected anew: the offset that was measured before holds no longer.
    """
    words = memory.view(np.int64)
    if words[_INLET] == 0:
        return SOURCE_LOST
    sample = memory[HEADER : HEADER + words[_N_CHANNELS]]
    queued = samples_available(words[_INLET])
    store(ctl, cells.QUEUED, queued)
    if queued >= words[_QUEUE_SAMPLES]:
        ctl[cells.DROPPED] += 1
    stamp_s = _pull(words, sample, 0.0)
    while not _came(words, stamp_s):
        if _is_lost(words):
            return SOURCE_LOST
        rest_s = until_s - local_clock()
        if rest_s <= 0.0 or load(ctl, cells.STOP) != 0:
            return 0
        stamp_s = _pull(words, sample, min(rest_s, _LONGEST_WAIT_S))
    if was_clock_reset(words[_INLET]) != 0:  # after the pull: liblsl says so before it hands over what comes then
        store(ctl, cells.CLOCK_RESETS, ctl[cells.CLOCK_RESETS] + 1)
    n_published, n_pulled = 0, 0
    arrival_s = local_clock()
    while _came(words, stamp_s):
        arrival_s = local_clock()
        if not np.isfinite(stamp_s):
            ctl[cells.BAD_VALUES] += 1
        elif words[_IS_COUNTS] != 0:
            _push_counts(memory, words, sample, spikes, ctl, stamp_s, arrival_s)
        else:
            _push_event(memory, words, sample, spikes, ctl, stamp_s, arrival_s)
        n_pulled += 1
        if n_pulled % _ROUND_SAMPLES == 0:
            n_published += _publish(ctl, arrival_s)
            store(ctl, cells.QUEUED, samples_available(words[_INLET]))
            if arrival_s >= until_s:
                return n_published
        stamp_s = _pull(words, sample, 0.0)
    store(ctl, cells.QUEUED, 0)
    return n_published + _publish(ctl, arrival_s)
