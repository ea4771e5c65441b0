"""The subject's body, and how its motor cortex encodes what the body is to do (Todorov 2000, Nat. Neurosci. 3, 391).

A cell drives muscles that pull along its direction u_i, and has to bring forth all that the movement takes:

    todorov     c_i = [b_i + g_i u_i . (f_ext + m a + B_i v + k x)]_+,   B_i = b (1 + s) while u_i . v > 0, else b (1 - s)
    cosine      c_i = [b_i + g_i u_i . v]_+                              (Georgopoulos 1982, for velocity)
    magnitude   c_i = [b_i + g_i |v| (1/2 + cos(angle between u_i and v))]_+  (after Moran and Schwartz 1999)

f_ext is the force on the outside, a, v and x acceleration, velocity and place of the hand about where the muscles rest, m,
b, k inertia, damping and stiffness of hand and muscles; s > 0: damping is stronger in muscles that shorten. All in N, m, s.
"""

import math

import numpy as np

from bmi_app.rt.jit import part

ENCODINGS = ("cosine", "todorov", "magnitude")
_COSINE, _TODOROV, _MAGNITUDE = range(3)

# Words of `motion`: what the body is to do now.
FORCE_X, FORCE_Y, ACCELERATION_X, ACCELERATION_Y, VELOCITY_X, VELOCITY_Y, PLACE_X, PLACE_Y = range(8)
N_MOTION = 8
# Words of `body`.
MASS, DAMPING, STIFFNESS, ASYMMETRY = range(4)
N_BODY = 4
MASS_KG, DAMPING_N_S_M, STIFFNESS_N_M = 1.0, 10.0, 50.0  # Todorov 2000

# A planar arm of two links: lengths, centre of mass of the second, inertias, friction of the joints (Li and Todorov 2004).
_L1, _L2, _S2 = 0.30, 0.33, 0.16  # m
_M2, _I1, _I2 = 1.0, 0.025, 0.045  # kg, kg m^2; each inertia is about the joint of its link
_D1, _D2, _D12 = _I1 + _I2 + _M2 * _L1 * _L1, _M2 * _L1 * _S2, _I2
_FRICTION, _FRICTION_CROSS = 0.05, 0.025  # N m s
SHOULDER_Y_M = -0.40  # m: the shoulder is there, below the centre of the workspace
# The elbow stops before the arm is stretched or folded, where no force on the hand could move it along the arm any more.
_ELBOW_LEAST, _ELBOW_MOST = 0.3, 2.8  # rad
REACH_LEAST_M, REACH_MOST_M = (  # from the shoulder
    math.sqrt(_L1**2 + _L2**2 + 2 * _L1 * _L2 * math.cos(elbow)) for elbow in (_ELBOW_MOST, _ELBOW_LEAST)
)
STRONGEST_N = 100.0  # force of the muscles at the hand
_SMALLEST_STEP_S = 0.001


@part
def muscle_force(body, motion, u_x, u_y):
    """Return the force (N) that the muscles along a direction have to give."""
    shortening = u_x * motion[VELOCITY_X] + u_y * motion[VELOCITY_Y]
    damping = body[DAMPING] * (1.0 + body[ASYMMETRY] if shortening > 0.0 else 1.0 - body[ASYMMETRY])
    outside = u_x * motion[FORCE_X] + u_y * motion[FORCE_Y]
    inertial = body[MASS] * (u_x * motion[ACCELERATION_X] + u_y * motion[ACCELERATION_Y])
    return outside + inertial + damping * shortening + body[STIFFNESS] * (u_x * motion[PLACE_X] + u_y * motion[PLACE_Y])


@part
def encode_into(rates_out, encoding, body, motion, directions, baseline_hz, depth):
    """Ask every unit for the rate with which it encodes the motion (Hz).

    Parameters
    ----------
    rates_out : float64[unit]
    encoding
        Index in ENCODINGS.
    body : float64[N_BODY]
    motion : float64[N_MOTION]
        In N, m/s^2, m/s and m.
    directions : float64[unit, 2]
        Unit vectors.
    baseline_hz, depth : float64[unit]
        Depth in Hz/N for `todorov`, else in Hz per m/s.
    """
    speed_m_s = math.hypot(motion[VELOCITY_X], motion[VELOCITY_Y])
    for u in range(rates_out.shape[0]):
        u_x, u_y = directions[u, 0], directions[u, 1]
        if encoding == _TODOROV:
            modulation = muscle_force(body, motion, u_x, u_y)
        else:
            modulation = u_x * motion[VELOCITY_X] + u_y * motion[VELOCITY_Y]
            if encoding == _MAGNITUDE:
                modulation += 0.5 * speed_m_s
        rates_out[u] = max(baseline_hz[u] + depth[u] * modulation, 0.0)


