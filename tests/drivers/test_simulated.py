"""The simulated rig delivers the rates that the subject asks for, the same whenever it is polled, and no future."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from bmi_app.rt import cells, random
from bmi_app.rt.contracts import SEEN_HAND_Y, SEEN_TIME_S, act_signature
from bmi_app.rt.hand import take_hand, tell_persons_hand
from bmi_app.rt.jit import kernel
from bmi_app.rt.records import FRAME, SPIKE
from bmi_app.rt.state import STATE
from bmi_app.subject import simulate
from bmi_app.subject.neurons import spikes_of, time_of
from drivers import rig_loop, simulated
from protocols.load import load

SLOTS = 1 << 20


@njit
def take(ctl, state, now_s):
    take_hand(ctl, state[0], now_s)


@njit
def see_states(memory, received, n_received, now_s):
    rig_loop._see(memory, received, n_received, now_s)


@kernel(act_signature)
def STEADY(memory, key, seen, rates_out):
    """Ask of unit u for u Hz."""
    for u in range(rates_out.shape[0]):
        rates_out[u] = u


@kernel(act_signature)
def SHOWS_X(memory, key, seen, rates_out):
    """Ask every unit for as many Hz as the cursor's x says."""
    for u in range(rates_out.shape[0]):
        rates_out[u] = seen[0, 1]


@kernel(act_signature)
def REACHES(memory, key, seen, rates_out):
    """Move the hand by 1 cm in each step, to the place of the person's hand in y; lose it after 50 steps."""
    memory[0] += 1.0 if memory[0] < 50.0 else np.nan
    memory[1] = seen[0, SEEN_HAND_Y]


@kernel(act_signature)
def NOTES_TIME(memory, key, seen, rates_out):
    """Note the time of the newest frame that is seen at each step."""
    memory[0] += 1.0
    memory[int(memory[0])] = seen[0, SEEN_TIME_S]
    for u in range(rates_out.shape[0]):
        rates_out[u] = 0.0


class Rig:
    """A simulated driver on a manual clock, its rings, and frames to be seen."""

    def __init__(self, *overrides: str, act=STEADY, start_s: float = 0.0) -> None:
        protocol = load("center_out", [*overrides])
        self.driver = simulated.Driver(protocol, simulated.Settings())
        self.driver.open(0.0)
        self.driver.start(start_s, True)
        self.spikes, self.ctl = np.zeros(SLOTS, SPIKE), np.zeros(cells.N_WORDS, np.int64)
        self.frames, self.act = np.zeros(1 << 12, FRAME), act

    def poll(self, until_s: float) -> int:
        return int(simulated.POLL(self.act, self.driver.memory, self.spikes, self.ctl, self.frames, until_s))

    def show(self, edge_s: float, x_cm: float) -> None:
        head = int(self.ctl[cells.FRAMES_HEAD])
        frame = self.frames[head % len(self.frames)]
        frame["edge_s"], frame["cursor_x_cm"] = edge_s, x_cm
        self.ctl[cells.FRAMES_HEAD] = head + 1

    def sent(self) -> np.ndarray:
        return self.spikes[: int(self.ctl[cells.SPIKES_HEAD])]


def test_the_rate_requested_is_the_rate_delivered() -> None:
    rig, duration_s = Rig("units.count=100", 'populations={horizontal="0",vertical="1"}'), 100.0
    published = rig.poll(duration_s)
    sent = rig.sent()
    assert published == len(sent)
    assert rig.ctl[cells.DROPPED] == 0
    counts = np.bincount(sent["unit"], minlength=100)
    expected = np.arange(100) * duration_s
    assert counts.sum() == pytest.approx(expected.sum(), rel=0.01)
    assert counts[0] == 0
    np.testing.assert_array_less(np.abs(counts - expected)[1:] / np.sqrt(expected[1:]), 4.5)
    assert counts[50:].sum() == pytest.approx(expected[50:].sum(), rel=0.01)


