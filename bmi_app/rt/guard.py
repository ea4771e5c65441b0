"""Watch whether learning diverges, and take the decoder back to the last good weights if it does.

After every trial that was judged, averages are renewed: the share of success (over about twenty trials); the error of the
decoded velocity, relative to the intended one (over about five; a decoder that says nothing has 1); and the error that the
good weights and those that stand would make of the trial's samples (`error_on`; over about five).

    good       the trial succeeded, success is near its best, the error below 1.5 times its least and not clearly above that of
               the good weights so far: the weights with which the trial was made are kept, not those that an update at its
               end made of them
    failing    success is below 0.6 of its best, which was above 0.5; or the error is above four times its least (and above
               4) while the cursor spends more than half of its way at the edge
    diverged   it is failing, and on the same samples the good weights are clearly better than those that stand

The samples of the last trials decide: when units are lost or channels are swapped success falls too, but the old weights
are then no better than those that stand, and learning is what repairs it. Below 0.4 of the best, and not diverged, the
audit says so once (WORLD_BLAMED), what was good is forgotten, and learning goes on as it was.

After a divergence the good weights come back and learning waits for ten trials, the probation. If they serve (half of the best
success, or else half of the error that diverged), learning was to blame: it goes on at a quarter of its rate. If they do not, the cause
lies outside of learning after all. After six returns without a new best, learning is switched off. With
`learning.on_divergence = "freeze"` this is so after the first.

Success of trials in which the computer helps with more than a tenth is not counted. The least error is forgotten by a
hundredth each trial, so that a lucky trial does not set it for good.
"""

from bmi_app.rt.audit import size_now, write_update
from bmi_app.rt.codes import CAUSE, EVENT_KIND, ON_DIVERGENCE, OUTCOME, TASK, VERDICT, WHEN
from bmi_app.rt.cursor import DECODED, INTENT
from bmi_app.rt.jit import part
from bmi_app.rt.log import (
    hash_of,
    keep_copy,
    keep_good,
    log_event,
    norm_of_change,
    put_back,
    put_back_good,
    store_weights,
)
from bmi_app.rt.samples import error_on, fit_on

# Chosen for this project. An average over twenty trials of a true success of 0.6 has a deviation of 0.08, so that 0.4 of its
# best (about 0.8) lies 3.5 deviations below; a complete loss is seen after eighteen trials.
_SUCCESS_SHARE, _ERROR_SHARE = 0.05, 0.2  # of the newest trial in the averages; of the first few, equal shares
_LEAST_TRIALS = 5  # before a success counts as the best
_HELPED = 0.1
_NEAR_BEST, _GOOD_ERROR, _FORGET = 0.05, 2.0, 1.01
_ENOUGH, _FALLING, _FALLEN, _SERVES = 0.5, 0.6, 0.4, 0.5
# The errors are paired: both are of the same samples. That of a model is mostly the firing's own noise, which no model explains.
_BETTER_READOUT, _BETTER_MODEL = 0.9, 0.98
_CLEARLY = 0.1  # a difference between cosines: the nominal tool has about 0.7 to the intention, a lost one 0
_JUDGED_ON = 32  # samples of each trial
_WILD_ERROR, _AT_WALL = 4.0, 0.5
_PROBATION_TRIALS, _SLOWER, _MOST_RETURNS = 10, 0.25, 6


@part
def follow(core, trial):
    """Take this tick's error and place into the sums of the trial."""
    config, state, vectors = core.config, core.state, trial.vectors
    if state.state != TASK.MOVE or state.held:
        return
    for a in range(vectors.shape[1]):
        state.moving_error += (vectors[DECODED, a] - vectors[INTENT, a]) ** 2
        state.moving_power += vectors[INTENT, a] ** 2
    state.moving_ticks += 1
    at_wall = abs(state.cursor_x_cm) >= config.half_width_cm
    if vectors.shape[1] > 1:
        at_wall = at_wall or abs(state.cursor_y_cm) >= config.half_height_cm
    state.wall_ticks += at_wall


