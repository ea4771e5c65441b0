"""Judge what a rule made of the weights, undo it where it is not allowed, and give each update its row in the audit.

An update is one call of the rule (`trial`, `reward`), or several: those of a trial (`tick`), of a hand-over that takes more
than one tick (`block`, `seconds`), of a rest block. It is opened by the first call and closed by `close_update`.
"""

import math

from bmi_app.rt import cells
from bmi_app.rt.codes import CAUSE, EVENT_KIND, VERDICT
from bmi_app.rt.contracts import CHANGED, NOTHING
from bmi_app.rt.jit import part
from bmi_app.rt.log import hash_of, keep_copy, log_event, norm_of_change, put_back, shorten, store_weights
from bmi_app.rt.ring import store
from bmi_app.rt.samples import JUDGED_ON, error_on


@part
def write_update(core, logs, cause, verdict, accepted, refused, norm, size, error_before, error_after, blob):
    """Append a row to the audit."""
    ctl, state, updates = core.ctl, core.state, logs.updates
    head = ctl[cells.UPDATES_HEAD]
    row = updates[head & (updates.shape[0] - 1)]
    row.tick, row.trial, row.cause, row.verdict = state.tick, state.trial, cause, verdict
    row.accepted, row.refused = accepted, refused
    row.norm, row.size, row.error_before, row.error_after = norm, size, error_before, error_after
    row.rate, row.id = state.learning_rate, blob
    store(ctl, cells.UPDATES_HEAD, head + 1)


@part
def judge(config, adapted, bias, mask):
    """Say whether all is finite, and every weight inside its limits or, where it may not change, still 0.

    A decoder's model has its own units, so that the limits of weights do not apply to it.
    """
    verdict = VERDICT.ACCEPTED
    for a in range(bias.shape[0]):
        if not math.isfinite(bias[a]):
            return VERDICT.NOT_FINITE
    is_readout = adapted.shape[0] == mask.shape[0]
    for a in range(adapted.shape[0]):
        for u in range(adapted.shape[1]):
            value = adapted[a, u]
            if not math.isfinite(value):
                return VERDICT.NOT_FINITE
            if is_readout:
                least, most = (config.weight_min, config.weight_max) if mask[a, u] != 0.0 else (0.0, 0.0)
                if not (least <= value <= most):
                    verdict = VERDICT.OUTSIDE_LIMITS
    return verdict


@part
def size_now(adapted, bias):
    """Return the Frobenius norm of the present weights, bias included."""
    total = 0.0
    for a in range(adapted.shape[0]):
        for u in range(adapted.shape[1]):
            total += adapted[a, u] * adapted[a, u]
    for a in range(bias.shape[0]):
        total += bias[a] * bias[a]
    return math.sqrt(total)


@part
def open_update(core, model, trial, first):
    """Begin an update, unless one is open."""
    state = core.state
    if state.episode == 0:
        keep_copy(model.adapted, model.bias, trial.episode_start)
        state.episode, state.episode_first = 1, first
        state.episode_accepted = state.episode_refused = state.episode_verdict = 0


@part
def call_rule(rule, core, model, trial, logs, first, last, cause, reward):
    """Give the rule samples first..last and the reward; keep, shorten or undo what it made of the weights."""
    config, state = core.config, core.state
    adapted, bias, mask = model.adapted, model.bias, model.mask
    before, memory = trial.backup, trial.rule_memory
    open_update(core, model, trial, first)
    keep_copy(adapted, bias, before)
    longest = config.max_step * size_now(adapted, bias) if config.max_step > 0.0 else 0.0
    x, intent, noise, position = (
        trial.trial_features[first:last],
        trial.trial_intent[first:last],
        trial.trial_noise[first:last],
        trial.trial_position[first:last],
    )
    result = rule(adapted, bias, mask, memory, x, intent, noise, position, state.learning_rate, reward)
    if result == NOTHING:
        return
    norm = norm_of_change(adapted, bias, before)
    verdict = judge(config, adapted, bias, mask) if result == CHANGED else VERDICT.REFUSED
    if verdict != VERDICT.ACCEPTED:
        put_back(adapted, bias, before)
        state.rejected = 1
        state.episode_refused += 1
        state.episode_verdict = verdict
        log_event(core, logs, EVENT_KIND.UPDATE_REJECTED, cause, norm)
        return
    if norm > longest > 0.0:
        shorten(adapted, bias, before, longest / norm)
        norm = longest
        state.episode_verdict = VERDICT.SHORTENED
    state.episode_accepted += 1
    state.updated = 1
    state.update_norm = norm
    state.weights_hash = hash_of(model)
    state.weights_dirty = 1
    state.off_good = 1


@part
def close_update(core, model, trial, logs, last, cause):
    """End the open update, if there is one: store the weights that it has changed, and write its row.

    `last` is the row behind the last sample that was taught.
    """
    state = core.state
    if state.episode == 0:
        return
    state.episode = 0
    accepted, refused = state.episode_accepted, state.episode_refused
    if accepted == 0 and refused == 0:
        return
    first = state.episode_first
    if cause == CAUSE.REST or first >= last:  # taught without samples: judged on the last trial
        first, last = state.trial_first, state.trial_first + state.n_samples
    adapted, bias, start = model.adapted, model.bias, trial.episode_start
    norm = norm_of_change(adapted, bias, start)
    if accepted and cause != CAUSE.TICK:  # every tick's norm stands in its frame
        log_event(core, logs, EVENT_KIND.UPDATE, cause, norm)
    if state.weights_dirty:
        store_weights(core, model, logs, cause, -1)
    error_after = error_on(model, trial, adapted, first, last, JUDGED_ON)
    error_before = error_after
    if accepted:
        keep_copy(adapted, bias, trial.backup)
        put_back(adapted, bias, start)
        error_before = error_on(model, trial, adapted, first, last, JUDGED_ON)
        put_back(adapted, bias, trial.backup)
    verdict = state.episode_verdict
    if accepted and verdict != VERDICT.SHORTENED:
        verdict = VERDICT.ACCEPTED
    write_update(
        core, logs, cause, verdict, accepted, refused, norm, size_now(adapted, bias), error_before, error_after, -1
    )
