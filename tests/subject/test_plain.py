"""The plain subject aims at the target that it sees, through the inverse of the nominal tool."""

import numpy as np
import pytest

from bmi_app.rt.contracts import N_SEEN, SEEN_RADIUS, SEEN_TARGET_X, SEEN_TARGET_Y, SEEN_X, SEEN_Y
from bmi_app.rt.memory import length, named_parts
from bmi_app.subject import plain

NOISELESS = {"sight_noise_cm": 0.0, "motor_noise_cm_s": 0.0, "baseline_hz": 50.0, "baseline_spread": 0.0}


class Subject:
    """A plain subject with its memory."""

    def __init__(self, tool: np.ndarray, seed: int = 1, step_s: float = 0.01, **settings: float) -> None:
        given = plain.Settings(**settings)
        n_axes, n_units = tool.shape
        layout = plain.layout(given, n_units, n_axes)
        self.memory = np.zeros(length(layout))
        self.named = named_parts(self.memory, layout)
        plain.start(given, tool, step_s, seed, self.named)
        self.n_units = n_units

    def act(self, target=(0.0, 0.0), cursor=(0.0, 0.0), shown: bool = True, key: int = 1) -> np.ndarray:
        seen, rates_hz = np.zeros((8, N_SEEN)), np.full(self.n_units, np.nan)
        seen[0, [SEEN_TARGET_X, SEEN_TARGET_Y]], seen[0, [SEEN_X, SEEN_Y]] = target, cursor
        seen[0, SEEN_RADIUS] = 1.5 * shown
        plain.ACT(self.memory, np.uint64(key), seen, rates_hz)
        return rates_hz


def draw_tool(n_axes: int, n_units: int) -> np.ndarray:
    """Draw a tool of disjoint populations, the last fifth of the units being control."""
    tool = np.zeros((n_axes, n_units))
    driving = max(n_units * 4 // 5, n_axes)
    for a in range(n_axes):
        units = np.arange(a, driving, n_axes)
        tool[a, units] = 0.1 * np.random.default_rng(5).choice([-1.0, 1.0], len(units))
    return tool


@pytest.mark.parametrize(("n_axes", "n_units"), [(1, 1), (1, 40), (2, 2), (2, 96), (2, 2048)])
def test_its_rates_move_the_nominal_tool_as_it_wants(n_axes: int, n_units: int) -> None:
    tool = draw_tool(n_axes, n_units)
    subject = Subject(tool, **NOISELESS, max_rate_hz=1e6)
    subject.named["baseline_hz"][:] = 1e4  # so that no rate is clipped
    for aim_cm in [(8.0, 0.0), (-3.0, 4.0), (0.1, -0.2)]:
        aim = np.array([*aim_cm[:n_axes], 0.0])[:2]
        velocity = tool @ (subject.act(target=aim + 1.0, cursor=(1.0, 1.0)) - 1e4)
        distance_cm = np.linalg.norm(aim)
        wanted = aim * min(2.5, 12.0 / distance_cm)
        np.testing.assert_allclose(velocity, wanted[:n_axes], rtol=1e-6)


def test_it_uses_the_least_change_of_rates_and_leaves_control_units_alone() -> None:
    tool = draw_tool(2, 50)
    subject = Subject(tool, **NOISELESS)
    change_hz = subject.act(target=(0.5, -0.3)) - 50.0
    least, *_ = np.linalg.lstsq(tool, np.array([0.5, -0.3]) * 2.5, rcond=None)
    np.testing.assert_allclose(change_hz, least, atol=1e-9)
    assert not change_hz[40:].any()


def test_without_a_target_it_rests() -> None:
    subject = Subject(draw_tool(2, 96), baseline_hz=15.0, baseline_spread=0.4)
    np.testing.assert_array_equal(subject.act(target=(8, 0), shown=False), subject.named["baseline_hz"])


def test_rates_at_rest_differ_between_units_and_have_the_mean_asked_for() -> None:
    baselines = Subject(draw_tool(2, 2048), baseline_hz=15.0, baseline_spread=0.4).named["baseline_hz"]
    assert baselines.mean() == pytest.approx(15.0, rel=0.05)
    assert np.log(baselines).std() == pytest.approx(0.4, rel=0.1)
    others = Subject(draw_tool(2, 2048), seed=2).named["baseline_hz"]
    assert not np.isclose(others, baselines).any()


def test_rates_stay_between_zero_and_the_greatest() -> None:
    subject = Subject(draw_tool(2, 10), **{**NOISELESS, "baseline_hz": 5.0}, max_rate_hz=20.0)
    rates_hz = subject.act(target=(8, 8))
    assert rates_hz.min() == 0.0
    assert rates_hz.max() == 20.0


def test_its_errors_of_sight_and_movement_have_the_size_asked_for() -> None:
    tool = np.eye(2) * 1.0
    sight = Subject(tool, **{**NOISELESS, "baseline_hz": 1e4, "sight_noise_cm": 0.3}, max_rate_hz=1e6)
    aimed = np.array([sight.act(target=(2, 1), key=key) - 1e4 for key in range(5000)])
    np.testing.assert_allclose(aimed.mean(axis=0), [5.0, 2.5], atol=0.06)
    np.testing.assert_allclose(aimed.std(axis=0), 2.5 * 0.3, rtol=0.05)
    motor = Subject(tool, **{**NOISELESS, "baseline_hz": 1e4, "motor_noise_cm_s": 0.5}, max_rate_hz=1e6, step_s=0.1)
    aimed = np.array([motor.act(target=(0, 0), key=key * 7919) - 1e4 for key in range(20_000)])[50:]
    np.testing.assert_allclose(aimed.std(axis=0), 0.5, rtol=0.06)
    found = [np.corrcoef(aimed[:-1, a], aimed[1:, a])[0, 1] for a in range(2)]
    np.testing.assert_allclose(found, np.exp(-0.1 / 0.3), atol=0.04)


def test_it_learns_nothing_of_the_decoder() -> None:
    subject = Subject(draw_tool(2, 20), **NOISELESS)
    first = subject.act(target=(1, 1))
    for key in range(100):
        subject.act(target=(1, 1), cursor=(-5, key / 10), key=key)
    np.testing.assert_array_equal(subject.act(target=(1, 1)), first)


def test_it_reacts_late_to_a_new_target() -> None:
    subject = Subject(draw_tool(2, 40), **NOISELESS, reaction_ms=50.0)
    for target in ((5.0, 0.0), (0.0, 5.0)):
        still = [bool((subject.act(target=target) == 50.0).all()) for _ in range(8)]
        assert still == [True] * 5 + [False] * 3
    subject.act(shown=False)
    assert (subject.act(target=(0.0, 5.0)) == 50.0).all()


def test_its_units_may_prefer_any_direction() -> None:
    tool = draw_tool(2, 40)
    subject = Subject(tool, **NOISELESS, spread_deg=90.0)
    rates_hz = np.stack([subject.act(target=target) - 50.0 for target in ((4.0, 0.0), (0.0, 4.0))])
    np.testing.assert_allclose(rates_hz @ tool.T, 10.0 * np.eye(2), atol=1e-9)
    assert (np.abs(rates_hz[:, ~tool.any(axis=0)]).max(axis=0) > 0).all()  # control units are tuned as well
