"""Reward-gated learning: the trial's LMS gradient is applied only if the reward comes.

    G = sum_t (v_int - (W x_t + b)) x_t^T / (eps + |x_t|^2),   W += rate * G   if R > 0

Every sample is judged with the weights of the trial, since nothing changes before the reward (hypothesis 4 of the
five; Legenstein et al. 2010 on gating). It cannot start from success 0: begin with assist, or with few wrong signs.
With `normalised = false` the sum is not divided, as in the plain `lms`.
"""

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from bmi_app.learning.normalise import divisor
from bmi_app.rt.contracts import CHANGED, NOTHING, learn_signature
from bmi_app.rt.jit import kernel
from bmi_app.rt.memory import MemoryLayout
from bmi_app.traits import LearningTraits, SubjectRole


class Settings(BaseModel):
    """Set the normalisation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    normalised: bool = Field(default=True, description="whether each sample is divided by epsilon + |x|^2")
    epsilon: float = Field(
        default=1.0, gt=0, description="added to |x|^2, which keeps the step finite when no unit fires"
    )


layout = MemoryLayout({"epsilon": (), "normalised": (), "gradient": ("axes", "units")})


def start(settings: Settings, memory: dict[str, np.ndarray]) -> None:
    """Fill the rule's memory."""
    layout.fill(memory, epsilon=settings.epsilon, normalised=settings.normalised)


@kernel(learn_signature)
def LEARN(weights, bias, mask, memory, features, intent, noise, position, rate, reward):
    """Apply the trial's summed gradient if it was rewarded."""
    if reward <= 0.0 or features.shape[0] == 0 or rate == 0.0:
        return NOTHING
    n_axes, n_units = weights.shape
    m = layout.named(memory, axes=n_axes, units=n_units)
    gradient = m.gradient
    gradient[:] = 0.0
    for t in range(features.shape[0]):
        power = divisor(features[t], m.epsilon, m.normalised)
        for a in range(n_axes):
            predicted = bias[a]
            for u in range(n_units):
                predicted += weights[a, u] * features[t, u]
            error = (intent[t, a] - predicted) / power
            for u in range(n_units):
                gradient[a, u] += error * features[t, u]
    for a in range(n_axes):
        for u in range(n_units):
            weights[a, u] += rate * gradient[a, u] * mask[a, u]
    return CHANGED


TRAITS = LearningTraits(
    adapts=frozenset({"readout"}),
    default_rate=0.002,
    pointless={
        "tick": 'the reward comes with one sample, so that the others of its trial teach nothing; take "reward"'
    },
    for_subject=SubjectRole(learner="gated", rate=0.003),
    in_feature_power="epsilon",
    divided_by_all=True,
)
