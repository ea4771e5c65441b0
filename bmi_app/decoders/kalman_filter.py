"""Filter with a Kalman model of the firing: the kernel that `kalman` and `refit_kalman` share.

State s: the velocity v f8[axis], or position and velocity [p v] f8[2 axes]. Features x f8[unit]:

    s_t = A s_{t-1} + d + w,  w ~ N(0, W)        x_t = C s_t + c + q,  q ~ N(0, Q)          (Wu et al. 2002)

With a position, A and d are the transition of [p v 1]: where coordinates have their origin changes nothing. Without one d is 0: rest is
rest everywhere. One tick, in information form, so that the cost is linear in units (D = Q^-1 C):

    s- = A s + d,   P- = A P A^T + W
    P  = (I + P- S)^-1 P-,   S = D^T C
    s  = s- + P D^T (x - c - C s-)

With a steady gain K (the limit of P D^T) a tick is  s = M s + K x + b  with M = (I - K C) A and b = (I - K C) d - K c, the same as `linear`.

Where the position is known (ReFIT), it is no part of the state: what it explains of the firing is subtracted, x - C_p p.

Weights of 0 cut a unit off from an axis, whatever the model says: control units never drive the cursor. The other weights are
the steady gain K of the velocity, which acts where the gain is steady, and is shown where it is not.
"""

import math

from bmi_app.decoders.sums import dot
from bmi_app.rt.jit import part

ESTIMATED_POSITION, KNOWN_POSITION = 1.0, 2.0  # values of the flag POSITION; 0: the model has no position
STEADY, FULL, COUPLED, POSITION = range(4)  # flags
N_FLAGS = 4
DRIFT = "drift"


def layout(n_units: int, n_axes: int, has_position: bool, is_known: bool) -> dict[str, tuple[int, ...]]:
    """Return the named parts of a filter's memory.

    model f8[axis + 2, unit]: C of the velocity, c, the variances Q. position_tuning f8[axis, unit]: C of the position.
    flags: which of the forms above. transition, process f8[m, m]: A and W. steady f8[m, m], steady_bias f8[m],
    position_gain f8[axis, unit]: M, b, and the rows of K for the position. cursor f8[axis]: where the cursor stands, written by
    the tick before DECODE. feedback f8[axis, axis]: K C_p. information f8[m, unit]: D. drift f8[m]: d, where the position is estimated; it stands last, so
    that what was saved before there was one is the beginning of the same layout. The rest is state and scratch.
    """
    m = n_axes * (2 if has_position and not is_known else 1)
    positions, known = (n_axes if has_position else 0), (n_axes if is_known else 0)
    return {
        "model": (n_axes + 2, n_units),
        "flags": (N_FLAGS,),
        "cursor": (known,),
        "feedback": (known, known),
        "position_tuning": (positions, n_units),
        "position_gain": (m - n_axes, n_units),
        "transition": (m, m),
        "process": (m, m),
        "steady": (m, m),
        "steady_bias": (m,),
        "state": (m,),
        "covariance": (m, m),
        "scratch": (3 * m + 2, m),
        "information": (m, n_units),
        "tuning": (m, n_units),
        "surprise": (n_units,),
        DRIFT: (m if has_position and not is_known else 0,),
    }


@part
def _parts(memory, n_axes, n_units):
    """Name the parts of the memory, in the order of `layout`."""
    flags_at = (n_axes + 2) * n_units
    position = memory[flags_at + POSITION]
    n_known = n_axes if position == KNOWN_POSITION else 0
    n_positions = n_axes if position != 0.0 else 0
    m = 2 * n_axes if position == ESTIMATED_POSITION else n_axes
    cursor_at = flags_at + N_FLAGS
    feedback_at = cursor_at + n_known
    tuning_at = feedback_at + n_known * n_known
    gain_at = tuning_at + n_positions * n_units
    small_at = gain_at + (m - n_axes) * n_units
    large_at = small_at + (7 * m + 4) * m
    drift_at = large_at + (2 * m + 1) * n_units
    return (
        memory[:flags_at].reshape(n_axes + 2, n_units),
        memory[flags_at:cursor_at],
        memory[cursor_at:feedback_at],
        memory[feedback_at:tuning_at].reshape(n_known, n_known),
        memory[tuning_at:gain_at].reshape(n_positions, n_units),
        memory[gain_at:small_at].reshape(m - n_axes, n_units),
        memory[small_at:large_at].reshape(7 * m + 4, m),
        memory[large_at:drift_at].reshape(2 * m + 1, n_units),
        memory[drift_at : drift_at + (m if position == ESTIMATED_POSITION else 0)],
    )


@part
def _pass(row, weights, out):
    """Write a row f8[unit] into `out`, without the units that the weights f8[unit] cut off."""
    for u in range(row.shape[0]):
        out[u] = row[u] if weights[u] != 0.0 else 0.0


@part
def _divide(row, variances, out):
    """Write a row over the variances into `out`."""
    for u in range(row.shape[0]):
        out[u] = row[u] / variances[u]


@part
def _take_off(row, factor, out):
    """Subtract a row, times a factor, from `out`."""
    for u in range(row.shape[0]):
        out[u] -= factor * row[u]


@part
def _gate(weights, model, position_tuning, tuning):
    """Write C f8[m, unit] into `tuning`, without the units that the weights cut off."""
    n_axes = weights.shape[0]
    m = tuning.shape[0]
    for i in range(m):
        a = i % n_axes
        _pass(position_tuning[a] if m > n_axes and i < n_axes else model[a], weights[a], tuning[i])


