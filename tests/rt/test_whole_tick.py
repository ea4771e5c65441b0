"""The tick agrees with a slow session in plain Python, on protocols, counts, losses and commands drawn at random."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bmi_app.rt.records import CommandKind, Flag, Outcome, TaskState
from protocols.load import load
from tests.rt.slow_session import SlowSession
from tests.rt.ticker import Ticker

N_UNITS, N_TICKS = 7, 300
EXACT = ("tick", "flags", "state", "block", "target", "trial", "outcome", "n_commands", "state_ticks", "spikes")

AXES_2D = ('axes={x={population="right",gain=0.2},y={push="up",pull="down",gain=0.4}}',)
POPULATIONS = ('populations={right="0-2",up="3",down="4-5",control="rest"}',)
LEARNING = [
    ("lms", "off", 0.0),
    ("lms", "tick", 0.0),
    ("lms", "trial", 0.0),
    ("lms", "reward", 0.0),
    ("reward_gated", "reward", 0.0),
    ("reward_gated", "trial", 0.0),
    ("reinforcement", "trial", 4.0),
    ("reinforcement", "tick", 2.0),
    ("batched", "trial", 0.0),
]
LATER = [  # by hand-over
    ("lms", "block", 0.0),
    ("lms", "seconds", 0.0),
    ("reward_gated", "block", 0.0),
    ("reward_gated", "seconds", 0.0),
    ("reinforcement", "block", 4.0),
    ("reinforcement", "seconds", 4.0),
    ("batched", "block", 0.0),
    ("batched", "seconds", 0.0),
]
INTENTS = ["speed_model", "speed_model", "refit", "target_position", "assisted_blend", "recorded"]
TARGETS = [
    'task.pattern="ring"',
    'task={pattern="list",positions_cm=[[3,0],[-2,0],[0,0]],target_radius_cm=1.5,hold_ms=20,timeout_ms=300,inter_trial_ms=20}',
    'task={pattern="uniform",margin_cm=1.5,target_radius_cm=1.5,hold_ms=20,timeout_ms=300,inter_trial_ms=20}',
]
BLOCKS = [
    '{kind="rest",duration_s=0.2}',
    '{kind="observation",duration_s=0.4}',
    '{kind="closed_loop",duration_s=0.6,assist=[1.0,0.2]}',
    '{kind="closed_loop",trials=3,assist=[0.5,0.0]}',
    '{kind="closed_loop",duration_s=0.4,learning=false}',
    '{kind="free",duration_s=0.2}',
    '{kind="arm",duration_s=0.4}',
    '{kind="isometric",trials=2}',
    '{kind="drawing",duration_s=0.5}',
]


@st.composite
def protocols(draw, ways, kinds):
    rule, when, exploration = draw(st.sampled_from(ways))
    smoothing, decoder = draw(st.sampled_from(["exponential", "boxcar", "none"])), draw(st.sampled_from("gl"))
    blocks = [*draw(st.lists(st.sampled_from(kinds), max_size=4)), '{kind="closed_loop",assist=0.3}']
    overrides = [
        f"session.seed={draw(st.integers(0, 1000))}",
        f"units.count={N_UNITS}",
        *POPULATIONS,
        *AXES_2D,
        "workspace.size_cm=[10,8]",
        draw(st.sampled_from(TARGETS)),
        f'task.order="{draw(st.sampled_from(["shuffled", "sequential", "random"]))}"',
        f'task.start="{draw(st.sampled_from(["center", "continue"]))}"',
        "task.target_radius_cm=1.5",
        f"task.hold_ms={draw(st.sampled_from([0, 20, 60]))}",
        f"task.hold_break_fails={draw(st.sampled_from(['true', 'false']))}",
        f"task.timeout_ms={draw(st.sampled_from([100, 300, 700]))}",
        f"task.inter_trial_ms={draw(st.sampled_from([0, 20, 100]))}",
        "task.reward_ms=20",
        "task.failed_ms=40",
        f"task.reward_probability={draw(st.sampled_from([1.0, 0.5]))}",
        f"task.path_size_cm={draw(st.sampled_from([[6, 4], [0, 5]]))}",
        f"task.path_cycles={draw(st.sampled_from([[1, 1], [1, 2]]))}",
        f"task.path_ms={draw(st.sampled_from([200, 600]))}",
        f"tick.period_ms={draw(st.sampled_from([10, 20]))}",
        f'decoder.smoothing="{smoothing}"',
        f"decoder.smoothing_ms={draw(st.sampled_from([60, 100]))}",
        f'decoder.input="{draw(st.sampled_from(["rate_hz", "counts"]))}"',
        f'learning.rule="{rule}"',
        f'learning.when="{when}"',
        f"learning.every_s={draw(st.sampled_from([0.2, 0.8]))}",
        f"learning.sample_ms={draw(st.sampled_from([20, 40]))}",
        f"learning.exploration_cm_s={exploration}",
        f'learning.intent="{draw(st.sampled_from(INTENTS))}"',
        f"learning.rate={draw(st.sampled_from([0.05, 1.0]))}",
        f"learning.weight_min={draw(st.sampled_from([-1.1, -10.0]))}",
        f"learning.weight_max={draw(st.sampled_from([1.2, 10.0]))}",
        "learning.max_step=0",
        'learning.on_divergence="off"',  # of the guards, test_guard and test_divergence_guard
        f"safety.max_speed_cm_s={draw(st.sampled_from([6.0, 40.0]))}",
        f"blocks=[{','.join(blocks)}]",
        f"session.duration_s={draw(st.sampled_from([2, 6]))}",
    ]
    if 'pattern="ring"' in "".join(overrides):
        overrides += ["task.count=5", "task.distance_cm=2.5"]
    if decoder == "l":
        overrides += ['decoder.kind="linear"', "decoder.settings.m1=[[0.5,0.1],[-0.1,0.4]]"]
    return load("center_out", overrides)


def agree(frame: np.void, expected: dict[str, Any]) -> None:
    """Compare a frame with what the slow session says of it; one by one, because numpy's own comparison takes longer than both."""
    for name, value in expected.items():
        found = frame[name].item()
        same = found == value or (math.isnan(found) and math.isnan(value))
        near = name not in EXACT and abs(found - value) <= 1e-9 * (1 + abs(value))
        assert same or near, (expected["tick"], name, found, value)


