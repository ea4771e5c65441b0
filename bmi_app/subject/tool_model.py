"""Learn the tool: a forward model from the subject's own firing to the cursor's velocity, and its inverse to act with.

    x     = the efference copy: intended firing and exploration above rest, smoothed as the decoder smooths, as old as
            the cursor that is seen; and a constant
    v^    = W^ x                                             (c^ is the weight of the constant)
    r*    = r0 + W^T (W^ W^T + lambda I)^-1 (v_desired - c^)  (rates above rest r0: c^ holds W^ r0 of rates themselves)

A subject that can make the patterns r0 + B z only (`manifold`) inverts W^ B instead of W^, and fires r0 + B z.

The rules are those of `bmi_app.learning` that say so (`tool_rules`), one implementation for subject, decoder and inference. Most learn
W^; one that learns actions has no model, and learns Theta of r* = r0 + Theta v_desired / speed.
The spikes are not known to the subject, nor is the noise that its eyes add to the velocity.
"""

import math

import numpy as np

from bmi_app.rt import random
from bmi_app.rt.contracts import (
    CHANGED,
    SEEN_CONTROL,
    SEEN_REWARD,
    SEEN_STATE,
    SEEN_TIME_S,
    SEEN_VX,
    SEEN_VY,
)
from bmi_app.rt.jit import part
from bmi_app.rt.records import TaskState
from bmi_app.subject.mind import (
    ACTIONS,
    AGE_STEPS,
    AIMED,
    AT_ONCE,
    AT_REST,
    BASELINE,
    BIAS,
    CONFIDENCE,
    COPIES,
    COPY,
    DELAY_STEPS,
    ERROR_SQUARE,
    EXPLORATION,
    FEATURES,
    FRAME_S,
    HAS_RULE,
    HEAD,
    IN_MANIFOLD,
    INVERSE,
    JUDGED_CM_S,
    LAG_KEEP,
    LEARN_AT,
    MANIFOLD,
    MASK,
    N_AXES,
    N_MANIFOLD,
    N_SAMPLES,
    N_UNITS,
    NEXT_SAMPLE,
    PREDICTED,
    RATE,
    REWARD,
    RIDGE,
    RULE,
    SAMPLE_STEPS,
    SIGHT_CM_S,
    SKILL_KEEP,
    SPEED_CM_S,
    STATE,
    STEP,
    TARGETS,
    TRIAL_ERROR,
    TRIAL_SAMPLES,
    TRIAL_SEEN,
    TRIALS,
    VELOCITY_SQUARE,
    WANTED_X,
    WEIGHTS,
    matrix,
    vector,
)
from bmi_app.subject.tool_rules import call_rule

CONSTANT_HZ = 5.0  # of the constant feature: about what exploration is, so that gradient rules learn c^ as fast as W^
_SIGHT = 4  # lane of the random numbers
_MOVE, _HOLD = int(TaskState.MOVE), int(TaskState.HOLD)
_REST = int(TaskState.REST)
_SUCCEEDED, _FAILED = int(TaskState.REWARD), int(TaskState.FAILED)


@part
def look(memory, key, seen):
    """Take in what is new in sight: pair it with the firing that made it, learn, and judge a trial that is over.

    Returns
    -------
    bool
        Whether a trial is over.
    """
    head = vector(memory, HEAD)
    if seen[0, SEEN_TIME_S] == head[FRAME_S]:
        head[AGE_STEPS] += 1.0
        return False
    row, judged = 0, False
    while row < seen.shape[0] and seen[row, SEEN_TIME_S] > head[FRAME_S]:
        head[REWARD] = max(head[REWARD], seen[row, SEEN_REWARD])
        judged = judged or seen[row, SEEN_STATE] in (_SUCCEEDED, _FAILED)
        row += 1
    before, now = int(head[STATE]), int(seen[0, SEEN_STATE])
    head[FRAME_S], head[AGE_STEPS], head[STATE] = seen[0, SEEN_TIME_S], 0.0, now
    was_moving, moving = before in (_MOVE, _HOLD), now in (_MOVE, _HOLD)
    due = head[STEP] >= head[NEXT_SAMPLE] and head[STEP] > head[DELAY_STEPS]
    by_hand = seen[0, SEEN_CONTROL] != 0.0  # which says nothing about the tool
    if due and was_moving and moving and not by_hand:
        _take_sample(memory, key, seen)
    elif due and now == _REST and head[AT_REST] != 0.0:
        _plan_next_sample(head)
        _learn(memory, 0, 0.0)
    if not was_moving:
        head[REWARD] = 0.0  # of no trial: given by the operator between two
    if not was_moving or moving:
        return False
    if not judged:  # cut by the end of its block: neither failed nor succeeded
        begin_trial(head)
        return False
    _end_trial(memory)
    return True


