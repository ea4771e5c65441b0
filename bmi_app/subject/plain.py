"""The plain subject: it knows the nominal tool, and aims at the target that it sees late and roughly.

    v*  = k (target - seen cursor), no faster than v_max, plus slow motor noise
    r*  = r0 + W^T (W W^T)^-1 v*,  clipped to [0, r_max]

W holds the *nominal* gains and signs of the protocol: of a scrambled or adapted decoder it learns nothing. Control units
stay at their own rates.
"""

import math
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from bmi_app.rt import random
from bmi_app.rt.contracts import (
    SEEN_RADIUS,
    SEEN_TARGET_X,
    SEEN_TARGET_Y,
    SEEN_X,
    SEEN_Y,
    act_signature,
)
from bmi_app.rt.jit import kernel


def _allowed(value: str, other: str) -> str:
    """Say what is allowed here, and where to find more."""
    return f'"{value}"; {other} is subject.kind = "autonomous"'


class Settings(BaseModel):
    """Describe the subject."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prior: Literal["nominal"] = Field(
        default="nominal",
        description="what it knows of the tool: the nominal map",
        json_schema_extra={"allowed": _allowed("nominal", "one that knows nothing")},
    )
    learner: Literal["none"] = Field(
        default="none",
        description="how it learns the tool: not at all",
        json_schema_extra={"allowed": _allowed("none", "one that learns")},
    )
    intent: Literal["target"] = Field(default="target", description="what it wants: to reach the target")
    encoding: Literal["tool"] = Field(
        default="tool",
        description="how its units encode it: as the tool needs it",
        json_schema_extra={"allowed": _allowed("tool", "one that encodes movement")},
    )
    exploration: Literal["none"] = Field(
        default="none",
        description="how it explores: not at all",
        json_schema_extra={"allowed": _allowed("none", "one that explores")},
    )
    delay_ms: float = Field(default=100.0, ge=0, le=1000, description="visual delay (ms)")
    gain_per_s: float = Field(default=2.5, gt=0, description="aimed speed per distance to the target (1/s)")
    speed_cm_s: float = Field(default=12.0, gt=0, description="greatest aimed speed (cm/s)")
    sight_noise_cm: float = Field(default=0.2, ge=0, description="error of the seen cursor, standard deviation (cm)")
    motor_noise_cm_s: float = Field(default=0.5, ge=0, description="slow error of the aim, standard deviation (cm/s)")
    baseline_hz: float = Field(default=15.0, gt=0, description="mean rate at rest (Hz); units differ")
    baseline_spread: float = Field(default=0.4, ge=0, le=2, description="spread of the rates at rest, of log rate")
    max_rate_hz: float = Field(default=100.0, gt=0, description="greatest rate of a unit (Hz)")


def layout(settings: Settings, n_units: int, n_axes: int) -> dict[str, tuple[int, ...]]:
    """Return the named parts of the subject's memory."""
    return {"constants": (8,), "motor_noise": (2,), "baseline_hz": (n_units,), "inverse": (n_units, n_axes)}


def start(settings: Settings, tool: np.ndarray, step_s: float, seed: int, memory: dict[str, np.ndarray]) -> None:
    """Fill the subject's memory.

    Parameters
    ----------
    tool : ndarray, shape (n_axes, n_units)
        The nominal tool: velocity (cm/s) per rate above rest (Hz).
    step_s : float
        Time between two calls of ACT.
    """
    n_axes, n_units = tool.shape
    generator = np.random.default_rng([seed, random.SUBJECT])
    motor_keep = math.exp(-step_s / 0.3)  # motor noise forgets within 0.3 s: slower than feedback can follow
    memory["constants"][:] = (
        n_units,
        n_axes,
        settings.gain_per_s,
        settings.speed_cm_s,
        settings.sight_noise_cm,
        settings.motor_noise_cm_s,
        motor_keep,
        settings.max_rate_hz,
    )
    spread = settings.baseline_spread
    memory["baseline_hz"][:] = settings.baseline_hz * np.exp(
        spread * generator.standard_normal(n_units) - spread**2 / 2
    )
    memory["inverse"][:] = np.linalg.pinv(tool) if tool.any() else 0.0


@kernel(act_signature)
def ACT(memory, key, seen, rates_out):
    """Turn what is seen now into firing rates (Hz)."""
    n_units, n_axes = int(memory[0]), int(memory[1])
    gain_per_s, speed_cm_s, sight_cm = memory[2], memory[3], memory[4]
    motor_cm_s, motor_keep, max_rate_hz = memory[5], memory[6], memory[7]
    motor_noise = memory[8:10]
    baseline_hz = memory[10 : 10 + n_units]
    inverse = memory[10 + n_units : 10 + n_units + n_units * n_axes].reshape(n_units, n_axes)
    aim_x = aim_y = 0.0
    if seen[0, SEEN_RADIUS] > 0.0:  # a target is shown
        aim_x = seen[0, SEEN_TARGET_X] - seen[0, SEEN_X] + sight_cm * random.normal(key, 0)
        aim_y = seen[0, SEEN_TARGET_Y] - seen[0, SEEN_Y] + sight_cm * random.normal(key, 1)
        distance_cm = math.hypot(aim_x, aim_y)
        scale = min(gain_per_s, speed_cm_s / distance_cm) if distance_cm > 0.0 else 0.0
        aim_x *= scale
        aim_y *= scale
        for a in range(2):
            fresh = math.sqrt(1.0 - motor_keep * motor_keep) * motor_cm_s * random.normal(key, 2 + a)
            motor_noise[a] = motor_keep * motor_noise[a] + fresh
        aim_x += motor_noise[0]
        aim_y += motor_noise[1]
    for u in range(n_units):
        rate_hz = baseline_hz[u] + inverse[u, 0] * aim_x
        if n_axes > 1:
            rate_hz += inverse[u, 1] * aim_y
        rates_out[u] = min(max(rate_hz, 0.0), max_rate_hz)
