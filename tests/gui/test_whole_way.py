"""The whole way of an operator through the program, with a real mouse and a real keyboard on a real X server."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PyQt6.QtGui import QImage

from bmi_app.record import session_folder
from bmi_app.record.reading import read
from bmi_app.rt.records import CommandKind, EventKind, Flag, UpdateCause
from bmi_app.session.recompute.replay import verify
from bmi_app.session.view.attachment import Attachment

from .real_screen import MISSING, SIZE, WHY_SKIPPED, Operator, Screen

pytestmark = [pytest.mark.realtime, pytest.mark.timeout(600), pytest.mark.skipif(bool(MISSING), reason=WHY_SKIPPED)]


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Screen]:
    folder = tmp_path / "screen"
    folder.mkdir()
    screen = Screen(folder)
    yield screen
    screen.close()


@pytest.fixture
def operator(
    screen: Screen, keep: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Operator]:
    """The program as a newcomer has it: nothing remembered, no protocol of their own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    screen.environment |= {name: os.environ[name] for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "BMI_SESSIONS")}
    operator = Operator(screen, tmp_path, "gui")
    yield operator
    if operator.process.poll() is None:  # the test has failed on its way
        keep("failed")
        operator.close()
    for folder in session_folder.sessions(Path(os.environ["BMI_SESSIONS"])):  # of a test that failed on its way
        if session_folder.status(folder) == "running":
            with closing(Attachment(folder)) as attachment:
                attachment.send({"do": "stop"})


@pytest.fixture
def keep(screen: Screen, tmp_path: Path) -> Callable[[str], None]:
    """Keep a picture of the screen, where $BMI_SCREENSHOTS says."""
    folder = Path(os.environ.get("BMI_SCREENSHOTS", tmp_path))

    def keep(name: str) -> None:
        if "BMI_SCREENSHOTS" in os.environ:
            time.sleep(1.0)  # for people: panels are redrawn a few times a second, and a list takes its time to close
        picture = np.ascontiguousarray(screen.picture())
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 20, "nothing is shown"
        image = QImage(picture.data, *SIZE, 3 * SIZE[0], QImage.Format.Format_RGB888)
        assert image.save(str(folder / f"whole_way_{name}.png"))

    return keep


class Session:
    """Look into the session that the operator has started."""

    def __init__(self, root: Path) -> None:
        (self.folder,) = session_folder.sessions(root)
        self.view = Attachment(self.folder)

    def has_flag(self, flag: Flag) -> bool:
        frame = self.view.latest()
        return frame is not None and bool(int(frame["flags"]) & flag)

    def has_event(self, kind: EventKind) -> bool:
        return kind in self.view.events_since(0)[1]["kind"]

    def has_learnt(self, n_updates: int) -> bool:
        return int(np.sum(self.view.arrays["weights_log"]["cause"] == UpdateCause.TRIAL)) >= n_updates


def edit_a_protocol(operator: Operator, keep: Callable[[str], None]) -> None:
    """Make a protocol of one's own from a shipped one, in the editor, and take it to the start page."""
    operator.choose("center_out", kind="QComboBox", name="protocol")
    operator.click(text="Edit…")
    operator.click(kind="tab", text="Task")
    operator.click(name="task.target_radius_cm", at=(0.3, 0.5))
    operator.write("3")
    operator.press("Return")
    operator.click(kind="tab", text="Learning")
    operator.choose("trial", name="learning.when")
    operator.wait_for(text="✔ No mistake found. Not saved yet.")
    keep("protocol")
    operator.click(text="&Save")
    operator.wait_for(text="✔ No mistake found. As saved in ")
    operator.click(text="&Run…")
    operator.wait_for(name="protocol", text="my_center_out   (yours)")


def watch_every_panel(operator: Operator, keep: Callable[[str], None]) -> None:
    for panel in ("Tuning", "Trials", "Timing", "Curves", "Trajectories"):
        operator.click(kind="tab", text=panel)
        operator.wait_for(kind="tab", text=panel, checked=True)
        keep(f"panel_{panel.lower()}")


