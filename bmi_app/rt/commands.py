"""Let the operator's commands act, at the start of a tick, and log the tick at which each was taken and whether it acted.

A command that finds done what it asks for, or nothing to do it to, does nothing. Up to model 1 it was carried out all the same.
"""

import math

import numpy as np

from bmi_app.rt import cells
from bmi_app.rt.audit import size_now, write_update
from bmi_app.rt.codes import CAUSE, COMMAND_KIND, EVENT_KIND, FLAG, TASK, VERDICT, WHEN
from bmi_app.rt.guard import trust
from bmi_app.rt.jit import part
from bmi_app.rt.log import hash_of, keep_copy, log_event, norm_of_change, shorten, store_weights
from bmi_app.rt.ring import load, store
from bmi_app.rt.samples import JUDGED_ON, error_on
from bmi_app.rt.stored import BLOB, MODEL

_AT_LIMIT, _STALE = (
    1e-9,
    1e-6,
)  # by how much a model's step may miss its longest: it was shortened to it; it is of another one


@part
def _take(part_of_blob, into):
    """Copy a part of a blob; where it is NaN the present value stays."""
    for i in range(into.shape[0]):
        if not np.isnan(part_of_blob[i]):
            into[i] = part_of_blob[i]


@part
def _place_unit(config, model, unit, population):
    """Give a unit to another population, or with -1 to none; it starts there with that population's sign, or 0 under control.

    Where no population drives an axis every unit does, and a population is a name only; up to model 1 the unit was cut off.
    """
    weights, mask, unit_population, population_axis = (
        model.weights,
        model.mask,
        model.unit_population,
        model.population_axis,
    )
    unit_population[unit] = population
    drives = 0
    for p in range(population_axis.shape[0]):
        for a in range(weights.shape[0]):
            drives += population_axis[p, a] != 0.0
    if drives == 0 and config.model_version > 1:
        return
    for a in range(weights.shape[0]):
        sign = population_axis[population, a] if population >= 0 else 0.0
        mask[a, unit] = 1.0 if sign != 0.0 else 0.0
        weights[a, unit] = sign


@part
def _move_unit(core, model, trial, logs, unit, population):
    """Give a unit to another population at the operator's word."""
    config, state = core.config, core.state
    _place_unit(config, model, unit, population)
    state.weights_hash = hash_of(model)
    state.updated = 1
    trust(core, model, trial)
    log_event(core, logs, EVENT_KIND.UNIT_MOVED, unit, float(population))
    store_weights(core, model, logs, CAUSE.UNIT_MOVED, -1)


@part
def _parts_of(config, blob):
    """Name the parts of a blob."""
    return BLOB.named(blob, axes=config.n_axes, units=config.n_units, decoder_words=config.decoder_words)


@part
def _step_of(model, staged):
    """Return how far a blob would move the decoder's model and the bias."""
    bias, adapted, memory = model.bias, model.adapted, staged.decoder_memory
    rows, n_units = adapted.shape
    own = MODEL.named(memory, model_rows=rows, units=n_units, decoder_words=memory.shape[0])
    total = 0.0
    for a in range(bias.shape[0]):
        if not np.isnan(staged.bias[a]):
            total += (staged.bias[a] - bias[a]) ** 2
    for row in range(rows):
        for u in range(n_units):
            new = own.model[row, u]
            if not np.isnan(new):
                total += (new - adapted[row, u]) ** 2
    return math.sqrt(total)


@part
def _may_adopt(core, model, blob, longest):
    """Say whether what a staged rule has computed may be adopted: learning is on, weights finite and inside their limits.

    A model comes shortened (`bmi_app.session.engine.staged_fits`). A step beyond `longest` was computed from a model that has been replaced since.
    """
    config, state = core.config, core.state
    n_axes, n_units = model.weights.shape
    mask = model.mask
    if not state.learning_on or state.probation > 0:
        return VERDICT.LEARNING_OFF
    for i in range(blob.shape[0]):
        if np.isinf(blob[i]):
            return VERDICT.NOT_FINITE
    staged = _parts_of(config, blob)
    for a in range(n_axes):
        for u in range(n_units):
            new = staged.weights[a, u]
            if mask[a, u] != 0.0 and not np.isnan(new) and not (config.weight_min <= new <= config.weight_max):
                return VERDICT.OUTSIDE_LIMITS
    if model.adapted.shape[0] != n_axes and longest > 0.0 and _step_of(model, staged) > (1.0 + _STALE) * longest:
        return VERDICT.REFUSED
    return VERDICT.ACCEPTED


