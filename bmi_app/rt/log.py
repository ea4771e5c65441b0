"""Append events and weights to the rings that the journal and the views read."""

import math

import numpy as np

from bmi_app.rt import cells
from bmi_app.rt.jit import part
from bmi_app.rt.ring import bits_of, store


@part
def log_event(core, logs, kind, code, value):
    """Append an event of this tick."""
    log_event_at(core, logs, core[2][0].tick, kind, code, value)


@part
def log_event_at(core, logs, tick, kind, code, value):
    """Append an event of a tick."""
    ctl, state, events = core[0], core[2][0], logs[0]
    head = ctl[cells.EVENTS_HEAD]
    event = events[head & (events.shape[0] - 1)]
    event.tick = tick
    event.time_s = state.edge_s
    event.trial = state.trial
    event.kind = kind
    event.code = code
    event.value = value
    store(ctl, cells.EVENTS_HEAD, head + 1)


@part
def _absorb(digest, array):
    """Continue a 64-bit hash over a vector of float64: FNV-1a (Fowler, Noll and Vo) a word at a time, folded after each.

    Multiplying carries upward only: without folding, the signs of two weights could change and nothing would be seen.
    """
    for i in range(array.shape[0]):
        digest = (digest ^ np.uint64(bits_of(array[i]))) * np.uint64(0x100000001B3)
        digest ^= digest >> np.uint64(32)
    return digest


@part
def hash_weights(model):
    """Hash weights, bias and gain to 64 bits; where rules adapt the decoder's model, that as well."""
    weights, bias, gain, adapted = model[0], model[1], model[2], model[7]
    digest = np.uint64(0xCBF29CE484222325)
    for a in range(weights.shape[0]):
        digest = _absorb(digest, weights[a])
    if adapted.shape[0] != weights.shape[0]:
        for row in range(adapted.shape[0]):
            digest = _absorb(digest, adapted[row])
    return _absorb(_absorb(digest, bias), gain)


@part
def store_weights(core, model, logs, cause, blob):
    """Append the weights as they now stand, where rules adapt it the decoder's model, and each unit's population."""
    ctl, state = core[0], core[2][0]
    weights, bias, gain = model[0], model[1], model[2]
    log, rows = logs[2], logs[3]
    head = ctl[cells.WEIGHTS_HEAD]
    slot = head & (log.shape[0] - 1)
    entry, row = log[slot], rows[slot]
    entry.tick = state.tick
    entry.trial = state.trial
    entry.cause = cause
    entry.id = blob
    entry.hash = state.weights_hash
    n_axes, n_units = weights.shape
    for a in range(n_axes):
        for u in range(n_units):
            row[a * n_units + u] = weights[a, u]
        row[n_axes * n_units + a] = bias[a]
        row[n_axes * n_units + n_axes + a] = gain[a]
    state.weights_dirty = 0
    at = n_axes * n_units + 2 * n_axes
    n_model = row.shape[0] - at - n_units
    for i in range(n_model):  # the decoder's model, where rules adapt that
        row[at + i] = model[7][i // n_units, i % n_units]
    for u in range(n_units):
        row[at + n_model + u] = model[5][u]
    store(ctl, cells.WEIGHTS_HEAD, head + 1)


@part
def norm_of_change(adapted, bias, before):
    """Return the Frobenius norm of what changed since `before` (weights or model, then bias, flat)."""
    rows, n_units = adapted.shape
    total = 0.0
    for a in range(rows):
        for u in range(n_units):
            total += (adapted[a, u] - before[a * n_units + u]) ** 2
    for a in range(bias.shape[0]):
        total += (bias[a] - before[rows * n_units + a]) ** 2
    return math.sqrt(total)


@part
def keep_copy(adapted, bias, before):
    """Copy weights or model, and bias, flat, into `before`."""
    rows, n_units = adapted.shape
    for a in range(rows):
        for u in range(n_units):
            before[a * n_units + u] = adapted[a, u]
    for a in range(bias.shape[0]):
        before[rows * n_units + a] = bias[a]


@part
def put_back(adapted, bias, before):
    """Undo a change: copy weights or model, and bias, back from `before`."""
    rows, n_units = adapted.shape
    for a in range(rows):
        for u in range(n_units):
            adapted[a, u] = before[a * n_units + u]
    for a in range(bias.shape[0]):
        bias[a] = before[rows * n_units + a]


@part
def keep_good(model, trial, before_update):
    """Copy what the guard may come back to: as it stands, or without what the last update changed.

    Where rules adapt the decoder's model, weights and the rest of the memory are copied with it: what is derived from the
    model (a steady gain) has to come back with it.
    """
    weights, bias, memory, adapted = model[0], model[1], model[4], model[7]
    start, good = trial[7], trial[8]
    n_adapted = adapted.shape[0] * adapted.shape[1] + bias.shape[0]
    if before_update:
        for i in range(n_adapted):
            good[i] = start[i]
    else:
        keep_copy(adapted, bias, good)
    if good.shape[0] > n_adapted:
        rest = good[n_adapted:]
        n_weights, first = weights.shape[0] * weights.shape[1], adapted.shape[0] * adapted.shape[1]
        for i in range(n_weights):
            rest[i] = weights[i // weights.shape[1], i % weights.shape[1]]
        for i in range(first, memory.shape[0]):  # the model comes first in it
            rest[n_weights + i - first] = memory[i]


@part
def put_back_good(model, trial):
    """Come back to what `keep_good` has copied."""
    weights, bias, memory, adapted = model[0], model[1], model[4], model[7]
    good = trial[8]
    put_back(adapted, bias, good)
    n_adapted = adapted.shape[0] * adapted.shape[1] + bias.shape[0]
    if good.shape[0] > n_adapted:
        rest = good[n_adapted:]
        n_weights, first = weights.shape[0] * weights.shape[1], adapted.shape[0] * adapted.shape[1]
        for i in range(n_weights):
            weights[i // weights.shape[1], i % weights.shape[1]] = rest[i]
        for i in range(first, memory.shape[0]):
            memory[i] = rest[n_weights + i - first]
