"""Wiener filter: ridge regression of the velocity on the firing of now and of the past.

    v_t = b + W_0 x_t + sum_{k=1..lags} W_k x_{t - k spacing}      (Wu et al. 2002, Carmena et al. 2003)

W_0 stands in the readout's weights, the others in memory. Because they belong together, no rule may adapt W_0 alone: fit anew.
Fitted by ridge regression, the constant free; the ridge is a share of the mean power of the features, so that it means
the same whatever their unit.

Until it is fitted it is a groupweight: W_0 the map's signs, all else 0.
"""

import numpy as np
import scipy.linalg
from pydantic import BaseModel, ConfigDict, Field

from bmi_app.decoders.contract import FitError, Fitted, Samples
from bmi_app.decoders.sums import dot
from bmi_app.rt.contracts import decode_signature
from bmi_app.rt.jit import kernel
from bmi_app.rt.memory import MemoryLayout
from bmi_app.traits import DecoderTraits


class Settings(BaseModel):
    """Set how far back the filter looks, and how strongly it is regularised."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lags: int = Field(default=5, ge=0, le=100, description="number of past samples, beside the present one")
    spacing: int = Field(default=5, ge=1, le=100, description="ticks between two of these samples")
    ridge: float = Field(default=1e-3, ge=0, description="strength of the regularisation, in mean feature power")


# `history` is a ring of the latest features f8[tick, unit], its head in `now`.
layout = MemoryLayout(
    {
        "lags": (),
        "spacing": (),
        "now": (),
        "past_weights": ("lags", "axes", "units"),
        "history": ("lags * spacing + 1", "units"),
    }
)


def start(settings: Settings, axis_map: np.ndarray, memory: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights f8[axis, unit] and bias f8[axis] to start from: the map's signs, and 0."""
    layout.fill(memory, lags=settings.lags, spacing=settings.spacing)
    return axis_map.copy(), np.zeros(axis_map.shape[0])


def flip(memory: dict[str, np.ndarray], signs: np.ndarray) -> None:
    """Change the sign of what the units with sign -1 of f8[unit] contribute."""
    memory["past_weights"] *= signs


def reach(settings: Settings) -> int:
    """Return how many samples of a piece's beginning lack a part of their past."""
    return settings.lags * settings.spacing


def fit(settings: Settings, samples: Samples, mask: np.ndarray) -> Fitted:
    """Fit all weights and the bias.

    Raises
    ------
    FitError
        If no piece of the samples is as long as the filter.
    """
    n_axes, n_units = mask.shape
    x, rows = lagged(samples, settings.lags, settings.spacing)
    if len(rows) < 2:
        longest = int(np.unique(samples.piece, return_counts=True)[1].max()) if len(samples.piece) else 0
        raise FitError(
            f"wiener: the longest unbroken piece has {longest} samples, and the filter looks back over "
            f"{reach(settings)}; lower decoder.settings.lags or spacing, or record longer trials"
        )
    wanted = samples.velocity[rows]
    weights = np.zeros((settings.lags + 1, n_axes, n_units))
    bias = np.zeros(n_axes)
    for a in range(n_axes):
        used = np.tile(mask[a] != 0, settings.lags + 1)
        found, bias[a] = ridge_regression(x[:, used], wanted[:, a], settings.ridge)
        weights[:, a, mask[a] != 0] = found.reshape(settings.lags + 1, -1)
    return Fitted(weights[0].copy(), bias, {"past_weights": weights[1:]})


def lagged(samples: Samples, lags: int, spacing: int) -> tuple[np.ndarray, np.ndarray]:
    """Return f8[row, (lags + 1) * unit], newest first, and i8[row]: which sample each row belongs to.

    Only samples whose whole past lies in their own piece have a row.
    """
    reach = lags * spacing
    rows = np.arange(reach, len(samples.piece))
    rows = rows[samples.piece[rows] == samples.piece[rows - reach]]
    return np.hstack([samples.features[rows - k * spacing] for k in range(lags + 1)]), rows


def ridge_regression(x: np.ndarray, y: np.ndarray, ridge: float) -> tuple[np.ndarray, float]:
    """Return the weights f8[feature] that minimise |y - x w - b|^2 + alpha |w|^2, and b; alpha = ridge * mean |x_i|^2.

    Without a ridge, or where nothing fires: the solution of least norm.
    """
    centre, mean = x.mean(axis=0), float(y.mean())
    x, y = x - centre, y - mean
    alpha = ridge * float((x**2).sum()) / max(x.shape[1], 1)
    if alpha == 0.0:
        weights = np.linalg.lstsq(x, y, rcond=None)[0]
    elif x.shape[1] <= x.shape[0]:
        weights = scipy.linalg.solve(x.T @ x + alpha * np.eye(x.shape[1]), x.T @ y, assume_a="pos")
    else:  # fewer samples than features: the same in the space of the samples
        weights = x.T @ scipy.linalg.solve(x @ x.T + alpha * np.eye(x.shape[0]), y, assume_a="pos")
    return weights, mean - float(centre @ weights)


@kernel(decode_signature)
def DECODE(weights, bias, memory, features, velocity_out):
    """Sum the weighted features of now and of the past, and remember those of now."""
    n_axes, n_units = weights.shape
    m = layout.named(memory, axes=n_axes, units=n_units)
    past_weights, history = m.past_weights, m.history
    now, spacing = int(m.now), int(m.spacing)
    for u in range(n_units):
        history[now, u] = features[u]
    for a in range(n_axes):
        velocity_out[a] = bias[a] + dot(weights[a], features)
    for k in range(past_weights.shape[0]):
        row = (now - (k + 1) * spacing) % history.shape[0]
        for a in range(n_axes):
            velocity_out[a] += dot(past_weights[k, a], history[row])
    m.now = (now + 1) % history.shape[0]


TRAITS = DecoderTraits(
    adaptable=frozenset(),
    needs_map=False,
    fit=fit,
    has_dynamics=True,
    reach=reach,
    flip=flip,
    one_scale="its ridge is a share of the mean power of all units' features",
)