@part
def _swap_in(core, model, signal, rule_memory, blob):
    """Copy a blob's parts to their places, the units' populations first: they say which weights may be other than 0.

    Weights of masked units stay 0, whatever a blob says: control units never drive. A unit that comes to another
    population without weights of its own begins there as one that is moved.
    """
    config, state = core.config, core.state
    weights, bias, gain, mask, memory = model.weights, model.bias, model.gain, model.mask, model.decoder_memory
    offset, scale = signal.feature_offset, signal.feature_scale
    n_axes, n_units = weights.shape
    staged = _parts_of(config, blob)
    for u in range(n_units):
        new = staged.population[u]
        if -1.0 <= new < model.population_axis.shape[0] and int(new) != model.unit_population[u]:  # false for NaN
            _place_unit(config, model, u, int(new))
    for a in range(n_axes):
        for u in range(n_units):
            new = staged.weights[a, u]
            if not np.isnan(new):
                weights[a, u] = new if mask[a, u] != 0.0 else 0.0
    _take(staged.bias, bias)
    _take(staged.gain, gain)
    _take(staged.feature_offset, offset)
    for u in range(n_units):
        new = staged.feature_scale[u]
        if not np.isnan(new) and new != scale[u]:
            state.scales_known = 1
    _take(staged.feature_scale, scale)
    if staged.decoder_memory.shape[0] > 0:
        _take(staged.decoder_memory, memory)
        for i in range(n_axes * n_units if config.tuning_word >= 0 else 0):
            rule_memory[config.rule_tuning_word + i] = memory[config.tuning_word + i]


@part
def _adopt(core, model, signal, trial, logs, inputs, slot, blob_id, cause):
    """Swap in a staged blob; where it is NaN the present value stays. Return 1 if it was taken.

    Its parts: weights, bias, gain, feature offset and scale, decoder memory, each unit's population.

    A rule's result has to pass the guard; a readout is shortened to `learning.max_step`, a model was so before the rest was
    derived from it. What the operator or a fit brings is taken as it is, and is from now on what the guard against divergence takes for good.
    """
    config, state = core.config, core.state
    adapted, bias, before = model.adapted, model.bias, trial.backup
    blob = inputs.staging[slot]
    first, last = state.trial_first, state.trial_first + state.n_samples
    size, error_before = size_now(adapted, bias), error_on(model, trial, adapted, first, last, JUDGED_ON)
    longest = config.max_step * size
    verdict = _may_adopt(core, model, blob, longest) if cause == CAUSE.STAGED else VERDICT.ACCEPTED
    if verdict != VERDICT.ACCEPTED:
        state.rejected = 1
        log_event(core, logs, EVENT_KIND.UPDATE_REJECTED, cause, 0.0)
        write_update(core, logs, cause, verdict, 0, 1, 0.0, size, error_before, error_before, blob_id)
        return 0
    keep_copy(adapted, bias, before)
    _swap_in(core, model, signal, trial.rule_memory, blob)
    norm = norm_of_change(adapted, bias, before)
    if cause == CAUSE.STAGED:
        state.off_good = 1
        if adapted.shape[0] != bias.shape[0]:
            verdict = VERDICT.SHORTENED if norm >= (1.0 - _AT_LIMIT) * longest > 0.0 else VERDICT.ACCEPTED
        elif norm > longest > 0.0:
            shorten(adapted, bias, before, longest / norm)
            norm, verdict = longest, VERDICT.SHORTENED
    else:
        trust(core, model, trial)
    state.weights_hash = hash_of(model)
    state.updated = 1
    state.update_norm = norm
    log_event(core, logs, EVENT_KIND.ADOPTED, blob_id, norm)
    store_weights(core, model, logs, cause, blob_id)
    error_after = error_on(model, trial, adapted, first, last, JUDGED_ON)
    write_update(core, logs, cause, verdict, 1, 0, norm, size_now(adapted, bias), error_before, error_after, blob_id)
    return 1


