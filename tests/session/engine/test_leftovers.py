"""Engines that are killed in their first moments: what they leave is seen, and cleaned up; what lives is left alone."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bmi_app import doctor
from bmi_app.record import session_folder
from bmi_app.rt import livefile
from bmi_app.session.store import catalogue, leftovers
from tests.support.places import ROOT

from .conftest import PATIENCE_S, Live, facts, request

DYING = """
import json, os, signal, sys
from bmi_app.record import session_folder
from bmi_app.session.engine import prepare
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
place = sys.argv.pop()
if place == "hold":
    prepare.Hold = die
elif place == "create":
    session_folder.create = die
else:
    setattr(session_folder, place, die)
from bmi_app.session.engine.process import main
main()
"""


@pytest.fixture
def old(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take everything for as old as it must be to be touched."""
    monkeypatch.setattr(leftovers, "_YOUNG_S", -1.0)


def die_at(place: str) -> int:
    """Start an engine that is killed at a place of its preparation; return its process number."""
    with subprocess.Popen(
        [sys.executable, "-c", DYING, request().to_json(), place], stdout=subprocess.DEVNULL
    ) as engine:
        assert engine.wait(PATIENCE_S) == -signal.SIGKILL
    return engine.pid


@pytest.mark.parametrize("place", ["create", "hold", "sync_folder", "replace_file", "write_session"])
def test_what_an_engine_left_that_was_killed_at_once_is_seen_and_cleaned_up(
    place: str, sessions_folder: Path, old
) -> None:
    pid = die_at(place)
    (live,) = livefile.folder().glob(f"bmi-{pid}-*.live")
    try:
        assert live.stat().st_size > 1 << 20
        folders = list(sessions_folder.iterdir()) if sessions_folder.exists() else []
        assert len(folders) == (place != "create")
        listed = facts("sessions", "list")["sessions"]
        assert [entry["session"] for entry in listed] == [str(folder) for folder in folders]
        assert {entry["status"] for entry in listed} <= {"unreadable"}
        said = {finding.name: finding.detail for finding in doctor.check_sessions()}
        assert "MiB of shared memory" in said["left-over live files"]
        assert ("sessions that never began" in said) == bool(folders)
        assert str(live) in doctor.fix()[0].detail
        assert not live.exists()
        assert not sessions_folder.exists() or list(sessions_folder.iterdir()) == []
        assert doctor.fix()[0].detail == "nothing was left over" or str(live) not in doctor.fix()[0].detail
    finally:
        live.unlink(missing_ok=True)


def test_what_lives_or_is_anybody_elses_is_left_alone(engine, sessions_folder: Path, old, tmp_path: Path) -> None:
    live: Live = engine()
    mine = [sessions_folder / "20310506T120000Z_mine", sessions_folder / "thesis"]
    for folder in mine:
        folder.mkdir()
        (folder / "notes.txt").write_text("five years")
    (sessions_folder / "20310506T120000Z_link").symlink_to(tmp_path)
    doctor.fix()
    if shutil.which("unshare") and os.geteuid() == 0:  # where the engine's number is nobody's
        script = "from bmi_app import doctor; from bmi_app.session.store import leftovers; leftovers._YOUNG_S = -1; doctor.fix()"
        subprocess.run(
            ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", script],
            check=True,
            cwd=ROOT,
        )
    assert all((folder / "notes.txt").read_text() == "five years" for folder in mine)
    assert (sessions_folder / "20310506T120000Z_link").is_symlink()
    for name in ("live_file", "socket"):
        assert Path(live.view.session["engine"][name]).exists()
    live.wait_for_tick(live.view.head + 5)
    live.kill()
    doctor.fix()
    assert Path(live.view.session["engine"]["live_file"]).exists()  # its session wants it
    assert catalogue.recover(live.folder).added_ticks >= 0
    assert session_folder.status(live.folder) == "complete"
