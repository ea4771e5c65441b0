"""Spikes become counts in bins with closed-form edges, counts become rates, and rest gives every unit its baseline."""

import math

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmi_app.rt import cells
from bmi_app.rt.arrays import FUTURE_TICKS
from bmi_app.rt.bins import bin_of
from bmi_app.rt.records import EventKind, TaskState
from bmi_app.rt.ring import publish, push
from bmi_app.session.engine.build import Core, build
from protocols.load import load
from tests.rt.ticker import QUICK, ticker
from tests.support.one_tick import tick

TICK_S = 0.010
N_TICKS = 12

bin_of_many = numba.njit(lambda times_s, start_s, tick_s: [bin_of(t, start_s, tick_s) for t in times_s])

FOUR_UNITS = load("center_out", ["units.count=4", 'populations={horizontal="0",vertical="1",control="rest"}'])


def make_core(start_s: float = 0.0, stream: bool = False) -> Core:
    core = build(FOUR_UNITS, frame_slots=1 << 10, spike_slots=1 << 12)
    core.config["start_s"] = start_s
    core.config["stream_ticks"] = stream
    core.arrays["state"]["inputs"] = 0
    return core


def run_tick(core: Core) -> np.ndarray:
    """Make the next tick from what the spike ring holds; return its counts."""
    arrays, state = core.arrays, core.arrays["state"][0]
    state["edge_s"] = float(core.config[0]["start_s"]) + (state["tick"] + 1) * TICK_S
    tick(core.decode, core.learn, core.session)
    row = arrays["counts"][arrays["ctl"][cells.FRAMES_HEAD]].copy()
    arrays["ctl"][cells.FRAMES_HEAD] += 1
    state["tick"] += 1
    return row


def send(core: Core, unit: int, stamp_s: float, arrival_s: float, count: float = 1.0) -> None:
    push(core.arrays["spikes"], core.arrays["ctl"], stamp_s, 0.0, arrival_s, unit, np.float32(count))


@given(
    start_s=st.floats(0, 1e5),
    tick_s=st.sampled_from([0.001, 0.005, 0.010, 0.045, 0.1]),
    index=st.integers(0, 10_000_000),
    within=st.floats(0.001, 0.999),
)
@settings(max_examples=200)
def test_the_bin_of_a_time_is_closed_form(start_s: float, tick_s: float, index: int, within: float) -> None:
    time_s = start_s + (index + within) * tick_s
    assert bin_of_many(np.array([time_s]), start_s, tick_s) == [index]


def test_a_bin_holds_its_beginning_and_not_its_end() -> None:
    edges = np.arange(-4, 5) * 0.25  # exact in binary
    assert bin_of_many(edges, 0.0, 0.25) == list(range(-4, 5))
    assert bin_of_many(np.nextafter(edges, -np.inf), 0.0, 0.25) == list(range(-5, 4))


@pytest.mark.parametrize("time_s", [math.nan, math.inf, -math.inf, 1e300, -1e300])
def test_a_time_that_is_none_falls_before_every_bin(time_s: float) -> None:
    assert bin_of_many(np.array([time_s]), 0.0, 0.01) == [-1]


@st.composite
def arrivals(draw):
    """Spikes with the tick before which each arrives: some early, none late."""
    n = draw(st.integers(0, 60))
    spikes = []
    for _ in range(n):
        k = draw(st.integers(0, N_TICKS - 1))
        spikes.append((k, draw(st.integers(0, 3)), (k + draw(st.floats(0.01, 0.99))) * TICK_S))
    return spikes


@settings(max_examples=40)
@given(spikes=arrivals(), data=st.data())
def test_how_spikes_are_chunked_changes_no_count(spikes, data) -> None:
    expected = np.zeros((N_TICKS, 4))
    for k, unit, _ in spikes:
        expected[k, unit] += 1
    core = make_core(start_s=50.0)
    arrives_before = [data.draw(st.integers(0, k)) for k, _, _ in spikes]
    counts = []
    for now in range(N_TICKS):
        for (_, unit, stamp_s), arrival in zip(spikes, arrives_before, strict=True):
            if arrival == now:
                send(core, unit, 50.0 + stamp_s, 50.0 + (now + 1) * TICK_S)
                if data.draw(st.booleans()):
                    publish(core.arrays["ctl"], 50.0)
        publish(core.arrays["ctl"], 50.0)
        counts.append(run_tick(core))
    np.testing.assert_array_equal(counts, expected)
    assert core.state[0]["late_spikes"] == core.state[0]["future_spikes"] == 0
    assert core.arrays["frames"]["spikes"][:N_TICKS].tolist() == expected.sum(axis=1).tolist()


