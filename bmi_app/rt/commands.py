"""Let the operator's commands act, at the start of a tick, and log the tick at which each acted."""

import numpy as np

from bmi_app.rt import cells
from bmi_app.rt.jit import part
from bmi_app.rt.log import hash_weights, log_event, store_weights
from bmi_app.rt.records import CommandKind, EventKind, UpdateCause
from bmi_app.rt.ring import load, store

_PAUSE, _RESUME = int(CommandKind.PAUSE), int(CommandKind.RESUME)
_STOP = int(CommandKind.STOP)
_ASSIST, _GAIN = int(CommandKind.ASSIST), int(CommandKind.GAIN)
_LEARNING, _LEARNING_RATE = int(CommandKind.LEARNING), int(CommandKind.LEARNING_RATE)
_MOVE_UNIT, _ADOPT = int(CommandKind.MOVE_UNIT), int(CommandKind.ADOPT)
_REWARD, _SKIP_TRIAL, _NEXT_BLOCK = int(CommandKind.REWARD), int(CommandKind.SKIP_TRIAL), int(CommandKind.NEXT_BLOCK)
_EVENT_PAUSED, _EVENT_RESUMED = int(EventKind.PAUSED), int(EventKind.RESUMED)
_EVENT_REWARD, _EVENT_ADOPTED = int(EventKind.REWARD), int(EventKind.ADOPTED)
_EVENT_UNIT_MOVED = int(EventKind.UNIT_MOVED)
_CAUSE_ADOPTED, _CAUSE_UNIT_MOVED = int(UpdateCause.ADOPTED), int(UpdateCause.UNIT_MOVED)
_CAUSE_GAIN = int(UpdateCause.GAIN)


@part
def _take(blob, start, into):
    """Copy a part of a blob, keeping what stands where it says NaN."""
    for i in range(into.shape[0]):
        if not np.isnan(blob[start + i]):
            into[i] = blob[start + i]


@part
def _move_unit(core, model, logs, unit, population):
    """Give a unit to another population; it starts there with that population's sign, or 0 under control."""
    state = core[2][0]
    weights, mask, unit_population, population_axis = model[0], model[3], model[5], model[6]
    unit_population[unit] = population
    for a in range(weights.shape[0]):
        sign = population_axis[population, a]
        mask[a, unit] = 1.0 if sign != 0.0 else 0.0
        weights[a, unit] = sign
    state.weights_hash = hash_weights(model)
    state.updated = 1
    log_event(core, logs, _EVENT_UNIT_MOVED, unit, float(population))
    store_weights(core, model, logs, _CAUSE_UNIT_MOVED, -1)


@part
def _adopt(core, model, features, logs, inputs, slot, blob_id):
    """Swap in a staged blob: weights, bias, gain, feature offset and scale, decoder memory; NaN keeps what stands.

    Weights of masked units stay 0, whatever the blob says: control units never drive an axis.
    """
    state = core[2][0]
    weights, bias, gain, mask, memory = model[0], model[1], model[2], model[3], model[4]
    offset, scale = features[3], features[4]
    blob = inputs[2][slot]
    n_axes, n_units = weights.shape
    change = 0.0
    for a in range(n_axes):
        for u in range(n_units):
            new = blob[a * n_units + u]
            if not np.isnan(new):
                new = new if mask[a, u] != 0.0 else 0.0
                change += (new - weights[a, u]) ** 2
                weights[a, u] = new
    at = n_axes * n_units
    _take(blob, at, bias)
    _take(blob, at + n_axes, gain)
    _take(blob, at + 2 * n_axes, offset)
    _take(blob, at + 2 * n_axes + n_units, scale)
    if blob.shape[0] > at + 2 * n_axes + 2 * n_units:
        _take(blob, at + 2 * n_axes + 2 * n_units, memory)
    state.weights_hash = hash_weights(model)
    state.updated = 1
    state.update_norm = np.sqrt(change)
    log_event(core, logs, _EVENT_ADOPTED, blob_id, np.sqrt(change))
    store_weights(core, model, logs, _CAUSE_ADOPTED, blob_id)


@part
def _apply(core, model, features, logs, inputs, kind, index, aux, value):
    """Do what one command says; the control thread has checked its arguments."""
    state = core[2][0]
    if kind == _PAUSE:
        state.paused = 1
        log_event(core, logs, _EVENT_PAUSED, 0, 0.0)
    elif kind == _RESUME:
        state.paused = 0
        log_event(core, logs, _EVENT_RESUMED, 0, 0.0)
    elif kind == _STOP:
        state.stop_reason = index
    elif kind == _ASSIST:
        state.assist_override = value
    elif kind == _LEARNING:
        state.learning_on = index
    elif kind == _LEARNING_RATE:
        state.learning_rate = value
    elif kind == _GAIN:
        model[2][index] = value
        state.weights_hash = hash_weights(model)
        store_weights(core, model, logs, _CAUSE_GAIN, -1)
    elif kind == _REWARD:
        state.reward = 1.0
        log_event(core, logs, _EVENT_REWARD, 1, 1.0)
    elif kind == _SKIP_TRIAL:
        state.skip = 1
    elif kind == _NEXT_BLOCK:
        state.next_block = 1
    elif kind == _MOVE_UNIT:
        _move_unit(core, model, logs, index, aux)
    elif kind == _ADOPT:
        _adopt(core, model, features, logs, inputs, index, aux)


@part
def take_commands(core, model, features, logs, inputs):
    """Apply every waiting command whose earliest tick has come, in order."""
    ctl, state, done, queue = core[0], core[2][0], logs[1], inputs[1]
    tail, head = ctl[cells.QUEUE_TAIL], load(ctl, cells.QUEUE_HEAD)
    state.n_commands = 0
    while tail < head and queue[tail & (queue.shape[0] - 1)].tick <= state.tick:
        command = queue[tail & (queue.shape[0] - 1)]
        _apply(core, model, features, logs, inputs, command.kind, command.index, command.aux, command.value)
        finished = ctl[cells.COMMANDS_HEAD]
        entry = done[finished & (done.shape[0] - 1)]
        entry.id, entry.tick, entry.kind = command.id, state.tick, command.kind
        entry.index, entry.aux, entry.value = command.index, command.aux, command.value
        store(ctl, cells.COMMANDS_HEAD, finished + 1)
        state.n_commands += 1
        tail += 1
        store(ctl, cells.QUEUE_TAIL, tail)
