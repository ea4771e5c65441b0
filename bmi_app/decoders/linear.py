"""General linear velocity decoder, also the form of a steady-state Kalman filter.

    v_t = M1 v_{t-1} + M2 u_t + m0

M2 stands in the readout's weights and m0 in its bias, so that a learning rule may adapt them; M1 and v_{t-1} are memory.
"""

import os
from collections.abc import Iterable

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from bmi_app import small_files
from bmi_app.decoders.contract import FitError, Fitted, Samples
from bmi_app.decoders.ridge import ridge_readout
from bmi_app.decoders.sums import dot
from bmi_app.rt.contracts import decode_signature
from bmi_app.rt.jit import kernel
from bmi_app.rt.memory import MemoryLayout
from bmi_app.traits import DecoderTraits

_LEAST_SAMPLES = 100


class Settings(BaseModel):
    """Name the matrices: inline, or in an .npz or .mat-like archive with arrays `M1`, `M2`, `m0`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str | None = Field(
        default=None,
        description="NumPy archive (.npz) with M2 and, if needed, M1 and m0; relative to the protocol file",
        json_schema_extra={"path": True},
    )
    m1: tuple[tuple[float, ...], ...] | None = Field(default=None, description="M1, axes x axes; default 0")
    m2: tuple[tuple[float, ...], ...] | None = Field(
        default=None, description="M2, axes x units; 0 where populations leave a unit out of an axis"
    )
    ridge: float = Field(default=0.01, ge=0, description="penalty of a fit, relative to the mean power of a feature")
    m0: tuple[float, ...] | None = Field(default=None, description="m0, one per axis; default 0")

    @model_validator(mode="after")
    def _one_source(self) -> "Settings":
        if self.file is not None and (self.m1 or self.m2 or self.m0):
            raise ValueError("give either `file` or the matrices m1, m2, m0, not both")
        if self.file is not None and not _is_file(self.file):
            raise ValueError(f"file {self.file!r} does not exist; it must be a NumPy archive with M2, M1, m0")
        return self


def _is_file(named: str) -> bool:
    try:
        return os.path.isfile(small_files.user_path(named))
    except OSError:
        return False


layout = MemoryLayout({"m1": ("axes", "axes"), "previous": ("axes",), "next": ("axes",)})


def start(settings: Settings, axis_map: np.ndarray, memory: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return M2 and m0 as weights f8[axis, unit] and bias f8[axis], and put M1 into memory.

    Without matrices the decoder starts as groupweight does, from the map of the protocol.

    Raises
    ------
    ValueError
        If a matrix has the wrong shape; the message says which shape is needed.
    """
    n_axes, n_units = axis_map.shape
    found: dict[str, object] = {"M1": settings.m1, "M2": settings.m2, "m0": settings.m0}
    if settings.file is not None:
        try:
            archive = small_files.read_arrays(small_files.user_path(settings.file))
        except (OSError, ValueError) as error:
            why = (error.strerror or error) if isinstance(error, OSError) else error
            raise ValueError(f"decoder.settings.file: {settings.file}: cannot be read: {why}") from error
        found = {name: archive.get(name) for name in found}
        if found["M2"] is None:
            raise ValueError(f"decoder.settings.file: {settings.file}: has no array M2; it has: {_listed(archive)}")
    if found["M2"] is None and not axis_map.any():
        raise ValueError("decoder.settings: `m2` (or `file` with M2) is needed where axes name no population")
    memory["m1"][:] = _shaped("M1", found["M1"], (n_axes, n_axes), np.zeros((n_axes, n_axes)))
    weights = _shaped("M2", found["M2"], (n_axes, n_units), axis_map)
    return weights.copy(), _shaped("m0", found["m0"], (n_axes,), np.zeros(n_axes)).copy()


def _shaped(name: str, value: object, shape: tuple[int, ...], default: np.ndarray) -> np.ndarray:
    if value is None:
        return default
    try:
        found = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"decoder.settings: {name} has rows of different lengths; it must be {shape}") from error
    if found.shape != shape:
        raise ValueError(f"decoder.settings: {name} has shape {found.shape}; it must be {shape} (axes and units)")
    if found.dtype.kind not in "iuf":
        raise ValueError(f"decoder.settings: {name} holds {found.dtype}; it must hold real numbers")
    array = found.astype(np.float64)
    if not np.isfinite(array).all():
        bad = np.argwhere(~np.isfinite(array))
        raise ValueError(
            f"decoder.settings: {name} holds {len(bad)} values that are NaN or infinite, the first at {tuple(bad[0].tolist())}; "
            "allowed: finite numbers"
        )
    return array


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)[:8]) or "none"


def fit(settings: Settings, samples: Samples, mask: np.ndarray) -> Fitted:
    """Return the ridge regression of the velocity on the features of the same sample; M1 becomes 0."""
    n, n_axes = samples.velocity.shape
    if n < _LEAST_SAMPLES:
        raise FitError(f"{n} samples, at least {_LEAST_SAMPLES} are needed")
    weights, bias = ridge_readout(samples.features, samples.velocity, mask, settings.ridge)
    return Fitted(weights, bias, {"m1": np.zeros((n_axes, n_axes))})


@kernel(decode_signature)
def DECODE(weights, bias, memory, features, velocity_out):
    """Advance the velocity by one bin."""
    n_axes = weights.shape[0]
    m = layout.named(memory, axes=n_axes)
    for a in range(n_axes):
        total = bias[a] + dot(weights[a], features)
        for b in range(n_axes):
            total += m.m1[a, b] * m.previous[b]
        m.next[a] = total
    for a in range(n_axes):
        m.previous[a] = m.next[a]
        velocity_out[a] = m.next[a]


TRAITS = DecoderTraits(
    adaptable=frozenset({"readout"}),
    needs_map=False,
    fit=fit,
    one_scale="its ridge is a share of the mean power of all units' features",
)
