"""Kalman filter: the velocity that best explains the firing, given how velocities follow on each other.

    s_t = A s_{t-1} + d + w,  w ~ N(0, W)      x_t = C s_t + c + q,  q ~ N(0, Q)      (Wu et al. 2002)

s is the velocity, or position and velocity (`model = "position_velocity"`, whose position is the decoder's own estimate; only then d
is not 0). A, d and W come from the kinematics, C, c and Q from the features. With independent noise (Q diagonal, the default) a tick costs time
linear in units. The equations as computed stand in `kalman_filter`.

A rule that adapts the model (C, c and the variances Q) in the tick acts at the next one, and needs `gain = "running"` and
diagonal noise for it; a staged rule brings what follows from its model, a steady gain too. Until it is fitted it is a groupweight, smoothed over ten ticks.
"""

from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from bmi_app.decoders import kalman_filter, kalman_fit
from bmi_app.decoders.contract import Fitted, Samples
from bmi_app.decoders.kalman_filter import ESTIMATED_POSITION, LAYOUT
from bmi_app.decoders.kalman_fit import flip
from bmi_app.rt.contracts import decode_signature
from bmi_app.rt.jit import kernel
from bmi_app.traits import DecoderTraits

__all__ = ["DECODE", "TRAITS", "Settings", "fit", "flip", "from_model", "layout", "start"]


class Settings(BaseModel):
    """Choose the form of the model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Literal["velocity", "position_velocity"] = Field(default="velocity", description="what the state holds")
    noise: Literal["diagonal", "full"] = Field(
        default="diagonal", description="whether units are taken to vary independently; a staged rule makes it diagonal"
    )
    gain: Literal["running", "steady"] = Field(
        default="running", description="the gain computed at each tick, or the one to which it settles"
    )


def _form(settings: Settings) -> kalman_fit.Form:
    return kalman_fit.Form(
        "kalman",
        has_position=settings.model == "position_velocity",
        is_full=settings.noise == "full",
        is_steady=settings.gain == "steady",
    )


def _sizes(settings: Settings, n_units: int, n_axes: int) -> dict[str, int]:
    return {"position": ESTIMATED_POSITION if settings.model == "position_velocity" else 0}


layout = LAYOUT.sized_by(_sizes)


def start(settings: Settings, axis_map: np.ndarray, memory: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights f8[axis, unit] and bias f8[axis] to start from: those of a smoothed groupweight."""
    return kalman_fit.start(_form(settings), axis_map, memory)


def fit(settings: Settings, samples: Samples, mask: np.ndarray) -> Fitted:
    """Fit the model to samples.

    Raises
    ------
    FitError
        If there are too few samples.
    """
    return kalman_fit.fit(_form(settings), samples, mask)


def from_model(settings: Settings, parts: dict[str, np.ndarray], mask: np.ndarray, dt_s: float) -> Fitted:
    """Derive the steady gain, and all that follows from it, of the model in `parts`."""
    return kalman_fit.from_model(_form(settings), parts, mask)


@kernel(decode_signature)
def DECODE(weights, bias, memory, features, velocity_out):
    """Advance the filter by one tick."""
    kalman_filter.advance(weights, bias, memory, features, velocity_out)


TRAITS = DecoderTraits(
    adaptable=frozenset({"model"}),
    needs_map=False,
    fit=fit,
    has_dynamics=True,
    from_model=from_model,
    # else the model changes nothing until what follows from it is derived
    model_acts={
        "gain": "running",
        "noise": "diagonal",
    },
    flip=flip,
    smoothing_hurts="it assumes that the noise of each tick is independent, and smoothing makes it last over ticks",
    shared_noise={"noise": "full"},
    carries_on={"model": "position_velocity"},
)