COMMANDS = st.one_of(
    st.sampled_from(
        [
            (CommandKind.PAUSE, 0, 0, 0.0),
            (CommandKind.RESUME, 0, 0, 0.0),
            (CommandKind.RESUME, 0, 0, 0.0),
            (CommandKind.ASSIST, 0, 0, 0.9),
            (CommandKind.ASSIST, 0, 0, -1.0),
            (CommandKind.LEARNING, 0, 0, 0.0),
            (CommandKind.LEARNING, 1, 0, 0.0),
            (CommandKind.LEARNING_RATE, 0, 0, 0.02),
            (CommandKind.GAIN, 1, 0, 0.1),
            (CommandKind.REWARD, 0, 0, 0.0),
            (CommandKind.SKIP_TRIAL, 0, 0, 0.0),
            (CommandKind.NEXT_BLOCK, 0, 0, 0.0),
        ]
    ),
    st.tuples(st.just(CommandKind.MOVE_UNIT), st.integers(0, N_UNITS - 1), st.integers(0, 3), st.just(0.0)),
)


def given_sessions(ways: list[tuple[str, str, float]], kinds: list[str], commands: Any) -> Any:
    """Draw a protocol, and what comes into its session: counts, commands, losses of the source, a hand."""
    return given(
        protocol=protocols(ways, kinds),
        seed=st.integers(0, 2**32 - 1),
        commands=st.dictionaries(st.integers(0, N_TICKS - 1), st.lists(commands, min_size=1, max_size=2), max_size=12),
        losses=st.lists(st.tuples(st.integers(0, N_TICKS - 1), st.integers(1, 20)), max_size=3),
        hand_from=st.integers(0, N_TICKS),
    )


