"""A subject with an arm: it reaches, pushes and draws, and its neurons encode what its muscles have to do.

In `arm` and `drawing` blocks it moves its hand to the target that it sees; the hand is the cursor. In `isometric` blocks the
hand is held, and the force that it exerts is the cursor. Where a decoder moves the cursor it keeps its arm still and
imagines the movement of the cursor: its neurons fire as if it made it, whatever the decoder makes of that.

    a* = x_t'' + 2 p (x_t' - v) + p^2 (x_t - x),   F* = m a* + b v + k x     (the muscles' part: `body`)

x_t is the target as it must be by now: what was seen, late, is led on by its velocity and acceleration. The own arm is felt at
once. Two links aim at the nearest place that they can reach, and muscles give what force they have.
"""

import math
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from bmi_app.rt import random
from bmi_app.rt.contracts import (
    SEEN_CONTROL,
    SEEN_RADIUS,
    SEEN_TARGET_X,
    SEEN_TARGET_Y,
    SEEN_TIME_S,
    SEEN_X,
    SEEN_Y,
    act_signature,
)
from bmi_app.rt.jit import kernel, part
from bmi_app.rt.memory import MemoryLayout, words
from bmi_app.subject import noise
from bmi_app.subject.body import (
    ACCELERATION_X,
    DAMPING,
    ENCODINGS,
    FORCE_X,
    FX,
    FY,
    MASS,
    N_ARM,
    N_BODY,
    N_MOTION,
    PLACE_X,
    REACH_LEAST_M,
    REACH_MOST_M,
    SHOULDER_Y_M,
    STIFFNESS,
    VELOCITY_X,
    VX,
    VY,
    X,
    Y,
    draw_directions,
    encode_into,
    imagine_into,
    inertial_force,
    limit_force,
    move_arm,
    new_arm,
    new_body,
    within_reach,
)
from bmi_app.traits import SubjectTraits

_M_PER_CM = 0.01
_FASTEST_TARGET_CM_S = 100.0  # a target that seems faster has jumped
_MUSCLE_TAU_S = 0.05


class Settings(BaseModel):
    """Describe the subject."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prior: Literal["nominal"] = Field(default="nominal", description="what it knows of the tool: nothing that it uses")
    learner: Literal["none"] = Field(default="none", description="how it learns the tool: not at all")
    intent: Literal["target"] = Field(default="target", description="what it wants: to reach the target")
    encoding: Literal["cosine", "todorov", "magnitude"] = Field(
        default="todorov",
        description="what its neurons encode: velocity, all that its muscles do, or speed and direction",
    )
    exploration: Literal["none"] = Field(default="none", description="how it explores: not at all")
    arm: Literal["point", "links"] = Field(default="point", description="its arm: a point mass, or two links")
    asymmetry: float = Field(
        default=0.0, ge=0, le=1, description="how much stronger muscles are damped when they shorten"
    )
    delay_ms: float = Field(default=100.0, ge=0, le=1000, description="visual delay (ms)")
    pace_per_s: float = Field(default=8.0, gt=0, le=40, description="pace p of its reaches (1/s): about 5/p s each")
    sight_noise_cm: float = Field(default=0.1, ge=0, description="error of the seen target, standard deviation (cm)")
    motor_noise: float = Field(default=0.1, ge=0, le=1, description="error of its force, share of it")
    returns: bool = Field(default=True, description="whether it brings its hand to the centre between trials")
    cm_per_n: float = Field(default=2.0, gt=0, description="cursor's way per force in isometric blocks (cm/N)")
    aim_per_s: float = Field(default=2.5, gt=0, description="imagined speed per distance to the target (1/s)")
    aim_cm_s: float = Field(default=15.0, gt=0, description="greatest imagined speed (cm/s)")
    baseline_hz: float = Field(default=15.0, gt=0, description="mean rate at rest (Hz); units differ")
    baseline_spread: float = Field(default=0.4, ge=0, le=2, description="spread of the rates at rest, of log rate")
    hz_per_n: float = Field(default=6.0, ge=0, description="modulation of `todorov`, mean; units differ (Hz/N)")
    hz_per_m_s: float = Field(default=100.0, ge=0, description="modulation of the others, mean (Hz per m/s)")
    max_rate_hz: float = Field(default=150.0, gt=0, description="greatest rate of a unit (Hz)")


def reaches(settings: Settings, x_cm: float, y_cm: float) -> bool:
    """Tell whether its hand can come to a place; a point mass comes anywhere."""
    distance_m = math.hypot(_M_PER_CM * x_cm, _M_PER_CM * y_cm - SHOULDER_Y_M)
    return settings.arm == "point" or REACH_LEAST_M <= distance_m <= REACH_MOST_M


# `hand` is what the tick gets.
layout = MemoryLayout(
    {
        "constants": words(
            "units",
            "axes",
            "step_s",
            "encoding",
            "linked",
            "delay_s",
            "pace_per_s",
            "sight_cm",
            "motor_noise",
            "returns",
            "cm_per_n",
            "aim_per_s",
            "aim_cm_s",
            "max_hz",
        ),
        "hand": (2,),
        "body": (N_BODY,),
        "arm": (N_ARM,),
        "motion": (N_MOTION,),
        "imagined": (2,),
        "baseline_hz": ("units",),
        "depth": ("units",),
        "directions": ("units", 2),
        "held_noise": (noise.words(4),),
    }
)


def start(settings: Settings, tool: np.ndarray, step_s: float, seed: int, memory: dict[str, np.ndarray]) -> None:
    """Fill the subject's memory; of the tool it takes only how many axes it has."""
    n_axes, n_units = tool.shape
    generator = np.random.default_rng([seed, random.SUBJECT])
    layout.fill(
        memory,
        units=n_units,
        axes=n_axes,
        step_s=step_s,
        encoding=ENCODINGS.index(settings.encoding),
        linked=settings.arm == "links",
        delay_s=settings.delay_ms / 1e3,
        pace_per_s=settings.pace_per_s,
        sight_cm=settings.sight_noise_cm,
        motor_noise=settings.motor_noise,
        returns=settings.returns,
        cm_per_n=settings.cm_per_n,
        aim_per_s=settings.aim_per_s,
        aim_cm_s=settings.aim_cm_s,
        max_hz=settings.max_rate_hz,
    )
    noise.start(memory["held_noise"], step_s)
    memory["hand"][:] = math.nan
    memory["body"][:] = new_body(settings.asymmetry)
    memory["arm"][:] = new_arm()
    spread = settings.baseline_spread
    memory["baseline_hz"][:] = settings.baseline_hz * np.exp(
        spread * generator.standard_normal(n_units) - spread**2 / 2
    )
    mean = settings.hz_per_n if settings.encoding == "todorov" else settings.hz_per_m_s
    memory["depth"][:] = mean * generator.uniform(0.5, 1.5, n_units)
    memory["directions"][:] = draw_directions(n_units, n_axes, generator)


