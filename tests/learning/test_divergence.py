"""Learning that goes wrong: the guards act, the session goes on, and all of it stands in the audit."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from bmi_app.rt import cells
from bmi_app.rt.memory import named_parts
from bmi_app.rt.records import EventKind, Outcome, UpdateVerdict
from bmi_app.session.engine import full_speed_loop
from bmi_app.session.engine.build import build
from bmi_app.subject import plain, simulate
from drivers import simulated
from protocols.load import load

V = UpdateVerdict
TRIALS_PER_WINDOW = 40
Spoil = Callable[[dict[str, np.ndarray]], None]


@dataclass
class Ran:
    """Hold a session's judged trials, its audit, and the weights at its end."""

    success: np.ndarray
    ticks: np.ndarray
    updates: np.ndarray
    weights: np.ndarray

    def late_success(self) -> float:
        return float(self.success[-TRIALS_PER_WINDOW:].mean())

    def success_between(self, first_s: float, last_s: float) -> float:
        within = (self.ticks >= first_s * 100) & (self.ticks < last_s * 100)
        return float(self.success[within].mean())

    def fates(self) -> set[UpdateVerdict]:
        return {UpdateVerdict(code) for code in self.updates["verdict"].tolist()}

    def count(self, *verdicts: UpdateVerdict) -> int:
        return int(np.isin(self.updates["verdict"], verdicts).sum())


def run(minutes: float, *overrides: str, spoil: Spoil | None = None, at_s: float = 0.0) -> Ran:
    """Run a simulated session; at `at_s`, do something to the subject's memory."""
    protocol = load("learn_the_tool", ["decoder.scramble=0", f"session.duration_s={minutes * 60:g}", *overrides])
    core = build(protocol, frame_slots=1 << 12, spike_slots=1 << 18)
    driver = simulated.Driver(protocol, simulated.Settings(**protocol.driver.settings))
    driver.open(0.0)
    ctl, arrays = core.arrays["ctl"], core.arrays
    tails, kept = {"events": 0, "updates": 0}, {"events": [], "updates": []}

    def drain() -> None:
        for name, cell in (("events", cells.EVENTS_HEAD), ("updates", cells.UPDATES_HEAD)):
            ring, head = arrays[name], int(ctl[cell])
            kept[name].append(ring[np.arange(tails[name], head) % len(ring)])
            tails[name] = head
        ctl[cells.SPIKES_SAVED] = ctl[cells.SPIKES_DECODED]

    waiting = [spoil] if spoil else []

    def watch(ticks: int) -> None:
        if waiting and ticks >= at_s * 100:
            settings = plain.Settings(**protocol.subject.settings)
            layout = plain.layout(settings, protocol.units.count, protocol.n_axes)
            waiting.pop()(named_parts(simulate.subject_part(driver.memory), layout))

    full_speed_loop.run(core, driver, simulated.POLL, drain, watch)
    driver.close()
    events = np.concatenate(kept["events"])
    ends = events[(events["kind"] == EventKind.TRIAL_END) & (events["code"] != Outcome.BLOCK_ENDED)]
    updates = np.concatenate(kept["updates"])
    return Ran(ends["code"] == Outcome.SUCCESS, ends["tick"], updates, arrays["weights"].copy())


def lose_units(parts: dict[str, np.ndarray]) -> None:
    """Let every second driving unit fall silent."""
    parts["baseline_hz"][0:64:2] = 0.0
    parts["inverse"][0:64:2] = 0.0


def make_noisy(parts: dict[str, np.ndarray]) -> None:
    """Let one driving unit fire at 500 Hz, whatever is intended."""
    parts["constants"][7] = 500.0
    parts["baseline_hz"][3] = 500.0
    parts["inverse"][3] = 0.0


def swap_labels(parts: dict[str, np.ndarray]) -> None:
    """Let two thirds of the driving units appear under one another's numbers, across both axes."""
    order = np.arange(96)
    order[:64] = np.random.default_rng(5).permutation(64)
    for name in ("baseline_hz", "inverse"):
        parts[name][:] = parts[name][order]


# Own rates times a hundred.
TOO_FAST = {
    "reward_gated": ("reward", 0.2, ()),
    "lms": ("trial", 0.2, ()),
    "batched": ("trial", 100.0, ()),
    "reinforcement": ("trial", 10.0, ("learning.exploration_cm_s=1.5",)),
}
GUARD_ACTED = (V.RETURNED, V.FROZEN, V.LEARNING_BLAMED, V.WORLD_BLAMED)