@part
def _plan_next_sample(head):
    """Keep to the schedule where frames come between its steps; begin anew after a pause."""
    head[NEXT_SAMPLE] += head[SAMPLE_STEPS]
    if head[NEXT_SAMPLE] <= head[STEP]:
        head[NEXT_SAMPLE] = head[STEP] + head[SAMPLE_STEPS]


@part
def _take_sample(memory, key, seen):
    """Keep what the seen velocity says of the firing of that time; learn from it where the rule learns at once."""
    head, targets = vector(memory, HEAD), vector(memory, TARGETS)
    n_axes, n_units, acts = int(head[N_AXES]), int(head[N_UNITS]), head[ACTIONS] != 0.0
    if seen[0, SEEN_VX] == 0.0 and seen[0, SEEN_VY] == 0.0:  # to the last bit: it is held, not driven
        return
    _plan_next_sample(head)
    copies, predicted = matrix(memory, COPIES, n_units + 1), matrix(memory, PREDICTED, n_axes)
    then = int(head[STEP] - head[DELAY_STEPS] - 1.0) % copies.shape[0]
    if head[AT_ONCE] != 0.0:  # nothing is kept: there is room for one
        head[N_SAMPLES] = 0.0
    elif head[N_SAMPLES] >= head[TRIAL_SAMPLES]:
        _forget_first_half(memory)
    row = int(head[N_SAMPLES])
    error_square = velocity_square = 0.0
    for a in range(n_axes):
        velocity = seen[0, SEEN_VX + a] + head[SIGHT_CM_S] * random.normal(key, _SIGHT + a)
        error_square += (velocity - predicted[then, a]) ** 2
        velocity_square += velocity**2
        targets[row * n_axes + a] = head[WANTED_X + a] / head[SPEED_CM_S] if acts else velocity
    _note_error(head, error_square, velocity_square, vector(memory, AIMED)[then])
    features = vector(memory, FEATURES)
    if acts:
        noise_hz = vector(memory, EXPLORATION)
        for u in range(n_units):
            features[row * n_units + u] = noise_hz[u]
    else:
        for u in range(n_units + 1):
            features[row * (n_units + 1) + u] = copies[then, u]
    head[N_SAMPLES] = row + 1.0
    if head[HAS_RULE] != 0.0 and head[AT_ONCE] != 0.0:
        _learn(memory, 1, 0.0)


@part
def _forget_first_half(memory):
    """Make room in a long trial: what came last is what counts."""
    head = vector(memory, HEAD)
    n, n_axes = int(head[N_SAMPLES]), int(head[N_AXES])
    width = int(head[N_UNITS]) + (1 if head[ACTIONS] == 0.0 else 0)
    features, targets = vector(memory, FEATURES), vector(memory, TARGETS)
    first = n // 2
    for word in range((n - first) * width):
        features[word] = features[first * width + word]
    for word in range((n - first) * n_axes):
        targets[word] = targets[first * n_axes + word]
    head[N_SAMPLES] = n - first


@part
def _note_error(head, error_square, velocity_square, aimed_cm_s):
    """Follow how well the model foretells what is seen: confidence is the share of the velocity that it explains.

    A cursor that rests on its target shows little but the noise of the eyes, whatever the model: confidence waits for the
    next movement, and what was to be one the subject knows from the speed that it wanted.
    """
    head[TRIAL_ERROR] += error_square
    head[TRIAL_SEEN] += 1.0
    if aimed_cm_s <= head[JUDGED_CM_S]:
        return
    keep = max(head[SKILL_KEEP], 0.0)
    head[ERROR_SQUARE] = keep * head[ERROR_SQUARE] + (1.0 - keep) * error_square
    head[VELOCITY_SQUARE] = keep * head[VELOCITY_SQUARE] + (1.0 - keep) * velocity_square
    if head[ACTIONS] == 0.0 and head[VELOCITY_SQUARE] > 0.0:
        head[CONFIDENCE] = min(max(1.0 - head[ERROR_SQUARE] / head[VELOCITY_SQUARE], 0.0), 1.0)


