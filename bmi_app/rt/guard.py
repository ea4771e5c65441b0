"""Watch whether learning diverges, and take the decoder back to the last good weights if it does.

After every trial that was judged, two averages are renewed: the share of success (over about twenty trials) and the error
of the decoded velocity, relative to the intended one (over about five; a decoder that says nothing has 1).

    good       success near its best and error below twice its least: the weights are kept
    diverged   learning has changed the weights since, and either success is below 0.4 of its best, which was above 0.5, or
               the error is above four times its least (and above 4) while the cursor spends more than half of its way at
               the edge

Then the good weights come back and learning waits for ten trials, the probation. If they serve (half of the best success,
or else half of the error that diverged), learning was to blame: it goes on at a quarter of its rate. If they do not, something
else has changed (a unit was lost, the channels were swapped); what was good is forgotten and learning goes on as it was.
After six returns without a new best, learning is switched off. With `learning.on_divergence = "freeze"` this is so after the
first.

Success of trials in which the computer helps with more than a tenth is not counted. The least error is forgotten by a
hundredth each trial, so that a lucky trial does not set it for good.
"""

from bmi_app.rt.audit import size_now, write_update
from bmi_app.rt.cursor import DECODED, INTENT
from bmi_app.rt.jit import part
from bmi_app.rt.log import hash_weights, keep_copy, log_event, norm_of_change, put_back, store_weights
from bmi_app.rt.records import EventKind, Outcome, TaskState, UpdateCause, UpdateVerdict
from bmi_app.rt.samples import error_on
from bmi_app.rt.state import OnDivergence

_MOVE = int(TaskState.MOVE)
_OFF, _FREEZE = int(OnDivergence.OFF), int(OnDivergence.FREEZE)
_SUCCESS = int(Outcome.SUCCESS)
_DIVERGED, _PROBATION_OVER = int(EventKind.DIVERGED), int(EventKind.PROBATION_OVER)
_GUARD = int(UpdateCause.GUARD)
_RETURNED, _FROZEN = int(UpdateVerdict.RETURNED), int(UpdateVerdict.FROZEN)
_LEARNING_BLAMED, _WORLD_BLAMED = int(UpdateVerdict.LEARNING_BLAMED), int(UpdateVerdict.WORLD_BLAMED)

# Chosen for this project. An average over twenty trials of a true success of 0.6 has a deviation of 0.08, so that 0.4 of its
# best (about 0.8) lies 3.5 deviations below; a complete loss is seen after eighteen trials.
_SUCCESS_SHARE, _ERROR_SHARE = 0.05, 0.2  # of the newest trial in the averages; of the first few, equal shares
_LEAST_TRIALS = 5  # before a success counts as the best
_HELPED = 0.1
_NEAR_BEST, _GOOD_ERROR, _FORGET = 0.05, 2.0, 1.01
_ENOUGH, _FALLEN, _SERVES = 0.5, 0.4, 0.5
_WILD_ERROR, _AT_WALL = 4.0, 0.5
_PROBATION_TRIALS, _SLOWER, _MOST_RETURNS = 10, 0.25, 6


@part
def follow(core, trial):
    """Take this tick's error and place into the sums of the trial."""
    config, state, vectors = core[1][0], core[2][0], trial[5]
    if state.state != _MOVE or state.held:
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
def _trial_error(state):
    """Return the trial's relative error, and clear its sums."""
    error = state.moving_error / state.moving_power if state.moving_power > 0.0 else 1.0
    if not error < 1e6:  # NaN as well
        error = 1e6
    wall = state.wall_ticks / max(state.moving_ticks, 1)
    state.moving_error = state.moving_power = 0.0
    state.moving_ticks = state.wall_ticks = 0
    return error, wall


@part
def _come_back(core, model, trial, logs):
    """Put the good weights back, and let learning wait or end."""
    config, state = core[1][0], core[2][0]
    adapted, bias = model[7], model[1]
    n = state.n_samples
    error_before = error_on(config, model, trial, adapted, state.trial_first, state.trial_first + n)
    norm = norm_of_change(adapted, bias, trial[8])
    put_back(adapted, bias, trial[8])
    error_after = error_on(config, model, trial, adapted, state.trial_first, state.trial_first + n)
    state.off_good = 0
    state.returns += 1
    state.handing = 0
    state.learn_from = state.sample_row
    state.episode = 0
    frozen = config.on_divergence == _FREEZE or state.returns >= _MOST_RETURNS
    if frozen:
        state.learning_on = 0
    else:
        state.probation = _PROBATION_TRIALS
        state.probation_success = state.probation_error = 0.0
    verdict = _FROZEN if frozen else _RETURNED
    state.updated = 1
    state.update_norm = norm
    state.weights_hash = hash_weights(model)
    log_event(core, logs, _DIVERGED, verdict, state.recent_success)
    store_weights(core, model, logs, _GUARD, -1)
    write_update(core, logs, _GUARD, verdict, 1, 0, norm, size_now(model[7], model[1]), error_before, error_after, -1)


@part
def _try_good_weights(core, model, trial, logs, succeeded, error):
    """Count a trial of the probation; after the last, say what was to blame, and act accordingly."""
    state = core[2][0]
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
    verdict = _LEARNING_BLAMED
    if serves:
        state.learning_rate *= _SLOWER
    else:
        verdict = _WORLD_BLAMED
        state.best_success, state.best_error, state.guarded_trials = 0.0, mean_error, 0
    log_event(core, logs, _PROBATION_OVER, verdict, success)
    write_update(core, logs, _GUARD, verdict, 0, 0, 0.0, size_now(model[7], model[1]), 0.0, 0.0, -1)


@part
def watch(core, model, trial, logs):
    """Judge the trial that has just ended."""
    config, state = core[1][0], core[2][0]
    error, wall = _trial_error(state)
    if config.on_divergence == _OFF or not (state.learning_on or state.probation):
        return
    succeeded = 1.0 if state.outcome == _SUCCESS else 0.0
    if state.probation > 0:
        _try_good_weights(core, model, trial, logs, succeeded, error)
        return
    if state.assist <= _HELPED:
        state.guarded_trials += 1
        share = max(_SUCCESS_SHARE, 1.0 / state.guarded_trials)
        state.recent_success += share * (succeeded - state.recent_success)
    state.recent_error += _ERROR_SHARE * (error - state.recent_error)
    state.recent_wall += _ERROR_SHARE * (wall - state.recent_wall)
    fell = state.best_success >= _ENOUGH and state.recent_success < _FALLEN * state.best_success
    wild = state.recent_error > max(_WILD_ERROR * state.best_error, _WILD_ERROR) and state.recent_wall > _AT_WALL
    if state.off_good and (fell or wild):
        _come_back(core, model, trial, logs)
        return
    if state.guarded_trials >= _LEAST_TRIALS and state.recent_success > state.best_success:
        state.best_success = state.recent_success
        state.returns = 0
    state.best_error = min(_FORGET * state.best_error, state.recent_error)
    near_best = state.recent_success >= state.best_success - _NEAR_BEST
    if near_best and state.recent_error <= _GOOD_ERROR * state.best_error:
        keep_copy(model[7], model[1], trial[8])
        state.off_good = 0


@part
def trust(core, model, trial):
    """Take what stands now for good, and forget what was: the operator, or a fit, has changed the decoder."""
    state = core[2][0]
    keep_copy(model[7], model[1], trial[8])
    state.off_good = state.probation = state.returns = state.guarded_trials = 0
    state.recent_success = state.best_success = 0.0
    state.recent_error = state.best_error = 1.0
    state.recent_wall = 0.0