def pause_and_resume(operator: Operator, session: Session, keep: Callable[[str], None]) -> None:
    operator.focus("my_center_out")
    operator.press("space")
    operator.until(lambda: session.has_flag(Flag.PAUSED))
    operator.wait_for(text="Paused")
    operator.wait_for(text="Resume")  # Space means what the button says
    keep("paused")
    operator.press("space")
    operator.until(lambda: not session.has_flag(Flag.PAUSED))


def move_a_unit(operator: Operator, session: Session, keep: Callable[[str], None]) -> int:
    """Click a unit in the raster, and press the key of another population; return the unit."""
    operator.click(kind="tab", text="Spikes")
    operator.click(name="spike raster", at=(0.6, 0.2))
    told = operator.wait_for(kind="PlainLabel", text="unit ")["text"]
    unit = int(told.split()[1])
    assert "horizontal" in told
    operator.press("c")
    operator.until(lambda: session.has_event(EventKind.UNIT_MOVED))
    operator.wait_for(text=f"unit {unit} · control")
    keep("unit_moved")
    return unit


def undo_learning(operator: Operator, session: Session, keep: Callable[[str], None]) -> None:
    operator.click(kind="tab", text="Learning")
    operator.until(lambda: session.has_learnt(3))
    operator.until(lambda: len(operator.seen(kind="row", name="updates")) >= 4)
    learnt = [row["text"] for row in operator.seen(kind="row", name="updates") if "trial" in row["text"]]
    operator.click(kind="row", name="updates", text=learnt[1])
    keep("learning")
    operator.click(text="Undo from here on")
    operator.until(lambda: session.has_event(EventKind.ADOPTED))


def stop(operator: Operator) -> None:
    operator.focus("my_center_out")
    operator.press("ctrl+q")
    operator.click(text="&Stop the session")
    operator.wait_for(text="Last session: ")


def test_the_whole_way(operator: Operator, keep: Callable[[str], None], sessions_folder: Path) -> None:
    operator.wait_for(text="✔ Ready")
    keep("start")
    edit_a_protocol(operator, keep)
    operator.click(text="&Start session")
    operator.wait_for(text="Recording my_center_out")
    session = Session(sessions_folder)
    pause_and_resume(operator, session, keep)
    unit = move_a_unit(operator, session, keep)
    undo_learning(operator, session, keep)
    watch_every_panel(operator, keep)
    stop(operator)
    session.view.close()
    keep("result")
    operator.click(kind="tab", text="Sessions")
    operator.click(kind="row", name="sessions", text=session.folder.name)
    operator.wait_for(kind="row", name="sessions", text=session.folder.name, checked=True)
    keep("sessions")
    operator.click(kind="QPushButton", text="Replay")
    operator.wait_for(text=f"{session.folder.name}: ")
    operator.click(text="▶ Play")
    operator.wait_for(text="Pause")
    operator.click(name="timeline", at=(0.6, 0.5))
    operator.click(text="&Verify")
    verdict = operator.wait_for(text="✔ Bit-exact")["text"]
    keep("replay")
    check_what_was_recorded(session.folder, unit, verdict)
    assert "Traceback" not in operator.close()


def check_what_was_recorded(folder: Path, unit: int, verdict: str) -> None:
    recording = read(folder)
    commands = recording.commands
    kinds = [CommandKind(int(kind)) for kind in commands["kind"]]
    assert kinds == [
        CommandKind.PAUSE,
        CommandKind.RESUME,
        CommandKind.MOVE_UNIT,
        CommandKind.ADOPT,
        CommandKind.STOP,
    ]
    assert commands["index"][2] == unit
    assert "target_radius_cm = 3" in recording.protocol_text
    n_ticks = len(recording.frames)
    exact = f"✔ Bit-exact: all {n_ticks:,} ticks recomputed, 5 commands included, every bit the same\nThe session is complete"
    assert verdict.startswith(f"{exact}, checked 20")
    found: Any = verify(folder)
    assert found.is_exact, found.difference
