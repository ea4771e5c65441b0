"""The tick agrees with a slow session in plain Python, on protocols, counts, losses and commands drawn at random."""

import math

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
def protocols(draw):
    rule, when, exploration = draw(st.sampled_from(LEARNING))
    smoothing, decoder = draw(st.sampled_from(["exponential", "boxcar", "none"])), draw(st.sampled_from("gl"))
    blocks = [*draw(st.lists(st.sampled_from(BLOCKS), max_size=4)), '{kind="closed_loop",assist=0.3}']
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
        f"learning.sample_ms={draw(st.sampled_from([20, 40]))}",
        f"learning.exploration_cm_s={exploration}",
        f"learning.rate={draw(st.sampled_from([0.05, 1.0]))}",
        f"learning.weight_min={draw(st.sampled_from([-1.1, -10.0]))}",
        f"learning.weight_max={draw(st.sampled_from([1.2, 10.0]))}",
        "learning.max_step=0",
        'learning.on_divergence="off"',  # of the guards, tests/rt/test_guard.py
        f"safety.max_speed_cm_s={draw(st.sampled_from([6.0, 40.0]))}",
        f"blocks=[{','.join(blocks)}]",
        f"session.duration_s={draw(st.sampled_from([2, 6]))}",
    ]
    if 'pattern="ring"' in "".join(overrides):
        overrides += ["task.count=5", "task.distance_cm=2.5"]
    if decoder == "l":
        overrides += ['decoder.kind="linear"', "decoder.settings.m1=[[0.5,0.1],[-0.1,0.4]]"]
    return load("center_out", overrides)


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


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    protocol=protocols(),
    seed=st.integers(0, 2**32 - 1),
    commands=st.dictionaries(st.integers(0, N_TICKS - 1), st.lists(COMMANDS, min_size=1, max_size=2), max_size=12),
    losses=st.lists(st.tuples(st.integers(0, N_TICKS - 1), st.integers(1, 20)), max_size=3),
    hand_from=st.integers(0, N_TICKS),
)
def test_the_tick_does_what_the_documentation_says(protocol, seed, commands, losses, hand_from) -> None:
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
        expected = slow.tick(drawn[k].astype(float), bool(is_lost[k]), commands.get(k, []), tuple(hand_cm[k]))
        for name, value in expected.items():
            if name in EXACT:
                assert frame[name] == value, (k, name)
            else:
                np.testing.assert_allclose(frame[name], value, rtol=1e-9, atol=1e-9, err_msg=f"{k} {name}")
        np.testing.assert_allclose(fast.arrays["weights"], slow.weights, rtol=1e-9, atol=1e-12)
        changed = model_before != [fast.arrays[name].tobytes() for name in ("weights", "bias", "gain")]
        assert (frame["weights_hash"] != hash_before) == changed
    assert fast.state["stop_reason"] == slow.stop


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
