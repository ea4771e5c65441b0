"""Turn spikes into counts, and counts into rates and features.

Bin k covers [start + k tick, start + (k + 1) tick): closed form in the global index, so that how the data were chunked
never changes a result.
"""

import math

import numpy as np

from bmi_app.rt import cells
from bmi_app.rt.arrays import FUTURE_TICKS
from bmi_app.rt.codes import FLAG, SMOOTHING
from bmi_app.rt.jit import part
from bmi_app.rt.ring import load, store

_UNKNOWN = FLAG.SOURCE_LOST | FLAG.SOURCE_SILENT


@part
def bin_of(time_s, start_s, tick_s):
    """Return the index of the bin that holds `time_s`; NaN and the infinite fall before every bin."""
    where = (time_s - start_s) / tick_s
    if not abs(where) < 1e15:
        return -1
    return math.floor(where)


@part
def collect(core, signal, inputs):
    """Drain the spike ring into the bins of this tick and the next ones.

    A spike that is later than its bin counts in this tick; so does one stamped further ahead than bins are kept. Both
    are counted. A spike from before bin 0 is no part of the session, and keeps tick -1; but a source whose stamps still
    say so when the watchdog's time has passed has another clock, and its spikes are late. One that has arrived after its
    stamp, and further ahead than bins are kept, waits in the ring for its tick: the ticks are behind, not its clock. In
    stream mode the drain stops after one sample.
    """
    ctl, config, state = core.ctl, core.config, core.state
    pending, spikes = signal.pending, inputs.spikes
    tail, head = ctl[cells.SPIKES_DECODED], load(ctl, cells.SPIKES_HEAD)
    state.backlog = head - tail
    tick = state.tick
    while tail < head:
        spike = spikes[tail & (spikes.shape[0] - 1)]
        tail += 1
        stamp_s = spike.stamp_s + spike.offset_s
        counted_in = tick
        if config.stream_ticks == 0:
            n_spikes = math.ceil(spike.count) if spike.unit >= 0 else 0
            counted_in = bin_of(stamp_s, config.start_s, config.tick_s)
            if counted_in < 0 and spike.arrival_s < config.start_s + config.watchdog_s:
                state.before_spikes += n_spikes
                continue
            if counted_in < tick:
                state.late_spikes += n_spikes
                counted_in = tick
            elif counted_in >= tick + FUTURE_TICKS:
                if stamp_s <= spike.arrival_s:
                    tail -= 1
                    break
                state.future_spikes += n_spikes
                counted_in = tick
        state.arrival_s, state.stamp_s = spike.arrival_s, stamp_s
        spike.tick = counted_in
        state.last_bin = max(state.last_bin, counted_in)
        if spike.unit >= 0:
            pending[counted_in & (pending.shape[0] - 1), spike.unit] += spike.count
        elif config.stream_ticks != 0:
            state.samples_taken += 1
            break
    store(ctl, cells.SPIKES_DECODED, tail)


@part
def _feature(config, rate):
    """Return a smoothed rate as features are made of it: itself, or its square root, which evens out the variance."""
    return math.sqrt(max(rate, 0.0)) if config.square_root else rate


@part
def smooth(core, signal, frame_rings):
    """Take this tick's counts, smooth them to rates, subtract baselines; in a rest block, gather baselines.

    While the source is lost, or leaves out samples, nothing is known, so nothing moves.
    """
    ctl, config, state = core.ctl, core.config, core.state
    pending, rates, boxcar, x = signal.pending, signal.rates, signal.boxcar, signal.features
    offset, scale = signal.feature_offset, signal.feature_scale
    counts_ring = frame_rings.counts
    fresh = pending[state.tick & (pending.shape[0] - 1)]
    counts = counts_ring[ctl[cells.FRAMES_HEAD] & (counts_ring.shape[0] - 1)]
    total = 0.0
    for u in range(fresh.shape[0]):
        counts[u] = fresh[u]
        total += fresh[u]
        fresh[u] = np.float32(0.0)
    state.spikes = total
    if state.inputs & _UNKNOWN:
        return
    if config.smoothing == SMOOTHING.NONE:
        for u in range(rates.shape[0]):
            rates[u] = counts[u] * config.rate_scale
    elif config.smoothing == SMOOTHING.EXPONENTIAL:
        keep = config.smoothing_keep
        for u in range(rates.shape[0]):
            rates[u] = keep * rates[u] + (1.0 - keep) * (counts[u] * config.rate_scale)
    else:  # boxcar: the running sum is one of whole counts, and so exact, but for baselines after a loss
        oldest = boxcar[state.boxcar_row]
        state.boxcar_row = (state.boxcar_row + 1) % config.smoothing_ticks
        total_counts = boxcar[config.smoothing_ticks]
        for u in range(rates.shape[0]):
            total_counts[u] += counts[u] - oldest[u]
            oldest[u] = counts[u]
            rates[u] = total_counts[u] * (config.rate_scale / config.smoothing_ticks)
    for u in range(rates.shape[0]):
        x[u] = (_feature(config, rates[u]) - offset[u]) * scale[u]


