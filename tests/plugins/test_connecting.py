"""Sources that take their time: bin 0 waits for them, a stop does not, and drivers from before this was so go on working."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bmi_app.record.reading import read
from tests.support.places import ROOT

pytestmark = pytest.mark.realtime

_ENTRY_POINTS = """\
[bmi_app.drivers]
metronome = example_lab.metronome
patient = example_lab.patient
"""
PATIENCE_S = 110.0


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., "subprocess.Popen[str]"]:
    """Begin a session in real time on one of the lab's drivers."""
    target = tmp_path / "site"
    shutil.copytree(Path(__file__).parent / "example_lab", target / "example_lab")
    info = target / "example_lab-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: example-lab\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(_ENTRY_POINTS)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(target), str(ROOT)])}

    def begin(driver: str, *overrides: str) -> "subprocess.Popen[str]":
        given = [part for override in overrides for part in ("--set", override)]
        command = [
            sys.executable,
            "-m",
            "bmi_app.cli.app",
            "run",
            "center_out",
            "--driver",
            driver,
            "--duration",
            "1.5",
        ]
        return subprocess.Popen(
            [*command, "--headless", "--json", "--out", str(tmp_path / "out"), *given],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    return begin


def test_bin_0_begins_after_a_source_that_takes_2_s_to_connect(
    run: Callable[..., "subprocess.Popen[str]"], tmp_path: Path
) -> None:
    connected = tmp_path / "connected"
    slow = ("driver.settings.connect_s=2", f"driver.settings.connected_file={connected}")
    process = run("patient", *slow, "blocks=[{kind='rest',duration_s=1},{kind='closed_loop'}]")
    said, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, errors
    summary = json.loads(said)
    recording = read(Path(summary["session"]))
    # Bins that began with the decision to start were over before the source was there: 200 ticks, all at once.
    assert recording.session["start_s"] >= float(connected.read_text()) + 0.1
    first = recording.spikes[0]
    assert first["tick"] >= 0
    assert 0 <= first["stamp_s"] - recording.session["start_s"] < 0.01
    assert summary["spikes"] == pytest.approx(1.5 * 96 * 20, rel=0.05)
    assert summary["silent_rests"] == summary["before_spikes"] == summary["source_losses"] == 0


def test_a_driver_that_has_begin_only_goes_on_working(run: Callable[..., "subprocess.Popen[str]"]) -> None:
    process = run("metronome")
    said, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, errors
    summary = json.loads(said)
    assert summary["spikes"] == pytest.approx(1.5 * 96 * 20, rel=0.05)
    spikes = read(Path(summary["session"])).spikes
    assert np.all(spikes["offset_s"] == 0.0)


def test_a_source_whose_clock_cannot_be_measured_is_refused(
    run: Callable[..., "subprocess.Popen[str]"], tmp_path: Path
) -> None:
    process = run("patient", "driver.settings.readings=-1", "driver.settings.connect_s=0")
    said, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert said == ""
    assert errors.strip().splitlines()[-1].endswith("the device does not tell its clock; switch it on")
    assert "Traceback" not in errors
    assert not list((tmp_path / "out").glob("*/session.toml"))


@pytest.mark.parametrize(
    "waits", [("driver.settings.connect_s=100",), ("driver.settings.connect_s=0", "driver.settings.readings=-1")]
)
def test_a_stop_does_not_wait_for_the_source(
    run: Callable[..., "subprocess.Popen[str]"], tmp_path: Path, waits: tuple[str, ...]
) -> None:
    process = run("patient", *waits)
    assert process.stderr is not None
    for line in process.stderr:
        if "starting" in line or "measuring the source's clock" in line:
            break
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)  # far less than the source would take
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert not list((tmp_path / "out").glob("*/session.toml"))