@pytest.mark.parametrize("rule", TOO_FAST)
@pytest.mark.parametrize("seed", [2, 3])
def test_a_rate_a_hundred_times_too_high_does_not_lose_the_cursor(rule: str, seed: int) -> None:
    when, rate, more = TOO_FAST[rule]
    learning = (f"learning.rule={rule}", f"learning.when={when}", f"learning.rate={rate}")
    ran = run(20, f"session.seed={seed}", *learning, *more)
    assert ran.late_success() >= 0.8
    assert len(ran.updates) > 0
    assert V.FROZEN not in ran.fates()
    if rule == "reinforcement":  # the only one that is lost without the guard
        assert {V.RETURNED, V.LEARNING_BLAMED} <= ran.fates()
        assert V.WORLD_BLAMED not in ran.fates()
        assert ran.updates["rate"][-1] <= rate / 16


def test_without_the_guard_it_is_lost() -> None:
    when, rate, more = TOO_FAST["reinforcement"]
    learning = ("learning.rule=reinforcement", f"learning.when={when}", f"learning.rate={rate}")
    ran = run(10, "session.seed=3", "learning.on_divergence=off", *learning, *more)
    assert ran.late_success() < 0.2
    assert ran.count(*GUARD_ACTED) == 0


def test_frozen_at_the_first_divergence_where_asked() -> None:
    when, rate, more = TOO_FAST["reinforcement"]
    learning = ("learning.rule=reinforcement", f"learning.when={when}", f"learning.rate={rate}")
    ran = run(10, "session.seed=2", "learning.on_divergence=freeze", *learning, *more)
    assert ran.count(V.FROZEN) == 1
    assert ran.updates["verdict"][-1] == V.FROZEN  # nothing is learnt after it
    assert ran.late_success() > 0.5


@pytest.mark.parametrize("spoil", [lose_units, make_noisy, swap_labels])
@pytest.mark.parametrize(("rule", "when"), [("lms", "tick"), ("regression", "tick")])
def test_a_change_of_the_signals_is_lived_through(rule: str, when: str, spoil: Spoil) -> None:
    more = ("learning.settings.forgetting=0.9995",) if rule == "regression" else ()
    ran = run(20, f"learning.rule={rule}", f"learning.when={when}", *more, spoil=spoil, at_s=300)
    assert np.isfinite(ran.weights).all()
    assert np.abs(ran.weights).max() <= 10
    assert ran.success_between(100, 300) >= 0.9
    assert ran.late_success() >= 0.8
    assert ran.updates["tick"].max() > 60_000  # it goes on learning
    assert (ran.updates["size"] > 0).all()


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_slow_learning_is_let_repair_what_a_swap_of_labels_broke(seed: int) -> None:
    ran = run(25, f"session.seed={seed}", "learning.rule=lms", "learning.rate=0.0005", spoil=swap_labels, at_s=300)
    assert ran.success_between(400, 500) < 0.7  # so slow that success falls
    assert ran.late_success() >= 0.85
    assert ran.count(V.RETURNED, V.FROZEN, V.LEARNING_BLAMED) == 0
    assert ran.updates["rate"][-1] == 0.0005


@pytest.mark.parametrize("spoil", [lose_units, make_noisy, swap_labels])
def test_reward_gated_learning_needs_help_after_a_change_and_is_not_blamed(spoil: Spoil) -> None:
    """Where hardly any trial succeeds a rule that waits for rewards cannot begin: rest renews baselines, the computer helps."""
    rest = '{kind="rest",duration_s=20}'
    helped = '{kind="closed_loop",duration_s=600,assist=[0.6,0.0]}'
    ran = run(
        30,
        "learning.rule=reward_gated",
        "learning.when=reward",
        f'blocks=[{rest},{{kind="closed_loop",duration_s=480}},{rest},{helped},{{kind="closed_loop"}}]',
        spoil=spoil,
        at_s=300,
    )
    assert ran.success_between(400, 500) < 0.5
    assert ran.late_success() >= 0.8
    assert ran.count(V.WORLD_BLAMED) >= 1
    assert ran.count(V.FROZEN, V.LEARNING_BLAMED) == 0


@pytest.mark.parametrize("scramble", [0, 0.35])
@pytest.mark.parametrize(
    ("rule", "when"),
    [
        ("lms", "tick"),
        ("lms", "trial"),
        ("reward_gated", "reward"),
        ("regression", "trial"),
        ("reinforcement", "trial"),
    ],
)
def test_a_session_that_goes_well_is_left_alone(rule: str, when: str, scramble: float) -> None:
    more = ("learning.exploration_cm_s=1.5",) if rule == "reinforcement" else ()
    ran = run(15, f"learning.rule={rule}", f"learning.when={when}", f"decoder.scramble={scramble}", *more)
    assert ran.late_success() >= 0.9
    assert ran.count(*GUARD_ACTED) == 0
