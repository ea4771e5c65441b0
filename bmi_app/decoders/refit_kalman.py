"""ReFIT Kalman filter: trained on what the subject intended, and told where the cursor is (Gilja et al. 2012).

1. Fit it to the *intended* velocity: `learning.intent = "refit"` turns the decoded velocity toward the target, and takes it to be 0 on it;
   `bmi fit --decoder refit_kalman` does so by itself.
2. The subject sees the cursor, so what its position explains of the firing is known and is subtracted: x - C_p p. The
   position is no part of the state, and has no uncertainty.

The velocity then follows as in `kalman`. Until it is fitted it is a groupweight, smoothed over ten ticks.
"""

from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from bmi_app.decoders import kalman_filter, kalman_fit
from bmi_app.decoders.contract import Fitted, Samples
from bmi_app.decoders.kalman_filter import KNOWN_POSITION, LAYOUT
from bmi_app.decoders.kalman_fit import flip
from bmi_app.rt.contracts import decode_signature
from bmi_app.rt.jit import kernel
from bmi_app.traits import DecoderTraits

__all__ = ["DECODE", "TRAITS", "Settings", "fit", "flip", "from_model", "layout", "start"]


class Settings(BaseModel):
    """Choose the form of the model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    noise: Literal["diagonal", "full"] = Field(
        default="diagonal", description="whether units are taken to vary independently; a staged rule makes it diagonal"
    )
    gain: Literal["running", "steady"] = Field(
        default="running", description="the gain computed at each tick, or the one to which it settles"
    )


def _form(settings: Settings) -> kalman_fit.Form:
    return kalman_fit.Form(
        "refit_kalman",
        has_position=True,
        is_position_known=True,
        is_full=settings.noise == "full",
        is_steady=settings.gain == "steady",
    )


layout = LAYOUT.sized_by(lambda settings, n_units, n_axes: {"position": KNOWN_POSITION})


def start(settings: Settings, axis_map: np.ndarray, memory: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights f8[axis, unit] and bias f8[axis] to start from: those of a smoothed groupweight."""
    return kalman_fit.start(_form(settings), axis_map, memory)


def fit(settings: Settings, samples: Samples, mask: np.ndarray) -> Fitted:
    """Fit the model to samples of the intended velocity.

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
    fitted_to="refit",
    shared_noise={"noise": "full"},
    carries_on={"model": "position_velocity"},
)
