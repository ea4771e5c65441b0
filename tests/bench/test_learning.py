"""Test that the learning bench reports what its sessions did, and draws it."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from bmi_app.api.simulation import Outcomes
from bmi_app.bench import curves, learning
from bmi_app.bench.commands import bench_app

MINUTES = 6.0


@pytest.fixture(scope="module")
def report() -> dict:
    return learning.measure(2, MINUTES, ["task.timeout_ms=3000"], lambda _: None)


def test_a_report_holds_every_case_and_seed(report: dict) -> None:
    assert [case["name"] for case in report["cases"]] == [case.name for case in learning.CASES]
    for case in report["cases"]:
        assert np.shape(case["success"]) == (2, 2 * MINUTES / learning.BIN_MIN)
        assert all(0 <= share <= 1 for curve in case["success"] for share in curve)
        assert case["first"] == [curve[0] for curve in case["success"]]
        assert all(low <= kept for low, kept in zip(case["lowest_bin"], case["kept"], strict=True))
    assert json.loads(json.dumps(report)) == report


def test_learning_beats_not_learning(report: dict) -> None:
    kept = {case["name"]: np.mean(case["kept"]) for case in report["cases"]}
    assert kept["off, 0.5"] < 0.1
    assert kept["lms, 0.5"] > 0.9
    assert kept["reward_gated, 0.35"] > kept["off, 0.35"] + 0.3
    assert kept["reinforcement, 0.35"] > kept["off, 0.35"] + 0.2


def test_time_to_success_is_when_the_last_fifty_trials_had_enough_of_it() -> None:
    success = np.repeat([False, True], [30, 100])
    trials = Outcomes(np.arange(130.0), success)
    assert trials.minutes_to_success() == 30 + 45 - 1
    assert Outcomes(np.arange(30.0), success[:30]).minutes_to_success() is None
    assert trials.success_between(20, 40) == 0.5
    assert np.isnan(trials.success_between(500, 600))


def test_the_band_is_that_of_students_t() -> None:
    success = np.array([[0.2, 1.0], [0.4, 1.0], [0.9, 1.0]])
    # t table: 4.303 for two degrees of freedom.
    np.testing.assert_allclose(curves.half_width(success), [4.303 * 0.360555 / 3**0.5, 0.0], rtol=1e-3)
    assert not curves.half_width(success[:1]).any()


def test_the_command_prints_the_report_and_draws_it(tmp_path: Path, report: dict, monkeypatch) -> None:
    monkeypatch.setattr(learning, "measure", lambda *_: report)
    picture = tmp_path / "deep" / "curves.png"
    done = CliRunner().invoke(bench_app, ["learning", "--json", "--figure", str(picture)])
    assert done.exit_code == 0
    assert json.loads(done.stdout) == report
    assert picture.read_bytes()[:4] == b"\x89PNG"
    shown = CliRunner().invoke(bench_app, ["learning"]).stdout
    assert all(case.name in shown for case in learning.CASES)


def test_a_wrong_override_is_one_line() -> None:
    done = CliRunner().invoke(bench_app, ["learning", "--set", "learning.rat=1"])
    assert done.exit_code == 2
    assert "did you mean 'rate'" in done.output
    assert "Traceback" not in done.output
