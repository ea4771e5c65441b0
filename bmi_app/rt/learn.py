"""Let the learning rule act when it is due, behind a guard; what it changes acts from the next tick."""

import math

from bmi_app.rt.contracts import CHANGED, NOTHING
from bmi_app.rt.cursor import INTENT, NOISE
from bmi_app.rt.jit import part
from bmi_app.rt.log import hash_weights, keep_copy, log_event, norm_of_change, put_back, store_weights
from bmi_app.rt.records import EventKind, Outcome, TaskState, UpdateCause
from bmi_app.rt.state import LearnWhen

_MOVE, _HOLD = int(TaskState.MOVE), int(TaskState.HOLD)
_OFF, _TICK, _TRIAL, _REWARD = int(LearnWhen.OFF), int(LearnWhen.TICK), int(LearnWhen.TRIAL), int(LearnWhen.REWARD)
_BLOCK_ENDED, _OPERATOR = int(Outcome.BLOCK_ENDED), int(Outcome.OPERATOR)
_UPDATE, _UPDATE_REJECTED = int(EventKind.UPDATE), int(EventKind.UPDATE_REJECTED)
_CAUSE_TICK, _CAUSE_TRIAL, _CAUSE_REWARD = (
    int(UpdateCause.TICK),
    int(UpdateCause.TRIAL),
    int(UpdateCause.REWARD),
)


@part
def sample(core, model, features, trial):
    """Keep this tick's features, intention and noise for the trial, every `learning.sample_ms`; return 1 if kept.

    Intention and noise are divided by the gain, so that a rule works in the units of weights x features.
    """
    config, state = core[1][0], core[2][0]
    x, trial_features, trial_intent, trial_noise, vectors = features[5], trial[0], trial[1], trial[2], trial[5]
    gain = model[2]
    moving = state.state == _MOVE or state.state == _HOLD
    if state.held or not moving or state.trial_ticks % config.sample_ticks != 0:
        return 0
    row = state.n_samples
    if row >= trial_features.shape[0]:
        return 0
    for u in range(x.shape[0]):
        trial_features[row, u] = x[u]
    for a in range(gain.shape[0]):
        trial_intent[row, a] = vectors[INTENT, a] / gain[a] if gain[a] != 0.0 else 0.0
        trial_noise[row, a] = vectors[NOISE, a] / gain[a] if gain[a] != 0.0 else 0.0
    state.n_samples = row + 1
    return 1


@part
def _within_limits(config, weights, bias, mask):
    """Tell whether every weight that may change is finite and inside its limits, and every other one still 0."""
    for a in range(weights.shape[0]):
        if not math.isfinite(bias[a]):
            return False
        for u in range(weights.shape[1]):
            least, most = (config.weight_min, config.weight_max) if mask[a, u] != 0.0 else (0.0, 0.0)
            if not (least <= weights[a, u] <= most):  # false for NaN too
                return False
    return True


@part
def _update(rule, core, model, trial, logs, first, last, cause):
    """Give the rule samples first..last, and keep or refuse what it made of the weights."""
    config, state = core[1][0], core[2][0]
    weights, bias, mask = model[0], model[1], model[3]
    before, memory = trial[3], trial[4]
    keep_copy(weights, bias, before)
    x, intent, noise = trial[0][first:last], trial[1][first:last], trial[2][first:last]
    result = rule(weights, bias, mask, memory, x, intent, noise, state.learning_rate, state.reward)
    if result == NOTHING:
        return
    norm = norm_of_change(weights, bias, before)
    if result != CHANGED or not _within_limits(config, weights, bias, mask):
        put_back(weights, bias, before)
        state.rejected = 1
        log_event(core, logs, _UPDATE_REJECTED, cause, norm)
        return
    state.updated = 1
    state.update_norm = norm
    state.weights_hash = hash_weights(model)
    state.weights_dirty = 1
    if cause != _CAUSE_TICK:  # every tick's norm stands in its frame
        log_event(core, logs, _UPDATE, cause, norm)


@part
def learn(rule, core, model, features, trial, task, logs, sampled):
    """Call the rule if this tick is one at which it acts; store changed weights at a reward and at the end of a trial."""
    config, state, blocks = core[1][0], core[2][0], task[2]
    ended = state.outcome != 0
    active = config.learn_when != _OFF and state.learning_on and state.block >= 0 and not state.held
    if active and blocks[state.block].learning:
        n = state.n_samples
        judged = ended and state.outcome != _BLOCK_ENDED and state.outcome != _OPERATOR
        if config.learn_when == _TICK and sampled:
            _update(rule, core, model, trial, logs, n - 1, n, _CAUSE_TICK)
        elif config.learn_when == _TRIAL and judged and n > 0:
            _update(rule, core, model, trial, logs, 0, n, _CAUSE_TRIAL)
        elif config.learn_when == _REWARD and state.reward > 0.0 and n > 0:
            _update(rule, core, model, trial, logs, 0, n, _CAUSE_REWARD)
            state.n_samples = 0  # a second reward in this trial teaches only what came after the first
    # Each reward's change is listed and can be undone, the operator's rewards too.
    if state.weights_dirty and (ended or state.reward > 0.0 or config.learn_when != _TICK):
        cause = _CAUSE_TICK
        if config.learn_when == _TRIAL:
            cause = _CAUSE_TRIAL
        elif config.learn_when == _REWARD:
            cause = _CAUSE_REWARD
        store_weights(core, model, logs, cause, -1)