@part
def forget_trial(state):
    """Leave the sums of a trial that is not judged out of those of the next."""
    state.moving_error = state.moving_power = 0.0
    state.moving_ticks = state.wall_ticks = 0


@part
def _trial_error(state):
    """Return the trial's relative error, and clear its sums."""
    error = state.moving_error / state.moving_power if state.moving_power > 0.0 else 1.0
    if not error < 1e6:  # NaN as well
        error = 1e6
    wall = state.wall_ticks / max(state.moving_ticks, 1)
    forget_trial(state)
    return error, wall


@part
def _compare(core, model, trial, first, last):
    """Take into the averages what the good weights, and those that stand, would make of samples first..last."""
    state = core.state
    if first >= last:
        return
    adapted, bias, before = model.adapted, model.bias, trial.backup
    error, cosine = fit_on(model, trial, adapted, first, last, _JUDGED_ON)
    state.recent_cosine += _ERROR_SHARE * (cosine - state.recent_cosine)
    state.best_cosine = max(state.best_cosine / _FORGET, state.recent_cosine)
    if state.off_good == 0:
        return
    keep_copy(adapted, bias, before)
    put_back(adapted, bias, trial.good)
    good_error, good_cosine = fit_on(model, trial, adapted, first, last, _JUDGED_ON)
    put_back(adapted, bias, before)
    state.compared += 1
    share = max(_ERROR_SHARE, 1.0 / state.compared)
    state.now_error += share * (min(error, 1e6) - state.now_error)
    state.good_error += share * (min(good_error, 1e6) - state.good_error)
    state.cosine_lost += share * (good_cosine - cosine - state.cosine_lost)


@part
def _is_to_blame(model, state):
    """Tell whether the good weights are clearly better, on the last trials' samples, than what learning made of them."""
    if state.off_good == 0 or state.compared == 0:
        return False
    is_readout = model.adapted.shape[0] == model.weights.shape[0]
    better = _BETTER_READOUT if is_readout else _BETTER_MODEL
    return state.good_error < better * state.now_error or state.cosine_lost > _CLEARLY


@part
def _keep(core, model, trial, changed):
    """Take for good what this trial was made with: a rule that acts at its end may have changed it since."""
    config, state = core.config, core.state
    at_end = config.learn_when == WHEN.TRIAL or config.learn_when == WHEN.REWARD
    keep_good(model, trial, 1 if at_end and changed else 0)
    state.off_good = 1 if at_end and changed else 0
    state.compared = 0


@part
def _blame_world(core, model, trial, logs):
    """Forget the good weights, since they are no better than the present ones; learning goes on."""
    state = core.state
    log_event(core, logs, EVENT_KIND.DIVERGED, VERDICT.WORLD_BLAMED, state.recent_success)
    size = size_now(model.adapted, model.bias)
    write_update(core, logs, CAUSE.GUARD, VERDICT.WORLD_BLAMED, 0, 0, 0.0, size, state.good_error, state.now_error, -1)
    state.off_good = state.compared = state.guarded_trials = 0
    keep_good(model, trial, 0)
    state.best_success, state.best_error, state.best_cosine = 0.0, state.recent_error, state.recent_cosine


@part
def _come_back(core, model, trial, logs, first, last):
    """Put the good weights back, and let learning wait or end."""
    config, state = core.config, core.state
    adapted, bias = model.adapted, model.bias
    error_before = error_on(model, trial, adapted, first, last, _JUDGED_ON)
    norm = norm_of_change(adapted, bias, trial.good)
    put_back_good(model, trial)
    error_after = error_on(model, trial, adapted, first, last, _JUDGED_ON)
    state.off_good = state.compared = 0
    state.returns += 1
    state.handing = state.then_until = 0
    state.learn_from = state.sample_row
    state.episode = 0
    frozen = config.on_divergence == ON_DIVERGENCE.FREEZE or state.returns >= _MOST_RETURNS
    if frozen:
        state.learning_on = 0
    else:
        state.probation = _PROBATION_TRIALS
        state.probation_success = state.probation_error = 0.0
    verdict = VERDICT.FROZEN if frozen else VERDICT.RETURNED
    state.updated = 1
    state.update_norm = norm
    state.weights_hash = hash_of(model)
    log_event(core, logs, EVENT_KIND.DIVERGED, verdict, state.recent_success)
    store_weights(core, model, logs, CAUSE.GUARD, -1)
    write_update(
        core, logs, CAUSE.GUARD, verdict, 1, 0, norm, size_now(model.adapted, model.bias), error_before, error_after, -1
    )


