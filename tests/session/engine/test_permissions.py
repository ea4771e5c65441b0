"""Who may read a recording: its user alone, unless a setting says that the group may."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bmi_app import permissions
from bmi_app.record import recovery_lock
from bmi_app.rt import livefile
from tests.support.damaged_sessions import run_here

from .conftest import PATIENCE_S, SHORT, Live

BMI = str(Path(sys.executable).with_name("bmi"))
SETTINGS = [part for key in SHORT for part in ("--set", key)]
MODES = {"": (0o700, 0o600), "none": (0o700, 0o600), "read": (0o750, 0o640), "write": (0o770, 0o660)}


@pytest.fixture
def open_mask() -> Iterator[Callable[[], None]]:
    """What a shell gives that lets everybody read and write; this process has it too, until the test ends."""
    before = os.umask(0)
    yield lambda: os.umask(0) and None
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    """Return the permissions of everything below a folder, itself included."""
    found = [folder, *folder.rglob("*")]
    return {str(path.relative_to(folder)): stat.S_IMODE(path.lstat().st_mode) for path in found}


@pytest.mark.parametrize(("access", "speed"), [*((access, "max") for access in MODES), ("", "real"), ("read", "real")])
def test_everything_that_is_written_of_a_session_is_private_unless_the_group_may(
    access: str, speed: str, tmp_path: Path, open_mask: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*arguments: str) -> None:
        if speed == "max":  # one process does it all, so that the mask of this one decides
            code, said = run_here(arguments)
            assert code == 0, said
            return
        done = subprocess.run(
            [BMI, *arguments],
            preexec_fn=open_mask,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    monkeypatch.setenv(permissions.VARIABLE, access)
    out = tmp_path / "out"
    staged = ["--set", "learning.rule=smoothbatch", "--set", "learning.when=seconds", "--set", "learning.every_s=0.3"]
    staged += ["--set", "learning.settings.least_samples=10"]
    run(
        "run",
        "center_out",
        "--json",
        "--duration",
        "2" if speed == "real" else "40",
        "--speed",
        speed,
        "--out",
        str(out),
        *SETTINGS,
        *staged,
    )
    (session,) = out.iterdir()
    run("sessions", "export", str(session))
    run("sessions", "export", str(session), "--out", str(out / "exported" / "deep"))
    if speed == "max":  # long enough for a fit
        run("fit", str(session), "--decoder", "linear", "--out", str(session / "weights" / "d.npz"))
    folder_mode, file_mode = MODES[access]
    found = modes(out)
    assert any(name.endswith(".npz") for name in found)
    for name, mode in found.items():
        wanted = folder_mode if (out / name).is_dir() else file_mode
        assert mode == wanted, f"{name}: {mode:o}"


def test_the_live_file_and_the_socket_are_the_users_whatever_the_group_may(
    engine: Callable[..., Live], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(permissions.VARIABLE, "write")
    live = engine()
    live.wait_for_tick(5)
    socket = Path(live.view.session["engine"]["socket"])
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    (live_file,) = livefile.folder().glob(f"bmi-{live.process.pid}-*")
    assert stat.S_IMODE(live_file.stat().st_mode) == 0o600
    assert stat.S_IMODE((live.folder / "engine.log").stat().st_mode) == 0o660
    live.stop()


def test_a_setting_that_means_nothing_is_one_line_and_starts_nothing(sessions_folder: Path) -> None:
    done = subprocess.run(
        [BMI, "run", "center_out", "--duration", "1"],
        env=os.environ | {permissions.VARIABLE: "everybody"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == f"bmi: {permissions.VARIABLE}=everybody: must be one of none, read, write\n"
    assert not sessions_folder.exists()


@pytest.mark.parametrize("access", MODES)
def test_the_lock_of_a_recovery_is_as_open_as_the_recording(
    access: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stayed at 0644: another member of the group could not recover what somebody's recovery had left locked."""
    monkeypatch.setenv(permissions.VARIABLE, access)
    before = os.umask(0)
    try:
        with recovery_lock.held(tmp_path):
            assert stat.S_IMODE((tmp_path / recovery_lock.LOCK).stat().st_mode) == MODES[access][1]
    finally:
        os.umask(before)
