"""State how a decoder is fitted to samples: one form for `bmi fit`, for calibration and for staged rules.

A decoder that can be fitted has among its traits

    fit(settings, samples: Samples, mask: f8[axis, unit]) -> Fitted

It may use BLAS and allocate: it never runs in a tick. It is a function of its arguments alone, bit for bit, since a session
at `--speed max` must be the same twice. Where `mask[axis, unit]` is 0 the weight of the fit is 0, and a unit whose column
of the mask is 0 has no influence at all. Silent units, and one unit alone, must give finite numbers.

A decoder in which "model" is `adaptable` begins its memory with the part `model`, f8[rows, unit], on which DECODE acts as it
stands at each tick, and has among its traits

    from_model(settings, parts, mask, dt_s) -> Fitted

which derives weights, bias and the other parts of the memory (a steady-state gain, say) from `parts`, its memory by name,
the model included. Rules that adapt the model in the tick change `model` only; `model_acts` names the settings, and their
values, with which DECODE then acts on it. The rows of a velocity Kalman filter's model are: C of
each axis, C of the constant, and the variances Q.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from types import ModuleType

import numpy as np
from pydantic import BaseModel


@dataclass(frozen=True)
class Samples:
    """Hold what a decoder is fitted to: samples `dt_s` apart, in one or more unbroken pieces.

    Attributes
    ----------
    features : f8[t, unit]
        As DECODE takes them: rates less baselines, scaled.
    velocity : f8[t, axis]
        What DECODE should have made of them: intended, or that of the cursor or hand; cm/s divided by the axis's gain.
    position : f8[t, axis]
        Where the cursor stood before this velocity moved it, cm divided by the gain, so that velocity is its derivative.
    piece : i8[t]
        Equal for samples that follow on each other (a trial); lags and transitions never reach from one to the next.
    dt_s : float
        Time between two samples of a piece, s.
    from_rest : bool[t], optional
        Whether a sample is a piece's first and followed on rest: in the same place, of velocity 0, `dt_s` before. None: of no
        sample is this known.
    """

    features: np.ndarray
    velocity: np.ndarray
    position: np.ndarray
    piece: np.ndarray
    dt_s: float
    from_rest: np.ndarray | None = None

    def follows(self) -> np.ndarray:
        """Return bool[t - 1]: whether sample t + 1 continues the piece of sample t."""
        continued: np.ndarray = self.piece[1:] == self.piece[:-1]
        return continued

    def onsets(self) -> np.ndarray:
        """Return i8[n]: the samples that began from rest. How a movement begins belongs to how velocities follow on each other."""
        return np.flatnonzero(self.from_rest) if self.from_rest is not None else np.empty(0, np.int64)

    def part(self, rows: np.ndarray) -> "Samples":
        """Return some of the samples, by index or by a mask."""
        from_rest = None if self.from_rest is None else self.from_rest[rows]
        return Samples(
            self.features[rows], self.velocity[rows], self.position[rows], self.piece[rows], self.dt_s, from_rest
        )


@dataclass(frozen=True)
class Fitted:
    """Hold what a fit says.

    Attributes
    ----------
    weights : f8[axis, unit]
    bias : f8[axis]
    parts : dict of ndarray
        Parts of the decoder's memory by the names of its layout; those that are not named keep their present values.
    """

    weights: np.ndarray
    bias: np.ndarray
    parts: dict[str, np.ndarray] = field(default_factory=dict)


def adapted_part(adapts: str | Collection[str], adaptable: Collection[str]) -> str | None:
    """Return what a rule changes of a decoder, "model" or "readout"; None where they do not fit.

    A rule names what it can change, one or both; where the decoder offers both, its model is changed.
    """
    can = {adapts} if isinstance(adapts, str) else set(adapts)
    return next((part for part in ("model", "readout") if part in can and part in adaptable), None)


class FitError(ValueError):
    """Tell in one line why samples do not suffice for a fit."""


@dataclass(frozen=True)
class Refit:
    """Hold what a staged rule's `refit(settings, job) -> Fitted | None` works on.

    Attributes
    ----------
    samples : Samples
        Those since the last update; `velocity` is the intention.
    mask : f8[axis, unit]
        0 where a weight must stay 0.
    elapsed_s : float
        Time since the last update, rests and pauses included (s).
    weights, bias, parts
        What stands: f8[axis, unit], f8[axis], and the decoder's memory by name; copies.
    decoder, decoder_settings
        The decoder's module and settings, so that its `fit` can be used.
    """

    samples: Samples
    mask: np.ndarray
    elapsed_s: float
    weights: np.ndarray
    bias: np.ndarray
    parts: dict[str, np.ndarray]
    decoder: ModuleType
    decoder_settings: BaseModel
