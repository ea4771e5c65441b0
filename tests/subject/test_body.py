"""The body: what its neurons encode, against Todorov's closed forms; its arms, against slow integrations."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from bmi_app.subject import body
from bmi_app.subject.body import ENCODINGS, N_MOTION

DIRECTIONS = np.stack([np.cos(np.arange(48) * np.pi / 24), np.sin(np.arange(48) * np.pi / 24)], axis=1)
POSITIVE = st.floats(0.2, 20.0)


def encode(encoding: str, constants, baseline_hz: float = 20.0, depth: float = 3.0, **motion) -> np.ndarray:
    """Return the rates of 48 cells, whose directions are spread evenly, for `force`, `acceleration`, `velocity`, `place`."""
    words = np.zeros(N_MOTION)
    for i, name in enumerate(("force", "acceleration", "velocity", "place")):
        words[2 * i : 2 * i + 2] = motion.get(name, (0.0, 0.0))
    rates_hz = np.full(48, np.nan)
    filled = np.full(48, baseline_hz), np.full(48, depth)
    body.encode_into(rates_hz, ENCODINGS.index(encoding), np.array(constants, float), words, DIRECTIONS, *filled)
    return rates_hz


def population_vector(rates_hz: np.ndarray, baseline_hz: float = 20.0) -> np.ndarray:
    return (rates_hz - baseline_hz) @ DIRECTIONS / 24


@given(mass=POSITIVE, damping=POSITIVE, duration_s=st.floats(0.2, 2.0), angle=st.floats(0, 6.2))
@settings(max_examples=30, deadline=None)
def test_the_population_vector_of_a_minimum_jerk_reach_reverses_where_it_must(mass, damping, duration_s, angle) -> None:
    q = damping * duration_s / mass
    root = (-(4 - q) + math.sqrt((4 - q) ** 2 + 8 * q)) / (2 * q)
    along = np.array([math.cos(angle), math.sin(angle)])

    def pushed(tau: float) -> float:
        v = 30 * tau**2 * (1 - tau) ** 2 / duration_s
        a = 60 * tau * (1 - tau) * (1 - 2 * tau) / duration_s**2
        rates = encode("todorov", (mass, damping, 0.0, 0.0), 0.0, 1.0, acceleration=a * along, velocity=v * along)
        return float(population_vector(rates, 0.0) @ along)  # rectified cells, without any rate at rest

    assert 0 < root < 1
    assert pushed(root * (1 - 1e-6)) > 0 > pushed(root * (1 + 1e-6)) - 1e-12
    assert (q == pytest.approx(5, abs=1e-9)) <= (root == pytest.approx(0.740, abs=5e-4))


def test_the_root_that_is_quoted() -> None:
    assert (-(4 - 5) + math.sqrt(1 + 40)) / 10 == pytest.approx(0.740, abs=5e-4)


@given(omega=st.floats(0.5, 30.0), phase=st.floats(0, 6.2))
@settings(max_examples=30, deadline=None)
def test_in_sinusoidal_movement_the_population_vector_leads_the_velocity(omega: float, phase: float) -> None:
    m, b, k = 1.0, 10.0, 50.0
    vectors = []
    for t in np.arange(64) * 2 * np.pi / omega / 64:  # a circle of 1 cm
        angle = omega * t + phase
        x = 0.01 * np.array([math.cos(angle), math.sin(angle)])
        v = 0.01 * omega * np.array([-math.sin(angle), math.cos(angle)])
        acceleration = -omega * omega * x
        rates = encode("todorov", (m, b, k, 0.0), 1e3, place=x, velocity=v, acceleration=acceleration)
        vectors.append((complex(*population_vector(rates, 1e3)), complex(*v)))
    lead = np.angle(np.mean([pv / v for pv, v in vectors]))
    assert lead == pytest.approx(math.atan((m * omega - k / omega) / b), abs=1e-9)
    if omega == pytest.approx(math.sqrt(k / m)):
        assert lead == pytest.approx(0.0, abs=0.01)


@given(angle=st.floats(0, 6.2), newton=st.floats(0, 6))
def test_isometric_force_gives_cosine_tuning_to_direction_and_magnitude(angle: float, newton: float) -> None:
    force = newton * math.cos(angle), newton * math.sin(angle)
    rates = encode("todorov", (1.0, 10.0, 50.0, 0.5), force=force)
    np.testing.assert_allclose(rates, 20 + 3 * newton * np.cos(np.arange(48) * np.pi / 24 - angle), atol=1e-9)


def test_damping_is_stronger_in_muscles_that_shorten() -> None:
    v = 0.2
    rates = encode("todorov", (1.0, 10.0, 50.0, 0.4), velocity=(v, 0.0))
    cosine = DIRECTIONS[:, 0]
    np.testing.assert_allclose(rates, 20 + 3 * v * np.where(cosine > 0, 14.0, 6.0) * cosine, atol=1e-9)


def test_the_other_encodings() -> None:
    velocity = np.array([0.3, -0.4])
    along = DIRECTIONS @ velocity
    np.testing.assert_allclose(encode("cosine", np.ones(4), velocity=velocity), 20 + 3 * along, atol=1e-12)
    np.testing.assert_allclose(encode("magnitude", np.ones(4), velocity=velocity), 20 + 3 * (along + 0.25), atol=1e-12)
    assert encode("cosine", np.ones(4), 0.0, velocity=velocity).min() == 0.0


LINKS = pytest.mark.parametrize("linked", [False, True])


def rest_at(place_m: tuple[float, float]) -> np.ndarray:
    """Return an arm at rest with its hand at a place: let it be pulled there."""
    arm = body.new_arm()
    for _ in range(3000):
        pull = 200 * (np.array(place_m) - arm[:2]) + 50 * arm[:2] - 20 * arm[2:4]
        body.move_arm(arm, body.new_body(), True, *pull, 0.01, 0.001)
    return arm


def test_the_arm_begins_in_the_centre() -> None:
    arm = body.new_arm()
    body.move_arm(arm, body.new_body(), True, 0.0, 0.0, 0.05, 0.01)
    np.testing.assert_allclose(arm[:4], 0.0, atol=1e-12)


@pytest.mark.parametrize("step_s", [0.001, 0.0045, 0.01])
def test_the_point_mass_moves_as_its_equation_says(step_s: float) -> None:
    arm, constants, force = body.new_arm(), body.new_body(), np.array([3.0, -2.0])
    n = round(0.45 / step_s)
    for _ in range(n):
        body.move_arm(arm, constants, False, *force, 0.05, step_s)

    def slope(t, y):
        return [*y[2:4], *(y[4:6] - 10 * y[2:4] - 50 * y[:2]), *((force - y[4:6]) / 0.05)]

    slow = solve_ivp(slope, (0, n * step_s), np.zeros(6), rtol=1e-10, atol=1e-12).y[:, -1]
    np.testing.assert_allclose(arm[:6], slow, rtol=0.02, atol=2e-4)


def lagrangian_slope(t, y, force):
    """Return the slope of the two links from their Lagrangian, the inertia's derivatives by differences."""
    q, dq = y[:2], y[2:]
    l1, l2, s2, m2, i1, i2 = 0.30, 0.33, 0.16, 1.0, 0.025, 0.045  # each inertia is about the joint of its link

    def inertia(q):
        a, b = q[0], q[0] + q[1]
        centre = np.array(
            [
                [-l1 * math.sin(a) - s2 * math.sin(b), -s2 * math.sin(b)],
                [l1 * math.cos(a) + s2 * math.cos(b), s2 * math.cos(b)],
            ]
        )
        about_centre = np.array([[i1 + i2, i2], [i2, i2]]) - m2 * s2**2
        return about_centre + m2 * centre.T @ centre

    h = 1e-6
    d = [(inertia(q + h * e) - inertia(q - h * e)) / (2 * h) for e in np.eye(2)]
    coriolis = sum(d[k] * dq[k] for k in range(2)) @ dq - 0.5 * np.array([dq @ d[k] @ dq for k in range(2)])
    a, b = q[0], q[0] + q[1]
    jacobian = np.array(
        [
            [-l1 * math.sin(a) - l2 * math.sin(b), -l2 * math.sin(b)],
            [l1 * math.cos(a) + l2 * math.cos(b), l2 * math.cos(b)],
        ]
    )
    x = np.array([l1 * math.cos(a) + l2 * math.cos(b), l1 * math.sin(a) + l2 * math.sin(b) - 0.40])
    net = force - 10 * (jacobian @ dq) - 50 * x
    friction = np.array([[0.05, 0.025], [0.025, 0.05]]) @ dq
    return np.concatenate([dq, np.linalg.solve(inertia(q), jacobian.T @ net - coriolis - friction)])


