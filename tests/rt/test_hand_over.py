"""Hand-over: samples that are due at once are taught a slice a tick, each once, in order."""

import numpy as np
import pytest

from bmi_app.rt.contracts import NOTHING, learn_signature
from bmi_app.rt.jit import kernel
from bmi_app.rt.records import Outcome, TaskState
from tests.rt.ticker import Ticker, ticker

NAMED = 95  # the unit whose feature names the tick; it drives nothing
TASK = (
    "task.hold_ms=50",
    "task.timeout_ms=300",
    "task.inter_trial_ms=30",
    "task.reward_ms=20",
    "task.failed_ms=40",
    "decoder.smoothing=none",
    'decoder.input="counts"',
    "session.seed=4",
)
BLOCKS = 'blocks=[{kind="closed_loop",trials=7},{kind="closed_loop",trials=9},{kind="rest",duration_s=3}]'


@kernel(learn_signature)
def LISTENER(weights, bias, mask, memory, features, intent, noise, position, rate, reward):
    """Note in `memory` how many calls there were, how many samples, the most in one call, and each sample's name."""
    memory[0] += features.shape[0] > 0
    memory[2] = max(memory[2], features.shape[0])
    for t in range(features.shape[0]):
        memory[3 + int(memory[1])] = features[t, 95]
        memory[1] += 1
    return NOTHING


@kernel(learn_signature)
def REWARDS(weights, bias, mask, memory, features, intent, noise, position, rate, reward):
    """Note of each call the name of its first sample, and the reward."""
    memory[1 + 2 * int(memory[0])] = features[0, 95]
    memory[2 + 2 * int(memory[0])] = reward
    memory[0] += 1
    return NOTHING


def listen(when: str, slice_samples: int, *overrides: str, rule: str = "regression") -> Ticker:
    """Return a session whose rule only listens; it is taught `slice_samples` a tick."""
    made = ticker([*TASK, f"learning.rule={rule}", f"learning.when={when}", *overrides])
    object.__setattr__(made.core, "learn", LISTENER)
    made.arrays["rule_memory"][:] = 0.0
    made.core.config["slice_samples"] = slice_samples
    return made


def run(made: Ticker, n_ticks: int) -> np.ndarray:
    """Make ticks, each named by a count; return the names of those in which a trial ran."""
    first = int(made.state["tick"])
    names = np.arange(first + 1, first + n_ticks + 1)
    counts = np.zeros((n_ticks, made.n_units))
    counts[:, NAMED] = names
    frames = made.run(counts)
    running = np.isin(frames["state"][:-1], (TaskState.MOVE, TaskState.HOLD))  # a tick samples before its task acts
    return names[1:][running]


def taught(made: Ticker) -> tuple[np.ndarray, int]:
    """Return the names in the order in which they were taught, and how many came at once at most."""
    memory = made.arrays["rule_memory"]
    return memory[3 : 3 + int(memory[1])].copy(), int(memory[2])


@pytest.mark.parametrize(
    ("when", "slice_samples"),
    [
        ("trial", 1),
        ("trial", 4),
        ("trial", 1000),
        ("block", 1),
        ("block", 4),
        ("block", 1000),
        ("seconds", 4),
        ("seconds", 1000),
    ],
)
def test_each_sample_is_taught_once_and_in_order(when: str, slice_samples: int) -> None:
    more = ["learning.every_s=1"] if when == "seconds" else []
    made = listen(when, slice_samples, BLOCKS, *more)
    names = run(made, 900)
    found, most = taught(made)
    assert len(names) > 300
    assert most <= slice_samples
    # What ran since the last update was due, and what is due but not yet taught, comes later.
    np.testing.assert_array_equal(found, names[: len(found)])
    assert len(found) > 0.6 * len(names)
    if when == "block":
        assert len(found) == len(names)  # a rest block follows, with time for all


def test_a_rule_that_wants_whole_trials_is_given_one_a_tick() -> None:
    made = listen("block", 3, BLOCKS, rule="batched")
    names = run(made, 900)
    found, most = taught(made)
    np.testing.assert_array_equal(found, names)
    assert made.arrays["rule_memory"][0] == 16  # trials
    longest = max(len(run_) for run_ in np.split(names, np.flatnonzero(np.diff(names) > 1) + 1))
    assert most == longest


