"""The cursor follows the decoded velocity, the computer's share and the exploration, within speed and workspace."""

import math

import numpy as np
import pytest

from bmi_app.rt.records import TaskState
from tests.rt.ticker import QUICK, Ticker, ticker

S = TaskState


def on_the_move(*overrides: str) -> Ticker:
    made = ticker([*QUICK, 'decoder.smoothing="none"', 'decoder.input="counts"', *overrides])
    while made.state["state"] != S.MOVE:
        made.tick()
    return made


def test_each_axis_follows_its_population_and_its_gain() -> None:
    made = on_the_move("axes.y.gain=0.5")
    counts = np.zeros(96)
    counts[[0, 31, 32, 64]] = 3, 2, 7, 11  # two of the horizontal, one of the vertical, one control unit
    frame = made.tick(counts)
    assert frame["decoded_x_cm_s"] == pytest.approx(0.08 * 5)
    assert frame["decoded_y_cm_s"] == pytest.approx(0.5 * 7)
    assert frame["cursor_x_cm"] == pytest.approx(0.08 * 5 * 0.010)
    assert frame["cursor_y_cm"] == pytest.approx(0.5 * 7 * 0.010)


def test_a_push_pull_pair_cancels_what_its_populations_share() -> None:
    made = ticker([*QUICK, 'decoder.smoothing="none"'], "four_target")
    assert made.tick(np.full(96, 4))["decoded_x_cm_s"] == 0
    counts = np.zeros(96)
    counts[0], counts[20] = 1, 3  # right, left
    assert made.tick(counts)["decoded_x_cm_s"] == pytest.approx(0.06 * (1 - 3) * 100)


def test_features_are_shifted_and_scaled_before_decoding() -> None:
    made = on_the_move()
    made.arrays["feature_offset"][0], made.arrays["feature_scale"][0] = 2.0, 10.0
    assert made.tick(np.eye(1, 96)[0] * 5)["decoded_x_cm_s"] == pytest.approx(0.08 * (5 - 2) * 10)


def test_units_outside_the_mask_move_nothing_whatever_they_do() -> None:
    made = on_the_move()
    counts = np.where(made.arrays["mask"].any(axis=0), 0, 1000)
    frame = made.tick(counts)
    assert (frame["decoded_x_cm_s"], frame["decoded_y_cm_s"]) == (0, 0)


def test_the_speed_is_limited_and_keeps_its_direction() -> None:
    made = on_the_move("axes.y.gain=0.16")
    frame = made.tick(np.where(np.arange(96) < 64, 500, 0))
    velocity = np.array([frame["velocity_x_cm_s"], frame["velocity_y_cm_s"]])
    assert np.linalg.norm(velocity) == pytest.approx(40.0, rel=1e-12)
    assert velocity[1] / velocity[0] == pytest.approx(2.0)
    assert frame["decoded_x_cm_s"] == pytest.approx(0.08 * 500 * 32)  # what the decoder said is kept


def test_the_cursor_stays_in_the_workspace() -> None:
    made = on_the_move("task.timeout_ms=3000", "workspace.size_cm=[20,24]")
    frames = made.ticks(100, np.where(np.arange(96) < 64, 500, 0))
    assert frames["cursor_x_cm"].max() == 10.0
    assert frames["cursor_y_cm"].max() == 12.0
    assert np.abs(frames["cursor_x_cm"]).max() == 10.0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_decoder_that_says_nonsense_stops_the_cursor(bad: float) -> None:
    made = on_the_move("task.timeout_ms=3000", "learning.exploration_cm_s=1")
    made.tick(np.ones(96))
    before = made.tick(np.ones(96))
    made.arrays["bias"][0] = bad
    frame = made.tick(np.ones(96))
    assert (frame["velocity_x_cm_s"], frame["velocity_y_cm_s"]) == (0, 0)
    assert (frame["cursor_x_cm"], frame["cursor_y_cm"]) == (before["cursor_x_cm"], before["cursor_y_cm"])
    made.arrays["bias"][0] = 0.0
    assert made.tick(np.ones(96))["velocity_x_cm_s"] > 0  # it goes on as soon as it makes sense


@pytest.mark.parametrize("assist", [0.0, 0.25, 1.0])
def test_the_computer_has_its_share(assist: float) -> None:
    made = on_the_move(f'blocks=[{{kind="closed_loop",assist={assist}}}]')
    frame = made.tick(np.eye(1, 96)[0] * 20)
    for axis in "xy":
        expected = (1 - assist) * frame[f"decoded_{axis}_cm_s"] + assist * frame[f"intent_{axis}_cm_s"]
        assert frame[f"velocity_{axis}_cm_s"] == pytest.approx(expected)
    assert frame["assist"] == assist


