"""What becomes of a session when its window is killed or hangs: nothing."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from bmi_app.record import integrity, session_folder
from bmi_app.record.reading import Recording, read
from bmi_app.rt.records import CommandKind, StopReason, TaskState
from bmi_app.session.recompute.replay import verify
from bmi_app.session.view.attachment import Attachment
from tests.gui.real_screen import PATIENCE_S, Program

pytestmark = [pytest.mark.realtime, pytest.mark.timeout(600)]

HANG_S = 10.0
COMPARED_S = 3.0  # before and after
TICKS = round(COMPARED_S * 100)
# The program, whose Start is pressed as soon as that can be done, and whose window hangs at a signal.
MAIN = f"""
import signal, sys, time
from PyQt6.QtCore import QTimer
from bmi_app.gui import main_window

class Pressed(main_window.MainWindow):
    def __init__(self, settings):
        super().__init__(settings)
        self.pressing = QTimer(self)
        self.pressing.timeout.connect(self.press)
        self.pressing.start(100)

    def press(self):
        if self.start_page.start.isEnabled():
            self.pressing.stop()
            self.start_page.start.click()

main_window.MainWindow = Pressed
signal.signal(signal.SIGUSR1, lambda *_: time.sleep({HANG_S}))
sys.exit(main_window.run())
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Program]]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    started: list[Program] = []

    def start(*arguments: str) -> Program:
        started.append(Program(tmp_path, os.environ, *arguments))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.close()
        each.process.communicate()
    for folder in session_folder.sessions(Path(os.environ["BMI_SESSIONS"])):  # of a test that failed on its way
        if session_folder.status(folder) == "running":
            with closing(Attachment(folder)) as attachment:
                attachment.send({"do": "stop"})


def begun(program: Program, root: Path) -> Attachment:
    """Wait until a session runs, is shown, and is in the midst of a trial."""
    program.wait_for(text="Recording center_out")
    (folder,) = session_folder.sessions(root)
    attachment = Attachment(folder)
    wait_for_ticks(attachment, attachment.head + TICKS)
    program.until(lambda: attachment.latest()["state"] == TaskState.MOVE)  # type: ignore[index]
    return attachment


def wait_for_ticks(attachment: Attachment, head: int) -> None:
    give_up_s = time.monotonic() + PATIENCE_S
    while attachment.head < head:
        assert attachment.is_alive()
        assert time.monotonic() < give_up_s
        time.sleep(0.01)


def ended(attachment: Attachment) -> Recording:
    """Wait for the end; return the recording, which is complete and recomputed to the last bit."""
    assert attachment.wait_for_end(PATIENCE_S)
    attachment.close()
    folder = attachment.folder
    assert integrity.verify(folder) == []
    summary = session_folder.read_summary(folder)
    assert summary is not None
    assert summary["stop_reason"] == StopReason.OPERATOR.name
    recording = read(folder)
    assert np.array_equal(recording.frames["tick"], np.arange(summary["ticks"]))
    found = verify(folder)
    assert found.is_exact, found.difference
    return recording


def missed(recording: Recording, first: int, last: int) -> int:
    total = recording.health["missed_ticks"]
    return int(total[min(last, len(total) - 1)] - total[max(first, 0)])


def test_a_window_that_is_killed_costs_no_tick_and_another_goes_on(
    program: Callable[..., Program], sessions_folder: Path
) -> None:
    window = program("-c", MAIN)
    attachment = begun(window, sessions_folder)
    engine = attachment.session["engine"]["pid"]
    killed_at: list[int] = []
    for _ in range(2):  # the one that started the session, and one that attached; where the machine stalls, one tells
        killed_at.append(attachment.head)
        window.process.kill()
        window.process.wait()
        wait_for_ticks(attachment, killed_at[-1] + TICKS)
        assert attachment.is_alive()
        window = program("-m", "bmi_app.cli.app", "gui", "--attach", "last")
        window.wait_for(text="Recording center_out")
        wait_for_ticks(attachment, attachment.head + TICKS)
    assert "block 2: closed loop" in window.wait_for(name="log")["text"]  # what came before is told
    attachment.send({"do": "stop"})
    window.wait_for(text="Last session: ")  # the window is whole: it comes back with the result
    recording = ended(attachment)
    assert recording.session["engine"]["pid"] == engine
    assert recording.commands["kind"].tolist() == [CommandKind.STOP]
    compared = [(missed(recording, at - TICKS, at), missed(recording, at, at + TICKS)) for at in killed_at]
    for before, after in compared:
        print(f"missed ticks: {before} in {COMPARED_S:g} s before the kill, {after} after")
    assert min(after - before for before, after in compared) <= 2
    assert "Traceback" not in window.close()


def test_a_window_that_hangs_costs_no_tick_and_goes_on(program: Callable[..., Program], sessions_folder: Path) -> None:
    window = program("-c", MAIN)
    attachment = begun(window, sessions_folder)
    at = attachment.head
    window.process.send_signal(signal.SIGUSR1)
    window.until(lambda: time.time() - window.drawn_s > HANG_S / 2)  # it hangs
    assert attachment.head > at + 100
    answer = attachment.send({"do": "reward"})  # another view commands meanwhile
    assert answer["ok"]
    window.until(lambda: time.time() - window.drawn_s < 1.0)  # it goes on
    window.until(lambda: "reward by the operator" in window.wait_for(name="log")["text"])
    back_at = attachment.head
    wait_for_ticks(attachment, back_at + 50)
    attachment.send({"do": "stop"})
    recording = ended(attachment)
    before = missed(recording, at - TICKS, at) / COMPARED_S
    each_second = [missed(recording, begin, begin + 100) for begin in range(at, back_at - 99, 100)]
    print(f"missed ticks: {before:.1f} a second before the hang, {each_second} in the seconds of it")
    assert len(each_second) >= HANG_S - 1
    assert np.median(each_second) <= before + 1
    window.wait_for(text="Last session: ")
