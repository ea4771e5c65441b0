"""Test that the measurements measure: all that was sent is found. How long it took is not tested here."""

import hashlib
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from bmi_app.bench import blocks, latency, machine_code, speed, tables, window
from bmi_app.bench.child import Child, ChildError
from bmi_app.cli.app import app
from bmi_app.record import stream


def test_engine_and_bare_loop_get_every_sample_with_a_view_beside() -> None:
    said: list[str] = []
    report = latency.compare([96], "busy", n_pairs=1, block_s=1.0, say=said.append)
    (case,) = report["cases"]
    assert case["complete"]
    assert case["samples"] == 2 * 1000
    for quantity in ("latency_us", "from_stamp_us"):
        for consumer in ("engine", "bare"):
            figures = case[quantity][consumer]["all"]
            assert 0 < figures["p50"] <= figures["p99"] <= figures["p999"] <= figures["max"]
        assert case[quantity]["ratio"]["p50"]["pairs"] == 1
    assert {"source", "bare", "acquisition", "decode", "publisher"} <= case["scheduling"].keys()
    assert len(said) == 2
    json.dumps(report)


def test_window_s_frames_and_its_cost_are_measured() -> None:
    report = window.compare([96], n_pairs=1, block_s=1.0, say=lambda _: None, first_s=1.0)
    frames = report["frames"]["96"]
    assert frames["frames"] > 20
    for took in (frames, report["engine"]["96"]["frames"]):
        assert 0 < took["processor_ms"]["p50"] <= took["wall_ms"]["max"]
        assert took["wall_ms"]["p50"] <= took["wall_ms"]["p99"] <= took["wall_ms"]["max"]
    cost = report["engine"]["96"]
    assert cost["complete"]
    assert cost["ratio"]["p999"]["pairs"] == 1
    tables.window(json.loads(json.dumps(report)))


def test_a_block_that_lost_a_sample_is_not_complete() -> None:
    times = np.zeros(1)
    assert blocks.Block(times, times, 10, 10, 3.0, 3.0, {}).is_complete
    assert not blocks.Block(times, times, 10, 9, 3.0, 3.0, {}).is_complete
    assert not blocks.Block(times, times, 10, 10, 3.0, 2.0, {}).is_complete


def test_a_process_that_fails_says_why() -> None:
    with Child("bmi_app.bench.source", "name", "no number", 0.001, 10) as child, pytest.raises(ChildError) as caught:
        child.hear()
    assert "no number" in str(caught.value)


def test_speed_is_measured() -> None:
    report = speed.measure(10.0, with_compilation=False, say=lambda _: None)
    assert report["simulated"]["ticks"] == 1000
    assert report["tick_us"].keys() == {"96", "256", "1024"}
    sums = report["checksums"]
    assert min(sums["ratios"]) <= sums["ratio"] <= max(sums["ratios"])
    assert sums["ratio"] > 0
    assert sums["mb"] > 0.05
    assert sums["end_ms"].keys() == {"without", "while_writing", "all_at_the_end"}
    assert stream.hashlib is hashlib  # what is recorded from here on is hashed again
    tables.speed(report)
    assert 0 < report["start"]["cached"]["ready_s"]
    assert report["start"].keys() == {"cached"}
    json.dumps(report)


def test_command_shows_what_kernels_call() -> None:
    result = CliRunner().invoke(app, ["bench", "kernels", "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout).keys() == machine_code.kernels().keys()


def test_command_refuses_an_unknown_view() -> None:
    result = CliRunner().invoke(app, ["bench", "latency", "--view", "lazy"])
    assert result.exit_code == 2
    assert "--view lazy" in result.stderr
