"""The autonomous subject's neurons may encode the movement that it wants: then what it learnt of the tool moves nothing."""

import math
from pathlib import Path

import numpy as np
import pytest

from bmi_app.record.reading import read
from bmi_app.rt.records import Outcome, TaskState
from bmi_app.session.engine.full_speed import run_fast
from bmi_app.session.recompute.replay import verify
from bmi_app.session.request import SessionRequest
from bmi_app.subject import mind

from .world import CALM, STEP_S, World, draw_tool

ENCODINGS = ("cosine", "todorov", "magnitude")


def encoding(kind: str, n_axes: int = 2, **settings: object) -> World:
    calm = {"exploration": "none", "learner": "none", **CALM, **settings}
    return World(draw_tool(n_axes, 30), encoding=kind, max_rate_hz=1e9, **calm)


def encoded(world: World, kind: str, asymmetry: float, velocity: list[float], before: list[float]) -> np.ndarray:
    """Return the rates of Todorov's equation and its kin for a movement (m, s), worked out unit by unit."""
    place = 0.01 * world.head[[mind.ESTIMATE_X, mind.ESTIMATE_Y]]
    rates = []
    for r0, g, u in zip(*(world.named[name] for name in ("baseline_hz", "depth", "directions")), strict=True):
        along = float(np.dot(u, velocity))
        if kind == "todorov":
            damping = 10.0 * (1 + asymmetry if along > 0 else 1 - asymmetry)
            force = 1.0 * np.dot(u, np.subtract(velocity, before)) / STEP_S + damping * along + 50.0 * np.dot(u, place)
            rates.append(max(r0 + g * force, 0.0))
        else:
            extra = 0.5 * math.hypot(*velocity) if kind == "magnitude" else 0.0
            rates.append(max(r0 + g * (along + extra), 0.0))
    return np.array(rates)


@pytest.mark.parametrize("kind", ENCODINGS)
@pytest.mark.parametrize("asymmetry", [0.0, 0.6])
def test_each_unit_encodes_the_movement_that_is_wanted(kind: str, asymmetry: float) -> None:
    world = encoding(kind, asymmetry=asymmetry, motor_noise_cm_s=2.0)
    velocity = np.zeros(2)
    for step in range(150):
        rates = world.run(1)[0]
        before = velocity.copy()
        wanted = 0.01 * world.head[[mind.WANTED_X, mind.WANTED_Y]]
        velocity += (1 - math.exp(-STEP_S / 0.1)) * (wanted - velocity)
        if step > 30:  # it reacts late
            expected = encoded(world, kind, asymmetry, velocity.tolist(), before.tolist())
            np.testing.assert_allclose(rates, expected, rtol=1e-9, atol=1e-9)
    assert np.ptp(expected - world.named["baseline_hz"]) > 5


@pytest.mark.parametrize("kind", [*ENCODINGS, "tool"])
def test_what_it_learnt_of_the_tool_moves_nothing_but_where_it_is_encoded(kind: str) -> None:
    rates = []
    for scale in (1.0, -3.0):
        world = encoding(kind, damping=0.0, delay_ms=0.0)
        world.named["weights"] *= scale
        world.named["inverse"] *= scale
        world.tool = np.zeros_like(world.tool)  # so that both see the same
        rates.append(world.run(60))
    assert np.array_equal(*rates) == (kind != "tool")


def test_on_one_axis_it_encodes_a_line() -> None:
    world = encoding("cosine", n_axes=1, motor_noise_cm_s=3.0)
    world.target = np.array([3.0, 8.0])
    world.run(60)
    u = world.named["directions"]
    np.testing.assert_array_equal(np.abs(u), np.tile([1.0, 0.0], (30, 1)))
    rates = world.run(1)[0]
    assert world.named["imagined"][0] != 0.0 == world.named["imagined"][1]
    expected = world.named["baseline_hz"] + world.named["depth"] * u[:, 0] * world.named["imagined"][0]
    np.testing.assert_allclose(rates, np.maximum(expected, 0.0))


def test_it_explores_beside_what_it_encodes() -> None:
    world = encoding("cosine", exploration="white", exploration_hz=3.0, exploration_floor=1.0, baseline_hz=200.0)
    still = encoding("cosine", baseline_hz=200.0)
    world.state = still.state = TaskState.MOVE
    added = world.run(400)[100:] - still.run(400)[100:]
    assert added.std() == pytest.approx(3.0, rel=0.3)


@pytest.mark.parametrize(
    ("kind", "least", "most"), [("cosine", 0.8, 1.0), ("magnitude", 0.8, 1.0), ("todorov", 0.0, 0.5)]
)
def test_a_decoder_that_is_fitted_to_it_lets_it_reach_the_targets(
    kind: str, least: float, most: float, tmp_path: Path
) -> None:
    # Hardly with `todorov`, of which a readout of velocity takes the springs' pull for a wish to move.
    request = SessionRequest(
        protocol="calibrate",
        overrides=[
            "subject.kind=autonomous",
            "subject.learner=lms",
            f"subject.encoding={kind}",
            "session.duration_s=200",
        ],
        out=tmp_path,
        speed="max",
        source_timeout_s=1.0,
    )
    folder = Path(run_fast(request, lambda _: None, lambda _: None)["session"])
    recording = read(folder)
    frames = recording.frames
    outcomes = frames["outcome"][(frames["block"] == 3) & (frames["outcome"] != Outcome.NONE)]
    judged = outcomes[outcomes != Outcome.BLOCK_ENDED]
    assert len(judged) > 10
    assert least <= (judged == Outcome.SUCCESS).mean() <= most
    assert len(recording.subject) > 20
    assert verify(folder).is_exact