def test_spikes_are_poisson_and_lie_evenly_in_their_step() -> None:
    rig, n_steps = Rig("units.count=96"), 5000
    rig.poll(n_steps * 0.01)
    fast = rig.sent()[rig.sent()["unit"] == 95]
    per_step = np.bincount((fast["stamp_s"] / 0.01).astype(int), minlength=n_steps)
    assert per_step.var() / per_step.mean() == pytest.approx(1.0, abs=0.06)
    assert per_step.max() >= 4
    within = fast["stamp_s"] / 0.01 % 1
    assert within.mean() == pytest.approx(0.5, abs=0.03)
    assert within.std() == pytest.approx(12**-0.5, abs=0.02)
    assert abs(np.corrcoef(per_step[:-1], per_step[1:])[0, 1]) < 0.07


@njit
def draw_counts(expected, n):
    return np.array([spikes_of(random.key(1, random.SPIKES, k), 3, expected) for k in range(n)])


@pytest.mark.parametrize("expected", [0.0, 0.05, 1.0, 8.0])
def test_the_number_of_spikes_in_a_step_is_poisson(expected: float) -> None:
    n = 100_000
    counts = draw_counts(expected, n)
    assert counts.mean() == pytest.approx(expected, abs=5 * np.sqrt(expected / n))
    assert counts.var() == pytest.approx(expected, rel=0.05)


@njit
def draw_times(unit, nth, n):
    return np.array([time_of(random.key(1, random.SPIKES, k), unit, nth, 0.0, 1.0) for k in range(n)])


def test_times_of_different_spikes_are_independent_up_to_the_most_units() -> None:
    first = draw_times(5, 0, 20_000)
    for unit, nth in [(5, 1), (6, 0), (5 + 4096, 0), (16_383, 0), (5, 40)]:
        assert abs(np.corrcoef(first, draw_times(unit, nth, 20_000))[0, 1]) < 0.04, (unit, nth)


@settings(max_examples=20)
@given(until_s=st.lists(st.floats(0.0, 1.0), max_size=12))
def test_when_it_is_polled_changes_no_spike(until_s: list[float]) -> None:
    once, often = Rig(start_s=5.0), Rig(start_s=5.0)
    once.poll(6.0)
    n = sum(often.poll(5.0 + t) for t in [*sorted(until_s), 1.0])
    assert n == len(once.sent())
    np.testing.assert_array_equal(once.sent(), often.sent())


def test_one_seed_is_one_session_and_another_is_another() -> None:
    rigs = [Rig(f"session.seed={seed}") for seed in (3, 3, 4)]
    for rig in rigs:
        rig.poll(1.0)
    np.testing.assert_array_equal(rigs[0].sent(), rigs[1].sent())
    assert not np.array_equal(rigs[0].sent()["stamp_s"][:50], rigs[2].sent()["stamp_s"][:50])


@pytest.mark.parametrize("period_ms", [1, 10, 45, 100])
def test_stamps_lie_in_steps_that_are_over_and_ticks_hold_whole_steps(period_ms: float) -> None:
    rig = Rig(f"tick.period_ms={period_ms}", "blocks=[{kind='rest',duration_s=9},{kind='closed_loop'}]",
              "task.hold_ms=900", "task.timeout_ms=9000", "task.inter_trial_ms=900", "task.reward_ms=900",
              "task.failed_ms=900", f"learning.sample_ms={period_ms}")  # fmt: skip
    tick_s = period_ms / 1e3
    for k in range(1, 30):
        rig.poll(k * tick_s)
        assert rig.driver.memory.view(np.int64)[1] * rig.driver.memory[5] == pytest.approx(k * tick_s)
    sent = rig.sent()
    assert (sent["stamp_s"] < sent["arrival_s"]).all()
    assert (sent["stamp_s"] >= 0).all()
    assert sent["arrival_s"].max() == pytest.approx(29 * tick_s)