IMAGINED_TAU_S = 0.1  # within which an imagined velocity follows the one that is aimed at


@part
def imagine_into(motion, imagined, aim_x, aim_y, place_x, place_y, step_s):
    """Imagine for a step that the body moves as it aims to, without a force on the outside.

    Parameters
    ----------
    motion : float64[N_MOTION]
    imagined : float64[2]
        The imagined velocity (m/s), which follows the aim within `IMAGINED_TAU_S`.
    aim_x, aim_y, place_x, place_y
        In m/s and m.
    """
    follow = 1.0 - math.exp(-step_s / IMAGINED_TAU_S)
    for a in range(2):
        change = follow * ((aim_x if a == 0 else aim_y) - imagined[a])
        imagined[a] += change
        motion[FORCE_X + a] = 0.0
        motion[ACCELERATION_X + a] = change / step_s
        motion[VELOCITY_X + a] = imagined[a]
    motion[PLACE_X], motion[PLACE_Y] = place_x, place_y


def draw_directions(n_units: int, n_axes: int, generator: np.random.Generator) -> np.ndarray:
    """Return preferred directions, f8[unit, 2]: spread over the circle, or along x for one axis."""
    angle = generator.uniform(0, 2 * np.pi, n_units)
    if n_axes == 1:
        return np.stack([np.where(angle < np.pi, 1.0, -1.0), np.zeros(n_units)], axis=1)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def new_body(asymmetry: float = 0.0) -> np.ndarray:
    """Return the constants of the body, f8[N_BODY]."""
    return np.array([MASS_KG, DAMPING_N_S_M, STIFFNESS_N_M, asymmetry])


# Words of `arm`: place and velocity of the hand (m, m/s), force of the muscles (N), angles and angular velocities.
X, Y, VX, VY, FX, FY, Q1, Q2, DQ1, DQ2 = range(10)
N_ARM = 10


def new_arm() -> np.ndarray:
    """Return an arm at rest with its hand in the centre, f8[N_ARM]."""
    arm = np.zeros(N_ARM)
    reach = -SHOULDER_Y_M
    elbow = math.acos((reach**2 - _L1**2 - _L2**2) / (2 * _L1 * _L2))
    arm[Q1] = math.pi / 2 - math.atan2(_L2 * math.sin(elbow), _L1 + _L2 * math.cos(elbow))
    arm[Q2] = elbow
    return arm


@part
def move_arm(arm, body, linked, wanted_x, wanted_y, muscle_tau_s, duration_s):
    """Let the muscles follow the force wanted of them (N), and the arm move, for a while.

    Muscles follow within `muscle_tau_s`. The force works against inertia, damping and stiffness; steps are at most 1 ms,
    velocity before place, which keeps both arms stable. The elbow of the two links has stops.

    Parameters
    ----------
    arm : float64[N_ARM]
    linked
        Whether the inertia is that of the two links, or a point mass.
    """
    n = max(math.ceil(duration_s / _SMALLEST_STEP_S - 1e-9), 1)
    dt_s = duration_s / n
    follow = 1.0 - math.exp(-dt_s / muscle_tau_s)
    for _ in range(n):
        arm[FX] += follow * (wanted_x - arm[FX])
        arm[FY] += follow * (wanted_y - arm[FY])
        net_x = arm[FX] - body[DAMPING] * arm[VX] - body[STIFFNESS] * arm[X]
        net_y = arm[FY] - body[DAMPING] * arm[VY] - body[STIFFNESS] * arm[Y]
        if linked:
            _move_links(arm, net_x, net_y, dt_s)
        else:
            arm[VX] += net_x / body[MASS] * dt_s
            arm[VY] += net_y / body[MASS] * dt_s
            arm[X] += arm[VX] * dt_s
            arm[Y] += arm[VY] * dt_s