@pytest.mark.parametrize("n_units", [1, 2048])
def test_every_unit_is_counted(n_units: int) -> None:
    protocol = load(
        "left_right", [f"units.count={n_units}", 'populations={right="rest"}', 'axes={x={population="right",gain=1.0}}']
    )
    core = build(protocol, frame_slots=1 << 10, spike_slots=1 << 13)
    for unit in range(n_units):
        for nth in range(unit % 3):
            send(core, unit, 0.001 * (nth + 1), 0.005)
    publish(core.arrays["ctl"], 0.005)
    np.testing.assert_array_equal(run_tick(core), np.arange(n_units) % 3)


def test_a_late_spike_counts_where_it_arrives_and_is_counted_as_late() -> None:
    core = make_core()
    run_tick(core)
    run_tick(core)
    send(core, 2, 0.001, 0.021)
    send(core, 3, 0.021, 0.022)
    publish(core.arrays["ctl"], 0.022)
    np.testing.assert_array_equal(run_tick(core), [0, 0, 1, 1])
    assert core.state[0]["late_spikes"] == 1
    assert core.arrays["spikes"]["tick"][:2].tolist() == [2, 2]


def test_late_counts_are_counted_as_the_spikes_that_they_are() -> None:
    core = make_core()
    run_tick(core)
    run_tick(core)
    send(core, 1, 0.001, 0.021, count=3.0)
    send(core, 2, 0.001, 0.021, count=2.0)
    send(core, -1, 0.001, 0.021, count=0.0)  # closes the sample
    send(core, 0, (FUTURE_TICKS + 5) * TICK_S, 0.021, count=4.0)
    publish(core.arrays["ctl"], 0.021)
    assert run_tick(core).sum() == 9
    assert core.state[0]["late_spikes"] == 5
    assert core.state[0]["future_spikes"] == 4


def test_a_spike_ahead_waits_for_its_bin_unless_it_is_from_the_future() -> None:
    core = make_core()
    send(core, 0, (FUTURE_TICKS - 1 + 0.5) * TICK_S, 0.001)  # as far ahead as bins are kept
    send(core, 1, (FUTURE_TICKS + 0.5) * TICK_S, 0.001)
    publish(core.arrays["ctl"], 0.001)
    counts = np.array([run_tick(core) for _ in range(FUTURE_TICKS + 2)])
    assert np.argwhere(counts).tolist() == [[0, 1], [FUTURE_TICKS - 1, 0]]
    assert core.state[0]["future_spikes"] == 1
    assert core.state[0]["late_spikes"] == 0


def test_in_stream_mode_a_tick_takes_one_sample() -> None:
    core = make_core(stream=True)
    for sample in range(3):
        send(core, sample, 7.0 + sample, 7.0 + sample, count=2.5)
        send(core, -1, 7.0 + sample, 7.0 + sample, count=0.0)  # closes the sample
    publish(core.arrays["ctl"], 10.0)
    counts = np.array([run_tick(core) for _ in range(3)])
    np.testing.assert_array_equal(counts, np.eye(3, 4) * 2.5)
    assert core.state[0]["late_spikes"] == 0


@pytest.mark.parametrize(("smoothing", "n_ticks"), [("exponential", 10), ("boxcar", 10), ("none", 1)])
def test_the_answer_to_one_spike(smoothing: str, n_ticks: int) -> None:
    made = ticker([*QUICK, f'decoder.smoothing="{smoothing}"', "decoder.smoothing_ms=100"])
    rates_hz = []
    for k in range(30):
        made.tick(np.eye(1, 96)[0] if k == 5 else None)
        rates_hz.append(made.arrays["rates"][0])
    expected = np.zeros(30)
    if smoothing == "exponential":
        expected[5:] = (1 - math.exp(-0.1)) * 100 * np.exp(-0.1 * np.arange(25))
    else:
        expected[5 : 5 + n_ticks] = 100 / n_ticks
    np.testing.assert_allclose(rates_hz, expected, rtol=1e-12)
    assert not made.arrays["rates"][1:].any()


def test_smoothing_keeps_the_mean_rate() -> None:
    for smoothing in ("exponential", "boxcar", "none"):
        made = ticker([*QUICK, f'decoder.smoothing="{smoothing}"'])
        made.ticks(300, np.full(96, 2))
        np.testing.assert_allclose(made.arrays["rates"], 200.0, rtol=1e-9)


def test_a_boxcar_of_whole_counts_is_exact() -> None:
    made = ticker([*QUICK, 'decoder.smoothing="boxcar"', "decoder.smoothing_ms=70", 'decoder.input="counts"'])
    counts = np.random.default_rng(3).poisson(1.0, (500, 96))
    for row in counts:
        made.tick(row)
    np.testing.assert_array_equal(made.arrays["boxcar"][-1], counts[-7:].sum(axis=0))


def test_a_boxcar_begins_anew_after_a_loss() -> None:
    made = ticker([*QUICK, 'decoder.smoothing="boxcar"', "decoder.smoothing_ms=30", 'decoder.input="counts"'])
    means = []
    for count, lost in [(3, False), (6, False), (9, False), (99, True), (12, False), (15, False), (18, False)]:
        made.tick(np.full(96, count), lost)
        means.append(made.arrays["rates"][0])
    np.testing.assert_allclose(means, [1, 3, 6, 0, 4, 9, 15])