def test_the_two_links_move_as_their_lagrangian_says() -> None:
    arm, constants, force = body.new_arm(), body.new_body(), np.array([4.0, 2.0])
    arm[4:6] = force  # the muscles pull already
    begin = np.concatenate([arm[6:8], arm[8:10]])
    for _ in range(30):
        body.move_arm(arm, constants, True, *force, 0.05, 0.01)
    slow = solve_ivp(lagrangian_slope, (0, 0.3), begin, args=(force,), rtol=1e-9, atol=1e-10).y[:, -1]
    np.testing.assert_allclose(arm[6:8], slow[:2], atol=2e-3)
    np.testing.assert_allclose(arm[8:10], slow[2:], atol=2e-2)


@given(x=st.floats(-0.1, 0.1), y=st.floats(-0.1, 0.1), a_x=st.floats(-3, 3), a_y=st.floats(-3, 3))
@settings(max_examples=10, deadline=None)
def test_the_force_that_is_said_to_accelerate_the_links_does(x, y, a_x, a_y) -> None:
    arm = rest_at((x, y))
    arm[8:10] = 0.0
    arm[2:4] = 0.0
    force = np.array(body.inertial_force(arm, body.new_body(), True, a_x, a_y))
    muscles = force + 50 * arm[:2]
    arm[4:6] = muscles
    dt_s = 1e-4
    body.move_arm(arm, body.new_body(), True, *muscles, 0.05, dt_s)
    np.testing.assert_allclose(arm[2:4] / dt_s, [a_x, a_y], atol=0.02 + 0.01 * math.hypot(a_x, a_y))