def compare(protocol, seed, commands, losses, hand_from) -> None:
    """Make the ticks of both sessions, and hold them against each other."""
    fast, slow = Ticker(protocol), SlowSession(protocol)
    drawn = np.random.default_rng(seed).poisson(0.4, (N_TICKS, N_UNITS)).astype(np.float32)
    hand_cm = np.cumsum(np.random.default_rng(seed).normal(0, 0.4, (N_TICKS, 2)), axis=0)  # leaves the workspace
    hand_cm[:hand_from] = math.nan
    is_lost = np.zeros(N_TICKS, bool)
    for start, length in losses:
        is_lost[start : start + length] = True
    for k in range(N_TICKS):
        if fast.state["stop_reason"]:
            break
        for kind, index, aux, value in commands.get(k, []):
            fast.command(kind, index, aux, value)
        hash_before = fast.state["weights_hash"]
        model_before = [fast.arrays[name].tobytes() for name in ("weights", "bias", "gain")]
        frame = fast.tick(drawn[k], bool(is_lost[k]), tuple(hand_cm[k]))
        agree(frame, slow.tick(drawn[k].astype(float), bool(is_lost[k]), commands.get(k, []), tuple(hand_cm[k])))
        np.testing.assert_allclose(fast.arrays["weights"], slow.weights, rtol=1e-9, atol=1e-12)
        changed = model_before != [fast.arrays[name].tobytes() for name in ("weights", "bias", "gain")]
        assert (frame["weights_hash"] != hash_before) == changed
    assert fast.state["stop_reason"] == slow.stop
    assert fast.commands_done()["acted"].tolist() == slow.acted


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given_sessions(LEARNING, BLOCKS, COMMANDS)
def test_the_tick_does_what_the_documentation_says(protocol, seed, commands, losses, hand_from) -> None:
    compare(protocol, seed, commands, losses, hand_from)


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given_sessions(LATER, BLOCKS, COMMANDS)
def test_by_block_and_by_time_every_trial_is_taught_with_its_own_reward(
    protocol, seed, commands, losses, hand_from
) -> None:
    compare(protocol, seed, commands, losses, hand_from)


@pytest.mark.parametrize(("rule", "when", "exploration"), LATER)
def test_a_block_without_learning_takes_nothing_from_the_one_before(rule: str, when: str, exploration: float) -> None:
    taught, untaught = ('{kind="closed_loop",duration_s=0.5}', '{kind="closed_loop",duration_s=0.5,learning=false}')
    overrides = [
        f"units.count={N_UNITS}",
        *POPULATIONS,
        *AXES_2D,
        TARGETS[1],
        "tick.period_ms=10",
        (
            f'learning={{rule="{rule}",when="{when}",every_s=0.2,max_step=0,on_divergence="off",sample_ms=20,'
            f"weight_min=-10,weight_max=10,exploration_cm_s={exploration}}}"
        ),
        f"blocks=[{taught},{untaught},{taught},{untaught},{untaught},{taught}]",
    ]
    compare(load("center_out", overrides), 3, {}, [], N_TICKS)


@pytest.mark.parametrize("task", ['start="center"', 'start="continue"'])
@pytest.mark.parametrize(("hold_ms", "timeout_ms"), [(0, 100), (60, 300), (20, 700)])
@pytest.mark.parametrize("period_ms", [10, 20])
def test_by_time_a_block_without_learning_lies_between_two_with_it(
    task: str, hold_ms: int, timeout_ms: int, period_ms: int
) -> None:
    """Found by hypothesis: what the last trial of the block before left, and two runs of samples for one update."""
    overrides = [
        f"units.count={N_UNITS}",
        *POPULATIONS,
        *AXES_2D,
        "workspace.size_cm=[10,8]",
        f'task={{pattern="ring",count=5,distance_cm=2.5,target_radius_cm=1.5,hold_ms={hold_ms},timeout_ms={timeout_ms},{task}}}',
        "task.inter_trial_ms=100",
        f"tick.period_ms={period_ms}",
        'learning={rule="lms",when="seconds",rate=0.05,every_s=0.8,sample_ms=20,weight_min=-1.1,weight_max=1.2}',
        'learning.on_divergence="off"',
        "learning.max_step=0",
        f'blocks=[{",".join([BLOCKS[0], BLOCKS[6], BLOCKS[1], BLOCKS[4]])},{{kind="closed_loop",assist=0.3}}]',
    ]
    compare(load("center_out", overrides), 0, {}, [], N_TICKS)


