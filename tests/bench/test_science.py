"""What `bmi bench science` says of body, curiosity and neurons: every expectation holds, and the tables are whole."""

import numpy as np
import pytest

from bmi_app.bench.science import body, checks, curiosity, lag_sweep, neurons, replay
from protocols.load import load


def quiet(text: str) -> None:
    """Say nothing."""


def failed(report: dict) -> list[str]:
    assert len(report["checks"]) > 2
    return [f"{check['what']}: {check['obtained']}" for check in report["checks"] if not check["holds"]]


def test_neurons_that_drive_muscles_look_as_todorov_says() -> None:
    assert failed(body.measure(seed=2)) == []


@pytest.mark.parametrize(
    ("rest_hz", "stiffness", "asymmetry", "added_ms"),
    [(0.5, 0.0, 0.5, 6.0), (0.5, 10.0, 0.5, -52.0), (5.0, 50.0, 0.9, -17.1), (15.0, 0.0, 0.9, 0.0)],
)
def test_asymmetric_damping_adds_next_to_nothing_to_the_lag_or_takes_from_it(
    rest_hz: float, stiffness: float, asymmetry: float, added_ms: float
) -> None:
    spiral = body.spiral()
    symmetric, other = (lag_sweep.grown_ms(spiral, rest_hz, stiffness, s) for s in (0.0, asymmetry))
    assert other - symmetric == pytest.approx(added_ms, abs=0.1)


def test_curiosity_is_drawn_to_what_is_new_and_can_be_influenced() -> None:
    assert failed(curiosity.measure(3, quiet)) == []


def test_neurons_fire_as_renewal_theory_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neurons, "_speeds", lambda simulated_s: [])  # times are for a quiet machine
    monkeypatch.setattr(neurons, "_memory", lambda: checks.Check("memory", "the same", "the same", True))
    monkeypatch.setattr(neurons, "_SPIKES", 100_000)
    monkeypatch.setattr(neurons, "_RATES_HZ", (20.0,))
    assert failed(neurons.measure(10.0, quiet)) == []


def test_the_speed_of_every_learner_is_held_against_what_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def hour_s(protocol: str, model: str, simulated_s: float, overrides: tuple[str, ...]) -> float:
        assert load(protocol, overrides).units.count == (1024 if simulated_s == 6.0 else 96)
        learns = [override for override in overrides if override.startswith("subject.learner=")]
        slow = 10.0 if "subject.learner=lms" in learns else 1.0
        return slow * (13.0 if simulated_s == 6.0 and model == "srm" and not learns else 1.0)

    monkeypatch.setattr(neurons, "run_trials", lambda protocol: None)
    monkeypatch.setattr(neurons, "_hour_s", hour_s)
    found = neurons._speeds(60.0)
    assert len(found) == 6 * 4
    assert [check.what for check in found if not check.holds] == [
        "1024 units beside 96, srm, subject plain",
        "an hour of 96 units, poisson, learner lms",
        "an hour of 96 units, srm, learner lms",
    ]


def test_a_session_four_times_as_long_takes_no_more_memory() -> None:
    # 80 MB of recording, were it kept.
    found = neurons._memory(5.0, 20.0)
    assert found.holds, found.obtained


def test_tuning_is_told_from_chance() -> None:
    generator = np.random.default_rng(1)
    angle = generator.uniform(-np.pi, np.pi, 200_000)
    rates_hz = np.array([20.0, 20.0, 20.0]) + np.cos(angle[:, None] - np.array([0.3, 2.0, 0.0])) * [8.0, 3.0, 0.0]
    squares = replay.tuning_hz(generator.poisson(rates_hz * 0.01), angle, 0.01)
    np.testing.assert_allclose(squares, [64.0, 9.0, 0.0], atol=7.0)
    silent = replay.tuning_hz(generator.poisson(np.full((20_000, 400), 0.2)), angle[:20_000], 0.01)
    assert abs(silent.mean()) < 0.1  # with what chance adds it would be 0.4


def test_recorded_tuning_is_that_of_what_the_inverse_asks_for() -> None:
    depth_hz, asked_hz, success = replay.run(1, all_count=False, rate=0.0015)
    assert success[1] > success[0] + 0.5
    assert asked_hz[0][1] == 0.0  # the nominal tool has nothing for control units to do
    assert depth_hz[0][1] < 0.1 * depth_hz[0][0]
    assert asked_hz[1][1] > 1.0  # noise of what it has learnt
    np.testing.assert_allclose(depth_hz, asked_hz, rtol=0.4, atol=0.3)


def test_fast_replay_takes_the_tuning_from_control_units_and_slow_replay_does_not() -> None:
    shares = {}
    for rate in (0.0015, 0.015):
        depth_hz, _, success = replay.run(1, all_count=True, rate=rate)
        (driving, control), (driving_after, control_after) = depth_hz
        assert success[1] > 0.6 > success[0]
        shares[rate] = control / driving, control_after / driving_after
    assert all(before == pytest.approx(1.0, abs=0.06) for before, _ in shares.values())
    assert shares[0.0015][1] > 0.85
    assert shares[0.015][1] == pytest.approx(0.70, abs=0.1)


def test_a_table_shows_what_does_not_hold(capsys: pytest.CaptureFixture[str]) -> None:
    found = [checks.Check("pi", *checks.near(np.pi, 3.0, 0.01, " rad"))]
    checks.show(checks.report("Numbers", found))
    shown = capsys.readouterr().out
    assert "3 rad within 1 %" in shown
    assert "3.142 rad" in shown
    assert "NO" in shown


def test_the_table_of_replay_has_a_row_for_each_case() -> None:
    made = [
        checks.Check(f"rate {rate:g}, it knew the tool: {what}", "falls", f"{what} {rate:g}", True)
        for rate in (0.5, 0.25)
        for what in ("success", "tuning", "ratio", "asked")
    ]
    said = replay.markdown(checks.report("Replay, 1 seed", made))
    assert "| rate 0.5, it knew the tool | success 0.5 | tuning 0.5 | ratio 0.5 | asked 0.5 |" in said
    assert said.startswith("Replay, 1 seed.")
    assert len(said.splitlines()) == 2 + 2 + 2