@part
def _end_trial(memory):
    """Let the rules learn that learn from whole trials."""
    head = vector(memory, HEAD)
    n = int(head[N_SAMPLES])
    head[TRIALS] += 1.0
    if head[ACTIONS] != 0.0:  # without a model, confidence is how often it is rewarded
        rewarded = 1.0 if head[REWARD] > 0.0 else 0.0
        head[CONFIDENCE] = 0.9 * head[CONFIDENCE] + 0.1 * rewarded
    if head[HAS_RULE] != 0.0 and head[AT_ONCE] == 0.0 and n > 0:
        _learn(memory, n, head[REWARD])


@part
def begin_trial(head):
    """Forget the samples, the error and the reward of the trial that is over."""
    head[N_SAMPLES] = 0.0
    head[TRIAL_ERROR] = 0.0
    head[TRIAL_SEEN] = 0.0
    head[REWARD] = 0.0


@part
def _learn(memory, n, reward):
    """Give the first n samples of the trial to the rule; renew the inverse if it has learnt.

    The rules of a model read neither noise nor position, that without a model no intention: what stands there is not used.
    """
    head, bias, mask, rule = vector(memory, HEAD), vector(memory, BIAS), vector(memory, MASK), vector(memory, RULE)
    n_axes, n_units, rate, learn_at = int(head[N_AXES]), int(head[N_UNITS]), head[RATE], head.view(np.int64)[LEARN_AT]
    targets = vector(memory, TARGETS)[: n * n_axes].reshape(n, n_axes)
    if head[ACTIONS] != 0.0:
        theta, mask_ = matrix(memory, WEIGHTS, n_axes), mask.reshape(n_units, n_axes)
        noise = vector(memory, FEATURES)[: n * n_units].reshape(n, n_units)
        result = call_rule(learn_at, theta, bias, mask_, rule, targets, noise, noise, noise, rate, reward)
    else:
        n_features = n_units + 1
        weights, mask_ = matrix(memory, WEIGHTS, n_features), mask.reshape(n_axes, n_features)
        x = vector(memory, FEATURES)[: n * n_features].reshape(n, n_features)
        result = call_rule(learn_at, weights, bias, mask_, rule, x, targets, targets, targets, rate, reward)
    if result == CHANGED:
        invert(memory)


@part
def invert(memory):
    """Renew the inverse W^T (W^ W^T + lambda I)^-1, f8[unit, axis]; of Theta, what a velocity of 1 cm/s asks for."""
    head = vector(memory, HEAD)
    n_axes, n_units = int(head[N_AXES]), int(head[N_UNITS])
    inverse = matrix(memory, INVERSE, n_axes)
    if head[ACTIONS] != 0.0:
        theta = matrix(memory, WEIGHTS, n_axes)
        for u in range(n_units):
            for a in range(n_axes):
                inverse[u, a] = theta[u, a] / head[SPEED_CM_S]
        return
    weights = matrix(memory, WEIGHTS, n_units + 1)
    if head[N_MANIFOLD] > 0.0:
        _invert_in_manifold(
            head, weights, matrix(memory, MANIFOLD, int(head[N_MANIFOLD])), vector(memory, IN_MANIFOLD), inverse
        )
        return
    xx = yy = head[RIDGE]
    xy = 0.0
    for u in range(n_units):
        xx += weights[0, u] * weights[0, u]
        if n_axes > 1:
            xy += weights[0, u] * weights[1, u]
            yy += weights[1, u] * weights[1, u]
    determinant = xx * yy - xy * xy
    for u in range(n_units):
        if n_axes == 1:
            inverse[u, 0] = weights[0, u] / xx
        else:
            inverse[u, 0] = (weights[0, u] * yy - weights[1, u] * xy) / determinant
            inverse[u, 1] = (weights[1, u] * xx - weights[0, u] * xy) / determinant


