"""Population vector: each unit votes for its preferred direction with its normalised firing.

    v = k sum_u ((x_u - b0_u) / m_u) pd_u      (Georgopoulos, Schwartz and Kettner 1986)

Cosine tuning x_u = b0_u + b_u . v is regressed on the samples; m_u = |b_u| is the depth of the tuning and pd_u = b_u / m_u the
preferred direction. Units whose tuning explains less than `least_r2` of their variance do not vote. k is the regression of the
velocity on the summed votes. Where preferred directions are not spread evenly, the population vector is biased toward the
many: that is its nature; `wiener` and `kalman` are not.

Until it is fitted it is a groupweight: the map's signs, and no bias.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from bmi_app.decoders.contract import FitError, Fitted, Samples
from bmi_app.decoders.sums import dot
from bmi_app.rt.contracts import decode_signature
from bmi_app.rt.jit import kernel
from bmi_app.rt.memory import MemoryLayout
from bmi_app.traits import DecoderTraits

_SHORT_BIN_MS = 20.0  # in bins so short a unit of 10 Hz has mostly none or one spike
_LEAST_SPREAD = 1e-6  # of the median unit's: what is left of one spike long ago is no tuning, and its depth divides


class Settings(BaseModel):
    """Say which units vote."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    least_r2: float = Field(
        default=0.01,
        ge=0,
        lt=1,
        description="share of a unit's variance that its tuning must explain, or it is left out",
    )


layout = MemoryLayout({})


def start(settings: Settings, axis_map: np.ndarray, memory: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights f8[axis, unit] and bias f8[axis] to start from: the map's signs, and 0."""
    return axis_map.copy(), np.zeros(axis_map.shape[0])


def fit(settings: Settings, samples: Samples, mask: np.ndarray) -> Fitted:
    """Fit preferred directions, depths and the speed.

    Raises
    ------
    FitError
        If there are too few samples, or no unit is tuned.
    """
    x, velocity = samples.features, samples.velocity
    n_axes = velocity.shape[1]
    if len(x) < n_axes + 2:
        raise FitError(f"population_vector: {len(x)} samples; at least {n_axes + 2} are needed")
    regressors = np.column_stack([velocity, np.ones(len(x))])
    coefficients = np.linalg.lstsq(regressors, x, rcond=None)[0]
    tuning, baseline = coefficients[:-1], coefficients[-1]
    spread = ((x - x.mean(axis=0)) ** 2).sum(axis=0)
    unexplained = ((x - regressors @ coefficients) ** 2).sum(axis=0)
    depth = np.sqrt((tuning**2).sum(axis=0))
    drives = (mask != 0).any(axis=0) & (spread > 0)
    varies = spread > _LEAST_SPREAD * np.median(spread[drives]) if drives.any() else spread > 0
    votes = varies & (depth > 0) & (1 - unexplained / np.where(varies, spread, 1) >= settings.least_r2)
    directions = np.where(votes & (mask != 0), tuning / np.where(votes, depth, 1) ** 2, 0.0)  # pd / m
    summed = (x - baseline) @ directions.T
    power = float((summed**2).sum())
    if power == 0.0:
        raise FitError(
            f"population_vector: no unit's tuning explains {settings.least_r2:g} of its variance; record longer "
            "movements in all directions, or lower decoder.settings.least_r2"
        )
    speed = float((summed * velocity).sum()) / power
    weights = speed * directions
    return Fitted(weights, -weights @ np.where(votes, baseline, 0.0))


def _cautions(protocol: Any) -> Iterator[str]:
    """Warn of bins so short that hardly any unit would be found tuned."""
    decoder, period_ms = protocol.decoder, protocol.tick.period_ms
    if decoder.smoothing != "none" or not any(block.fit for block in protocol.blocks):
        return
    least = decoder.settings.get("least_r2", Settings().least_r2)
    if least > 0.0 and period_ms <= _SHORT_BIN_MS:
        yield (
            f"decoder.settings.least_r2: of raw counts in bins of {period_ms:g} ms tuning explains less than "
            f"{least:g}, so that hardly any unit may vote; 0 lets all vote, or smooth"
        )


@kernel(decode_signature)
def DECODE(weights, bias, memory, features, velocity_out):
    """Sum the weighted features of each axis."""
    for a in range(weights.shape[0]):
        velocity_out[a] = bias[a] + dot(weights[a], features)


TRAITS = DecoderTraits(
    adaptable=frozenset({"readout"}),
    needs_map=False,
    fit=fit,
    cautions=_cautions,
    needs_firing="without a tuned unit there is no vote to sum",
)
