"""Learning that goes wrong: the guards act, the session goes on, and all of it stands in the audit."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from bmi_app.rt import cells
from bmi_app.rt.memory import named_parts
from bmi_app.rt.records import EventKind, Outcome, UpdateVerdict
from bmi_app.session import fast
from bmi_app.session.build import build
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

    fast.run(core, driver, simulated.POLL, drain, watch)
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


TOO_FAST = {
    "reward_gated": ("reward", 0.2),
    "lms": ("trial", 0.2),
}


@pytest.mark.parametrize("rule", TOO_FAST)
def test_a_rate_a_hundred_times_too_high_does_not_lose_the_cursor(rule: str) -> None:
    when, rate = TOO_FAST[rule]
    ran = run(20, f"learning.rule={rule}", f"learning.when={when}", f"learning.rate={rate}")
    assert ran.late_success() >= 0.8
    assert len(ran.updates) > 0


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


def test_a_session_that_goes_well_is_left_alone() -> None:
    for rule, when in (("lms", "tick"), ("reward_gated", "reward"), ("regression", "tick")):
        ran = run(30, f"learning.rule={rule}", f"learning.when={when}")
        assert ran.late_success() >= 0.95
        assert ran.fates() <= {V.ACCEPTED, V.SHORTENED}