@part
def _would_act(core, model, kind, index, aux, value):
    """Tell whether a command would change anything; of an adoption the guard says so."""
    config, state = core.config, core.state
    acts = state.stop_reason == 0  # behind a stop there are no more ticks
    if kind in (COMMAND_KIND.PAUSE, COMMAND_KIND.RESUME):
        acts = acts and (state.paused == 0) == (kind == COMMAND_KIND.PAUSE)
    elif kind == COMMAND_KIND.ASSIST:
        acts = acts and state.assist_override != value and (value >= 0.0 or state.assist_override >= 0.0)
    elif kind == COMMAND_KIND.LEARNING:
        ends_probation = state.probation > 0 or (index != 0 and state.returns > 0)
        acts = acts and config.learn_when != WHEN.OFF and (state.learning_on != index or ends_probation)
    elif kind == COMMAND_KIND.LEARNING_RATE:
        acts = acts and state.learning_rate != value
    elif kind == COMMAND_KIND.GAIN:
        acts = acts and model.gain[index] != value
    elif kind == COMMAND_KIND.REWARD:
        acts = acts and (state.reward_owed == 0 if state.inputs & FLAG.CATCHING_UP else state.reward == 0.0)
    elif kind == COMMAND_KIND.SKIP_TRIAL:
        in_trial = state.state == TASK.MOVE or state.state == TASK.HOLD
        acts = acts and in_trial and state.skip == 0 and state.next_block == 0
    elif kind == COMMAND_KIND.NEXT_BLOCK:
        acts = acts and state.block >= 0 and state.next_block == 0
    elif kind == COMMAND_KIND.MOVE_UNIT:
        acts = acts and model.unit_population[index] != aux
    return acts


@part
def _apply(core, model, signal, trial, logs, inputs, kind, index, aux, value):
    """Do what one command says; the control thread has checked its arguments. Return 1 if it acted, else 0."""
    config, state = core.config, core.state
    acted = 1 if _would_act(core, model, kind, index, aux, value) else 0
    if acted == 0 and config.model_version > 1:
        return 0
    if kind == COMMAND_KIND.PAUSE:
        state.paused = 1
        log_event(core, logs, EVENT_KIND.PAUSED, 0, 0.0)
    elif kind == COMMAND_KIND.RESUME:
        state.paused = 0
        log_event(core, logs, EVENT_KIND.RESUMED, 0, 0.0)
    elif kind == COMMAND_KIND.STOP:
        state.stop_reason = index
    elif kind == COMMAND_KIND.ASSIST:
        state.assist_override = value
    elif kind == COMMAND_KIND.LEARNING:
        state.learning_on = index
        state.returns = state.probation = 0  # the operator's choice overrules the guard
    elif kind == COMMAND_KIND.LEARNING_RATE:
        state.learning_rate = value
    elif kind == COMMAND_KIND.GAIN:
        model.gain[index] = value
        state.weights_hash = hash_of(model)
        store_weights(core, model, logs, CAUSE.GAIN, -1)
    elif kind == COMMAND_KIND.REWARD:
        if state.inputs & FLAG.CATCHING_UP:  # the subject would see it with what was long before
            state.reward_owed = 1
        else:
            state.reward = 1.0
            log_event(core, logs, EVENT_KIND.REWARD, 1, 1.0)
    elif kind == COMMAND_KIND.SKIP_TRIAL:
        state.skip = 1
    elif kind == COMMAND_KIND.NEXT_BLOCK:
        state.next_block = 1
    elif kind == COMMAND_KIND.LABEL:
        log_event(core, logs, EVENT_KIND.LABELLED, index, 0.0)
    elif kind == COMMAND_KIND.MOVE_UNIT:
        _move_unit(core, model, trial, logs, index, aux)
    elif kind == COMMAND_KIND.ADOPT:
        acted = _adopt(core, model, signal, trial, logs, inputs, index, aux, int(value) if value else CAUSE.ADOPTED)
    return acted


@part
def take_commands(core, model, signal, trial, logs, inputs):
    """Apply every waiting command whose earliest tick has come, in order."""
    ctl, state, done, queue = core.ctl, core.state, logs.commands_done, inputs.queue
    tail, head = ctl[cells.QUEUE_TAIL], load(ctl, cells.QUEUE_HEAD)
    state.n_commands = 0
    while tail < head and queue[tail & (queue.shape[0] - 1)].tick <= state.tick:
        command = queue[tail & (queue.shape[0] - 1)]
        acted = _apply(
            core, model, signal, trial, logs, inputs, command.kind, command.index, command.aux, command.value
        )
        finished = ctl[cells.COMMANDS_HEAD]
        entry = done[finished & (done.shape[0] - 1)]
        entry.id, entry.tick, entry.kind = command.id, state.tick, command.kind
        entry.index, entry.aux, entry.value, entry.acted = command.index, command.aux, command.value, acted
        entry.undone = command.undone
        store(ctl, cells.COMMANDS_HEAD, finished + 1)
        state.n_commands += 1
        tail += 1
        store(ctl, cells.QUEUE_TAIL, tail)
