"""The autonomous subject learns the tool from its own firing and late sight, and acts by what it has learnt."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bmi_app.rt.memory import named_parts
from bmi_app.rt.records import TaskState
from bmi_app.subject import autonomous, curiosity, mind
from bmi_app.subject.model_log import read_records

from .world import CALM, World, draw_tool

MODELS = ("regression", "lms", "batched", "gated")


def naive(learner: str, n_axes: int = 2, n_units: int = 20, **settings: object) -> World:
    return World(draw_tool(n_axes, n_units), prior="nothing", learner=learner, **{**CALM, **settings})


@pytest.mark.parametrize(("delay_ms", "lag_ms"), [(0.0, 100.0), (100.0, 100.0), (250.0, 40.0), (1000.0, 300.0)])
def test_without_noise_the_regression_finds_the_tool_at_once(delay_ms: float, lag_ms: float) -> None:
    # Only when the copy is as old and as smooth as what is seen of it.
    world = naive("regression", delay_ms=delay_ms, lag_ms=lag_ms, tool_lag_ms=lag_ms, rule={"ridge": 1e-6})
    world.run(round(delay_ms / 10) + 1500)
    np.testing.assert_allclose(world.weights(), world.tool, atol=1e-5)


@pytest.mark.parametrize("wrong", [{"lag_ms": 30.0}, {"lag_ms": 300.0}])
def test_a_wrong_lag_spoils_what_it_learns(wrong: dict) -> None:
    world = naive("regression", rule={"ridge": 1e-6}, **wrong)
    world.run(1500)
    assert np.abs(world.weights() - world.tool).max() > 1e-2


def test_its_regression_is_the_batch_ridge_of_what_it_saw() -> None:
    world = naive("regression", sample_ms=10.0, exploration_hz=4.0, rule={"ridge": 50.0})
    rates = world.run(400)
    keep, smoothed, x = world._keep, np.zeros(20), []
    for row in rates:
        smoothed = keep * smoothed + (1 - keep) * (row - world.named["baseline_hz"])
        x.append(np.append(smoothed, 5.0))
    x, delay = np.array(x), 10
    velocity = np.array([frame[[3, 4]] for frame in world._frames])
    # Step k sees what the firing up to step k - delay - 1 did; the first frame shows no movement before it.
    pairs = [(x[k - delay - 1], velocity[k - delay - 1]) for k in range(delay + 2, 400)]
    xs, vs = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])
    still = ~vs.any(axis=1)
    xs, vs = xs[~still], vs[~still]
    ridge = np.linalg.solve(xs.T @ xs + 50.0 * np.eye(21), xs.T @ vs).T
    np.testing.assert_allclose(world.named["weights"], ridge, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(
    n_axes=st.integers(1, 2),
    n_units=st.integers(1, 300),
    ridge=st.floats(1e-4, 1.0),
    seed=st.integers(0, 1000),
)
def test_it_inverts_its_model(n_axes: int, n_units: int, ridge: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    model = generator.normal(0, 0.1, (n_axes, n_units))
    world = World(
        model, prior="nominal", learner="none", exploration="none", inversion_lambda=ridge, baseline_hz=50.0,
        max_rate_hz=1e9, reaction_ms=0.0, damping=0.0, delay_ms=0.0, **CALM,
    )  # fmt: skip
    constant = generator.normal(0, 1, n_axes)
    world.named["weights"][:, -1] = constant / 5.0
    rates = world.run(2)[1]
    wanted = np.array([5.0 * 2.5, 0.0])[:n_axes]  # the target is 5 cm away, and 2.5 /s the gain
    wanted *= min(1.0, 12.0 / 12.5)
    # What the model foretold of the step before is part of the estimate of the cursor only with a delay.
    world_model = model.T @ np.linalg.inv(model @ model.T + ridge * np.eye(n_axes))
    expected = world.named["baseline_hz"] + world_model @ (wanted - constant)
    expected = np.maximum(expected, 0.0)
    np.testing.assert_allclose(rates, expected, rtol=1e-6, atol=2e-1)


@pytest.mark.parametrize("prior", ["nothing", "nominal"])
def test_the_learner_none_learns_nothing(prior: str) -> None:
    world = World(draw_tool(2, 20), prior=prior, learner="none")
    before = world.named["weights"].copy()
    world.run(800)
    world.end_trial(reward=1.0)
    world.state = TaskState.REST
    world.run(300)
    np.testing.assert_array_equal(world.named["weights"], before)


@pytest.mark.parametrize("learner", ["none", *MODELS, "reinforcement"])
def test_samples_stay_within_their_parts_of_the_memory(learner: str) -> None:
    world = naive(learner, rule={"trials": 2} if learner == "batched" else {})
    behind = ["curiosity", "babbled", "views", "body", "motion", "imagined", "log"]
    before = [world.named[name].copy() for name in behind]
    world.run(2600)  # more samples than a trial has room for, and no trial ends
    for name, part in zip(behind, before, strict=True):
        np.testing.assert_array_equal(world.named[name], part, err_msg=name)


def test_a_cursor_that_rests_on_its_target_says_nothing_about_confidence() -> None:
    world = naive("regression", n_units=40, rule={"ridge": 10.0}, sight_noise_cm_s=4.0)
    for trial in range(40):  # the first ones, which it could not foretell, count as well
        world.target = np.array([6.0, 0.0]) * (-1.0) ** trial
        world.run(200)
    confident = world.head[mind.CONFIDENCE]
    assert confident > 0.5
    world.run(6000)  # a minute on the target, in which nothing is to be seen but noise
    assert np.hypot(*world.velocity) < 3.0
    assert world.head[mind.CONFIDENCE] == pytest.approx(confident, abs=0.05)
    world.tool = -world.tool  # what it then foretells is wrong as soon as it moves
    world.target = np.array([6.0, 0.0])
    world.run(200)
    assert world.head[mind.CONFIDENCE] < confident - 0.05


def test_the_subject_judges_its_model_by_what_it_can_know() -> None:
    # The true speed, without the noise of its eyes, is not given to it: it goes by the speed that it wanted.
    world = naive("none", sight_noise_cm_s=4.0, damping=0.0)
    world.tool = np.zeros_like(world.tool)
    world.tool[0, 0] = 1e-9  # it moves, to the last bit
    world.run(400)
    assert world.named["aimed"].max() == pytest.approx(12.0)
    judged = world.head[mind.VELOCITY_SQUARE]
    assert judged > 2.0  # it wanted to move, and saw nothing but noise of its eyes
    world.target = world.cursor.copy()
    world.run(100)
    assert world.named["aimed"][:20].max() < 3.0
    judged = world.head[mind.VELOCITY_SQUARE]
    world.run(1000)
    assert world.head[mind.VELOCITY_SQUARE] == judged


@pytest.mark.parametrize(("frame_steps", "sample_ms"), [(1, 50.0), (5, 50.0), (5, 72.0), (5, 120.0), (10, 50.0)])
def test_samples_keep_to_their_schedule_where_a_tick_is_longer_than_a_step(frame_steps: int, sample_ms: float) -> None:
    world = naive("gated", sample_ms=sample_ms)
    world.frame_steps = frame_steps
    world.run(100)
    before = world.head[mind.N_SAMPLES]
    world.run(1500)
    every_ms = max(sample_ms, 10.0 * frame_steps)
    assert world.head[mind.N_SAMPLES] - before == pytest.approx(15_000 / every_ms, abs=1.5)


def test_each_learner_learns_when_its_hypothesis_says() -> None:
    changed = {}
    for learner in (*MODELS, "reinforcement"):
        world = naive(learner, sight_noise_cm_s=1.0)
        moments = {}
        for moment, act in {
            "trial": lambda world: world.run(400),
            "failure": lambda world: world.end_trial(0.0),
            "next trial": lambda world: world.run(400),
            "reward": lambda world: world.end_trial(1.0),
            "rest": _rest,
        }.items():
            before = world.named["weights"].copy()
            act(world)
            moments[moment] = not np.array_equal(before, world.named["weights"])
        changed[learner] = {moment for moment, is_changed in moments.items() if is_changed}
    assert changed["regression"] >= {"trial", "next trial"}
    assert changed["lms"] >= {"trial", "next trial"}
    assert changed["gated"] == {"reward"}
    assert changed["batched"] == {"rest"}
    assert changed["reinforcement"] == {"reward"}  # a failure is what it expects at first


def _rest(world: World) -> None:
    world.state = TaskState.REST
    world.run(100)
    world.state = TaskState.MOVE


@pytest.mark.parametrize("after", [TaskState.REST, TaskState.IDLE, TaskState.INTER_TRIAL])
@pytest.mark.parametrize("learner", ["gated", "reinforcement"])
def test_a_trial_that_its_block_cuts_teaches_nothing_and_is_not_logged(learner: str, after: TaskState) -> None:
    world = naive(learner)
    world.run(100)
    world.end_trial(1.0)
    world.run(100)
    before = [world.named[name].copy() for name in ("weights", "rule")]
    logged, confidence = world.logged(), world.head[mind.CONFIDENCE]
    world.state = after  # the next block may have targets as well
    world.run(20)
    for part, name in zip(before, ("weights", "rule"), strict=True):
        np.testing.assert_array_equal(world.named[name], part)
    assert (world.logged(), world.head[mind.CONFIDENCE]) == (logged, confidence)
    world.state = TaskState.MOVE
    world.run(100)
    world.end_trial(1.0)
    assert world.logged() == logged + 1
    assert not np.array_equal(world.named["weights"], before[0])


def test_a_reward_between_trials_is_not_that_of_the_next_trial() -> None:
    world = naive("gated")
    world.run(100)
    world.end_trial(0.0)
    world.state, world.reward = TaskState.INTER_TRIAL, 1.0  # the operator's
    world.run(1)
    world.reward = 0.0
    world.run(20)
    world.state = TaskState.MOVE
    world.run(100)
    before = world.weights()
    world.end_trial(0.0)
    np.testing.assert_array_equal(world.weights(), before)
    records, *_ = read_records(world.named, 0)
    np.testing.assert_array_equal(records["reward"], [0.0, 0.0])


def test_at_rest_it_fires_at_rest_and_explores_nothing() -> None:
    world = naive("lms")
    world.run(100)
    world.state = TaskState.REST
    world.run(30)
    np.testing.assert_array_equal(world.run(10), np.tile(world.named["baseline_hz"], (10, 1)))


def test_its_estimate_bridges_the_delay_when_its_model_is_right() -> None:
    errors = []
    for prior in ("nominal", "nothing"):
        world = World(draw_tool(2, 40), prior=prior, learner="none", exploration="slow", delay_ms=200.0, **CALM)
        world.run(40)
        found = []
        for _ in range(60):
            cursor = world.cursor.copy()
            world.run(1)
            found.append(np.hypot(*(world.head[[mind.ESTIMATE_X, mind.ESTIMATE_Y]] - cursor)))
        errors.append(max(found))
    assert errors[0] < 1e-6
    assert errors[1] > 0.05


def test_it_reacts_late_and_sometimes_not_at_all() -> None:
    world = World(draw_tool(2, 20), exploration="none", delay_ms=100.0, reaction_ms=80.0, **CALM)
    rates = world.run(60)
    moved = np.flatnonzero(np.any(rates != world.named["baseline_hz"], axis=1))
    assert moved[0] == 11 + 8  # the first frame is seen after the delay and its own tick
    lapsing = World(draw_tool(2, 20), exploration="none", lapse_probability=1.0, **CALM)
    np.testing.assert_array_equal(lapsing.run(100), np.tile(lapsing.named["baseline_hz"], (100, 1)))


def test_damping_slows_what_is_too_fast() -> None:
    slow, fast = (World(draw_tool(2, 40), exploration="none", damping=damping, **CALM) for damping in (0.0, 1.0))
    speeds = []
    for world in (slow, fast):
        world.run(30)
        speeds.append(np.hypot(*world.velocity))
    assert speeds[1] > speeds[0]  # the push is stronger while the cursor lags behind
    for world in (slow, fast):
        world.run(240)
        assert np.hypot(*(world.cursor - world.target)) < 0.3


@pytest.mark.parametrize("kind", ["white", "slow", "low_dimensional"])
def test_exploration_is_as_strong_and_as_slow_as_asked_for(kind: str) -> None:
    world = naive(
        "none", n_units=60, exploration=kind, exploration_hz=4.0, exploration_tau_ms=200.0,
        exploration_patterns=5, baseline_hz=80.0, baseline_spread=0.0, max_rate_hz=1e6,
    )  # fmt: skip
    world.run(50)
    noise = world.run(6000) - 80.0
    assert noise.std() == pytest.approx(4.0, rel=0.25 if kind == "low_dimensional" else 0.05)
    found = np.mean([np.corrcoef(noise[:-1, u], noise[1:, u])[0, 1] for u in range(60)])
    assert found == pytest.approx(0.0 if kind == "white" else np.exp(-0.01 / 0.2), abs=0.02)
    rank = np.linalg.matrix_rank(noise, tol=1e-6 * np.linalg.norm(noise))
    assert rank == (5 if kind == "low_dimensional" else 60)


def test_curiosity_babbles_one_pattern_after_the_other_and_learns_what_each_does() -> None:
    world = naive(
        "regression", n_units=60, exploration="curious", exploration_hz=4.0, exploration_tau_ms=50.0, babble_ms=400.0,
        exploration_patterns=5, baseline_hz=80.0, baseline_spread=0.0, exploration_floor=1.0, max_rate_hz=1e6,
        rule={"ridge": 1e-3},
    )  # fmt: skip
    values = named_parts(world.named["curiosity"], curiosity.layout(5, 6))
    alone = []
    for _ in range(6000):
        world.run(1)
        noise, patterns = world.named["exploration"], world.named["patterns"]
        shares = np.linalg.lstsq(patterns, noise, rcond=None)[0] ** 2
        alone.append(shares.max() / max(shares.sum(), 1e-12))
    assert np.mean(np.array(alone) > 0.95) > 0.5  # else one fades while the next begins
    assert not np.isclose(values["value"], 1.0).any()
    assert np.linalg.norm(values["features"][:, :2]) > np.linalg.norm(values["features"][:, 4:])  # velocity; the target
    seen = world.named["patterns"].T @ world.weights().T
    np.testing.assert_allclose(seen, world.named["patterns"].T @ world.tool.T, atol=0.1)


def test_it_explores_less_the_more_it_can_foretell() -> None:
    world = naive("regression", n_units=40, rule={"ridge": 10.0}, sight_noise_cm_s=1.0)
    world.run(30)
    at_first = world.head[mind.CONFIDENCE]
    for trial in range(30):  # standing on its target it would see little but noise
        world.target = np.array([5.0, 0.0]) * (-1.0) ** trial
        world.run(200)
    assert at_first < 0.2
    assert world.head[mind.CONFIDENCE] > 0.8
    world.end_trial()
    records, *_ = read_records(world.named, 0)
    assert records["exploration_hz"][-1] == pytest.approx(2.0 * max(0.2, 1 - records["confidence"][-1]))


def test_every_trial_is_logged_with_model_confidence_and_error() -> None:
    world = naive("lms", sight_noise_cm_s=1.0)
    models = []
    for n in range(3):
        world.run(200)
        world.end_trial(reward=float(n == 1))
        models.append(world.named["weights"].ravel().copy())
    records, rows, times_s, written = read_records(world.named, 0)
    assert written == len(records) == 3
    np.testing.assert_array_equal(records["trial"], [0, 1, 2])
    np.testing.assert_array_equal(records["reward"], [0, 1, 0])
    assert (records["samples"] > 20).all()
    assert ((records["error_cm_s"] > 0.5) & (records["error_cm_s"] < 10)).all()
    assert (np.diff(times_s) > 2.0).all()
    assert rows.shape == (3, 2 * 21)
    assert np.abs(rows[2] - models[2]).max() < 0.05  # it goes on learning in the trial that follows
    again, _, _, _ = read_records(world.named, 2)
    np.testing.assert_array_equal(again, records[2:])


def test_the_log_keeps_the_newest_trials() -> None:
    world = naive("none")
    for _ in range(mind.LOG_SLOTS + 5):
        world.run(2)
        world.state = TaskState.REWARD
        world.run(2)
        world.state = TaskState.MOVE
    world.run(15)
    records, _, _, written = read_records(world.named, 0)
    assert written == mind.LOG_SLOTS + 5
    np.testing.assert_array_equal(records["trial"], np.arange(written - len(records), written))
    assert len(records) == mind.LOG_SLOTS - 1


def test_a_persons_hand_is_the_intention() -> None:
    world = World(draw_tool(2, 40), intent="mouse", exploration="none", **CALM)
    world.target = np.array([-9.0, 0.0])
    world.run(50)
    np.testing.assert_array_equal(world.rates_hz, world.named["baseline_hz"])
    world.hand = np.array([0.0, 4.0])
    world.run(500)
    np.testing.assert_allclose(world.cursor, [0.0, 4.0], atol=0.2)
    world.hand = np.full(2, np.nan)
    world.run(1)
    np.testing.assert_array_equal(world.rates_hz, world.named["baseline_hz"])


def test_a_cursor_that_is_held_teaches_nothing() -> None:
    world = naive("lms")
    world.run(300)
    world.tool = np.zeros_like(world.tool)  # paused: the cursor stands still to the last bit
    world.run(12)
    before = world.weights()
    world.run(300)
    np.testing.assert_array_equal(world.weights(), before)


def test_long_trials_keep_what_came_last() -> None:
    world = naive("gated", sample_ms=100.0)
    world.run(4100)  # 41 s, and there is room for 20
    assert 100 <= world.head[mind.N_SAMPLES] <= 200
    width = 21
    newest = world.named["features"][int(world.head[mind.N_SAMPLES]) - 1]
    assert newest[width - 1] == 5.0
    assert np.isfinite(world.named["features"]).all()
    world.end_trial(1.0)
    assert np.isfinite(world.weights()).all()


@pytest.mark.parametrize("learner", [*MODELS, "reinforcement"])
@pytest.mark.parametrize(("n_axes", "n_units"), [(1, 1), (2, 2), (1, 33)])
def test_small_tools_do_no_harm(learner: str, n_axes: int, n_units: int) -> None:
    world = World(draw_tool(n_axes, n_units), prior="nothing", learner=learner)
    for _ in range(3):
        world.run(200)
        world.end_trial(1.0)
        _rest(world)
    assert np.isfinite(world.memory).all()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"learner": "lms", "rule": {"forgetting": 0.9}},
            "learner 'lms' has no such setting; allowed: normalised, eps",
        ),
        ({"learner": "none", "rule": {"ridge": 1.0}}, "allowed: none"),
        ({"learner": "regression", "rule": {"forgetting": 2.0}}, "rule.forgetting: 2.0 is not allowed"),
    ],
)
def test_settings_that_the_rule_does_not_take_are_refused(given: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        autonomous.Settings(**given)
