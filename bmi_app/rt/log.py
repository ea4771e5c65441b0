"""Append events and weights to the rings that the journal and the views read."""

import math

import numpy as np

from bmi_app.rt import cells
from bmi_app.rt.jit import part
from bmi_app.rt.ring import bits_of, store
from bmi_app.rt.stored import ADAPTED, GOOD, MODEL, ROW


@part
def log_event(core, logs, kind, code, value):
    """Append an event of this tick."""
    log_event_at(core, logs, core.state.tick, kind, code, value)


@part
def log_event_at(core, logs, tick, kind, code, value):
    """Append an event of a tick."""
    ctl, state, events = core.ctl, core.state, logs.events
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
def hash_weights(weights, bias, gain, adapted):
    """Hash weights, bias and gain to 64 bits; where rules adapt the decoder's model, that as well."""
    digest = np.uint64(0xCBF29CE484222325)
    for a in range(weights.shape[0]):
        digest = _absorb(digest, weights[a])
    if adapted.shape[0] != weights.shape[0]:
        for row in range(adapted.shape[0]):
            digest = _absorb(digest, adapted[row])
    return _absorb(_absorb(digest, bias), gain)


@part
def hash_of(model):
    """Hash what stands of the decoder to 64 bits."""
    return hash_weights(model.weights, model.bias, model.gain, model.adapted)


@part
def store_weights(core, model, logs, cause, blob):
    """Append the weights as they now stand, where rules adapt it the decoder's model, and each unit's population."""
    ctl, state = core.ctl, core.state
    weights, bias, gain = model.weights, model.bias, model.gain
    log, rows = logs.weights_log, logs.weights_rows
    head = ctl[cells.WEIGHTS_HEAD]
    slot = head & (log.shape[0] - 1)
    entry, row = log[slot], rows[slot]
    entry.tick = state.tick
    entry.trial = state.trial
    entry.cause = cause
    entry.id = blob
    entry.hash = state.weights_hash
    n_axes, n_units = weights.shape
    stands = ROW.named(row, axes=n_axes, units=n_units, model_rows=core.config.model_rows)
    for a in range(n_axes):
        for u in range(n_units):
            stands.weights[a, u] = weights[a, u]
        stands.bias[a] = bias[a]
        stands.gain[a] = gain[a]
    state.weights_dirty = 0
    for i in range(stands.model.shape[0]):
        for u in range(n_units):
            stands.model[i, u] = model.adapted[i, u]
    for u in range(n_units):
        stands.population[u] = model.unit_population[u]
    store(ctl, cells.WEIGHTS_HEAD, head + 1)


@part
def _adapted_in(before, adapted, bias):
    """Name what `keep_copy` has copied."""
    return ADAPTED.named(before, rows=adapted.shape[0], units=adapted.shape[1], axes=bias.shape[0])


@part
def norm_of_change(adapted, bias, before):
    """Return the Frobenius norm of what changed since `before` (weights or model, then bias, flat)."""
    was = _adapted_in(before, adapted, bias)
    total = 0.0
    for a in range(adapted.shape[0]):
        for u in range(adapted.shape[1]):
            total += (adapted[a, u] - was.adapted[a, u]) ** 2
    for a in range(bias.shape[0]):
        total += (bias[a] - was.bias[a]) ** 2
    return math.sqrt(total)


@part
def keep_copy(adapted, bias, before):
    """Copy weights or model, and bias, flat, into `before`."""
    copy = _adapted_in(before, adapted, bias)
    for a in range(adapted.shape[0]):
        for u in range(adapted.shape[1]):
            copy.adapted[a, u] = adapted[a, u]
    for a in range(bias.shape[0]):
        copy.bias[a] = bias[a]


@part
def put_back(adapted, bias, before):
    """Undo a change: copy weights or model, and bias, back from `before`."""
    was = _adapted_in(before, adapted, bias)
    for a in range(adapted.shape[0]):
        for u in range(adapted.shape[1]):
            adapted[a, u] = was.adapted[a, u]
    for a in range(bias.shape[0]):
        bias[a] = was.bias[a]


@part
def shorten(adapted, bias, before, share):
    """Keep a share of a change."""
    was = _adapted_in(before, adapted, bias)
    for a in range(adapted.shape[0]):
        for u in range(adapted.shape[1]):
            adapted[a, u] = was.adapted[a, u] + share * (adapted[a, u] - was.adapted[a, u])
    for a in range(bias.shape[0]):
        bias[a] = was.bias[a] + share * (bias[a] - was.bias[a])


@part
def _good_parts(model, trial):
    """Name the parts of what the guard comes back to, and of the decoder's memory where rules adapt its model."""
    memory, adapted, (n_axes, n_units) = model.decoder_memory, model.adapted, model.weights.shape
    start, good = trial.episode_start, trial.good
    n_rows = adapted.shape[0] if good.shape[0] > start.shape[0] else 0
    kept = GOOD.named(good, axes=n_axes, units=n_units, model_rows=n_rows, decoder_words=memory.shape[0])
    return kept, MODEL.named(memory, model_rows=n_rows, units=n_units, decoder_words=memory.shape[0])


@part
def keep_good(model, trial, before_update):
    """Copy what the guard may come back to: as it stands, or without what the last update changed.

    Where rules adapt the decoder's model, weights and the rest of the memory are copied with it: what is derived from the
    model (a steady gain) has to come back with it.
    """
    weights, start, good = model.weights, trial.episode_start, trial.good
    if before_update:
        for i in range(start.shape[0]):
            good[i] = start[i]
    else:
        keep_copy(model.adapted, model.bias, good)
    kept, own = _good_parts(model, trial)
    for a in range(kept.weights.shape[0]):
        for u in range(kept.weights.shape[1]):
            kept.weights[a, u] = weights[a, u]
    for i in range(kept.derived.shape[0]):
        kept.derived[i] = own.derived[i]


@part
def put_back_good(model, trial):
    """Come back to what `keep_good` has copied."""
    weights = model.weights
    put_back(model.adapted, model.bias, trial.good)
    kept, own = _good_parts(model, trial)
    for a in range(kept.weights.shape[0]):
        for u in range(kept.weights.shape[1]):
            weights[a, u] = kept.weights[a, u]
    for i in range(kept.derived.shape[0]):
        own.derived[i] = kept.derived[i]
