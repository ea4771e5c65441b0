"""In a closed loop with a scrambled tool, every rule learns it, and without learning success stays poor."""

import numpy as np
import pytest

from bmi_app.api.simulation import run_trials
from bmi_app.bench.learning import CASES, PROTOCOL, Case
from protocols.load import load

SEEDS = (1, 2, 3)
MINUTES, LEARNT_AFTER = 36.0, 20.0


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_success_over_half_an_hour(case: Case) -> None:
    kept = []
    for seed in SEEDS:
        ends = (f"session.seed={seed}", f"session.duration_s={MINUTES * 60:g}")
        trials = run_trials(load(PROTOCOL, [*case.overrides, *ends]))
        kept.append(trials.success_between(LEARNT_AFTER, MINUTES))
        weights, mask = trials.core.arrays["weights"], trials.core.arrays["mask"]
        assert (weights[mask == 0] == 0).all()
        assert np.isfinite(weights).all()
    if case.name.startswith("off"):
        assert np.mean(kept) < 0.5
        assert max(kept) < 0.65
    else:
        assert min(kept) > 0.9


def test_the_shipped_protocol_learns() -> None:
    trials = run_trials(load(PROTOCOL, ["session.duration_s=900"]))
    assert trials.success_between(0, 1) < 0.6
    assert trials.success_between(5, 15) > 0.95
    assert trials.minutes_to_success() == pytest.approx(4, abs=2)


def test_two_sessions_of_one_seed_are_the_same() -> None:
    runs = [run_trials(load(PROTOCOL, ["session.duration_s=120"])) for _ in range(2)]
    np.testing.assert_array_equal(runs[0].end_min, runs[1].end_min)
    np.testing.assert_array_equal(runs[0].core.arrays["weights"], runs[1].core.arrays["weights"])


@pytest.mark.parametrize("name", ["center_out", "left_right", "four_target", "random_pursuit"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_shipped_protocol_succeeds_with_its_own_tool(name: str, seed: int) -> None:
    trials = run_trials(load(name, [f"session.seed={seed}", "session.duration_s=300"]))
    assert trials.success.mean() >= 0.9
    assert len(trials.success) > 5 * 15
