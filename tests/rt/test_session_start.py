"""What happened before bin 0 is no part of a session; what came late from within it is."""

import numpy as np
import pytest

from bmi_app.rt import cells
from bmi_app.rt.ring import publish, push
from bmi_app.session.engine.build import Core, build
from protocols.load import load
from tests.support.one_tick import tick

START_S, TICK_S = 100.0, 0.010


@pytest.fixture
def core() -> Core:
    core = build(load("center_out"), frame_slots=1 << 10, spike_slots=1 << 10)
    core.config["start_s"] = START_S
    return core


def make_tick(core: Core, *spikes: tuple[float, float]) -> np.ndarray:
    """Let spikes of unit 3 (stamp, arrival; seconds since the start) arrive before a tick; return the tick's counts."""
    arrays, state = core.arrays, core.state[0]
    for stamp_s, arrival_s in spikes:
        push(arrays["spikes"], arrays["ctl"], START_S + stamp_s, 0.0, START_S + arrival_s, 3, np.float32(1.0))
    publish(arrays["ctl"], START_S)
    state["edge_s"] = START_S + (state["tick"] + 1) * TICK_S
    tick(core.decode, core.learn, core.session)
    counts = arrays["counts"][arrays["ctl"][cells.FRAMES_HEAD] & (core.sizes.frame_slots - 1)].copy()
    arrays["ctl"][cells.FRAMES_HEAD] += 1
    state["tick"] += 1
    return counts


def test_a_spike_from_before_the_session_is_neither_counted_nor_late(core: Core) -> None:
    counts = make_tick(core, (-0.004, -0.003), (-1e-9, 0.001), (0.0, 0.001), (0.0099, 0.011))
    assert counts[3] == counts.sum() == 2
    assert core.arrays["spikes"]["tick"][:4].tolist() == [-1, -1, 0, 0]
    assert core.state[0]["late_spikes"] == 0
    assert make_tick(core, (-0.001, 0.012)).sum() == 0
    assert core.state[0]["late_spikes"] == 0
    assert core.state[0]["stamp_s"] == pytest.approx(START_S + 0.0099)  # of the last spike that was used


def test_a_spike_of_the_session_that_comes_late_counts_in_the_tick_of_its_arrival(core: Core) -> None:
    make_tick(core)
    assert make_tick(core, (0.0099, 0.013), (0.012, 0.013))[3] == 2
    assert core.arrays["spikes"]["tick"][:2].tolist() == [1, 1]
    assert core.state[0]["late_spikes"] == 1


def test_a_source_with_another_clock_is_heard_and_shows_as_late(core: Core) -> None:
    watchdog_s = float(core.config[0]["watchdog_s"])
    assert make_tick(core, (-90.0, watchdog_s / 2), (-89.0, watchdog_s + 0.1))[3] == 1
    assert core.state[0]["late_spikes"] == 1


@pytest.mark.parametrize(("duration_s", "n_ticks"), [(0.004, 1), (0.3, 30), (1.005, 101), (3600, 360_000)])
def test_a_session_lasts_whole_ticks_and_at_least_one(duration_s: float, n_ticks: int) -> None:
    assert build(load("center_out", [f"session.duration_s={duration_s}"])).config[0]["max_ticks"] == n_ticks
