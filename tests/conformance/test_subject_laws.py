"""What a subject does is a matter of physical time: shorter ticks show more of the same, not another subject."""

import numpy as np
import pytest

from bmi_app.api.simulation import run_trials
from bmi_app.rt import cells
from bmi_app.rt.memory import length, named_parts
from bmi_app.subject import autonomous, mind, noise, plain
from drivers import simulated
from protocols.load import load, parse
from tests.subject.world import World, draw_tool

TICKS_MS = (1, 2, 5, 10)
SEEDS = (1, 2)
BLOCKS = (
    "blocks=[{kind='rest',duration_s=60},{kind='closed_loop'}]"  # long enough to measure rates at rest that vary slowly
)


def success(tick_ms: float, seed: int, *overrides: str) -> float:
    """Return the share of success of a subject that learns a tool from nothing, in minutes 3 to 8."""
    given = ["blocks=[{kind='rest',duration_s=10},{kind='closed_loop'}]", "session.duration_s=480", *overrides]
    protocol = load("learning_subject", [f"tick.period_ms={tick_ms}", f"session.seed={seed}", *given])
    return run_trials(protocol).success_between(3.0, 8.0)


def test_white_exploration_finds_as_much_at_every_tick() -> None:
    """Noise that is drawn anew in each step depends on the length of the tick; this noise is held."""
    of_tick = {
        tick_ms: np.mean(
            [success(tick_ms, seed, "subject.exploration=white", "subject.settings.exploration_hz=6") for seed in SEEDS]
        )
        for tick_ms in TICKS_MS
    }
    assert min(of_tick.values()) > 0.85, of_tick
    assert max(of_tick.values()) - min(of_tick.values()) < 0.1, of_tick


def test_a_rule_is_taught_as_often_and_by_as_much_exploration_at_every_tick() -> None:
    """What success in single sessions does not show: at 2 Hz it lies between 0.4 and 1 at any tick, by chance."""
    seconds, taught, explored_hz = 20, [], []
    for tick_ms in TICKS_MS:
        babbling = World(
            draw_tool(2, 96),
            step_s=tick_ms / 1e3,
            learner="lms",
            learning_rate=0.0,  # it goes on babbling
            prior="nothing",
            exploration="white",
        )
        babbling.run(round(1000 / tick_ms))
        before, squares = babbling.head[mind.TRIAL_SEEN], []
        for _ in range(seconds * 10):
            babbling.run(round(100 / tick_ms))
            squares.append((babbling.named["copy"] ** 2).mean())
        taught.append(babbling.head[mind.TRIAL_SEEN] - before)
        explored_hz.append(np.sqrt(np.mean(squares)))
    assert taught == [seconds * 20] * len(TICKS_MS)  # every 50 ms
    # Noise of variance sigma^2 T in a second, smoothed within tau: sigma^2 T / (2 tau).
    assert explored_hz == pytest.approx([2.0 * np.sqrt(noise.CELL_S / 0.2)] * len(TICKS_MS), rel=0.05)


@pytest.mark.parametrize("step_s", [0.001, 0.002, 0.0025, 0.005, 0.009, 0.01])
def test_white_noise_adds_up_to_the_same_variance_in_a_second(step_s: float) -> None:
    held = np.zeros(noise.words(2))
    noise.start(held, step_s)
    n_steps, seconds = round(1.0 / step_s), 2000
    total = np.zeros(seconds)
    for second in range(seconds):
        for step in range(n_steps):
            noise.renew(held, np.uint64(1_000_003 * (second * n_steps + step) + 17))
            total[second] += noise.noise_of(held, 0) * step_s
    assert total.var() == pytest.approx(noise.CELL_S * n_steps * step_s, rel=0.15)


def test_at_steps_of_ten_milliseconds_it_is_the_noise_of_before() -> None:
    held, before = np.zeros(noise.words(3)), np.zeros(noise.words(3))
    noise.start(held, 0.01)
    noise.start(before, 0.01)
    noise.draw_every_step(before)
    for step in range(3000):
        for one in (held, before):
            assert noise.renew(one, np.uint64(step)) == 0.0
        np.testing.assert_array_equal(held[3:], before[3:])
        np.testing.assert_array_equal(held[3:6], held[6:9])


def test_a_session_of_the_first_model_version_draws_in_each_step() -> None:
    """Its resolved protocol has no `model_version`; with it, the same session has other noise at ticks below 10 ms."""
    now = load("learning_subject", ["tick.period_ms=1", "subject.exploration=white"])
    text = "\n".join(line for line in now.to_toml().splitlines() if not line.startswith("model_version"))
    old = parse(text, "session.toml", recorded=True)
    assert (old.model_version, now.model_version) == (1, 2)
    lengths = []
    for protocol in (old, now):
        parts = simulated.subject_parts(protocol, simulated.build(protocol))
        lengths.append(parts["held_noise"][noise.CELL])
    assert lengths == [pytest.approx(0.001), noise.CELL_S]


@pytest.mark.parametrize("kind", ["plain", "autonomous"])
@pytest.mark.parametrize(
    "overrides", [(), ("subject.neurons=srm", "neurons.shared_cv=0.1", "neurons.shared_common=0.5")]
)
def test_a_subject_that_knows_its_tool_is_as_good_and_fires_as_much_at_every_tick(
    kind: str, overrides: tuple[str, ...]
) -> None:
    found = {}
    for tick_ms in TICKS_MS:
        given = [f"tick.period_ms={tick_ms}", f"subject.kind={kind}", "session.duration_s=360", BLOCKS, *overrides]
        spikes: list[int] = []
        trials = run_trials(
            load("center_out", given), lambda core, _, s=spikes: s.append(int(core.arrays["ctl"][cells.SPIKES_DECODED]))
        )
        gaps = np.diff(trials.end_min) * 60.0
        found[tick_ms] = trials.success.mean(), np.median(gaps), spikes[-1] / 360.0
    shares, gaps_s, rates = (np.array(values) for values in zip(*found.values(), strict=True))
    assert (shares > 0.97).all(), found
    # A tick, once in bins and once in what is seen, is all that a longer tick may add.
    assert np.ptp(gaps_s) < 0.12 * gaps_s.mean(), found
    assert np.ptp(rates) < 0.02 * rates.mean(), found


@pytest.mark.parametrize("subject", [plain, autonomous])
def test_rates_at_rest_do_not_depend_on_the_step(subject: object) -> None:
    for step_s in (0.001, 0.01):
        settings = subject.Settings()  # type: ignore[attr-defined]
        layout = subject.layout(settings, 20, 2)  # type: ignore[attr-defined]
        parts = named_parts(np.zeros(length(layout)), layout)
        subject.start(settings, draw_tool(2, 20), step_s, 3, parts)  # type: ignore[attr-defined]
        if step_s == 0.001:
            first = parts["baseline_hz"].copy()
    np.testing.assert_array_equal(first, parts["baseline_hz"])