@part
def _try_good_weights(core, model, trial, logs, succeeded, error):
    """Count a trial of the probation; after the last, say what was to blame, and act accordingly."""
    state = core.state
    state.probation_success += succeeded
    state.probation_error += error
    state.probation -= 1
    if state.probation > 0:
        return
    success = state.probation_success / _PROBATION_TRIALS
    mean_error = state.probation_error / _PROBATION_TRIALS
    serves = mean_error <= _SERVES * state.recent_error
    if state.best_success >= _ENOUGH:
        serves = success >= _SERVES * state.best_success
    state.recent_success, state.recent_error, state.recent_wall = success, mean_error, 0.0
    verdict = VERDICT.LEARNING_BLAMED
    if serves:
        state.learning_rate *= _SLOWER
    else:
        verdict = VERDICT.WORLD_BLAMED
        state.best_success, state.best_error, state.guarded_trials = 0.0, mean_error, 0
    log_event(core, logs, EVENT_KIND.PROBATION_OVER, verdict, success)
    write_update(core, logs, CAUSE.GUARD, verdict, 0, 0, 0.0, size_now(model.adapted, model.bias), 0.0, 0.0, -1)


@part
def watch(core, model, trial, logs, first, last, changed):
    """Judge the trial that has just ended, with samples first..last; `changed`: the rule has acted in this tick."""
    config, state = core.config, core.state
    error, wall = _trial_error(state)
    if config.on_divergence == ON_DIVERGENCE.OFF or not (state.learning_on or state.probation):
        return
    succeeded = 1.0 if state.outcome == OUTCOME.SUCCESS else 0.0
    if state.probation > 0:
        _try_good_weights(core, model, trial, logs, succeeded, error)
        return
    _compare(core, model, trial, first, last)
    alone = state.assist <= _HELPED
    if alone:
        state.guarded_trials += 1
        share = max(_SUCCESS_SHARE, 1.0 / state.guarded_trials)
        state.recent_success += share * (succeeded - state.recent_success)
    state.recent_error += _ERROR_SHARE * (error - state.recent_error)
    state.recent_wall += _ERROR_SHARE * (wall - state.recent_wall)
    of_best = state.recent_success / state.best_success if state.best_success >= _ENOUGH else 1.0
    wild = state.recent_error > max(_WILD_ERROR * state.best_error, _WILD_ERROR) and state.recent_wall > _AT_WALL
    if (of_best < _FALLING or wild) and _is_to_blame(model, state):
        _come_back(core, model, trial, logs, first, last)
        return
    if of_best < _FALLEN:
        _blame_world(core, model, trial, logs)
        return
    if state.guarded_trials >= _LEAST_TRIALS and state.recent_success > state.best_success:
        state.best_success = state.recent_success
        state.returns = 0
    state.best_error = min(_FORGET * state.best_error, state.recent_error)
    near_best = state.recent_success >= state.best_success - _NEAR_BEST
    steady = near_best and state.recent_error <= _GOOD_ERROR * state.best_error
    steady = steady and state.recent_cosine >= state.best_cosine - _CLEARLY
    if succeeded and alone and steady and not _is_to_blame(model, state):
        _keep(core, model, trial, changed)


@part
def trust(core, model, trial):
    """Take the present weights for good, and forget the earlier ones: the operator, or a fit, has changed the decoder."""
    state = core.state
    keep_good(model, trial, 0)
    state.off_good = state.compared = state.probation = state.returns = state.guarded_trials = 0
    state.recent_cosine = state.best_cosine = 0.0
    state.recent_success = state.best_success = 0.0
    state.recent_error = state.best_error = 1.0
    state.recent_wall = 0.0
