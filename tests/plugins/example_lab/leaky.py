"""Leaky decoder: a groupweight whose velocity fades, v_t = keep v_(t-1) + (1 - keep) (W x + b)."""

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from bmi_app.rt.contracts import decode_signature
from bmi_app.rt.jit import kernel
from bmi_app.rt.memory import MemoryLayout
from bmi_app.traits import DecoderTraits


class Settings(BaseModel):
    """Set how slowly the velocity fades."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keep: float = Field(default=0.8, ge=0, lt=1, description="share of the velocity kept from tick to tick")


layout = MemoryLayout({"keep": (), "velocity": ("axes",)})


def start(settings: Settings, axis_map: np.ndarray, memory: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights and bias to start from: the map's signs, and 0."""
    layout.fill(memory, keep=settings.keep)
    return axis_map.copy(), np.zeros(len(axis_map))


@kernel(decode_signature)
def DECODE(weights, bias, memory, features, velocity_out):
    """Sum the weighted features, and let them fade in."""
    m = layout.named(memory, axes=weights.shape[0])
    for a in range(weights.shape[0]):
        total = bias[a]
        for u in range(weights.shape[1]):
            total += weights[a, u] * features[u]
        m.velocity[a] = m.keep * m.velocity[a] + (1.0 - m.keep) * total
        velocity_out[a] = m.velocity[a]


TRAITS = DecoderTraits(adaptable=frozenset({"readout"}), needs_map=True)
