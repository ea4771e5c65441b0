"""Run engines on the simulated rig as processes of their own; none outlives its test."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bmi_app.record.reading import Recording, read
from bmi_app.rt import livefile
from bmi_app.session.request import SessionRequest, Speed
from bmi_app.session.view.attachment import Attachment
from bmi_app.session.view.launch import launch

PATIENCE_S = 60.0  # only a failing test waits so long
BMI = [sys.executable, "-m", "bmi_app.cli.app"]
# A rest block and trials so short that a session of seconds has all that a session can have.
SHORT = (
    'blocks=[{kind="rest",duration_s=0.3},{kind="closed_loop"}]',
    "task.hold_ms=50",
    "task.reward_ms=50",
    "task.inter_trial_ms=50",
    "task.target_radius_cm=3",
    "task.timeout_ms=1000",
)


class Live:
    """Hold a running session: its engine, and a view's side of it."""

    def __init__(self, process: "subprocess.Popen[bytes]", folder: Path) -> None:
        self.process, self.folder = process, folder
        self.view = Attachment(folder)

    def do(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Send a command; return the engine's answer."""
        return self.view.send({"do": command, **arguments})

    def did(self, command: str, **arguments: Any) -> int:
        """Send a command that must act; return its tick."""
        answer = self.do(command, **arguments)
        assert answer["ok"], answer
        return int(answer["tick"])

    def refused(self, command: str, **arguments: Any) -> str:
        """Send a command that must be refused; return the reason."""
        answer = self.do(command, **arguments)
        assert not answer["ok"], answer
        return str(answer["error"])

    def wait_for_tick(self, tick: int) -> None:
        wait_until(lambda: self.view.head > tick or not self.view.is_alive())
        assert self.view.head > tick, (self.folder / "engine.log").read_text()

    def wait_for_event(self, kind: int, number: int = 1) -> None:
        wait_until(lambda: (self.view.events_since(0)[1]["kind"] == kind).sum() >= number)

    def kill(self) -> int:
        """Kill the engine, as the system does when there is no memory left; return how many frames it had published."""
        self.process.kill()
        self.process.wait()
        return self.view.head

    def stop(self) -> dict[str, Any]:
        """Stop as an operator would; return the summary."""
        self.did("stop")
        return self.end()

    def end(self, exit_code: int = 0) -> dict[str, Any]:
        """Wait for the end; return the summary."""
        assert self.process.wait(PATIENCE_S) == exit_code, (self.folder / "engine.log").read_text()
        self.view.close()
        return dict(json.loads((self.folder / "summary.json").read_bytes()))

    def recording(self) -> Recording:
        return read(self.folder)


def wait_until(condition: Callable[[], object]) -> None:
    """Wait for something that another process does."""
    give_up_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < give_up_s, "it did not happen"
        time.sleep(0.005)


def request(
    *overrides: str, protocol: str = "center_out", speed: Speed = "real", out: Path | None = None
) -> SessionRequest:
    """Return what asks an engine for a short session."""
    return SessionRequest(
        protocol=protocol,
        overrides=[*SHORT, *overrides],
        out=out or os.environ["BMI_SESSIONS"],
        speed=speed,
        source_timeout_s=PATIENCE_S,
    )


def bmi(*arguments: str, timeout_s: float = PATIENCE_S) -> "subprocess.CompletedProcess[str]":
    """Run the `bmi` command to its end."""
    return subprocess.run([*BMI, *arguments], capture_output=True, text=True, timeout=timeout_s, check=False)


def facts(*arguments: str) -> dict[str, Any]:
    """Run a `bmi` command that succeeds, and return the JSON object that it prints."""
    done = bmi(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def traces(pid: int) -> set[Path]:
    """Return what the engine of a process number has left outside of its session's folder: live file and socket."""
    sockets = [Path("/tmp") / f"bmi-{os.getuid()}", Path(os.environ.get("XDG_RUNTIME_DIR", "/nonexistent")) / "bmi"]
    return {
        *livefile.folder().glob(f"bmi-{pid}-*"),
        *(path for folder in sockets for path in folder.glob(f"*-{pid}.sock")),
    }


def children(process: "subprocess.Popen[str]") -> list[int]:
    """Return the process numbers of a process's children."""
    return [int(child) for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


@pytest.fixture
def engine() -> Iterator[Callable[..., Live]]:
    """Start a short session; overrides as for `bmi run --set`."""
    running: list[Live] = []

    def start(*overrides: str, **more: Any) -> Live:
        running.append(Live(*launch(request(*overrides, **more), lambda _: None)))
        return running[-1]

    yield start
    for live in running:
        live.view.close()
        live.process.terminate()
        live.process.wait(PATIENCE_S)
        for name in ("live_file", "socket"):  # of those that the test has killed
            Path(live.view.session["engine"][name]).unlink(missing_ok=True)


@pytest.fixture
def run_bmi() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Begin a `bmi` command; what it started and left is ended with its test."""
    running: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **more: Any) -> "subprocess.Popen[str]":
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | more
        running.append(subprocess.Popen([*BMI, *arguments], text=True, **streams))
        return running[-1]

    yield start
    for process in running:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate()
