"""What `bmi bench science` says of body, curiosity and neurons: every expectation holds, and the tables are whole."""

import numpy as np
import pytest

from bmi_app.bench.science import body, checks, curiosity, neurons
from protocols.load import load


def quiet(text: str) -> None:
    """Say nothing."""


def failed(report: dict) -> list[str]:
    assert len(report["checks"]) > 2
    return [f"{check['what']}: {check['obtained']}" for check in report["checks"] if not check["holds"]]


def test_neurons_that_drive_muscles_look_as_todorov_says() -> None:
    assert failed(body.measure(seed=2)) == []


def test_curiosity_is_drawn_to_what_is_new_and_can_be_influenced() -> None:
    assert failed(curiosity.measure(3, quiet)) == []


def test_neurons_fire_as_renewal_theory_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neurons, "_speeds", lambda simulated_s: [])  # times are for a quiet machine
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


def test_a_table_shows_what_does_not_hold(capsys: pytest.CaptureFixture[str]) -> None:
    found = [checks.Check("pi", *checks.near(np.pi, 3.0, 0.01, " rad"))]
    checks.show(checks.report("Numbers", found))
    shown = capsys.readouterr().out
    assert "3 rad within 1 %" in shown
    assert "3.142 rad" in shown
    assert "NO" in shown