@part
def _be_surprised(weights, model, flags, cursor, position_tuning, tuning, predicted, features, surprise):
    """Write x - c - C s-, less what the known position explains; where D is not made of C, of the units that drive anything."""
    n_axes = weights.shape[0]
    constant = model[n_axes]
    for u in range(features.shape[0]):
        surprise[u] = features[u] - constant[u]
    for i in range(tuning.shape[0]):
        _take_off(tuning[i], predicted[i], surprise)
    for a in range(cursor.shape[0]):
        _take_off(position_tuning[a], cursor[a], surprise)
    if flags[FULL] != 0.0:
        for u in range(features.shape[0]):
            drives = 0.0
            for a in range(n_axes):
                drives += abs(weights[a, u])
            if drives == 0.0:
                surprise[u] = 0.0


@part
def _multiply(left, right, product):
    """Write the product of two small square matrices."""
    m = product.shape[0]
    for i in range(m):
        for j in range(m):
            total = 0.0
            for k in range(m):
                total += left[i, k] * right[k, j]
            product[i, j] = total


@part
def _solve_into(system, right):
    """Overwrite `right` with system^-1 right, by elimination with pivots; `system` is used up."""
    m = system.shape[0]
    for k in range(m):
        best = k
        for i in range(k + 1, m):
            if abs(system[i, k]) > abs(system[best, k]):
                best = i
        for j in range(m):
            system[k, j], system[best, j] = system[best, j], system[k, j]
            right[k, j], right[best, j] = right[best, j], right[k, j]
        for i in range(m):
            if i != k:
                factor = system[i, k] / system[k, k]
                for j in range(m):
                    system[i, j] -= factor * system[k, j]
                    right[i, j] -= factor * right[k, j]
    for i in range(m):
        for j in range(m):
            right[i, j] /= system[i, i]


@part
def _predict(transition, drift, process, state, covariance, predicted, prior, product):
    """Write s- = A s + d and P- = A P A^T + W."""
    m = state.shape[0]
    _multiply(transition, covariance, product)
    for i in range(m):
        predicted[i] = drift[i] if i < drift.shape[0] else 0.0
        for j in range(m):
            predicted[i] += transition[i, j] * state[j]
            prior[i, j] = process[i, j]
            for k in range(m):
                prior[i, j] += product[i, k] * transition[j, k]


@part
def _correct(information, tuning, surprise, coupled, n_axes, small, gathered):
    """Write S and D^T (x - c - C s-) from the units; axes that share no model see nothing of each other."""
    m = tuning.shape[0]
    for i in range(m):
        gathered[i] = dot(information[i], surprise)
        for j in range(i + 1):  # S is symmetric
            small[i, j] = dot(information[i], tuning[j]) if coupled or i % n_axes == j % n_axes else 0.0
            small[j, i] = small[i, j]


@part
def _running(weights, parts, features):
    """Advance the state by one tick with the gain of the moment, from the model as it stands."""
    model, flags, cursor, _, position_tuning, _, small, large, drift = parts
    n_axes, m = weights.shape[0], small.shape[1]
    transition, process = small[:m], small[m : 2 * m]
    state, covariance = small[3 * m + 1], small[3 * m + 2 : 4 * m + 2]
    scratch = small[4 * m + 2 :]
    prior, product, system = scratch[:m], scratch[m : 2 * m], scratch[2 * m : 3 * m]
    predicted, gathered = scratch[3 * m], scratch[3 * m + 1]
    information, tuning, surprise = large[:m], large[m : 2 * m], large[2 * m]
    _predict(transition, drift, process, state, covariance, predicted, prior, product)
    _gate(weights, model, position_tuning, tuning)
    if flags[FULL] == 0.0:
        for i in range(m):
            _divide(tuning[i], model[model.shape[0] - 1], information[i])
    _be_surprised(weights, model, flags, cursor, position_tuning, tuning, predicted, features, surprise)
    _correct(information, tuning, surprise, flags[COUPLED] != 0.0, n_axes, product, gathered)
    _multiply(prior, product, system)  # P- S
    for i in range(m):
        system[i, i] += 1.0
    _solve_into(system, prior)
    finite = True
    for i in range(m):
        state[i] = predicted[i]
        for j in range(m):
            covariance[i, j] = 0.5 * (prior[i, j] + prior[j, i])
            state[i] += covariance[i, j] * gathered[j]
            finite = finite and math.isfinite(covariance[i, j])
        finite = finite and math.isfinite(state[i])
    if not finite:  # a model without sense was adopted: stand still, and begin anew with the next one
        for i in range(m):
            state[i] = 0.0
            for j in range(m):
                covariance[i, j] = 0.0


@part
def _steady(weights, bias, parts, features):
    """Advance the state by one tick with the constant gain."""
    _, _, cursor, feedback, _, position_gain, small, _, _ = parts
    n_axes, m = weights.shape[0], small.shape[1]
    steady, steady_bias, state, following = small[2 * m : 3 * m], small[3 * m], small[3 * m + 1], small[4 * m + 2]
    for i in range(m):
        a = i - (m - n_axes)  # positions come first
        total = steady_bias[i] + dot(position_gain[i], features) if a < 0 else bias[a] + dot(weights[a], features)
        for j in range(m):
            total += steady[i, j] * state[j]
        for b in range(cursor.shape[0]):
            total -= feedback[a, b] * cursor[b]
        following[i] = total
    for i in range(m):
        state[i] = following[i] if math.isfinite(following[i]) else 0.0


@part
def advance(weights, bias, memory, features, velocity_out):
    """Advance the filter by one tick, and return its velocity."""
    n_axes = weights.shape[0]
    parts = _parts(memory, n_axes, weights.shape[1])
    if parts[1][STEADY] != 0.0:
        _steady(weights, bias, parts, features)
    else:
        _running(weights, parts, features)
    small = parts[6]
    m = small.shape[1]
    for a in range(n_axes):
        velocity_out[a] = small[3 * m + 1, m - n_axes + a]
