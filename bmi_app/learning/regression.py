"""Recursive least squares: the linear regression on all samples so far, renewed with each; ridge where nothing is forgotten.

    P <- F P F,   g = P x,   d = 1 + x^T g,   e = v_int - (W x + b)
    W += rate * e g^T / d,   P -= g g^T / d            (Haykin, Adaptive Filter Theory, table 9.1, where F F = I / lambda)

P starts at I / ridge. With `forgetting` (lambda) and rate at 1, W is after every sample exactly the minimum of
sum |v_int - W x - b|^2 + ridge |W - W_0|^2, where W_0 are the weights of the beginning.

Each axis regresses on its own units only (those in its mask), so each has a P of its own. The cost of a sample grows with
the square of the units: at 1024 units on two axes it is milliseconds. Where all axes use the same units, `shared = true`
keeps one P for all of them, which halves the cost; then the rule refuses masks that differ.

Confidence: the posterior covariance of an axis's weights is sigma^2 P, with sigma^2 = squares / samples (both
fade), times what errors that last make of it (`serial`); see `confidence`.

What the rule knows of a unit begins anew when the unit's weight is not the one it left there (undo, a loaded decoder, an
update that the guard refused), or when the unit joined the axis. Without spikes nothing is forgotten, and what is known of a unit
fades (f_u = lambda^-1/2) only while that leaves it no less certain than it began, else f_u = 1: a unit that never fires
would blow up P.
"""

import math

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from bmi_app.decoders.sums import dot
from bmi_app.learning import serial
from bmi_app.rt.contracts import CHANGED, NOTHING, REFUSED, learn_signature
from bmi_app.rt.jit import kernel, part
from bmi_app.rt.memory import MemoryLayout
from bmi_app.traits import LearningTraits, SubjectRole


class Settings(BaseModel):
    """Set the memory's length and the prior."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    forgetting: float = Field(
        default=1.0,
        gt=0.5,
        le=1,
        description="lambda: weight kept by a sample when the next one comes; 1: nothing fades",
    )
    ridge: float = Field(default=1e4, gt=0, description="strength of the prior toward the first weights, in |x|^2")
    shared: bool = Field(default=False, description="one covariance for all axes; for decoders without populations")


# `samples`, `squares`: number of samples and their residual sum of squares. `left`: the weights as the rule left them, NaN outside
# the mask. `fading`, `seen`, `spread`: f, F x and g. `covariance`: P, on and below its diagonal; it is symmetric, and at many units
# the time goes into memory.
layout = MemoryLayout(
    {
        "forgetting": (),
        "ridge": (),
        "shared": (),
        "samples": ("axes",),
        "squares": ("axes",),
        "left": ("axes", "units"),
        "fading": ("units",),
        "seen": ("units",),
        "spread": ("units",),
        "covariance": ("1 if shared else axes", "units", "units"),
        **serial.PARTS,
    }
)


def start(settings: Settings, memory: dict[str, np.ndarray]) -> None:
    """Fill the rule's memory; a unit gets its prior when its first sample comes."""
    layout.fill(memory, **settings.model_dump())
    memory["left"][:] = np.nan


def confidence(memory: dict[str, np.ndarray], level: float = 0.95, independent: bool = False) -> np.ndarray:
    """Return half the width of each weight's interval, f8[axis, unit]; infinite until there are samples enough.

    Under Gaussian noise of unknown variance: Student's t, standard error sqrt(inflation sigma^2 P_uu). The inflation is what
    errors and firing that last from sample to sample make of the variance (`serial.inflation`). The interval is
    conditional: on a world that stands still, on the intention being what it is taken for, on firing that is known without
    error, and on errors that are forgotten within the batches that the number of samples allows.

    Parameters
    ----------
    memory
        The rule's named parts.
    level
        Probability that the interval holds the weight.
    independent
        Take the errors for independent from sample to sample, as textbooks do: inflation 1.
    """
    from scipy.special import stdtrit  # takes a fifth of a second to import, and the tick needs none of it

    n_axes, n_units = memory["left"].shape
    samples: np.ndarray = memory["samples"]
    if not samples.all():
        return np.full((n_axes, n_units), np.inf)
    variances = np.broadcast_to(np.einsum("auu->au", memory["covariance"]), (n_axes, n_units))
    errors = np.sqrt((memory["squares"] / samples)[:, None] * variances)
    if independent:
        freedom = samples
    else:
        inflation, freedom = serial.inflation(memory)
        errors = errors * np.sqrt(inflation)[:, None]
    quantiles = np.where(freedom > 0, stdtrit(np.maximum(freedom, 1.0), 0.5 + level / 2), np.inf)
    return np.asarray(quantiles[:, None] * errors)


@part
def _forget(covariance, unit):
    """Forget what is known of a unit and its relation to others."""
    for v in range(unit + 1):
        covariance[unit, v] = 0.0
    for u in range(unit + 1, covariance.shape[0]):
        covariance[u, unit] = 0.0


