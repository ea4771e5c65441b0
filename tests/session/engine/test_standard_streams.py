"""Standard streams that cannot be written: no traceback, and no session that does not run for want of a listener."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .conftest import PATIENCE_S, SHORT

BMI = str(Path(sys.executable).with_name("bmi"))
SESSION = ["run", "center_out", "--duration", "0.5", *(part for key in SHORT for part in ("--set", key))]
FULL = Path("/dev/full")
pytestmark = pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")


def run(*arguments: str, **streams: Any) -> "subprocess.CompletedProcess[str]":
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
    return subprocess.run([BMI, *arguments], text=True, timeout=2 * PATIENCE_S, check=False, **streams)


def write_end_without_reader() -> int:
    reading, writing = os.pipe()
    os.close(reading)
    return writing


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["protocols", "list"],
        ["protocols", "show", "center_out"],
        ["sessions", "list"],
        ["sessions", "list", "--json"],
        ["doctor", "--json"],
        [*SESSION, "--json"],
        [*SESSION, "--headless"],
        [*SESSION, "--speed", "max", "--json"],
    ],
    ids=" ".join,
)
def test_a_full_standard_output_is_one_line_and_an_output_without_reader_none(arguments: list[str]) -> None:
    with FULL.open("w") as full:
        done = run(*arguments, stdout=full)
    said = [line for line in done.stderr.splitlines() if line.startswith("bmi: ")]
    assert said == ["bmi: standard output cannot be written: No space left on device"]
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert done.returncode == 1
    writing = write_end_without_reader()
    done = run(*arguments, stdout=writing)
    os.close(writing)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert [line for line in done.stderr.splitlines() if line.startswith("bmi: ")] == []
    assert done.returncode == 1


@pytest.mark.parametrize("speed", ["real", "max"])
@pytest.mark.parametrize("view", ["--json", "--headless", ""])
def test_a_session_runs_although_nothing_can_be_said_on_standard_error(
    speed: str, view: str, sessions_folder: Path
) -> None:
    arguments = [*SESSION, "--speed", speed, *([view] if view else [])]
    writing = write_end_without_reader()
    with FULL.open("w") as full:
        for n, stderr in enumerate((full, writing), 1):
            done = run(*arguments, stderr=stderr)
            assert done.returncode == 0
            folders = sorted(sessions_folder.iterdir())
            assert len(folders) == n
            summary = json.loads((folders[-1] / "summary.json").read_text())
            assert summary["stop_reason"] == "DURATION"
            assert "error" not in summary
            if view == "--json":
                assert json.loads(done.stdout)["ticks"] == summary["ticks"]
    os.close(writing)


def test_a_mistake_has_its_exit_code_also_where_it_cannot_be_said() -> None:
    with FULL.open("w") as full:
        assert run("protocols", "check", "/nowhere.toml", stderr=full).returncode == 2
        assert run("protocols", "check", "/nowhere.toml", stderr=full, stdout=full).returncode == 2


def test_a_closed_standard_error_is_not_taken_for_standard_output_nor_for_a_file(sessions_folder: Path) -> None:
    arguments = " ".join([*SESSION[:2], "--duration", "0.5", "--json", "--speed", "max"])
    done = subprocess.run(
        f"exec {BMI} {arguments} 2>&- 0<&-", shell=True, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0
    (folder,) = sessions_folder.iterdir()
    assert json.loads(done.stdout)["session"] == str(folder)
    assert run("sessions", "verify", str(folder)).returncode == 0