def test_the_subject_sees_the_cursor_late() -> None:
    rig = Rig(
        "subject.settings.delay_ms=100", "units.count=50", 'populations={horizontal="0",vertical="1"}', act=SHOWS_X
    )
    for k in range(60):
        rig.show(edge_s=(k + 1) * 0.01, x_cm=90.0 if k >= 20 else 0.0)  # it moves in the frame of 0.21 s
        rig.poll((k + 1) * 0.01)
    first_s = rig.sent()["stamp_s"].min()
    assert 0.31 <= first_s < 0.33


@settings(max_examples=30, deadline=None)
@given(
    start_s=st.one_of(st.just(0.0), st.floats(0.0, 1e7)),
    delay_ms=st.one_of(st.sampled_from([0.0, 100.0, 250.0, 300.0]), st.floats(0.0, 1000.0)),
    period_ms=st.sampled_from([1.0, 9.0, 10.0]),
)
def test_every_frame_is_seen_at_the_step_at_which_it_is_due(start_s: float, delay_ms: float, period_ms: float) -> None:
    # The subject pairs a frame with the firing of so many steps ago: one step off, and it learns of other firing.
    n_steps, step_s = 1500, period_ms / 1e3
    rig = Rig(f"subject.settings.delay_ms={delay_ms}", f"tick.period_ms={period_ms}",
              f"learning.sample_ms={period_ms}", "blocks=[{kind='closed_loop'}]",
              *(f"task.{key}_ms={90 * period_ms}" for key in ("hold", "inter_trial", "reward", "failed")),
              f"task.timeout_ms={900 * period_ms}", act=NOTES_TIME, start_s=start_s)  # fmt: skip
    rig.driver.memory = np.concatenate([rig.driver.memory, np.zeros(n_steps)])
    noted = simulate.subject_part(rig.driver.memory)
    noted[:] = 0.0
    for k in range(n_steps):
        rig.show(start_s + k * step_s, 0.0)
        rig.poll(start_s + (k + 1) * step_s)
    late = simulate.delay_steps(delay_ms / 1e3, step_s)
    step = np.arange(late, n_steps)
    np.testing.assert_allclose(noted[1 + step], start_s + (step - late) * step_s, rtol=0, atol=1e-8)
    # None came before its delay was over, and none a step later than it had to.
    assert -1e-6 <= late * step_s - delay_ms / 1e3 <= step_s + 1e-6


def test_the_rig_sees_every_state_when_it_is_due() -> None:
    received = np.zeros(16, FRAME)
    memory = simulated.build(load("center_out", []))
    for start_s in (0.0, 12345.678, 987654.321):
        memory.view(np.int64)[simulate.FRAME] = 0
        for step in range(1, 3000):
            received["edge_s"][(step - 1) % 16] = start_s + step * 0.01
            see_states(memory, received, step, start_s + (step + 10) * 0.01)
            assert memory.view(np.int64)[simulate.FRAME] == step


def test_the_hand_of_a_subject_goes_to_the_tick_and_the_persons_hand_to_the_subject() -> None:
    rig = Rig(act=REACHES)
    rig.driver.memory.view(np.int64)[simulate.HAND] = 0  # as if the subject's memory began with `hand`
    simulate.subject_part(rig.driver.memory)[:2] = 0.0
    for k in range(1, 53):
        tell_persons_hand(rig.ctl, 0.0, 7.5, k * 0.01)
        rig.poll(k * 0.01)
        state = np.zeros(1, STATE)
        take(rig.ctl, state, k * 0.01)
        hand_cm = float(state["hand_x_cm"][0]), float(state["hand_y_cm"][0])
        assert hand_cm == ((k, 7.5) if k <= 50 else (0.0, 7.5))  # without one of its own: the person's


def test_a_subject_without_arm_has_no_hand() -> None:
    rig = Rig()
    rig.poll(0.1)
    assert rig.ctl[cells.HAND] == 0
    assert simulate.hand_place({"a": (2, 3), "hand": (2,)}) == 6


def test_a_full_ring_counts_what_it_drops() -> None:
    rig = Rig()
    rig.spikes = np.zeros(1 << 8, SPIKE)
    published = rig.poll(1.0)
    assert published == 1 << 8
    assert rig.ctl[cells.DROPPED] > 1000
