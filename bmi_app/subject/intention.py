"""Compute the velocity that the subject intends, by feedback control over a delayed, noisy sight of the cursor.

    p^    = p_seen + sum over the delay of v^ dt                    (its internal estimate of the cursor)
    push  = min(speed, gain d) toward the target, d = |target - p^|
    v*    = push + damping (push - v^)

This is Willett's (2017, J. Neural Eng. 14, 036010) controller: a push toward the target that depends on the distance, minus a
damping that depends on the estimated velocity, both taken from an internal estimate that bridges the visual delay. v^ is
what the subject's own model of the tool says of its own firing: with a wrong model, the estimate is wrong as well.

With the intent `mouse` the place of a person's hand stands in for the target, at once and without noise: the person sees,
reacts and errs; without a hand the subject rests.
"""

import math

from bmi_app.rt import random
from bmi_app.rt.contracts import (
    SEEN_CONTROL,
    SEEN_HAND_X,
    SEEN_HAND_Y,
    SEEN_RADIUS,
    SEEN_STATE,
    SEEN_TARGET_X,
    SEEN_TARGET_Y,
    SEEN_X,
)
from bmi_app.rt.jit import part
from bmi_app.rt.records import TaskState
from bmi_app.subject import noise
from bmi_app.subject.mind import (
    AGE_STEPS,
    DAMPING,
    DELAY_STEPS,
    ESTIMATE_X,
    ESTIMATE_Y,
    GAIN_PER_S,
    HEAD,
    HELD_NOISE,
    LAPSE,
    LAPSED,
    MOTOR_CM_S,
    MOTOR_KEEP,
    MOTOR_X,
    N_AXES,
    PREDICTED,
    REACTION_STEPS,
    SHOWN_STEPS,
    SIGHT_CM,
    SPEED_CM_S,
    STEP,
    STEP_S,
    TARGET_X,
    TARGET_Y,
    WANTED_X,
    WANTED_Y,
    matrix,
    vector,
)

_REST = int(TaskState.REST)
_MOTOR, _LAPSE = 2, 12  # lanes of the random numbers; those of the eyes come before (`noise.renew`)


@part
def estimate(memory, seen):
    """Estimate where the cursor is now: where it was seen, and what the copies of later firing must have done."""
    head = vector(memory, HEAD)
    n_axes = int(head[N_AXES])
    predicted, held = matrix(memory, PREDICTED, n_axes), vector(memory, HELD_NOISE)
    rows, step = predicted.shape[0], int(head[STEP])
    unseen = min(int(head[DELAY_STEPS] + head[AGE_STEPS]), step, rows)
    for a in range(2):
        moved_cm = 0.0
        if a < n_axes:
            for back in range(1, unseen + 1):
                moved_cm += predicted[(step - back) % rows, a]
        noise_cm = head[SIGHT_CM] * noise.noise_of(held, a)
        head[ESTIMATE_X + a] = seen[0, SEEN_X + a] + noise_cm + moved_cm * head[STEP_S]


@part
def follow_hand(head, seen):
    """Take the person's hand for the target; tell whether there is one, and the decoder is to follow it.

    Not in a rest block: what it fires there becomes the baselines.
    """
    if math.isnan(seen[0, SEEN_HAND_X]) or math.isnan(seen[0, SEEN_HAND_Y]):
        return False
    if seen[0, SEEN_CONTROL] != 0.0 or seen[0, SEEN_STATE] == _REST:
        return False
    head[TARGET_X], head[TARGET_Y] = seen[0, SEEN_HAND_X], seen[0, SEEN_HAND_Y]
    return True


@part
def notice_target(head, key, seen):
    """Notice a new target, and whether this trial is attended to; tell whether the subject acts."""
    if seen[0, SEEN_RADIUS] <= 0.0:
        head[SHOWN_STEPS] = 0.0
        return False
    x, y = seen[0, SEEN_TARGET_X], seen[0, SEEN_TARGET_Y]
    if head[SHOWN_STEPS] == 0.0 or x != head[TARGET_X] or y != head[TARGET_Y]:
        head[TARGET_X], head[TARGET_Y] = x, y
        head[SHOWN_STEPS] = 0.0
        head[LAPSED] = 1.0 if random.uniform(key, 2 * _LAPSE) < head[LAPSE] else 0.0
    head[SHOWN_STEPS] += 1.0
    return head[LAPSED] == 0.0 and head[SHOWN_STEPS] > head[REACTION_STEPS]


@part
def intend(memory, key):
    """Choose the velocity wanted, from the estimate of the cursor and of its velocity."""
    head = vector(memory, HEAD)
    n_axes = int(head[N_AXES])
    predicted = matrix(memory, PREDICTED, n_axes)
    rows, step = predicted.shape[0], int(head[STEP])
    dx, dy = head[TARGET_X] - head[ESTIMATE_X], head[TARGET_Y] - head[ESTIMATE_Y]
    distance_cm = math.hypot(dx, dy)
    per_s = min(head[GAIN_PER_S], head[SPEED_CM_S] / distance_cm) if distance_cm > 0.0 else 0.0
    damping, keep = head[DAMPING], head[MOTOR_KEEP]
    fresh = math.sqrt(1.0 - keep * keep) * head[MOTOR_CM_S]
    for a in range(2):
        push = per_s * (dx if a == 0 else dy)
        moving = predicted[(step - 1) % rows, a] if a < n_axes and step > 0 else 0.0
        head[MOTOR_X + a] = keep * head[MOTOR_X + a] + fresh * random.normal(key, _MOTOR + a)
        head[WANTED_X + a] = push + damping * (push - moving) + head[MOTOR_X + a]


@part
def rest(head):
    """Want nothing."""
    head[WANTED_X] = 0.0
    head[WANTED_Y] = 0.0
