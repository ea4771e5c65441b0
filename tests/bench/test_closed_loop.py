"""The closed-loop bench calibrates, runs every pair that fits, and tells of the second half."""

import pytest

from bmi_app import plugins
from bmi_app.bench import closed_loop


def test_a_short_bench_of_two_decoders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closed_loop, "_SMOOTHBATCH_MIN", 1.0)
    two = ("kalman", "refit_kalman")
    report = closed_loop.measure(1, 0.5, (), lambda _: None, (*two, *(f"{kind}{closed_loop.RAW}" for kind in two)))
    rows = {(row["decoder"], row["start"], row["rule"]): row for row in report["cases"]}
    plain, scrambled = rows["kalman", "calibrated", "off"], rows["kalman", "scrambled", "off"]
    assert len(plain["success"]) == 1
    assert plain["success"][0] > 0.8
    assert plain["success"][0] > scrambled["success"][0]
    assert {features: len(ratios) for features, ratios in report["refit_ratio"].items()} == {
        "smoothed": 1,
        "raw bins": 1,
    }
    assert rows["kalman, raw bins", "calibrated", "off"]["time_s"] != plain["time_s"]
    assert len(report["smoothbatch"]) == 4
    assert ("kalman", "calibrated", "lms") not in rows  # lms adapts the readout


def test_every_decoder_that_ships_is_in_the_bench() -> None:
    shipped = {
        name for name in plugins.names("decoders") if plugins.load("decoders", name).__name__.startswith("bmi_app.")
    }
    assert shipped <= set(closed_loop.DECODERS)


def test_every_rule_that_ships_is_in_the_bench() -> None:
    shipped = {
        name for name in plugins.names("learning") if plugins.load("learning", name).__name__.startswith("bmi_app.")
    }
    assert shipped <= set(closed_loop.RULES)