@pytest.mark.parametrize("when", ["block", "seconds"])
def test_each_trial_is_taught_with_the_reward_that_it_ended_with(when: str) -> None:
    more = ["task.count=2", "task.order=random", "learning.every_s=1" if when == "seconds" else "learning.rate=1"]
    blocks = 'blocks=[{kind="closed_loop",duration_s=4.25},{kind="closed_loop",trials=9},{kind="rest",duration_s=1}]'
    made = ticker([*TASK, "learning.rule=reward_gated", f"learning.when={when}", *more, blocks])
    object.__setattr__(made.core, "learn", REWARDS)
    made.arrays["rule_memory"][:] = 0.0
    made.arrays["targets"][0] = 0.0  # where the cursor is: a success; the other is out of reach: a time-out
    names = run(made, 1000)
    trials = np.split(names, np.flatnonzero(np.diff(names) > 1) + 1)
    frames = made.frames()
    ends = {int(frame["trial"]): int(frame["outcome"]) for frame in frames[frames["outcome"] > 0]}
    expected = [
        (first, float(ends[int(frames["trial"][first - 2])] == Outcome.SUCCESS))
        for first in (int(trial[0]) for trial in trials)
        if ends.get(int(frames["trial"][first - 2]), Outcome.BLOCK_ENDED) != Outcome.BLOCK_ENDED
    ]
    n_calls = int(made.arrays["rule_memory"][0])
    found = made.arrays["rule_memory"][1 : 1 + 2 * n_calls].reshape(n_calls, 2)
    assert Outcome.BLOCK_ENDED in ends.values()  # the trial that the first block cuts teaches nothing
    assert {reward for _, reward in expected} == {0.0, 1.0}
    assert len(found) > 0.6 * len(expected)
    assert when == "seconds" or len(found) == len(expected)
    np.testing.assert_array_equal(found, expected[: len(found)])


@pytest.mark.parametrize("slice_samples", [1, 2, 4])
def test_a_trial_that_was_not_judged_is_not_taught_with_the_next_one(slice_samples: int) -> None:
    made = listen("trial", slice_samples, 'blocks=[{kind="closed_loop",duration_s=0.2},{kind="closed_loop"}]')
    names = run(made, 200)
    found, _ = taught(made)
    cut = names[names <= 21]  # the first block ends within its first trial
    assert len(cut) > 10
    assert not np.isin(cut, found).any()
    np.testing.assert_array_equal(found, names[len(cut) : len(cut) + len(found)])
    assert len(found) > 60


@pytest.mark.parametrize("seed", range(4))
def test_short_trials_that_end_while_a_long_one_is_taught_follow_it(seed: int) -> None:
    more = ["task.count=2", "task.order=random", "task.inter_trial_ms=10", "task.reward_ms=10", "task.failed_ms=10"]
    blocks = 'blocks=[{kind="closed_loop",duration_s=0.2},{kind="closed_loop",trials=60},{kind="rest",duration_s=3}]'
    made = listen("trial", 1, *more, blocks, f"session.seed={seed}")
    made.arrays["targets"][0] = 0.0  # where the cursor is: held at once; the other is out of reach: a time-out
    names = run(made, 1800)
    found, _ = taught(made)
    lengths = {len(run_) for run_ in np.split(names, np.flatnonzero(np.diff(names) > 1) + 1)}
    assert max(lengths) > 3 * min(lengths)
    assert len(names) > 500
    first_block = names[names <= 21]  # its last trial is cut by its end, and not taught
    np.testing.assert_array_equal(found[~np.isin(found, first_block)], names[len(first_block) :])
    assert (np.diff(found) > 0).all()


@pytest.mark.parametrize(("version", "is_kept"), [(1, False), (2, True)])
def test_by_time_the_only_trial_before_a_block_without_learning_is_taught(version: int, is_kept: bool) -> None:
    blocks = (
        'blocks=[{kind="closed_loop",duration_s=0.2},{kind="closed_loop",duration_s=0.4,learning=false},'
        '{kind="closed_loop"}]'
    )
    made = listen("seconds", 1000, blocks, "learning.every_s=0.8", f"model_version={version}")
    names = run(made, 200)
    found, _ = taught(made)
    before, untaught = names[names <= 21], names[(names > 21) & (names <= 61)]
    assert len(before) > 10
    assert len(untaught) > 10
    assert not np.isin(untaught, found).any()
    expected = names[~np.isin(names, untaught if is_kept else [*before, *untaught])]
    np.testing.assert_array_equal(found, expected[: len(found)])
    assert len(found) > 40


def test_a_block_without_learning_takes_no_room_for_samples() -> None:
    blocks = 'blocks=[{kind="closed_loop",duration_s=2,learning=false},{kind="closed_loop"}]'
    made = listen("seconds", 1000, blocks, "learning.every_s=0.8")
    run(made, 190)
    assert made.state["learn_from"] == made.state["sample_row"] < 35  # of one trial, of the 150 that were sampled