@part
def rest_rates(core, signal):
    """Put every unit's rate at its baseline, where its feature is 0: the rates of a lost source are not known.

    Otherwise the first moments after its return would be smoothed together with the gap.
    """
    config = core.config
    rates, boxcar, offset, x = signal.rates, signal.boxcar, signal.feature_offset, signal.features
    rows = config.smoothing_ticks
    for u in range(rates.shape[0]):
        rates[u] = offset[u] * offset[u] if config.square_root else offset[u]
        x[u] = 0.0
        if config.smoothing != SMOOTHING.NONE and config.smoothing != SMOOTHING.EXPONENTIAL:
            for row in range(rows):
                boxcar[row, u] = rates[u] / config.rate_scale
            boxcar[rows, u] = rows * (rates[u] / config.rate_scale)


@part
def gather_rest(core, signal, frame_rings):
    """Add this tick to what a rest block measures: counts, or where features are more than rates, these and their squares."""
    ctl, config, state = core.ctl, core.config, core.state
    rates, rest_sum, counts_ring = signal.rates, signal.rest_sum, frame_rings.counts
    counts = counts_ring[ctl[cells.FRAMES_HEAD] & (counts_ring.shape[0] - 1)]
    for u in range(rest_sum.shape[1]):
        if config.square_root or config.zscore:
            value = _feature(config, rates[u])
            rest_sum[0, u] += value
            rest_sum[1, u] += value * value
        else:
            rest_sum[0, u] += counts[u]
    state.rest_ticks += 1


@part
def _freeze_scales(rest_sum, scale, n):
    """Make each unit's deviation the unit of its feature; one that hardly varies gets a tenth of the mean deviation.

    An excluded unit, whose scale is 0, stays so.
    """
    total = 0.0
    for u in range(scale.shape[0]):
        mean = rest_sum[0, u] / n
        rest_sum[1, u] = math.sqrt(max(rest_sum[1, u] / n - mean * mean, 0.0))
        total += rest_sum[1, u]
    least = 0.1 * total / scale.shape[0]
    if least > 0.0:
        for u in range(scale.shape[0]):
            if scale[u] != 0.0:
                scale[u] = 1.0 / max(rest_sum[1, u], least)


@part
def is_silent(signal):
    """Tell whether no unit fired in a rest block: the source was absent then, and the counts are no baseline."""
    rest_sum = signal.rest_sum
    fired = 0.0
    for u in range(rest_sum.shape[1]):
        fired += abs(rest_sum[0, u])
    return fired == 0.0


@part
def freeze_baselines(core, signal):
    """Make the mean of the rest block each unit's baseline, and with `decoder.zscore` its deviation the unit.

    Means and deviations of z-scores that a decoder was fitted with are part of it, and stay.
    """
    config, state = core.config, core.state
    offset, scale, rest_sum = signal.feature_offset, signal.feature_scale, signal.rest_sum
    n = state.rest_ticks
    if n == 0:
        return
    keep = config.zscore and state.scales_known
    if config.zscore and not keep:
        _freeze_scales(rest_sum, scale, n)
    of_features = config.square_root or config.zscore
    for u in range(offset.shape[0]):
        if not keep:
            offset[u] = rest_sum[0, u] / n if of_features else rest_sum[0, u] * config.rate_scale / n
        rest_sum[0, u] = rest_sum[1, u] = 0.0
    state.rest_ticks = 0
