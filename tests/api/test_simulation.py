"""Many seeds simulated in one process."""

import numpy as np
import pytest

import bmi_app
from bmi_app.rt.records import EventKind, Outcome


def test_a_simulation_has_the_trials_of_the_recorded_session(tmp_path) -> None:
    runs = bmi_app.simulate("learn_the_tool", [4, 7], session__duration_s=60, progress=False)
    assert list(runs) == [4, 7]
    changed = bmi_app.protocol("learn_the_tool", session__duration_s=60, session__seed=7)
    session = bmi_app.run(changed, speed="max", out=tmp_path, progress=False)
    ends = session.events[session.events["kind"] == EventKind.TRIAL_END]
    ends = ends[ends["code"] != Outcome.BLOCK_ENDED]
    np.testing.assert_array_equal(runs[7].success, ends["code"] == Outcome.SUCCESS)
    np.testing.assert_array_equal(runs[7].end_min, ends["time_s"] / 60)
    assert not np.array_equal(runs[4].end_min, runs[7].end_min)


def test_a_bar_tells_how_many_seeds_are_done(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal
    runs = bmi_app.simulate("center_out", 2, session__trials=2)
    assert list(runs) == [0, 1]
    shown = capfd.readouterr()
    assert "seeds" in shown.err
    assert shown.out == ""


def test_one_without_an_end_is_refused() -> None:
    with pytest.raises(bmi_app.BmiError, match="a simulation needs an end: session__duration_s or session__trials"):
        bmi_app.simulate("center_out", 2)
