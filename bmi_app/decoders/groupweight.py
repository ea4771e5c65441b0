"""Groupweight: each axis follows the weighted sum of one population's firing.

    v_a = gain_a * sum_{i in P_a} w_i (r_i - r0_i)

The baselines r0 are subtracted before (they are the features' offset), the gain is applied after; both belong to the
tick. Weights start at 1, or at +1 and -1 for a push-pull pair, and at 0 for units that drive nothing.
"""

import numpy as np
from pydantic import BaseModel, ConfigDict

from bmi_app.decoders.sums import dot
from bmi_app.rt.contracts import decode_signature
from bmi_app.rt.jit import kernel
from bmi_app.rt.memory import MemoryLayout

ADAPTABLE = frozenset({"readout"})
NEEDS_MAP = True


class Settings(BaseModel):
    """Hold nothing: the populations and gains of the protocol say it all."""

    model_config = ConfigDict(frozen=True, extra="forbid")


layout = MemoryLayout({})


def start(settings: Settings, axis_map: np.ndarray, memory: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights f8[axis, unit] and bias f8[axis] to start from: the map's signs, and 0."""
    return axis_map.copy(), np.zeros(axis_map.shape[0])


@kernel(decode_signature)
def DECODE(weights, bias, memory, features, velocity_out):
    """Sum the weighted features of each axis."""
    for a in range(weights.shape[0]):
        velocity_out[a] = bias[a] + dot(weights[a], features)