@part
def _slope(now, before, earlier, between_s):
    """Return velocity and acceleration of a coordinate that was seen three times."""
    return (3.0 * now - 4.0 * before + earlier) / (2.0 * between_s), (now - 2.0 * before + earlier) / between_s**2


@part
def _target(m, seen):
    """Return whether there is a target; where it is taken to be when the muscles act, its velocity and acceleration.

    In cm; what was seen, late, is led on by the visual delay and the muscles' own.
    """
    x, y = seen[0, SEEN_TARGET_X], seen[0, SEEN_TARGET_Y]
    v_x = v_y = a_x = a_y = 0.0
    if seen[0, SEEN_RADIUS] <= 0.0:
        return False, 0.0, 0.0, v_x, v_y, a_x, a_y
    between_s = seen[0, SEEN_TIME_S] - seen[1, SEEN_TIME_S]
    if between_s > 0.0 and seen[1, SEEN_RADIUS] > 0.0 and seen[2, SEEN_RADIUS] > 0.0:
        v_x, a_x = _slope(x, seen[1, SEEN_TARGET_X], seen[2, SEEN_TARGET_X], between_s)
        v_y, a_y = _slope(y, seen[1, SEEN_TARGET_Y], seen[2, SEEN_TARGET_Y], between_s)
        if not math.hypot(v_x, v_y) <= _FASTEST_TARGET_CM_S:
            v_x = v_y = a_x = a_y = 0.0
    lead_s = m.delay_s + _MUSCLE_TAU_S
    x += (v_x + 0.5 * a_x * lead_s) * lead_s + m.sight_cm * noise.noise_of(m.held_noise, 0)
    y += (v_y + 0.5 * a_y * lead_s) * lead_s + m.sight_cm * noise.noise_of(m.held_noise, 1)
    return True, x, y, v_x + a_x * lead_s, v_y + a_y * lead_s, a_x, a_y


