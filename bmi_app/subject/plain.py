"""The plain subject: it knows the nominal tool, and aims at the target that it sees late and roughly.

    v*  = k (target - seen cursor), no faster than v_max, plus slow motor noise
    r*  = r0 + W^T (W W^T)^-1 v*,  clipped to [0, r_max]

W holds the *nominal* gains and signs of the protocol: of a scrambled or adapted decoder it learns nothing. Control units
stay at their own rates. With `spread_deg` units prefer many directions, control units too (`manifold`); after a new target it
rests for `reaction_ms` beyond its delay.
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
from bmi_app.rt.jit import kernel, part
from bmi_app.subject import noise
from bmi_app.subject.manifold import preferring_inverse


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
    reaction_ms: float = Field(
        default=0.0, ge=0, le=2000, description="time to react to a new target, beyond the delay (ms)"
    )
    gain_per_s: float = Field(default=2.5, gt=0, description="aimed speed per distance to the target (1/s)")
    speed_cm_s: float = Field(default=12.0, gt=0, description="greatest aimed speed (cm/s)")
    sight_noise_cm: float = Field(default=0.2, ge=0, description="error of the seen cursor, standard deviation (cm)")
    motor_noise_cm_s: float = Field(default=0.5, ge=0, description="slow error of the aim, standard deviation (cm/s)")
    baseline_hz: float = Field(default=15.0, gt=0, description="mean rate at rest (Hz); units differ")
    baseline_spread: float = Field(default=0.4, ge=0, le=2, description="spread of the rates at rest, of log rate")
    spread_deg: float = Field(
        default=0.0,
        ge=0,
        le=180,
        description="how far the direction that a unit prefers may lie from where the tool takes it (deg)",
    )
    max_rate_hz: float = Field(default=100.0, gt=0, description="greatest rate of a unit (Hz)")


# Words of `constants`, and of `shown`, which follows the target that is seen.
_N_UNITS, _N_AXES, _GAIN_PER_S, _SPEED_CM_S, _SIGHT_CM, _MOTOR_CM_S, _MOTOR_KEEP, _MAX_HZ, _REACTION_STEPS = range(9)
_N_CONSTANTS = 9
_STEPS, _TARGET_X, _TARGET_Y = range(3)
_N_SHOWN = 3
_N_HELD = noise.words(2)


def layout(settings: Settings, n_units: int, n_axes: int) -> dict[str, tuple[int, ...]]:
    """Return the named parts of the subject's memory."""
    return {
        "constants": (_N_CONSTANTS,),
        "shown": (_N_SHOWN,),
        "motor_noise": (2,),
        "held_noise": (_N_HELD,),
        "baseline_hz": (n_units,),
        "inverse": (n_units, n_axes),
    }


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
        round(settings.reaction_ms / 1e3 / step_s),
    )
    noise.start(memory["held_noise"], step_s)
    spread = settings.baseline_spread
    memory["baseline_hz"][:] = settings.baseline_hz * np.exp(
        spread * generator.standard_normal(n_units) - spread**2 / 2
    )
    memory["inverse"][:] = preferring_inverse(tool, settings.spread_deg, generator)


@part
def _aims(constants, shown, seen):
    """Tell whether a target is shown, and has been for the time to react."""
    x, y = seen[0, SEEN_TARGET_X], seen[0, SEEN_TARGET_Y]
    if seen[0, SEEN_RADIUS] <= 0.0:
        shown[_STEPS] = 0.0
        return False
    if x != shown[_TARGET_X] or y != shown[_TARGET_Y]:
        shown[_STEPS] = 0.0
    shown[_STEPS] += 1.0
    shown[_TARGET_X], shown[_TARGET_Y] = x, y
    return shown[_STEPS] > constants[_REACTION_STEPS]


@kernel(act_signature)
def ACT(memory, key, seen, rates_out):
    """Turn what is seen now into firing rates (Hz)."""
    constants, at = memory[:_N_CONSTANTS], _N_CONSTANTS
    shown, motor_noise = memory[at : at + _N_SHOWN], memory[at + _N_SHOWN : at + _N_SHOWN + 2]
    at += _N_SHOWN + 2
    n_units, n_axes = int(constants[_N_UNITS]), int(constants[_N_AXES])
    held, baseline_hz = memory[at : at + _N_HELD], memory[at + _N_HELD : at + _N_HELD + n_units]
    at += _N_HELD + n_units
    inverse = memory[at : at + n_units * n_axes].reshape(n_units, n_axes)
    noise.renew(held, key)
    aim_x = aim_y = 0.0
    if _aims(constants, shown, seen):
        aim_x = seen[0, SEEN_TARGET_X] - seen[0, SEEN_X] + constants[_SIGHT_CM] * noise.noise_of(held, 0)
        aim_y = seen[0, SEEN_TARGET_Y] - seen[0, SEEN_Y] + constants[_SIGHT_CM] * noise.noise_of(held, 1)
        distance_cm = math.hypot(aim_x, aim_y)
        scale = min(constants[_GAIN_PER_S], constants[_SPEED_CM_S] / distance_cm) if distance_cm > 0.0 else 0.0
        aim_x *= scale
        aim_y *= scale
        keep = constants[_MOTOR_KEEP]
        for a in range(2):
            fresh = math.sqrt(1.0 - keep * keep) * constants[_MOTOR_CM_S] * random.normal(key, 2 + a)
            motor_noise[a] = keep * motor_noise[a] + fresh
        aim_x += motor_noise[0]
        aim_y += motor_noise[1]
    for u in range(n_units):
        rate_hz = baseline_hz[u] + inverse[u, 0] * aim_x
        if n_axes > 1:
            rate_hz += inverse[u, 1] * aim_y
        rates_out[u] = min(max(rate_hz, 0.0), constants[_MAX_HZ])