@part
def _jacobian(arm):
    """Return the rows of what the joints do to the hand."""
    s1, c1 = math.sin(arm[Q1]), math.cos(arm[Q1])
    s12, c12 = math.sin(arm[Q1] + arm[Q2]), math.cos(arm[Q1] + arm[Q2])
    return -_L1 * s1 - _L2 * s12, -_L2 * s12, _L1 * c1 + _L2 * c12, _L2 * c12


@part
def _joint_inertia(arm):
    """Return the inertia of the joints: its corners, and what is beside the diagonal."""
    c2 = math.cos(arm[Q2])
    return _D1 + 2.0 * _D2 * c2, _D12 + _D2 * c2, _D12


@part
def _move_links(arm, net_x, net_y, dt_s):
    """Move the joints by the torques of a force on the hand, less what friction and the links' swing take."""
    a, b, c, d = _jacobian(arm)
    inertia_1, inertia_12, inertia_2 = _joint_inertia(arm)
    w1, w2 = arm[DQ1], arm[DQ2]
    swing = _D2 * math.sin(arm[Q2])
    torque_1 = a * net_x + c * net_y - _FRICTION * w1 - _FRICTION_CROSS * w2 + swing * w2 * (2.0 * w1 + w2)
    torque_2 = b * net_x + d * net_y - _FRICTION * w2 - _FRICTION_CROSS * w1 - swing * w1 * w1
    determinant = inertia_1 * inertia_2 - inertia_12 * inertia_12
    arm[DQ1] += (inertia_2 * torque_1 - inertia_12 * torque_2) / determinant * dt_s
    arm[DQ2] += (inertia_1 * torque_2 - inertia_12 * torque_1) / determinant * dt_s
    # At a stop the elbow goes no farther, and gives its momentum to the shoulder.
    elbow_speed = min(max(arm[DQ2], (_ELBOW_LEAST - arm[Q2]) / dt_s), (_ELBOW_MOST - arm[Q2]) / dt_s)
    arm[DQ1] += inertia_12 / inertia_1 * (arm[DQ2] - elbow_speed)
    arm[DQ2] = elbow_speed
    arm[Q1] += arm[DQ1] * dt_s
    arm[Q2] = min(max(arm[Q2] + arm[DQ2] * dt_s, _ELBOW_LEAST), _ELBOW_MOST)
    arm[X] = _L1 * math.cos(arm[Q1]) + _L2 * math.cos(arm[Q1] + arm[Q2])
    arm[Y] = _L1 * math.sin(arm[Q1]) + _L2 * math.sin(arm[Q1] + arm[Q2]) + SHOULDER_Y_M
    a, b, c, d = _jacobian(arm)
    arm[VX] = a * arm[DQ1] + b * arm[DQ2]
    arm[VY] = c * arm[DQ1] + d * arm[DQ2]


@part
def within_reach(linked, x, y):
    """Return the place (m) nearest to another that the hand can come to; a point mass comes anywhere."""
    from_shoulder_y = y - SHOULDER_Y_M
    distance_m = math.hypot(x, from_shoulder_y)
    if not linked or REACH_LEAST_M <= distance_m <= REACH_MOST_M:
        return x, y
    if distance_m == 0.0:
        return 0.0, SHOULDER_Y_M + REACH_LEAST_M
    share = min(max(distance_m, REACH_LEAST_M), REACH_MOST_M) / distance_m
    return share * x, SHOULDER_Y_M + share * from_shoulder_y


@part
def limit_force(x, y):
    """Return the force (N) that the muscles can give of one that is asked for."""
    share = min(1.0, STRONGEST_N / max(math.hypot(x, y), STRONGEST_N))
    return share * x, share * y


@part
def inertial_force(arm, body, linked, a_x, a_y):
    """Return the force on the hand (N) that accelerates it as wanted (m/s^2): m a, or (J M^-1 J^T)^-1 a.

    The elbow's stops keep J invertible.
    """
    if not linked:
        return body[MASS] * a_x, body[MASS] * a_y
    a, b, c, d = _jacobian(arm)
    inertia_1, inertia_12, inertia_2 = _joint_inertia(arm)
    determinant = a * d - b * c
    # q'' = J^-1 a, torque = M q'', force = J^-T torque
    q1, q2 = (d * a_x - b * a_y) / determinant, (a * a_y - c * a_x) / determinant
    torque_1, torque_2 = inertia_1 * q1 + inertia_12 * q2, inertia_12 * q1 + inertia_2 * q2
    return (d * torque_1 - c * torque_2) / determinant, (a * torque_2 - b * torque_1) / determinant
