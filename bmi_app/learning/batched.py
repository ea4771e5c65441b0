"""Batched gradient descent: the LMS gradient, replayed over stored trials, while awake or only at rest ("sleep").

    one replay of stored trial k:   W += rate * mean_t (v_int_t - (W x_t + b)) x_t^T / (eps + |x_t|^2)

The samples that the rule is given are stored, evenly thinned to `samples` of a trial; the newest `trials` trials are kept. A
call with samples then replays `replays_awake` of the stored trials, a call without (in a rest block) `replays`, in the
order in which they were stored, over and over. With `replays_awake = 0` nothing is learnt before the rest (hypothesis 3 of
the five: a jump of performance after it).

Samples that come one by one fill a stored trial after the other. The cost of a call is replays x samples x units,
whatever is stored. Stable as `lms` is.
"""

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from bmi_app.learning.normalise import divisor
from bmi_app.rt.contracts import CHANGED, NOTHING, learn_signature
from bmi_app.rt.jit import kernel, part

ADAPTS = "readout"
DEFAULT_RATE = 0.02
AT_REST = True  # called without samples all through rest blocks

# Words at the head of the memory; then gradient[axis, unit], filled[trial], features[trial, sample, unit], intent.
_EPSILON, _NORMALISED, _REPLAYS, _REPLAYS_AWAKE, _TRIALS, _SAMPLES, _STORED, _NEXT_REPLAY = range(8)
_HEAD = 8


class Settings(BaseModel):
    """Set the store, and how much of it is replayed at once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trials: int = Field(default=32, ge=1, le=10_000, description="trials that are kept")
    samples: int = Field(default=64, ge=1, le=10_000, description="samples that are kept of each")
    replays: int = Field(
        default=4, ge=0, le=1000, description="trials replayed at each call without new samples (rest)"
    )
    replays_awake: int = Field(default=4, ge=0, le=1000, description="trials replayed at each call with new samples")
    normalised: bool = Field(default=True, description="whether each sample is divided by epsilon + |x|^2")
    epsilon: float = Field(default=1.0, gt=0, description="added to |x|^2, so that silence does not blow up the step")


def layout(settings: Settings, n_units: int, n_axes: int) -> dict[str, tuple[int, ...]]:
    """Return the named parts of the rule's memory."""
    return {
        "head": (_HEAD,),
        "gradient": (n_axes, n_units),
        "filled": (settings.trials,),
        "features": (settings.trials, settings.samples, n_units),
        "intent": (settings.trials, settings.samples, n_axes),
    }


def start(settings: Settings, memory: dict[str, np.ndarray]) -> None:
    """Fill the rule's memory; nothing is stored yet."""
    head = memory["head"]
    head[_EPSILON], head[_NORMALISED] = settings.epsilon, settings.normalised
    head[_REPLAYS], head[_REPLAYS_AWAKE] = settings.replays, settings.replays_awake
    head[_TRIALS], head[_SAMPLES] = settings.trials, settings.samples


@part
def _parts(memory, n_axes, n_units):
    """Name the parts of the memory, in the order of `layout`."""
    n_trials, n_samples = int(memory[_TRIALS]), int(memory[_SAMPLES])
    filled_at = _HEAD + n_axes * n_units
    features_at = filled_at + n_trials
    intent_at = features_at + n_trials * n_samples * n_units
    end = intent_at + n_trials * n_samples * n_axes
    return (
        memory[_HEAD:filled_at].reshape(n_axes, n_units),
        memory[filled_at:features_at],
        memory[features_at:intent_at].reshape(n_trials, n_samples, n_units),
        memory[intent_at:end].reshape(n_trials, n_samples, n_axes),
    )


@part
def _store(memory, filled, stored_x, stored_intent, features, intent):
    """Store the samples as a trial over the oldest; a single one goes on filling the newest."""
    n_given, n_kept = features.shape[0], min(features.shape[0], stored_x.shape[1])
    newest = (int(memory[_STORED]) - 1) % filled.shape[0]
    row = 0
    if n_given == 1 and memory[_STORED] > 0.0 and filled[newest] < stored_x.shape[1]:
        row = int(filled[newest])
    else:
        newest = int(memory[_STORED]) % filled.shape[0]
        memory[_STORED] += 1.0
    for i in range(n_kept):
        t = i * n_given // n_kept
        for u in range(features.shape[1]):
            stored_x[newest, row + i, u] = features[t, u]
        for a in range(intent.shape[1]):
            stored_intent[newest, row + i, a] = intent[t, a]
    filled[newest] = row + n_kept


@part
def _replay(weights, bias, mask, gradient, x, intent, n, rate, epsilon, normalised):
    """Step along the mean gradient of the first n samples of one stored trial."""
    for a in range(weights.shape[0]):
        for u in range(weights.shape[1]):
            gradient[a, u] = 0.0
    for t in range(n):
        power = divisor(x[t], epsilon, normalised)
        for a in range(weights.shape[0]):
            error = intent[t, a] - bias[a]
            for u in range(weights.shape[1]):
                error -= weights[a, u] * x[t, u]
            error /= power
            for u in range(weights.shape[1]):
                gradient[a, u] += error * x[t, u]
    for a in range(weights.shape[0]):
        for u in range(weights.shape[1]):
            weights[a, u] += rate / n * gradient[a, u] * mask[a, u]


@kernel(learn_signature)
def LEARN(weights, bias, mask, memory, features, intent, noise, rate, reward):
    """Store what is given, and replay what is stored; units outside the mask stay as they are."""
    if rate == 0.0:
        return NOTHING
    gradient, filled, stored_x, stored_intent = _parts(memory, weights.shape[0], weights.shape[1])
    replays = int(memory[_REPLAYS])
    if features.shape[0] > 0:
        _store(memory, filled, stored_x, stored_intent, features, intent)
        replays = int(memory[_REPLAYS_AWAKE])
    n_trials = min(int(memory[_STORED]), filled.shape[0])
    if replays == 0 or n_trials == 0:
        return NOTHING
    for _ in range(replays):
        k = int(memory[_NEXT_REPLAY]) % n_trials
        memory[_NEXT_REPLAY] = k + 1
        n = int(filled[k])
        _replay(
            weights, bias, mask, gradient, stored_x[k], stored_intent[k], n, rate, memory[_EPSILON], memory[_NORMALISED]
        )
    return CHANGED
