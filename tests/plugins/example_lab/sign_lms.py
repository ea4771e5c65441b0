"""Sign-error LMS: every sample moves each weight by the sign of the error, W += rate sign(e) x^T / (1 + |x|^2)."""

import numpy as np
from pydantic import BaseModel, ConfigDict

from bmi_app.rt.contracts import CHANGED, NOTHING, learn_signature
from bmi_app.rt.jit import kernel
from bmi_app.rt.memory import MemoryLayout
from bmi_app.traits import LearningTraits, SubjectRole


class Settings(BaseModel):
    """Have nothing to set."""

    model_config = ConfigDict(frozen=True, extra="forbid")


layout = MemoryLayout({})


def start(settings: Settings, memory: dict[str, np.ndarray]) -> None:
    """Fill the rule's memory: there is none."""


@kernel(learn_signature)
def LEARN(weights, bias, mask, memory, features, intent, noise, position, rate, reward):
    """Move the weights by the sign of the error of every sample."""
    if features.shape[0] == 0 or rate == 0.0:
        return NOTHING
    for t in range(features.shape[0]):
        power = 0.0
        for u in range(weights.shape[1]):
            drives = 0.0
            for a in range(weights.shape[0]):
                drives = max(drives, mask[a, u])
            power += drives * features[t, u] * features[t, u]  # control units have no say in the length of a step
        if power == 0.0:
            continue  # silence says nothing
        for a in range(weights.shape[0]):
            error = intent[t, a] - bias[a]
            for u in range(weights.shape[1]):
                error -= weights[a, u] * features[t, u]
            step = rate / power if error > 0.0 else -rate / power
            for u in range(weights.shape[1]):
                weights[a, u] += step * features[t, u] * mask[a, u]
    return CHANGED


TRAITS = LearningTraits(
    adapts=frozenset({"readout"}), default_rate=0.05, for_subject=SubjectRole(rate=0.01), divided_by_all=True
)
