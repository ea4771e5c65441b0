"""Least mean squares: each sample pulls the decoded velocity toward the intended one.

    e_t = v_int - (W x + b)
    W  += rate * e_t x^T / (eps + |x|^2)          normalised (Haykin, Adaptive Filter Theory), the default
    W  += rate * e_t x^T                          plain (Widrow and Hoff 1960), `normalised = false`

Samples are taken one after the other, so each is judged with the weights that the one before has left. Normalised it
is stable for 0 < rate < 2; plain, in the mean, for 0 < rate < 2 / lambda_max(E[x x^T]), so its rate has to be chosen for
the number of units and their firing.
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

    normalised: bool = Field(default=True, description="whether each step is divided by epsilon + |x|^2")
    epsilon: float = Field(
        default=1.0, gt=0, description="added to |x|^2, which keeps the step finite when no unit fires"
    )


layout = MemoryLayout({"epsilon": (), "normalised": ()})


def start(settings: Settings, memory: dict[str, np.ndarray]) -> None:
    """Fill the rule's memory."""
    layout.fill(memory, epsilon=settings.epsilon, normalised=settings.normalised)


@kernel(learn_signature)
def LEARN(weights, bias, mask, memory, features, intent, noise, position, rate, reward):
    """Pull the weights by every sample in turn; units outside the mask stay as they are."""
    if features.shape[0] == 0 or rate == 0.0:
        return NOTHING
    m = layout.named(memory)
    for t in range(features.shape[0]):
        power = divisor(features[t], m.epsilon, m.normalised)
        for a in range(weights.shape[0]):
            predicted = bias[a]
            for u in range(weights.shape[1]):
                predicted += weights[a, u] * features[t, u]
            step = rate * (intent[t, a] - predicted) / power
            for u in range(weights.shape[1]):
                weights[a, u] += step * features[t, u] * mask[a, u]
    return CHANGED


TRAITS = LearningTraits(
    adapts=frozenset({"readout"}),
    default_rate=0.002,
    in_order=True,
    for_subject=SubjectRole(rate=0.003),
    in_feature_power="epsilon",
    divided_by_all=True,
)