@part
def _invert_in_manifold(head, weights, manifold, room, inverse):
    """Renew the inverse among the patterns that can be made: B (W^ B)^T (W^ B (W^ B)^T + lambda I)^-1."""
    n_axes, n_units, n_patterns = inverse.shape[1], manifold.shape[0], manifold.shape[1]
    inside = room.reshape(n_axes, n_patterns)
    for a in range(n_axes):
        for p in range(n_patterns):
            inside[a, p] = 0.0
        for u in range(n_units):
            for p in range(n_patterns):
                inside[a, p] += weights[a, u] * manifold[u, p]
    xx = yy = head[RIDGE]
    xy = 0.0
    for p in range(n_patterns):
        xx += inside[0, p] * inside[0, p]
        if n_axes > 1:
            xy += inside[0, p] * inside[1, p]
            yy += inside[1, p] * inside[1, p]
    determinant = xx * yy - xy * xy
    for p in range(n_patterns):
        x = inside[0, p]
        if n_axes == 1:
            inside[0, p] = x / xx
        else:
            inside[0, p] = (x * yy - inside[1, p] * xy) / determinant
            inside[1, p] = (inside[1, p] * xx - x * xy) / determinant
    for u in range(n_units):
        for a in range(n_axes):
            inverse[u, a] = 0.0
            for p in range(n_patterns):
                inverse[u, a] += manifold[u, p] * inside[a, p]


@part
def tool_rates_into(memory, acts, rates_out):
    """Ask for the firing that, by the model, moves the cursor as wanted; explore beside it; at rest, for r0."""
    head, baseline_hz, noise_hz = vector(memory, HEAD), vector(memory, BASELINE), vector(memory, EXPLORATION)
    n_axes, n_units = int(head[N_AXES]), int(head[N_UNITS])
    inverse = matrix(memory, INVERSE, n_axes)
    x = y = 0.0
    if acts:
        x, y = head[WANTED_X], head[WANTED_X + 1] if n_axes > 1 else 0.0
        if head[ACTIONS] == 0.0:
            weights = matrix(memory, WEIGHTS, n_units + 1)
            x -= weights[0, n_units] * CONSTANT_HZ
            if n_axes > 1:
                y -= weights[1, n_units] * CONSTANT_HZ
    for u in range(n_units):
        rates_out[u] = baseline_hz[u] + noise_hz[u] + inverse[u, 0] * x
        if n_axes > 1:
            rates_out[u] += inverse[u, 1] * y


@part
def remember(memory, rates_hz):
    """Keep the efference copy of this step, smoothed, what the model makes of it, and, smoothed too, the speed wanted."""
    head, baseline_hz, copy = vector(memory, HEAD), vector(memory, BASELINE), vector(memory, COPY)
    n_axes, n_units, keep = int(head[N_AXES]), int(head[N_UNITS]), head[LAG_KEEP]
    copies, predicted = matrix(memory, COPIES, n_units + 1), matrix(memory, PREDICTED, n_axes)
    now = int(head[STEP]) % copies.shape[0]
    for u in range(n_units):
        copy[u] = keep * copy[u] + (1.0 - keep) * (rates_hz[u] - baseline_hz[u])
        copies[now, u] = copy[u]
    aimed = vector(memory, AIMED)
    aimed[now] = keep * aimed[(now - 1) % aimed.shape[0]] + (1.0 - keep) * math.hypot(
        head[WANTED_X], head[WANTED_X + 1]
    )
    copies[now, n_units] = CONSTANT_HZ
    if head[ACTIONS] != 0.0:
        return
    weights = matrix(memory, WEIGHTS, n_units + 1)
    for a in range(n_axes):
        total = 0.0
        for u in range(n_units + 1):
            total += weights[a, u] * copies[now, u]
        predicted[now, a] = total


@part
def trial_error_cm_s(head):
    """Return the root mean square error of prediction in the trial (cm/s); 0 without samples."""
    return math.sqrt(head[TRIAL_ERROR] / head[TRIAL_SEEN]) if head[TRIAL_SEEN] > 0.0 else 0.0
