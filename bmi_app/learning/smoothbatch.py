"""SmoothBatch: every minute or two a fit to the last batch is blended into the present weights (Orsborn et al. 2012).

    W <- rho W + (1 - rho) W_batch,   rho = exp(ln 0.5 * T_batch / half_life)

Of a readout, W_batch is the ridge regression of the intention on the features, axis by axis, over the units that drive it;
the bias goes with it. Of a Kalman filter, W are all of C (that of the position included), c and Q of its own fit to the
batch, because they were fitted jointly; what follows from them is derived anew. T_batch is the time since the last update. It is computed beside the tick and adopted by a command.
"""

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from bmi_app.decoders.contract import FitError, Fitted, Refit
from bmi_app.decoders.ridge import ridge_readout
from bmi_app.rt.contracts import NO_LEARN
from bmi_app.rt.memory import MemoryLayout
from bmi_app.traits import LearningTraits

LEARN = NO_LEARN

_JOINT = ("model", "position_tuning")  # what a Kalman filter's fit finds in one regression


class Settings(BaseModel):
    """Set how fast the past is forgotten."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    half_life_s: float = Field(default=120.0, gt=0, description="time after which half of the old weights is left (s)")
    ridge: float = Field(
        default=0.01, ge=0, description="ridge penalty, relative to the mean power of a feature over the batch"
    )
    least_samples: int = Field(default=200, ge=1, description="a batch of fewer samples teaches nothing")


layout = MemoryLayout({})


def start(settings: Settings, memory: dict[str, np.ndarray]) -> None:
    """Fill the rule's memory: there is none."""


def refit(settings: Settings, job: Refit) -> Fitted | None:
    """Return the present weights, moved toward the fit to the batch; None where the batch is too small.

    Raises
    ------
    FitError
        If the decoder's own fit finds the samples insufficient.
    """
    if len(job.samples.features) < settings.least_samples:
        raise FitError(f"{len(job.samples.features)} samples, at least {settings.least_samples} are needed")
    rho = 0.5 ** (job.elapsed_s / settings.half_life_s)
    if "model" in job.decoder.TRAITS.adaptable:
        batch = job.decoder.fit(job.decoder_settings, job.samples, job.mask)
        joint = {name for name in _JOINT if name in batch.parts}
        model = {name: rho * job.parts[name] + (1.0 - rho) * batch.parts[name] for name in joint}
        rest = job.decoder.from_model(job.decoder_settings, job.parts | model, job.mask, job.samples.dt_s)
        return Fitted(rest.weights, rest.bias, rest.parts | model)
    weights, bias = ridge_readout(job.samples.features, job.samples.velocity, job.mask, settings.ridge)
    return Fitted(rho * job.weights + (1.0 - rho) * weights, rho * job.bias + (1.0 - rho) * bias)


TRAITS = LearningTraits(
    adapts=frozenset({"readout", "model"}),
    default_rate=1.0,  # not used: the half-life says how fast it learns
    refit=refit,
    acts_soon={"least_samples": 50},
)
