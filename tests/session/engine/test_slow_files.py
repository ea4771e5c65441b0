"""Files that block: a pipe that nobody reads, a drive that hangs. The session is steered and stopped all the same."""

import os
import resource
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bmi_app.session.engine.commands import CommandError
from bmi_app.session.engine.control import Control
from bmi_app.session.view.attachment import AttachError, Attachment, connect
from bmi_app.session.view.launch import LaunchError, launch

from .conftest import PATIENCE_S, Live, children, request, traces, wait_until

Start = Callable[..., Live]


def test_weights_are_not_saved_into_a_pipe_nor_loaded_from_one(engine: Start, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npz")
    live = engine()
    live.wait_for_tick(5)
    for command in ("save_weights", "load_weights"):
        assert "pipe" in live.refused(command, file=str(tmp_path / "pipe.npz"))
    assert live.stop()["stop_reason"] == "OPERATOR"


def test_saving_over_a_file_needs_to_be_told_and_never_goes_into_the_recording(engine: Start, tmp_path: Path) -> None:
    live = engine()
    live.wait_for_tick(5)
    path = tmp_path / "d.npz"
    assert live.do("save_weights", file=str(path))["ok"]
    assert "exists already; `replace`: true replaces it" in live.refused("save_weights", file=str(path))
    assert "`replace` must be true or false" in live.refused("save_weights", file=str(path), replace="yes")
    assert live.do("save_weights", file=str(path), replace=True)["ok"]
    journal = (live.folder / "spikes.arrows").stat().st_ino
    for replace in (False, True):
        for name in ("spikes.arrows", "session.toml", "d.npz"):
            said = live.refused("save_weights", file=str(live.folder / name), replace=replace)
            assert "lies in a recording; allowed in" in said
    (tmp_path / "link.npz").symlink_to(live.folder / "spikes.arrows")
    assert "is a link" in live.refused("save_weights", file=str(tmp_path / "link.npz"), replace=True)
    assert live.do("save_weights", file=str(live.folder / "weights" / "d.npz"))["ok"]
    assert (live.folder / "spikes.arrows").stat().st_ino == journal
    live.stop()
    assert sorted(np.load(live.folder / "weights" / "d.npz").files) == sorted(np.load(path).files)


@pytest.fixture
def hanging_drive(tmp_path: Path) -> Iterator[tuple[Path, Callable[[], None]]]:
    """A drive, and what makes it hang: it takes no writes until the test has ended, as a network drive that was unplugged."""
    image, folder = tmp_path / "drive.img", tmp_path / "drive"
    tools = ("mkfs.ext4", "losetup", "fsfreeze", "mount")
    if os.geteuid() != 0 or any(shutil.which(tool) is None for tool in tools):
        pytest.skip("no drive can be made to hang here")
    with image.open("wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
    folder.mkdir()
    if subprocess.run(["mount", "-o", "loop", str(image), str(folder)], check=False, capture_output=True).returncode:
        pytest.skip("no drive can be mounted here")

    def hang() -> None:
        subprocess.run(["fsfreeze", "-f", str(folder)], check=True)

    yield folder, hang
    subprocess.run(["fsfreeze", "-u", str(folder)], check=False, capture_output=True)
    wait_until(lambda: subprocess.run(["umount", str(folder)], check=False, capture_output=True).returncode == 0)


def test_a_drive_that_hangs_keeps_neither_other_views_nor_the_stop_waiting(
    engine: Start, hanging_drive: tuple[Path, Callable[[], None]]
) -> None:
    drive, hang = hanging_drive
    live = engine()
    live.wait_for_tick(5)
    hang()
    other = Attachment(live.folder)
    with pytest.raises(AttachError, match="does not answer"):
        other.send({"do": "save_weights", "file": str(drive / "d.npz")}, timeout_s=0.5)
    other.close()
    assert live.do("status")["ok"]
    live.did("pause")
    live.did("resume")
    live.did("stop")
    assert live.view.wait_for_end(PATIENCE_S) or (live.folder / "summary.json").exists()
    subprocess.run(["fsfreeze", "-u", str(drive)], check=True)  # a process cannot leave a system call that hangs
    assert live.end()["stop_reason"] == "OPERATOR"


@pytest.mark.parametrize("how", ["signal", "duration"])
def test_a_drive_that_hangs_does_not_keep_a_session_from_its_end(
    how: str, engine: Start, hanging_drive: tuple[Path, Callable[[], None]]
) -> None:
    drive, hang = hanging_drive
    live = engine(*(["session.duration_s=2"] if how == "duration" else []))
    live.wait_for_tick(5)
    hang()
    other = Attachment(live.folder)
    with pytest.raises(AttachError):
        other.send({"do": "save_weights", "file": str(drive / "d.npz")}, timeout_s=0.2)
    other.close()
    if how == "signal":
        live.process.send_signal(signal.SIGTERM)
    wait_until(lambda: (live.folder / "summary.json").exists())
    subprocess.run(["fsfreeze", "-u", str(drive)], check=True)
    assert live.end()["stop_reason"] == ("OPERATOR" if how == "signal" else "DURATION")


class Blocked:
    """Stand for an operator whose files block until they are let go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.refusals: list[str] = []

    def handle(self, request: Any) -> tuple[int | None, dict[str, Any]]:
        if request["do"] == "save_weights":
            assert self.let_go.wait(PATIENCE_S)
            if request["file"] == "bad":
                raise CommandError("bad file")
        return None, {"did": request["do"]}


def test_requests_for_files_wait_in_turn_while_others_are_answered(tmp_path: Path) -> None:
    blocked = Blocked()
    control = Control("blocked", blocked.handle, lambda _: None, lambda _, why: blocked.refusals.append(why))
    control.start()
    views = [connect(control.address, PATIENCE_S) for _ in range(7)]
    for view in views[:4]:
        view.sendall(b'{"do": "save_weights", "file": "good"}\n')
    views[4].sendall(b'{"do": "status"}\n')
    assert b'"did": "status"' in views[4].recv(1000)
    wait_until(lambda: control._n_slow == 4)
    views[5].sendall(b'{"do": "undo"}\n')
    assert b"4 requests wait for files already" in views[5].recv(1000)
    views[3].close()  # it waits no longer
    blocked.let_go.set()
    for view in views[:3]:
        assert b'"did": "save_weights"' in view.recv(1000)
    views[6].sendall(b'{"do": "save_weights", "file": "bad"}\n')
    assert b'"error": "bad file"' in views[6].recv(1000)
    control.close()
    assert blocked.refusals == ["4 requests wait for files already; does a drive hang?", "bad file"]
    for view in views:
        view.close()


def test_a_thousand_connections_are_refused_in_words_and_cost_nothing(engine: Start) -> None:
    live = engine()
    live.wait_for_tick(5)
    address = live.view.session["engine"]["socket"]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    connections = [socket.socket(socket.AF_UNIX) for _ in range(1024)]
    for connection in connections:
        connection.connect(address)  # without a timeout it waits for its turn
    refused = []
    for connection in connections[40:]:
        said = connection.recv(1000)
        refused.append(b"32 views are connected to this session already; close one of them" in said)
        assert connection.recv(1000) == b""
    assert all(refused)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    # Those that were let in keep the engine no busier than before: over a second, in one of three attempts.
    shares = []
    for _ in range(3):
        before, began_s, tick = _cpu_s(live.process.pid), time.monotonic(), live.view.head
        live.wait_for_tick(tick + 100)
        shares.append((_cpu_s(live.process.pid) - before) / (time.monotonic() - began_s))
        if shares[-1] < 0.6:
            break
    assert min(shares) < 0.6, shares
    for connection in connections:
        connection.close()
    live.view.close()
    assert live.stop()["stop_reason"] == "OPERATOR"


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize(
    "overrides",
    [
        ["--driver", "lsl", "--timeout", "600", "--set", "driver.source_id=not-there"],
        ["--driver", "lsl", "--timeout", "600", "--set", "driver.source_id=not-there", "--json"],
    ],
    ids=["terminal", "json"],
)
def test_an_engine_whose_launcher_died_before_the_start_ends(
    overrides: list[str], run_bmi: Callable[..., "subprocess.Popen[str]"], sessions_folder: Path
) -> None:
    process = run_bmi("run", "center_out", *overrides)
    wait_until(lambda: bool(children(process)))
    (engine_pid,) = children(process)
    assert process.stderr is not None
    while "opening the source" not in process.stderr.readline():
        pass
    process.kill()
    process.wait()
    wait_until(lambda: not Path(f"/proc/{engine_pid}").exists() or _is_zombie(engine_pid))
    assert not sessions_folder.exists() or list(sessions_folder.iterdir()) == []
    assert traces(engine_pid) == set()


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_pipe_is_no_recording_and_no_decoder(tmp_path: Path, sessions_folder: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for overrides in (
        ["driver.kind=replay", f'driver.settings.path="{tmp_path / "pipe"}"'],
        ["decoder.kind=linear", f'decoder.settings.file="{tmp_path / "pipe"}"'],
        [f'decoder.start_from="{tmp_path / "pipe"}"'],
    ):
        with pytest.raises(LaunchError) as raised:
            launch(request(*overrides), lambda _: None)
        assert raised.value.exit_code == 2
        assert str(tmp_path / "pipe") in raised.value.lines[0]
    assert not sessions_folder.exists() or list(sessions_folder.iterdir()) == []