@part
def _reach(m, seen):
    """Move the hand toward the target; note what that takes of the muscles."""
    body, arm, motion, hand = m.body, m.arm, m.motion, m.hand
    shown, x, y, v_x, v_y, a_x, a_y = _target(m, seen)
    if not shown and not m.returns:
        x, y = arm[X] / _M_PER_CM, arm[Y] / _M_PER_CM
    p, linked = m.pace_per_s, m.linked != 0.0
    x_m, y_m = within_reach(linked, _M_PER_CM * x, _M_PER_CM * y)
    a_x = _M_PER_CM * a_x + p * p * (x_m - arm[X]) + 2.0 * p * (_M_PER_CM * v_x - arm[VX])
    a_y = _M_PER_CM * a_y + p * p * (y_m - arm[Y]) + 2.0 * p * (_M_PER_CM * v_y - arm[VY])
    force_x, force_y = inertial_force(arm, body, linked, a_x, a_y)
    force_x, force_y = limit_force(force_x, force_y)
    # What inertia takes is put as an acceleration of the mass m, so that one equation holds for both arms.
    motion[FORCE_X], motion[FORCE_X + 1] = 0.0, 0.0
    motion[ACCELERATION_X], motion[ACCELERATION_X + 1] = force_x / body[MASS], force_y / body[MASS]
    motion[VELOCITY_X], motion[VELOCITY_X + 1] = arm[VX], arm[VY]
    motion[PLACE_X], motion[PLACE_X + 1] = arm[X], arm[Y]
    force_x += body[DAMPING] * arm[VX] + body[STIFFNESS] * arm[X]
    force_y += body[DAMPING] * arm[VY] + body[STIFFNESS] * arm[Y]
    error_n = m.motor_noise * math.hypot(force_x, force_y)
    force_x += error_n * noise.noise_of(m.held_noise, 2)
    force_y += error_n * noise.noise_of(m.held_noise, 3)
    move_arm(arm, body, linked, force_x, force_y, _MUSCLE_TAU_S, m.step_s)
    hand[0], hand[1] = arm[X] / _M_PER_CM, arm[Y] / _M_PER_CM


@part
def _push(m, seen):
    """Exert the force that the target asks for, the hand being held."""
    arm, motion, hand = m.arm, m.motion, m.hand
    _, x, y, _, _, _, _ = _target(m, seen)
    force_x, force_y = x / m.cm_per_n, y / m.cm_per_n
    error_n = m.motor_noise * math.hypot(force_x, force_y)
    for word in range(motion.shape[0]):
        motion[word] = 0.0
    motion[FORCE_X], motion[FORCE_X + 1] = force_x, force_y
    follow = 1.0 - math.exp(-m.step_s / _MUSCLE_TAU_S)
    arm[FX] += follow * (force_x + error_n * noise.noise_of(m.held_noise, 2) - arm[FX])
    arm[FY] += follow * (force_y + error_n * noise.noise_of(m.held_noise, 3) - arm[FY])
    hand[0], hand[1] = arm[FX] * m.cm_per_n, arm[FY] * m.cm_per_n


@part
def _imagine(m, seen):
    """Imagine that the cursor moves to the target, as fast as its distance asks for."""
    shown, x, y, _, _, _, _ = _target(m, seen)
    aim_x = aim_y = 0.0
    if shown:
        aim_x, aim_y = x - seen[0, SEEN_X], y - seen[0, SEEN_Y]
        distance_cm = math.hypot(aim_x, aim_y)
        per_s = min(m.aim_per_s, m.aim_cm_s / distance_cm) if distance_cm > 0.0 else 0.0
        aim_x, aim_y = per_s * aim_x, per_s * aim_y
    place_x, place_y = (_M_PER_CM * seen[0, SEEN_X], _M_PER_CM * seen[0, SEEN_Y]) if shown else (0.0, 0.0)
    imagine_into(m.motion, m.imagined, _M_PER_CM * aim_x, _M_PER_CM * aim_y, place_x, place_y, m.step_s)
    m.hand[0] = m.hand[1] = math.nan


@kernel(act_signature)
def ACT(memory, key, seen, rates_out):
    """Move, push or imagine; turn what that takes into firing rates (Hz)."""
    m = layout.named(memory)
    noise.renew(m.held_noise, key)
    if seen[0, SEEN_CONTROL] == 1.0:
        _reach(m, seen)
    elif seen[0, SEEN_CONTROL] == 2.0:
        _push(m, seen)
    else:
        _imagine(m, seen)
    encode_into(rates_out, int(m.encoding), m.body, m.motion, m.directions, m.baseline_hz, m.depth)
    for u in range(m.depth.shape[0]):
        rates_out[u] = min(rates_out[u], m.max_hz)


TRAITS = SubjectTraits(has_arm=True, reaches=reaches)