@pytest.mark.parametrize("smoothing", ["none", "exponential", "boxcar"])
@pytest.mark.parametrize("square_root", ["true", "false"])
def test_a_lost_source_is_decoded_as_rest_and_comes_back_from_there(smoothing: str, square_root: str) -> None:
    made = ticker([*QUICK, f'decoder.smoothing="{smoothing}"', f"decoder.square_root={square_root}"])
    made.arrays["feature_offset"][:] = np.linspace(1, 8, 96)
    made.ticks(5, np.ones(96))
    made.ticks(30, np.zeros(96))  # silence, until the watchdog knows
    assert made.frames()["decoded_x_cm_s"][-1] != 0
    for _ in range(3):
        lost = made.tick(np.ones(96), lost=True)
        assert (lost["decoded_x_cm_s"], lost["decoded_y_cm_s"]) == (0, 0)
    rest_hz = made.arrays["feature_offset"] ** (2 if square_root == "true" else 1)
    np.testing.assert_allclose(made.arrays["rates"], rest_hz, rtol=1e-12)
    made.tick(np.full(96, 2))
    share = {"none": 1.0, "exponential": 1 - math.exp(-0.1), "boxcar": 0.1}[smoothing]  # 10 ms of 100 ms
    np.testing.assert_allclose(made.arrays["rates"], rest_hz + share * (2 / TICK_S - rest_hz), rtol=1e-9)


def test_rest_freezes_the_baseline_of_every_unit_for_good() -> None:
    made = ticker(['blocks=[{kind="rest",duration_s=0.5},{kind="closed_loop"}]'])
    counts = np.random.default_rng(4).poisson(0.3, (52, 96))
    frames = [made.tick(row) for row in counts]
    resting = [frame["state"] == TaskState.REST for frame in frames]
    assert resting == [True] * 50 + [False] * 2  # as long as the protocol says
    # A tick rests if the block had begun before it: the first tick only begins the block, the last is the one that ends it.
    mean_hz = counts[1:51].mean(axis=0) / TICK_S
    np.testing.assert_allclose(made.arrays["feature_offset"], mean_hz, rtol=1e-12)
    [(tick_frozen, _, _, mean)] = made.events(EventKind.BASELINE_FROZEN)
    assert tick_frozen == 50
    assert mean == pytest.approx(mean_hz.mean())
    made.ticks(200, np.full(96, 3))
    np.testing.assert_allclose(made.arrays["feature_offset"], mean_hz, rtol=1e-12)
    np.testing.assert_allclose(made.arrays["features"], made.arrays["rates"] - mean_hz, rtol=1e-12)


def test_what_is_lost_or_paused_is_no_rest() -> None:
    made = ticker(['blocks=[{kind="rest",duration_s=0.1},{kind="closed_loop"}]'])
    made.tick()
    for k in range(10):
        made.tick(np.full(96, 50), lost=True)
        made.tick(np.full(96, k % 2))
    assert made.frames()["state"][-1] != TaskState.REST
    np.testing.assert_allclose(made.arrays["feature_offset"], 50.0)


SILENT_REST = 'blocks=[{kind="rest",duration_s=0.1},{kind="rest",duration_s=0.1},{kind="closed_loop"}]'


def test_a_rest_block_without_a_spike_is_not_frozen_but_told() -> None:
    made = ticker([SILENT_REST])
    made.ticks(11, np.full(96, 2))
    np.testing.assert_allclose(made.arrays["feature_offset"], 2 / TICK_S)
    made.ticks(20, np.zeros(96))
    assert made.frames()["state"][-1] != TaskState.REST
    np.testing.assert_allclose(made.arrays["feature_offset"], 2 / TICK_S)
    assert len(made.events(EventKind.BASELINE_FROZEN)) == 1
    [(_, _, _, mean)] = made.events(EventKind.BASELINE_SILENT)
    assert mean == pytest.approx(2 / TICK_S)


def test_sessions_of_the_first_model_version_freeze_silence_as_they_did() -> None:
    made = ticker([SILENT_REST, "model_version=1"])
    made.ticks(11, np.full(96, 2))
    made.ticks(20, np.zeros(96))
    np.testing.assert_array_equal(made.arrays["feature_offset"], 0.0)
    assert len(made.events(EventKind.BASELINE_FROZEN)) == 2
    assert len(made.events(EventKind.BASELINE_SILENT)) == 0


def test_one_spike_of_one_unit_makes_a_baseline() -> None:
    made = ticker([SILENT_REST])
    made.ticks(11, np.full(96, 2))
    made.tick(np.eye(96)[5])
    made.ticks(15, np.zeros(96))
    np.testing.assert_allclose(made.arrays["feature_offset"], np.eye(96)[5] / (10 * TICK_S))
