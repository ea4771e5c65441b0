"""A subject makes only the patterns of its manifold, and its units prefer the directions that they are given."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bmi_app.subject import autonomous
from bmi_app.subject.manifold import draw_manifold, preferring_inverse
from tests.subject.world import CALM, World, draw_tool


@given(spread=st.floats(0, 180), seed=st.integers(0, 2**32 - 1), n_units=st.integers(40, 120))
@settings(max_examples=50)
def test_units_prefer_other_directions_and_the_tool_still_does_as_wanted(
    spread: float, seed: int, n_units: int
) -> None:
    tool = draw_tool(2, n_units, seed % 1000)
    inverse = preferring_inverse(tool, spread, np.random.default_rng(seed))
    np.testing.assert_allclose(tool @ inverse, np.eye(2), atol=1e-9)
    tuned = np.hypot(*inverse.T) > 0
    idle = ~tool.any(axis=0)
    assert tuned[~idle].all()
    assert tuned[idle].all() == (spread > 0)


def test_without_a_spread_it_is_the_pseudoinverse() -> None:
    tool = draw_tool(2, 50)
    np.testing.assert_array_equal(preferring_inverse(tool, 0.0, np.random.default_rng(1)), np.linalg.pinv(tool))


def test_with_a_wide_spread_every_direction_is_preferred() -> None:
    tool = draw_tool(2, 400)
    angle = np.arctan2(*preferring_inverse(tool, 90.0, np.random.default_rng(2)).T[::-1])
    assert (np.histogram(angle, 8, (-np.pi, np.pi))[0] > 25).all()


@pytest.mark.parametrize("n_patterns", [1, 2, 10, 30])
def test_the_manifold_is_orthonormal_and_holds_what_the_tool_needs(n_patterns: int) -> None:
    inverse = preferring_inverse(draw_tool(2, 30), 60.0, np.random.default_rng(3))
    basis = draw_manifold(inverse, n_patterns, np.random.default_rng(4))
    np.testing.assert_allclose(basis.T @ basis, np.eye(n_patterns), atol=1e-12)
    held = inverse[:, : min(2, n_patterns)]
    np.testing.assert_allclose(basis @ (basis.T @ held), held, atol=1e-9)


@pytest.mark.parametrize("exploration", ["white", "slow", "low_dimensional", "curious"])
@pytest.mark.parametrize("learner", ["none", "lms", "regression", "reinforcement"])
def test_whatever_it_learns_and_however_it_explores_its_firing_stays_in_the_manifold(
    exploration: str, learner: str
) -> None:
    world = World(
        draw_tool(2, 30), prior="nominal", learner=learner, exploration=exploration, exploration_hz=1.0, baseline_hz=60.0,
        baseline_spread=0.0, patterns=5, spread_deg=60.0,
    )  # fmt: skip
    for _ in range(3):
        rates_hz = world.run(60)
        world.end_trial(reward=1.0)
    above = rates_hz - world.named["baseline_hz"]
    basis = world.named["manifold"]
    assert basis.shape == (30, 5)
    assert np.abs(above).max() > 0.5
    np.testing.assert_allclose(above @ basis @ basis.T, above, atol=1e-9)


@pytest.mark.parametrize("n_axes", [1, 2])
@pytest.mark.parametrize("patterns", [0, 6])
def test_the_kernels_inverse_is_that_of_numpy(n_axes: int, patterns: int) -> None:
    world = World(draw_tool(n_axes, 25), prior="nothing", learner="lms", patterns=patterns, **CALM)
    world.run(100)
    assert world.weights().any()
    expected = autonomous.inverse_of(world.settings, world.named["weights"], world.named["manifold"])
    np.testing.assert_allclose(world.named["inverse"], expected, atol=1e-9)


def test_exploration_in_a_manifold_is_as_strong_over_all_units() -> None:
    sizes = []
    for patterns in (0, 4):
        world = World(
            draw_tool(2, 40), learner="none", exploration="white", exploration_hz=1.0, patterns=patterns, **CALM
        )
        noise_hz = []
        for _ in range(2000):
            world.run(1)
            noise_hz.append(world.named["exploration"].copy())
        sizes.append(np.sqrt(np.mean(np.square(noise_hz))))
    assert sizes[1] == pytest.approx(sizes[0], rel=0.05)


def test_settings_without_effect_are_refused() -> None:
    with pytest.raises(ValidationError, match="patterns"):
        autonomous.Settings(patterns=4, encoding="cosine")
    with pytest.raises(ValidationError, match="spread_deg"):
        autonomous.Settings(spread_deg=30.0)