@LINKS
@given(
    force=st.tuples(st.floats(-60, 60), st.floats(-60, 60)),
    step_s=st.floats(0.0005, 0.01),
)
@settings(max_examples=10, deadline=None)
def test_an_arm_that_is_let_go_comes_to_rest(linked: bool, force, step_s: float) -> None:
    arm, constants = body.new_arm(), body.new_body()
    for k in range(round(3.0 / step_s)):
        pull = force if k * step_s < 0.1 else (0.0, 0.0)
        body.move_arm(arm, constants, linked, *pull, 0.05, step_s)
        assert np.isfinite(arm).all()
    assert np.hypot(*arm[2:4]) < 0.01
    assert np.hypot(*arm[:2]) < 0.03


@given(x=st.floats(-2, 2), y=st.floats(-2, 2), angle=st.floats(0, 6.2), wait=st.integers(0, 300))
@settings(max_examples=25, deadline=None)
def test_no_aim_and_no_force_breaks_the_two_links(x: float, y: float, angle: float, wait: int) -> None:
    # Pulled to where it cannot come, then with all the muscles have, then back to the centre.
    arm, constants = body.new_arm(), body.new_body()
    elbow = []

    def aim_at(aim, n_steps: int) -> None:
        for _ in range(n_steps):
            nearest = np.array(body.within_reach(True, *aim))
            wanted = 64 * (nearest - arm[:2]) - 16 * arm[2:4]
            force = np.array(body.limit_force(*body.inertial_force(arm, constants, True, *wanted)))
            assert np.hypot(*force) <= body.STRONGEST_N * (1 + 1e-12)
            body.move_arm(arm, constants, True, *(force + 10 * arm[2:4] + 50 * arm[:2]), 0.05, 0.01)
            elbow.append(arm[7])

    aim_at((x, y), wait)
    push = body.STRONGEST_N * np.array([math.cos(angle), math.sin(angle)])
    for _ in range(100):
        body.move_arm(arm, constants, True, *push, 0.05, 0.01)
        elbow.append(arm[7])
    aim_at((0.0, 0.0), 600)
    assert np.isfinite(arm).all()
    assert 0.3 <= min(elbow) <= max(elbow) <= 2.8
    np.testing.assert_allclose(arm[:4], 0.0, atol=0.01)


@pytest.mark.parametrize(
    ("place", "nearest"),
    [
        ((0.1, 0.1), (0.1, 0.1)),
        ((0.0, 0.5), (0.0, body.REACH_MOST_M - 0.4)),
        ((0.05, -0.4), (body.REACH_LEAST_M, -0.4)),
        ((0.0, -0.4), (0.0, body.REACH_LEAST_M - 0.4)),
    ],
)
def test_two_links_reach_from_near_the_shoulder_to_nearly_stretched(place, nearest) -> None:
    np.testing.assert_allclose(body.within_reach(True, *place), nearest, atol=1e-12)
    assert body.within_reach(False, *place) == place
    assert pytest.approx(0.111, abs=1e-3) == body.REACH_LEAST_M
    assert pytest.approx(0.623, abs=1e-3) == body.REACH_MOST_M
