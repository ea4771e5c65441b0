"""The learners' bench measures what it says, and its learners learn."""

import numpy as np
import pytest

from bmi_app.bench.science import exploration, learners, tables
from protocols.load import load


def learnt(success: list[bool]) -> learners.Learnt:
    n = len(success)
    return learners.Learnt(np.arange(float(n)), np.array(success), np.arange(float(n)), np.ones(n), np.ones((n, 2)))


def test_the_criterion_is_eighteen_of_twenty() -> None:
    assert learnt([False] * 30 + [True] * 40).trials_to_criterion() == 30 + 18
    assert learnt([True] * 20).trials_to_criterion() == 20
    assert learnt([True] * 19).trials_to_criterion() is None
    assert learnt([True, False] * 40).trials_to_criterion() is None
    assert tables.criterion([20, 30, 40]) == "30 \\[25, 35]"
    assert tables.criterion([20, None]) == "1 of 2 seeds"
    assert tables.criterion([None]) == "never"


def test_modulation_is_what_the_inverse_asks_of_driving_and_control_units() -> None:
    protocol = load("learning_subject")
    model = np.zeros((1, 2, 97))
    model[0, 0, :32] = model[0, 1, 32:64] = 0.08
    driving, control = learners.modulation(protocol, model.reshape(1, -1))[0]
    assert driving == pytest.approx(10.0 * 0.08 / (32 * 0.08**2 + 0.01))
    assert control == 0.0
    model[0, 0, 64:96] = 0.08  # it takes the control units for as good as those that drive x
    driving, control = learners.modulation(protocol, model.reshape(1, -1))[0]
    assert control == pytest.approx(10.0 * 0.08 / (64 * 0.08**2 + 0.01))


def test_control_units_share_is_the_mean_over_sessions_that_ask_for_any() -> None:
    modulation_hz = [[[4.0, 2.0], [2.0, 0.5]], [[0.0, 0.0], [2.0, 1.5]]]  # [session][time][driving, control]
    np.testing.assert_allclose(tables.control_share({"modulation_hz": modulation_hz}), [0.5, 0.5])
    assert np.isnan(tables.control_share({"modulation_hz": [[[0.0, 0.0]]]})).all()


def test_the_learners_learn_in_a_short_session_and_none_does_not() -> None:
    shares = {}
    for learner in ("none", "regression", "lms"):
        found = learners.run(learners.protocol_of(learner, (), 1, 20.0))
        shares[learner] = found.success_between(0, 2), found.success_between(10, 20)
        if learner != "none":
            driving, control = found.modulation_at(20.0)
            assert control < driving
            assert found.trials_to_criterion() is not None
    assert max(shares["none"]) < 0.3
    assert shares["regression"][1] > 0.9
    assert shares["lms"][1] > 0.9


def test_the_batched_learner_jumps_after_the_rest() -> None:
    found = learners.run(learners.protocol_of("batched", (), 1, 20.0))
    assert found.success_between(1, 10) < 0.3
    assert found.success_between(11, 20) > 0.8


def test_exploration_and_rate_are_swept_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exploration, "LEARNERS", ("gated",))
    monkeypatch.setitem(
        learners.GRID, "gated", {rate: learners.GRID["gated"][rate] for rate in list(learners.GRID["gated"])[1:3]}
    )
    told: list[str] = []
    report = exploration.measure(1, 20.0, (0.0, 4.0), 2, told.append)
    assert [(row["exploration_hz"], row["rate"]) for row in report["rows"]] == [
        (0.0, 0.0006),
        (0.0, 0.002),
        (4.0, 0.0006),
        (4.0, 0.002),
    ]
    assert len(told) == 4
    still, exploring = ([row["last"][0] for row in report["rows"] if row["exploration_hz"] == hz] for hz in (0.0, 4.0))
    assert max(exploring) > max(still)
    said = exploration.markdown(report)
    assert "| `gated`: exploration (Hz) | rate 0.0006 | rate 0.002 |" in said
    assert f"| 4 | {exploring[0]:.2f} ({exploring[0]:.2f}-{exploring[0]:.2f}) |" in said
