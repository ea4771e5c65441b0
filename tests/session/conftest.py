"""Run sources and sessions in processes of their own, as users do; none outlives its test."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bmi_app.record.reading import Recording, read
from bmi_app.session.request import SessionRequest
from bmi_app.session.view.launch import launch

PATIENCE_S = 60.0  # only a failing test waits so long

RIG = """
import dataclasses, json, sys
from pathlib import Path
from bmi_app.session.sources.rig import rig
from protocols.load import load
name, source_id, *overrides = json.loads(sys.argv[1])
log = Path(overrides.pop().removeprefix("log=")) if overrides and overrides[-1].startswith("log=") else None
print(json.dumps(dataclasses.asdict(rig(load(name, overrides), source_id=source_id, log=log, progress=False))))
"""
STREAM = """
import json, sys
from bmi_app.record.formats import open_recording
from bmi_app.session.sources.recording_stream import stream
path, source_id, rate = json.loads(sys.argv[1])
print(json.dumps(vars(stream(open_recording(path), source_id=source_id, rate=rate, progress=False))))
"""


@dataclass
class Source:
    """A rig or a streamer in a process of its own."""

    source_id: str
    process: "subprocess.Popen[str]"

    def interrupt(self) -> dict[str, Any]:
        """Press Ctrl-C; return what it says of itself."""
        self.process.send_signal(signal.SIGINT)
        return self.result()

    def result(self) -> dict[str, Any]:
        """Wait for its end; return what it says of itself."""
        said, _ = self.process.communicate(timeout=PATIENCE_S)
        assert self.process.returncode == 0
        return dict(json.loads(said))


@dataclass
class Session:
    """A live session: its engine and its folder."""

    process: "subprocess.Popen[bytes]"
    folder: Path

    def stop(self) -> dict[str, Any]:
        """Stop as an operator would; return the summary."""
        self.process.terminate()
        return self.summary()

    def summary(self) -> dict[str, Any]:
        """Wait for the end; return the summary."""
        assert self.process.wait(PATIENCE_S) == 0, (self.folder / "engine.log").read_text()
        return dict(json.loads((self.folder / "summary.json").read_bytes()))

    def recording(self) -> Recording:
        return read(self.folder)


@pytest.fixture
def source_id() -> str:
    return f"test-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def start_source(source_id: str) -> Iterator[Callable[..., Source]]:
    """Start a program with arguments; the second of them is its source id."""
    running: list[Source] = []

    def start(code: str, first: str, *rest: Any, source_id: str = source_id) -> Source:
        arguments = json.dumps([first, source_id, *rest])
        process = subprocess.Popen(
            [sys.executable, "-c", code, arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        running.append(Source(source_id, process))
        return running[-1]

    yield start
    for source in running:
        source.process.kill()
        source.process.communicate()


@pytest.fixture
def start_session(source_id: str) -> Iterator[Callable[..., Session]]:
    """Start a session on the test's LSL source."""
    running: list[Session] = []

    def start(
        protocol: str | Path, *overrides: str, match: str = f"source_id={source_id}", timeout_s: float = PATIENCE_S
    ) -> Session:
        request = SessionRequest(
            protocol=str(protocol),
            overrides=["driver.kind=lsl", f"driver.{match}", *overrides],
            out=os.environ["BMI_SESSIONS"],
            speed="real",
            source_timeout_s=timeout_s,
        )
        running.append(Session(*launch(request, lambda _: None)))
        return running[-1]

    yield start
    for session in running:
        session.process.kill()
        session.process.wait()


@pytest.fixture
def wait_until() -> Callable[[Callable[[], object]], None]:
    """Wait for something that another process does."""

    def wait(condition: Callable[[], object]) -> None:
        give_up_s = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < give_up_s, "it did not happen"
            time.sleep(0.01)

    return wait
