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
from bmi_app.rt.memory import MemoryLayout, Together, words

ESTIMATED_POSITION, KNOWN_POSITION = 1, 2  # values of the flag `position`; 0: the model has no position
DRIFT = "drift"

# model: C of the velocity, c, the variances Q. cursor: where the cursor stands, written by the tick before DECODE. feedback: K C_p.
# position_tuning: C of the position. position_gain: rows of K for it. transition, process: A and W. steady, steady_bias: M and b.
# information: D. drift: d, where the position is estimated; it stands last, so that what was saved before there was one is the
# beginning of the same layout. The rest is state and scratch.
LAYOUT = MemoryLayout(
    {
        "model": ("axes + 2", "units"),
        "flags": words("is_steady", "is_full", "is_coupled", "position"),
        "cursor": ("known",),
        "feedback": ("known", "known"),
        "position_tuning": ("positions", "units"),
        "position_gain": ("m - axes", "units"),
        "transition": ("m", "m"),
        "process": ("m", "m"),
        "steady": ("m", "m"),
        "steady_bias": ("m",),
        "state": ("m",),
        "covariance": ("m", "m"),
        "scratch": Together(
            ("3 * m + 2", "m"),
            {
                "prior": ("m", "m"),
                "product": ("m", "m"),
                "system": ("m", "m"),
                "predicted": ("m",),
                "gathered": ("m",),
            },
        ),
        "information": ("m", "units"),
        "tuning": ("m", "units"),
        "surprise": ("units",),
        DRIFT: ("m if position == 1 else 0",),
    },
    where={
        "m": "2 * axes if position == 1 else axes",
        "known": "axes if position == 2 else 0",
        "positions": "axes if position else 0",
    },
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
def _be_surprised(weights, m, features):
    """Write x - c - C s-, less what the known position explains; where D is not made of C, of the units that drive anything."""
    n_axes = weights.shape[0]
    surprise, constant = m.surprise, m.model[n_axes]
    for u in range(features.shape[0]):
        surprise[u] = features[u] - constant[u]
    for i in range(m.tuning.shape[0]):
        _take_off(m.tuning[i], m.predicted[i], surprise)
    for a in range(m.cursor.shape[0]):
        _take_off(m.position_tuning[a], m.cursor[a], surprise)
    if m.is_full != 0.0:
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
def _predict(m):
    """Write s- = A s + d and P- = A P A^T + W."""
    transition, drift, predicted, prior, product = m.transition, m.drift, m.predicted, m.prior, m.product
    _multiply(transition, m.covariance, product)
    n = m.state.shape[0]
    for i in range(n):
        predicted[i] = drift[i] if i < drift.shape[0] else 0.0
        for j in range(n):
            predicted[i] += transition[i, j] * m.state[j]
            prior[i, j] = m.process[i, j]
            for k in range(n):
                prior[i, j] += product[i, k] * transition[j, k]


@part
def _correct(m, n_axes):
    """Write S and D^T (x - c - C s-) from the units; axes that share no model see nothing of each other."""
    is_coupled, small = m.is_coupled != 0.0, m.product
    for i in range(m.tuning.shape[0]):
        m.gathered[i] = dot(m.information[i], m.surprise)
        for j in range(i + 1):  # S is symmetric
            small[i, j] = dot(m.information[i], m.tuning[j]) if is_coupled or i % n_axes == j % n_axes else 0.0
            small[j, i] = small[i, j]


@part
def _running(weights, m, features):
    """Advance the state by one tick with the gain of the moment, from the model as it stands."""
    n_axes, n = weights.shape[0], m.state.shape[0]
    state, covariance, prior, system = m.state, m.covariance, m.prior, m.system
    _predict(m)
    _gate(weights, m.model, m.position_tuning, m.tuning)
    if m.is_full == 0.0:
        for i in range(n):
            _divide(m.tuning[i], m.model[m.model.shape[0] - 1], m.information[i])
    _be_surprised(weights, m, features)
    _correct(m, n_axes)
    _multiply(prior, m.product, system)  # P- S
    for i in range(n):
        system[i, i] += 1.0
    _solve_into(system, prior)
    finite = True
    for i in range(n):
        state[i] = m.predicted[i]
        for j in range(n):
            covariance[i, j] = 0.5 * (prior[i, j] + prior[j, i])
            state[i] += covariance[i, j] * m.gathered[j]
            finite = finite and math.isfinite(covariance[i, j])
        finite = finite and math.isfinite(state[i])
    if not finite:  # a model without sense was adopted: stand still, and begin anew with the next one
        for i in range(n):
            state[i] = 0.0
            for j in range(n):
                covariance[i, j] = 0.0


@part
def _steady(weights, bias, m, features):
    """Advance the state by one tick with the constant gain."""
    n_axes, n = weights.shape[0], m.state.shape[0]
    state, following = m.state, m.prior[0]
    for i in range(n):
        a = i - (n - n_axes)  # positions come first
        total = m.steady_bias[i] + dot(m.position_gain[i], features) if a < 0 else bias[a] + dot(weights[a], features)
        for j in range(n):
            total += m.steady[i, j] * state[j]
        for b in range(m.cursor.shape[0]):
            total -= m.feedback[a, b] * m.cursor[b]
        following[i] = total
    for i in range(n):
        state[i] = following[i] if math.isfinite(following[i]) else 0.0


@part
def advance(weights, bias, memory, features, velocity_out):
    """Advance the filter by one tick, and return its velocity."""
    n_axes, n_units = weights.shape
    m = LAYOUT.named(memory, axes=n_axes, units=n_units)
    if m.is_steady != 0.0:
        _steady(weights, bias, m, features)
    else:
        _running(weights, m, features)
    for a in range(n_axes):
        velocity_out[a] = m.state[m.state.shape[0] - n_axes + a]
