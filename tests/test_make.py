"""What `make run` does after its session: opens the program where somebody sits at a terminal, else comes to its end."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.places import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32" or not shutil.which("make"), reason="needs make and a terminal")


def commands_of(tmp_path: Path, run_args: str, *, in_terminal: bool) -> list[str]:
    """Return with which arguments `make run` calls the program; a script of that name keeps them."""
    called = tmp_path / "called"
    program = tmp_path / "bmi"
    program.write_text(f'#!/bin/sh\necho "$*" >>"{called}"\n')
    program.chmod(0o755)
    words = ["make", "run", f"BIN={tmp_path}", f"RUN_ARGS={run_args}", "-o", "setup"]
    ours, theirs = os.openpty()
    stdio = theirs if in_terminal else subprocess.DEVNULL
    done = subprocess.run(words, cwd=ROOT, stdin=stdio, stdout=stdio, stderr=subprocess.PIPE, text=True, check=True)
    for end in (ours, theirs):
        os.close(end)
    assert "/bmi gui" in done.stderr.splitlines()[-1]  # the last line says how the program is opened
    return called.read_text().splitlines()


def test_a_session_in_the_window_leads_into_the_program(tmp_path: Path) -> None:
    assert commands_of(tmp_path, "center_out --gui", in_terminal=True) == ["run center_out --gui", "gui"]


def test_a_script_comes_to_its_end(tmp_path: Path) -> None:
    assert commands_of(tmp_path, "center_out --gui", in_terminal=False) == ["run center_out --gui"]


def test_without_a_display_it_ends_in_a_terminal_too(tmp_path: Path) -> None:
    assert commands_of(tmp_path, "center_out", in_terminal=True) == ["run center_out"]
