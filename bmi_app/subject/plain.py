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
from bmi_app.rt.memory import MemoryLayout, words
from bmi_app.subject import noise
from bmi_app.subject.manifold import preferring_inverse
from bmi_app.traits import SubjectTraits


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


layout = MemoryLayout(
    {
        "constants": words(
            "units",
            "axes",
            "gain_per_s",
            "speed_cm_s",
            "sight_cm",
            "motor_cm_s",
            "motor_keep",
            "max_hz",
            "reaction_steps",
        ),
        "shown": words("steps", "target_x", "target_y"),  # the target that is seen, and for how long
        "motor_noise": (2,),
        "held_noise": (noise.words(2),),
        "baseline_hz": ("units",),
        "inverse": ("units", "axes"),
    }
)


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
    layout.fill(
        memory,
        units=n_units,
        axes=n_axes,
        gain_per_s=settings.gain_per_s,
        speed_cm_s=settings.speed_cm_s,
        sight_cm=settings.sight_noise_cm,
        motor_cm_s=settings.motor_noise_cm_s,
        motor_keep=motor_keep,
        max_hz=settings.max_rate_hz,
        reaction_steps=round(settings.reaction_ms / 1e3 / step_s),
    )
    noise.start(memory["held_noise"], step_s)
    spread = settings.baseline_spread
    memory["baseline_hz"][:] = settings.baseline_hz * np.exp(
        spread * generator.standard_normal(n_units) - spread**2 / 2
    )
    memory["inverse"][:] = preferring_inverse(tool, settings.spread_deg, generator)


@part
def _aims(m, seen):
    """Tell whether a target is shown, and has been for the time to react."""
    x, y = seen[0, SEEN_TARGET_X], seen[0, SEEN_TARGET_Y]
    if seen[0, SEEN_RADIUS] <= 0.0:
        m.steps = 0.0
        return False
    if x != m.target_x or y != m.target_y:
        m.steps = 0.0
    m.steps += 1.0
    m.target_x, m.target_y = x, y
    return m.steps > m.reaction_steps


@kernel(act_signature)
def ACT(memory, key, seen, rates_out):
    """Turn what is seen now into firing rates (Hz)."""
    m = layout.named(memory)
    held, motor_noise, baseline_hz, inverse = m.held_noise, m.motor_noise, m.baseline_hz, m.inverse
    n_units, n_axes = inverse.shape
    noise.renew(held, key)
    aim_x = aim_y = 0.0
    if _aims(m, seen):
        aim_x = seen[0, SEEN_TARGET_X] - seen[0, SEEN_X] + m.sight_cm * noise.noise_of(held, 0)
        aim_y = seen[0, SEEN_TARGET_Y] - seen[0, SEEN_Y] + m.sight_cm * noise.noise_of(held, 1)
        distance_cm = math.hypot(aim_x, aim_y)
        scale = min(m.gain_per_s, m.speed_cm_s / distance_cm) if distance_cm > 0.0 else 0.0
        aim_x *= scale
        aim_y *= scale
        keep = m.motor_keep
        for a in range(2):
            fresh = math.sqrt(1.0 - keep * keep) * m.motor_cm_s * random.normal(key, 2 + a)
            motor_noise[a] = keep * motor_noise[a] + fresh
        aim_x += motor_noise[0]
        aim_y += motor_noise[1]
    for u in range(n_units):
        rate_hz = baseline_hz[u] + inverse[u, 0] * aim_x
        if n_axes > 1:
            rate_hz += inverse[u, 1] * aim_y
        rates_out[u] = min(max(rate_hz, 0.0), m.max_hz)


TRAITS = SubjectTraits()
