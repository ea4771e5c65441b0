"""The closed-loop bench calibrates, runs every pair that fits, and tells of the second half."""

from bmi_app import plugins
from bmi_app.bench import closed_loop


def test_a_short_bench_of_two_decoders() -> None:
    report = closed_loop.measure(1, 0.5, (), lambda _: None, ("kalman", "refit_kalman"))
    rows = {(row["decoder"], row["start"], row["rule"]): row for row in report["cases"]}
    plain, scrambled = rows["kalman", "calibrated", "off"], rows["kalman", "scrambled", "off"]
    assert len(plain["success"]) == 1
    assert plain["success"][0] > 0.8
    assert plain["success"][0] > scrambled["success"][0]
    assert len(report["refit_ratio"]) == 1
    assert ("kalman", "calibrated", "lms") not in rows  # lms adapts the readout


def test_every_rule_that_ships_is_in_the_bench() -> None:
    shipped = {
        name for name in plugins.names("learning") if plugins.load("learning", name).__name__.startswith("bmi_app.")
    }
    assert shipped <= set(closed_loop.RULES)