def test_a_skip_that_waits_when_the_session_ends_has_skipped_the_trial() -> None:
    overrides = [
        f"units.count={N_UNITS}",
        *POPULATIONS,
        *AXES_2D,
        "task.timeout_ms=5000",
        "task.target_radius_cm=0.01",
        "tick.period_ms=10",
        "session.duration_s=2",
        'blocks=[{kind="closed_loop"}]',
    ]
    waits = {195: [(CommandKind.PAUSE, 0, 0, 0.0), (CommandKind.SKIP_TRIAL, 0, 0, 0.0)]}
    compare(load("center_out", overrides), 0, waits, [], N_TICKS)


@pytest.mark.parametrize("n_units", [1, 2048])
def test_any_number_of_units(n_units: int) -> None:
    overrides = [
        f"units.count={n_units}",
        'populations={right="rest"}',
        'axes={x={population="right",gain=0.02}}',
        'task={pattern="list",positions_cm=[[2,0],[-2,0]],target_radius_cm=1,hold_ms=0,timeout_ms=300,inter_trial_ms=20}',
        'learning={rule="lms",when="tick",max_step=0,on_divergence="off"}',
        'blocks=[{kind="rest",duration_s=0.5},{kind="closed_loop"}]',
    ]
    protocol = load("left_right", overrides)
    fast, slow = Ticker(protocol), SlowSession(protocol)
    drawn = np.random.default_rng(1).poisson(0.2, (300, n_units)).astype(np.float32)
    for counts in drawn:
        frame, expected = fast.tick(counts), slow.tick(counts.astype(float), False, [])
        for name, value in expected.items():
            np.testing.assert_allclose(frame[name], value, rtol=1e-8, atol=1e-8, err_msg=name)
    assert set(np.unique(fast.frames()["state"])) >= {TaskState.REST, TaskState.MOVE, TaskState.INTER_TRIAL}
    assert fast.frames()["flags"][-1] & Flag.LEARNING
    assert (fast.frames()["outcome"] != Outcome.NONE).any()


@pytest.mark.parametrize("n_axes", [1, 2])
@pytest.mark.parametrize("intent", INTENTS[1:])
def test_every_model_of_the_intention(intent: str, n_axes: int) -> None:
    """Each by itself through blocks of every kind, with a hand that comes and goes, so that none is left to the draw."""
    overrides = [
        f"units.count={N_UNITS}",
        *(POPULATIONS if n_axes == 2 else ('populations={right="0-2",control="rest"}',)),
        *(AXES_2D if n_axes == 2 else ('axes={x={population="right",gain=0.2}}',)),
        'task={pattern="list",positions_cm=[[3,0],[-2,0]],target_radius_cm=1,hold_ms=100,timeout_ms=500,inter_trial_ms=20}',
        f'learning={{rule="lms",when="tick",rate=0.05,max_step=0,on_divergence="off",intent="{intent}"}}',
        f'blocks=[{",".join([*BLOCKS[1:3], *BLOCKS[6:8]])},{{kind="closed_loop",assist=0.3}}]',
    ]
    protocol = load("left_right" if n_axes == 1 else "center_out", overrides)
    fast, slow = Ticker(protocol), SlowSession(protocol)
    generator = np.random.default_rng(6)
    drawn = generator.poisson(0.4, (400, N_UNITS)).astype(np.float32)
    hand_cm = np.cumsum(generator.normal(0, 0.2, (400, 2)), axis=0)
    hand_cm[::37] = math.nan
    for counts, hand in zip(drawn, hand_cm, strict=True):
        lost = bool(counts[0] > 1)
        frame, expected = fast.tick(counts, lost, tuple(hand)), slow.tick(counts.astype(float), lost, [], tuple(hand))
        agree(frame, expected)
        np.testing.assert_allclose(fast.arrays["weights"], slow.weights, rtol=1e-9, atol=1e-12)
    frames = fast.frames()
    assert np.count_nonzero(frames["intent_x_cm_s"]) > 100
    assert np.count_nonzero(frames["intent_y_cm_s"]) == 0 or n_axes == 2
    holds = frames["state"] == TaskState.HOLD
    held = frames["intent_x_cm_s"][1:][holds[1:] & holds[:-1]]
    assert len(held) > 5
    assert held.any() == (intent in ("assisted_blend", "recorded"))