def test_assist_fades_over_its_block() -> None:
    made = ticker([*QUICK, 'blocks=[{kind="closed_loop",duration_s=1,assist=[1.0,0.2]},{kind="closed_loop"}]'])
    frames = made.ticks(102)
    np.testing.assert_allclose(frames["assist"][1:101], 1.0 - 0.8 * np.arange(100) / 100)
    assert frames["assist"][101] == 0.0


def test_intention_is_straight_to_the_target_and_slower_when_near() -> None:
    made = on_the_move("task.target_radius_cm=0.5")
    target = np.array([float(made.state["target_x_cm"]), float(made.state["target_y_cm"])])
    for distance_cm, speed_cm_s in [(7.0, 12.0), (4.0, 12.0), (3.0, 9.0), (1.0, 3.0)]:
        made.put_cursor(*(target * (1 - distance_cm / 8)))
        frame = made.tick()
        intent = np.array([frame["intent_x_cm_s"], frame["intent_y_cm_s"]])
        np.testing.assert_allclose(intent, speed_cm_s * target / 8, rtol=1e-9, atol=1e-9)
    made.put_on_target()
    made.ticks(2)
    assert made.frames()["intent_x_cm_s"][-1] == 0  # to stay while holding


def test_observation_reaches_every_target_without_a_spike() -> None:
    made = ticker([*QUICK, 'blocks=[{kind="observation"}]', "task.timeout_ms=3000"])
    made.ticks(2000, np.random.default_rng(1).poisson(1, 96))
    assert made.state["trials_done"] == made.state["successes"] >= 10


def test_exploration_is_slow_noise_of_the_deviation_asked_for() -> None:
    sigma, n = 3.0, 60_000
    made = ticker([*QUICK, f"learning.exploration_cm_s={sigma}", "learning.exploration_tau_ms=100"])
    frames = np.concatenate([made.ticks(4000) for _ in range(n // 4000)])[100:]
    noise = np.stack([frames["noise_x_cm_s"], frames["noise_y_cm_s"]], axis=1)
    keep = math.exp(-10 / 100)
    independent = len(noise) * (1 - keep) / (1 + keep)
    assert np.abs(noise.mean(axis=0)).max() < 5 * sigma / math.sqrt(independent)
    np.testing.assert_allclose(noise.std(axis=0), sigma, rtol=5 / math.sqrt(independent))
    for lag in (1, 5, 10):
        found = [np.corrcoef(noise[:-lag, a], noise[lag:, a])[0, 1] for a in range(2)]
        np.testing.assert_allclose(found, keep**lag, atol=0.03)
    assert abs(np.corrcoef(noise.T)[0, 1]) < 5 / math.sqrt(independent)


def test_exploration_moves_the_cursor() -> None:
    made = on_the_move("learning.exploration_cm_s=3", "task.timeout_ms=3000")
    frames = made.ticks(20)
    np.testing.assert_array_equal(frames["velocity_x_cm_s"], frames["noise_x_cm_s"])
    assert frames["noise_x_cm_s"].all()


def test_without_a_second_axis_y_stays_at_zero() -> None:
    made = ticker(QUICK, "left_right")
    frames = made.ticks(60, np.arange(96) % 5)
    assert frames["cursor_x_cm"].any()
    for name in ("cursor_y_cm", "decoded_y_cm_s", "velocity_y_cm_s", "intent_y_cm_s", "noise_y_cm_s", "target_y_cm"):
        assert not frames[name].any()


def test_what_silence_did_before_the_watchdog_knew_is_taken_back() -> None:
    made = on_the_move("task.timeout_ms=2000")
    made.arrays["feature_offset"][:] = 2.0  # silence decodes as far below rest
    fed = made.tick(np.full(96, 3))
    silent = made.ticks(30, np.zeros(96))[-1]
    assert silent["cursor_x_cm"] < fed["cursor_x_cm"] - 1.0
    lost = made.tick(np.zeros(96), lost=True)
    assert (lost["cursor_x_cm"], lost["cursor_y_cm"]) == (fed["cursor_x_cm"], fed["cursor_y_cm"])
    assert made.tick(np.zeros(96), lost=True)["cursor_x_cm"] == fed["cursor_x_cm"]
