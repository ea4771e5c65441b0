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
from bmi_app.rt.memory import MemoryLayout, words
from bmi_app.traits import LearningTraits, SubjectRole


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
    epsilon: float = Field(
        default=1.0, gt=0, description="added to |x|^2, which keeps the step finite when no unit fires"
    )


layout = MemoryLayout(
    {
        "head": words(
            "epsilon", "normalised", "replays", "replays_awake", "trials", "samples", "stored", "next_replay"
        ),
        "gradient": ("axes", "units"),
        "filled": ("trials",),
        "features": ("trials", "samples", "units"),
        "intent": ("trials", "samples", "axes"),
    }
)


def start(settings: Settings, memory: dict[str, np.ndarray]) -> None:
    """Fill the rule's memory; nothing is stored yet."""
    layout.fill(memory, **settings.model_dump())


@part
def _store(m, features, intent):
    """Store the samples as a trial over the oldest; a single one goes on filling the newest."""
    filled, stored_x, stored_intent = m.filled, m.features, m.intent
    n_given, n_kept = features.shape[0], min(features.shape[0], stored_x.shape[1])
    newest = (int(m.stored) - 1) % filled.shape[0]
    row = 0
    if n_given == 1 and m.stored > 0.0 and filled[newest] < stored_x.shape[1]:
        row = int(filled[newest])
    else:
        newest = int(m.stored) % filled.shape[0]
        m.stored += 1.0
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
def LEARN(weights, bias, mask, memory, features, intent, noise, position, rate, reward):
    """Store what is given, and replay what is stored; units outside the mask stay as they are."""
    if rate == 0.0:
        return NOTHING
    m = layout.named(memory, axes=weights.shape[0], units=weights.shape[1])
    replays = int(m.replays)
    if features.shape[0] > 0:
        _store(m, features, intent)
        replays = int(m.replays_awake)
    n_trials = min(int(m.stored), m.filled.shape[0])
    if replays == 0 or n_trials == 0:
        return NOTHING
    for _ in range(replays):
        k = int(m.next_replay) % n_trials
        m.next_replay = k + 1
        n = int(m.filled[k])
        _replay(weights, bias, mask, m.gradient, m.features[k], m.intent[k], n, rate, m.epsilon, m.normalised)
    return CHANGED


TRAITS = LearningTraits(
    adapts=frozenset({"readout"}),
    default_rate=0.02,
    at_rest=True,
    for_subject=SubjectRole(rate=0.015, settings={"replays_awake": 0, "trials": 128}, replays_awake="replays_awake"),
    in_feature_power="epsilon",
    divided_by_all=True,
)
