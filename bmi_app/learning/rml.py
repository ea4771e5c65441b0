"""Recursive maximum likelihood: a Kalman filter's C and Q, renewed with every sample (Dangi et al. 2014).

    R <- lambda R + z z^T,   S <- lambda S + y z^T,   T <- lambda T + y^2,   n <- lambda n + 1
    C = S R^-1,   Q = (T - diag(C S^T)) / n

z is the intended velocity and a constant 1, y the features, less what the decoder holds that the cursor's position explains
of them (C_p p, where it has such a part: DECODE takes the same off), lambda forgets half within `half_life_s`. Only the diagonal of Q
is kept, so that the cost is linear in units. The statistics begin as if the present model had been seen for one half-life; nothing
changes before `warm_up_s` of samples, from which the power of the intention is known.
"""

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from bmi_app.rt.contracts import CHANGED, NOTHING, learn_signature
from bmi_app.rt.jit import kernel, part
from bmi_app.rt.memory import MemoryLayout
from bmi_app.traits import LearningTraits

_LEAST_VARIANCE = 1e-6
_USUAL_SAMPLE_S = 0.01  # where no session says it


class Settings(BaseModel):
    """Set how fast the past is forgotten."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    half_life_s: float = Field(
        default=120.0, gt=0, description="time of samples after which half of the past is left (s)"
    )
    warm_up_s: float = Field(default=10.0, ge=0.1, description="time of samples before the first change (s)")


# A session fills `sample_s`, the spacing of the samples, before `start`; and `position_tuning`, C_p of the decoder, with
# `has_position`, where the decoder has it. `warm_up`: samples, 0 when it is over; `seen`, `n`: samples, and those that are not forgotten.
layout = MemoryLayout(
    {
        "keep": (),
        "warm_up": (),
        "prior": (),
        "seen": (),
        "n": (),
        "sample_s": (),
        "has_position": (),
        "square": ("k", "k"),
        "inverse": ("k", "k"),
        "cross": ("k", "units"),
        "power": ("units",),
        "position_tuning": ("axes", "units"),
        "cleaned": ("units",),
    },
    where={"k": "axes + 1"},
)


def start(settings: Settings, memory: dict[str, np.ndarray]) -> None:
    """Fill the rule's memory."""
    sample_s = layout.number(memory, "sample_s") or _USUAL_SAMPLE_S
    half_life = settings.half_life_s / sample_s
    warm_up = max(round(settings.warm_up_s / sample_s), 1)
    layout.fill(memory, keep=0.5 ** (1.0 / half_life), warm_up=warm_up, prior=half_life)


@part
def _invert(square, inverse):
    """Invert a positive definite matrix of at most 3 x 3 by Gauss and Jordan, in place of `inverse`; tell if it was one."""
    k = square.shape[0]
    for i in range(k):
        for j in range(k):
            inverse[i, j] = square[i, j]
    for p in range(k):
        pivot = inverse[p, p]
        if not pivot > 0.0:
            return False
        inverse[p, p] = 1.0
        for j in range(k):
            inverse[p, j] /= pivot
        for i in range(k):
            if i != p:
                factor = inverse[i, p]
                inverse[i, p] = 0.0
                for j in range(k):
                    inverse[i, j] -= factor * inverse[p, j]
    return True


@part
def _add_prior(model, m):
    """Add the present model, as if it had been seen as often as `prior` says, with the intentions of the warm-up."""
    share, k = m.prior / m.n, m.square.shape[0]
    for u in range(model.shape[1]):
        explained = 0.0
        for i in range(k):
            total = 0.0
            for j in range(k):
                total += m.square[i, j] * model[j, u]
            m.cross[i, u] += share * total
            explained += share * total * model[i, u]
        m.power[u] += explained + share * m.n * model[k, u]
    for i in range(k):
        for j in range(k):
            m.square[i, j] *= 1.0 + share
    m.n *= 1.0 + share


@kernel(learn_signature)
def LEARN(weights, bias, mask, memory, features, intent, noise, position, rate, reward):
    """Take samples into the statistics, and renew the model from them; `weights` is the model, f8[axis + 2, unit]."""
    n_axes, n_units = intent.shape[1], weights.shape[1]
    k = n_axes + 1
    if features.shape[0] == 0 or rate == 0.0 or weights.shape[0] != k + 1:
        return NOTHING
    m = layout.named(memory, axes=n_axes, units=n_units)
    square, inverse, cross, power, y = m.square, m.inverse, m.cross, m.power, m.cleaned
    keep = m.keep
    for t in range(features.shape[0]):
        for u in range(n_units):
            y[u] = features[t, u]
        for a in range(n_axes if m.has_position != 0.0 else 0):
            for u in range(n_units):
                y[u] -= m.position_tuning[a, u] * position[t, a]
        for i in range(k):
            z = intent[t, i] if i < n_axes else 1.0
            for j in range(k):
                square[i, j] = keep * square[i, j] + z * (intent[t, j] if j < n_axes else 1.0)
            for u in range(n_units):
                cross[i, u] = keep * cross[i, u] + z * y[u]
        for u in range(n_units):
            power[u] = keep * power[u] + y[u] * y[u]
        m.n = keep * m.n + 1.0
        m.seen += 1.0
        if m.seen >= m.warm_up > 0.0:
            _add_prior(weights, m)
            m.warm_up = 0.0
    if m.warm_up > 0.0 or not _invert(square, inverse):
        return NOTHING
    for u in range(n_units):
        explained = 0.0
        for i in range(k):
            total = 0.0
            for j in range(k):
                total += inverse[i, j] * cross[j, u]
            weights[i, u] = total
            explained += total * cross[i, u]
        weights[k, u] = max((power[u] - explained) / m.n, _LEAST_VARIANCE)
    return CHANGED


TRAITS = LearningTraits(
    adapts=frozenset({"model"}),
    default_rate=1.0,  # above 0: the rule acts; the half-life says how fast it learns
    in_order=True,
    needs_position=True,
    acts_soon={"warm_up_s": 0.1, "half_life_s": 0.5},
)