@part
def _follow_outside_changes(weights, mask, m):
    """Begin anew with the units whose weights are not as the rule left them, or that joined or left an axis."""
    left, last = m.left, m.covariance.shape[0] - 1
    for a in range(weights.shape[0]):
        own = m.covariance[min(a, last)]
        for u in range(weights.shape[1]):
            active = mask[a, u] != 0.0
            known = not math.isnan(left[a, u])
            changed = known and weights[a, u] != left[a, u]
            if known and (changed or not active):
                _forget(own, u)
            if active and (changed or not known):
                own[u, u] = 1.0 / m.ridge
                serial.forget(m, a, u)


@part
def _remember_weights(weights, mask, left):
    """Note the weights as they are now."""
    for a in range(weights.shape[0]):
        for u in range(weights.shape[1]):
            left[a, u] = weights[a, u] if mask[a, u] != 0.0 else np.nan


@part
def _fade(covariance, forgetting, ridge, fading):
    """Write F, f8[unit]: how much wider each unit's part of P becomes."""
    wider = 1.0 / math.sqrt(forgetting)
    for u in range(fading.shape[0]):
        fading[u] = wider if covariance[u, u] <= forgetting / ridge else 1.0


@part
def _spread(covariance, mask, features, fading, seen, spread):
    """Write g = F P F x of the units in the mask into `spread`, f8[unit]; return x^T g. `seen` is used up.

    A row of the triangle is read once, for what it gives to its own unit and to those before it.
    """
    n = spread.shape[0]
    for u in range(n):
        spread[u] = 0.0
        seen[u] = features[u] * fading[u] if mask[u] != 0.0 else 0.0
    for u in range(n):
        if mask[u] == 0.0:
            continue
        row, own = covariance[u], seen[u]
        if own != 0.0:
            for v in range(u):
                spread[v] += own * row[v]
        spread[u] = dot(row[:u], seen[:u]) + own * row[u]
    total = 0.0
    for u in range(n):
        spread[u] *= fading[u]
        if mask[u] != 0.0:
            total += features[u] * spread[u]
    return total


@part
def _narrow(covariance, mask, spread, divisor, fading, fades):
    """Let P fade, and take off what a sample has said; `spread` is used up."""
    scale = 1.0 / math.sqrt(divisor)
    for u in range(spread.shape[0]):
        spread[u] *= scale
    for u in range(spread.shape[0]):
        if mask[u] == 0.0:
            continue
        row, wider = spread[u], fading[u]
        if fades:
            for v in range(u + 1):
                covariance[u, v] = covariance[u, v] * (wider * fading[v]) - row * spread[v]
        else:
            for v in range(u + 1):
                covariance[u, v] -= row * spread[v]


@part
def _same_masks(mask):
    """Tell whether all axes use the same units."""
    for a in range(1, mask.shape[0]):
        for u in range(mask.shape[1]):
            if (mask[a, u] != 0.0) != (mask[0, u] != 0.0):
                return False
    return True


@kernel(learn_signature)
def LEARN(weights, bias, mask, memory, features, intent, noise, position, rate, reward):
    """Regress on every sample in turn; units outside the mask stay as they are."""
    if features.shape[0] == 0 or rate == 0.0:
        return NOTHING
    n_axes, n_units = weights.shape
    m = layout.named(memory, axes=n_axes, units=n_units)
    forgetting, shared, fading, spread = m.forgetting, m.shared != 0.0, m.fading, m.spread
    if shared and not _same_masks(mask):
        return REFUSED
    _follow_outside_changes(weights, mask, m)
    result = NOTHING
    total = 0.0
    for t in range(features.shape[0]):
        for a in range(n_axes):
            own = m.covariance[0 if shared else a]
            if a == 0 or not shared:
                _fade(own, forgetting, m.ridge, fading)
                total = _spread(own, mask[a], features[t], fading, m.seen, spread)
            if not (
                total > 0.0 and math.isfinite(total)
            ):  # without spikes there is no information, and nothing is forgotten
                continue
            divisor = 1.0 + total
            error = intent[t, a] - bias[a]
            for u in range(n_units):
                error -= weights[a, u] * features[t, u]
            for u in range(n_units):
                weights[a, u] += rate * error / divisor * spread[u] * mask[a, u]
            m.samples[a] = forgetting * m.samples[a] + 1.0
            m.squares[a] = forgetting * m.squares[a] + error * error / divisor
            influence = error / (divisor * math.sqrt(divisor))
            serial.note(m, a, influence)
            if not shared or a == n_axes - 1:
                _narrow(own, mask[a], spread, divisor, fading, forgetting != 1.0)
            result = CHANGED
    _remember_weights(weights, mask, m.left)
    return result


TRAITS = LearningTraits(
    adapts=frozenset({"readout"}),
    default_rate=1.0,
    in_order=True,
    cost="quadratic",
    confidence=confidence,
    # a subject's prior: noise of (9 cm/s)^2 over weights of (0.1 cm/s/Hz)^2
    for_subject=SubjectRole(rate=1.0, settings={"shared": True, "ridge": 8e3}),
    in_feature_power="ridge",
)
