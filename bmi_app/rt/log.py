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
    """Continue a 64-bit FNV-1a hash, a word at a time (Fowler, Noll and Vo), over a vector of float64."""
    for i in range(array.shape[0]):
        digest = (digest ^ np.uint64(bits_of(array[i]))) * np.uint64(0x100000001B3)
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
    """Append the weights as they now stand."""
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
