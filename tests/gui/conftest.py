import os
import subprocess
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PyQt6.QtCore import QSettings
from PyQt6.QtWidgets import QApplication

from bmi_app import plugins
from bmi_app.gui.live.window import OperatorWindow
from bmi_app.gui.shell.appearance import Appearance, show
from bmi_app.gui.shell.garbage import collected_here
from bmi_app.record import session_folder
from bmi_app.record.process_id import process_start
from bmi_app.rt import cells, livefile
from bmi_app.rt.loop import run_fast
from bmi_app.rt.records import EVENT
from bmi_app.rt.ring import write_cell, write_cell_f8
from bmi_app.session.engine import commands
from bmi_app.session.engine.build import build
from bmi_app.session.request import SessionRequest
from bmi_app.session.view.attachment import Attachment
from bmi_app.session.view.launch import launch
from protocols.load import load
from tests.gui.time_over import loops_ended_in_time


class SteppedSession:
    """A session whose ticks a test makes, laid into a live file that views attach to; `pid` passes for its engine."""

    def __init__(self, root: Path, protocol: str, overrides: list[str], socket: str, pid: int) -> None:
        self.protocol = load(protocol, overrides)
        self.path = livefile.folder() / f"bmi-test-{os.getpid()}.live"
        self.core = build(
            self.protocol,
            frame_slots=1 << 12,
            spike_slots=1 << 16,
            allocator=lambda sizes: livefile.create(self.path, sizes),
        )
        self.ctl = self.core.arrays["ctl"]
        module = plugins.load("drivers", "simulated")
        self._poll, self._driver = module.POLL, module.Driver(self.protocol, module.Settings())
        self._driver.open(1.0)
        self._driver.start(0.0, True)
        engine = {"pid": pid, "start": process_start(pid), "live_file": str(self.path), "socket": socket}
        self.folder = session_folder.create(root, protocol, {"engine": engine}, self.protocol.to_toml())

    def step(self, n_ticks: int) -> None:
        for _ in range(0, n_ticks, 100):
            some = min(n_ticks, 100)
            act, memory = self._driver.act, self._driver.memory
            run_fast(self._poll, act, memory, self.core.decode, self.core.learn, self.core.session, some)
            n_ticks -= some
            write_cell(self.ctl, cells.SPIKES_SAVED, int(self.ctl[cells.SPIKES_HEAD]))

    def step_until(self, holds: Callable[[np.void], bool]) -> np.void:
        for _ in range(20_000):
            self.step(1)
            frame = self.last
            if holds(frame):
                return frame
        raise AssertionError("it never came to that")

    @property
    def last(self) -> np.void:
        frames = self.core.arrays["frames"]
        return frames[(int(self.ctl[cells.FRAMES_HEAD]) - 1) & (len(frames) - 1)]

    def command(self, **request: Any) -> None:
        head = int(self.ctl[cells.QUEUE_HEAD])
        self.core.arrays["queue"][head] = commands.record(request["do"], request, self.protocol)[0]
        write_cell(self.ctl, cells.QUEUE_HEAD, head + 1)

    def event(self, kind: int, code: int) -> None:
        head = int(self.ctl[cells.EVENTS_HEAD])
        self.core.arrays["events"][head] = np.array([(int(self.last["tick"]), 0.0, 0, kind, code, 0.0)], EVENT)[0]
        write_cell(self.ctl, cells.EVENTS_HEAD, head + 1)

    def time_health(self, latency_us: float, now_s: float) -> None:
        """Fill in what only a session in real time has."""
        health = self.core.arrays["health"]
        health["published_s"] = np.maximum(health["due_s"], health["arrival_s"]) + latency_us * 1e-6
        write_cell(self.ctl, cells.SAVED_BYTES, 12_345_678)
        write_cell_f8(self.ctl, cells.LAST_ARRIVAL, now_s - 0.004)
        write_cell_f8(self.ctl, cells.SYNCED, now_s - 0.4)

    def end(self, **summary: Any) -> None:
        session_folder.write_summary(self.folder, summary)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, Any, Any]:
    with loops_ended_in_time():
        return (yield)


@pytest.fixture(autouse=True, scope="module")
def _garbage(qapp: QApplication) -> Iterator[Callable[[], None]]:
    """Have Qt objects destroyed on the window's thread, as the program does."""
    with collected_here() as collect:
        yield collect


@pytest.fixture(autouse=True)
def _collected(_garbage: Callable[[], None]) -> Iterator[None]:
    yield
    _garbage()


@pytest.fixture
def not_lowered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bmi_app.session.priority.lower_view", lambda: None)  # a process cannot be raised again


@pytest.fixture(autouse=True)
def _forgotten_layout(tmp_path: Path) -> None:
    """Start every test from a window that was never arranged."""
    QSettings.setPath(QSettings.Format.NativeFormat, QSettings.Scope.UserScope, str(tmp_path / "settings"))


@pytest.fixture(params=[Appearance.LIGHT, Appearance.DARK], ids=str)
def appearance(request: Any, qapp: QApplication) -> Iterator[str]:
    before = qapp.palette()
    show(request.param)
    yield request.param.value
    qapp.setPalette(before)


@pytest.fixture
def stepped(sessions_folder: Path) -> Iterator[Callable[..., SteppedSession]]:
    made: list[SteppedSession] = []

    def make(
        protocol: str = "center_out", *overrides: str, socket: str = "/nowhere/socket", pid: int = os.getpid()
    ) -> SteppedSession:
        made.append(SteppedSession(sessions_folder, protocol, list(overrides), socket, pid))
        return made[-1]

    yield make
    for session in made:
        session.path.unlink()


@pytest.fixture
def engine(sessions_folder: Path) -> Iterator[Callable[..., tuple["subprocess.Popen[bytes]", Path]]]:
    """Start real engine processes, which do not outlive the test."""
    started: list[tuple[subprocess.Popen[bytes], Path]] = []

    def start(*overrides: str) -> tuple["subprocess.Popen[bytes]", Path]:
        request = SessionRequest(
            protocol="center_out",
            overrides=overrides,
            out=sessions_folder,
            speed="real",
            source_timeout_s=5.0,
        )
        started.append(launch(request, lambda text: None))
        return started[-1]

    yield start
    for process, folder in started:
        process.kill()
        process.wait()
        # What a killed engine leaves behind.
        named = session_folder.read_texts(folder)[0]["engine"]
        Path(named["live_file"]).unlink(missing_ok=True)
        Path(named["socket"]).unlink(missing_ok=True)


@pytest.fixture
def window(qtbot: Any) -> Callable[..., OperatorWindow]:
    def show(folder: Path, close_at_end: bool = False) -> OperatorWindow:
        window = OperatorWindow(Attachment(folder), close_at_end)
        qtbot.addWidget(window, before_close_func=OperatorWindow.leave)
        window.resize(1280, 720)
        window.show()
        qtbot.waitExposed(window)
        window.activateWindow()
        qtbot.waitUntil(window.isActiveWindow)
        return window

    return show


@pytest.fixture
def keep_picture(tmp_path: Path) -> Callable[[Any, str], Path]:
    """Save what a widget shows, where $BMI_SCREENSHOTS says."""
    folder = Path(os.environ.get("BMI_SCREENSHOTS", tmp_path))

    def keep(widget: Any, name: str) -> Path:
        QApplication.processEvents()
        path = folder / f"{name}.png"
        assert widget.grab().save(str(path))
        return path

    return keep
