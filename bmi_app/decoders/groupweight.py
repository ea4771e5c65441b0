"""Groupweight: each axis follows the weighted sum of one population's firing.

    v_a = gain_a * sum_{i in P_a} w_i (r_i - r0_i)

The baselines r0 are subtracted before (they are the features' offset), the gain is applied after; both belong to the
tick. Weights start at 1, or at +1 and -1 for a push-pull pair, and at 0 for units that drive nothing.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from bmi_app.decoders.sums import dot
from bmi_app.rt.contracts import decode_signature
from bmi_app.rt.jit import kernel
from bmi_app.rt.memory import MemoryLayout
from bmi_app.traits import DecoderTraits


class Settings(BaseModel):
    """Hold nothing: the populations and gains of the protocol say it all."""

    model_config = ConfigDict(frozen=True, extra="forbid")


layout = MemoryLayout({})


def start(settings: Settings, axis_map: np.ndarray, memory: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights f8[axis, unit] and bias f8[axis] to start from: the map's signs, and 0."""
    return axis_map.copy(), np.zeros(axis_map.shape[0])


def _cautions(protocol: Any) -> Iterator[str]:
    """Warn of limits on weights within which those that it starts with do not lie."""
    learning = protocol.learning
    if learning.when == "off" or learning.weight_min <= -1.0 <= 1.0 <= learning.weight_max:
        return
    signed = protocol.decoder.scramble > 0.0 or any(axis.pull for _, axis in protocol.axes.items())
    if signed or not learning.weight_min <= 1.0 <= learning.weight_max:
        yield (
            "learning.weight_min, learning.weight_max: weights start at 1 (or -1), outside of these limits, so that "
            "every update will be rejected"
        )


@kernel(decode_signature)
def DECODE(weights, bias, memory, features, velocity_out):
    """Sum the weighted features of each axis."""
    for a in range(weights.shape[0]):
        velocity_out[a] = bias[a] + dot(weights[a], features)


TRAITS = DecoderTraits(adaptable=frozenset({"readout"}), needs_map=True, cautions=_cautions)
