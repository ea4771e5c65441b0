"""Keep the samples that rules learn from: those of the running trial, or of all trials for as long as there is room.

A trial's samples lie in consecutive rows, from `trial_first`. Where earlier trials are kept (`config.keep_samples`, or until
a hand-over has taught them) the next trial goes behind, and back to the first row when the room is over; `trial_place` says
of each row when it was written, and what reward its trial ended with.
"""

import math

from bmi_app.rt.codes import TASK, WHEN
from bmi_app.rt.cursor import INTENT, NOISE, VELOCITY, X, Y
from bmi_app.rt.jit import part

JUDGED_ON = 64  # samples on which an update's error is taken: 0.2 ms at 1024 units


@part
def begin_samples(config, state):
    """Make room for the samples of a new trial: behind what a hand-over has not yet taught, or before it.

    What is still being taught is read from its row onward, at least one a tick; this trial, written from the first
    row, at most one a tick, never comes up with it.
    """
    state.n_samples = 0
    # By trial, what no hand-over has taken up at its trial's end never will be.
    all_taught = state.handing == 0 and (state.learn_from == state.sample_row or config.learn_when == WHEN.TRIAL)
    if (all_taught and not config.keep_samples) or state.sample_row + config.trial_rows > config.sample_rows:
        state.sample_row = 0
        if state.handing == 0 or state.learn_from == 0:
            state.handing = state.then_until = 0
            state.learn_from = 0
    state.trial_first = state.sample_row


@part
def sample(core, model, signal, trial):
    """Keep this tick's features, intention, noise and position, every `learning.sample_ms`; return 1 if kept.

    Intention, noise and position are divided by the gain, so that a rule works in the units of weights x features.
    """
    config, state = core.config, core.state
    x, trial_features, trial_intent, trial_noise, vectors = (
        signal.features,
        trial.trial_features,
        trial.trial_intent,
        trial.trial_noise,
        trial.vectors,
    )
    trial_position = trial.trial_position
    gain = model.gain
    moving = state.state == TASK.MOVE or state.state == TASK.HOLD
    if state.held or not moving or state.trial_ticks % config.sample_ticks != 0:
        return 0
    row = state.trial_first + state.n_samples
    if state.n_samples >= config.trial_rows or row >= trial_features.shape[0]:
        return 0
    for u in range(x.shape[0]):
        trial_features[row, u] = x[u]
    for a in range(gain.shape[0]):
        trial_intent[row, a] = vectors[INTENT, a] / gain[a] if gain[a] != 0.0 else 0.0
        trial_noise[row, a] = vectors[NOISE, a] / gain[a] if gain[a] != 0.0 else 0.0
        place_cm = state.from_y_cm if a == Y else state.from_x_cm
        trial_position[row, a] = place_cm / gain[a] if gain[a] != 0.0 else 0.0
    place, last = trial.trial_place[row], vectors.shape[1] - 1
    place.tick, place.trial, place.block, place.state = state.tick, state.trial, state.block + 1, state.state
    place.cursor_x_cm, place.cursor_y_cm = state.from_x_cm, state.from_y_cm
    place.velocity_x_cm_s, place.velocity_y_cm_s = vectors[VELOCITY, X], vectors[VELOCITY, last] * last
    place.reward = math.nan
    state.n_samples += 1
    state.sample_row = row + 1
    return 1


@part
def note_reward(state, trial):
    """Say of the samples of the trial that has just been judged what it ended with: a hand-over teaches them later."""
    place = trial.trial_place
    for row in range(state.trial_first, state.trial_first + state.n_samples):
        place[row].reward = state.reward


@part
def error_on(model, trial, adapted, first, last, most):
    """Return the error of a readout or model on samples first..last, on at most `most` of them, evenly spaced.

    Of a readout, f8[axis, unit]: root mean square of weights x features + bias less the intention, in cm/s. Of a model,
    f8[axis + 2, unit] (`bmi_app.decoders.contract`): of features less those that it expects of the intention.
    """
    error, _ = fit_on(model, trial, adapted, first, last, most)
    return error


@part
def fit_on(model, trial, adapted, first, last, most):
    """Return the error as `error_on` does, and the cosine between what a readout says and the intention; 0 of a model.

    The cosine is of all samples together, so that fast moments count most; how fast the cursor is does not enter.
    """
    x, intent = trial.trial_features, trial.trial_intent
    bias, gain = model.bias, model.gain
    n_axes, n_units = intent.shape[1], x.shape[1]
    count = min(last - first, most)
    total = along = power_said = power_meant = 0.0
    for k in range(count):
        row = first + k * (last - first) // count
        if adapted.shape[0] == n_axes:
            for a in range(n_axes):
                said, meant = bias[a], gain[a] * intent[row, a]
                for u in range(n_units):
                    said += adapted[a, u] * x[row, u]
                said *= gain[a]
                total += (said - meant) ** 2
                along += said * meant
                power_said += said * said
                power_meant += meant * meant
        else:
            for u in range(n_units):
                error = adapted[n_axes, u] - x[row, u]
                for a in range(n_axes):
                    error += adapted[a, u] * intent[row, a]
                total += error * error / n_units
    both = power_said * power_meant
    cosine = along / math.sqrt(both) if both > 0.0 and math.isfinite(both) else 0.0
    return math.sqrt(total / count) if count > 0 else 0.0, cosine
