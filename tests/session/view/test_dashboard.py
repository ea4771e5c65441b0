import io
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from bmi_app import plugins
from bmi_app.plain_text import plain
from bmi_app.record import session_folder
from bmi_app.record.process_id import process_start
from bmi_app.rt import cells, livefile
from bmi_app.rt.loop import run_fast
from bmi_app.rt.records import EventKind, Flag, TaskState
from bmi_app.rt.ring import write_cell, write_cell_f8
from bmi_app.session.engine.build import Core, build
from bmi_app.session.view import dashboard
from bmi_app.session.view.attachment import Attachment
from bmi_app.session.view.dashboard import picture, watch
from bmi_app.session.view.observer import Observer, Phase
from protocols.load import load


class Still:
    """A session that was run on a manual clock and then stands still, as a view finds it."""

    def __init__(self, root: Path, pid: int, protocol: str, *overrides: str) -> None:
        self.path = livefile.folder() / f"bmi-test-{os.getpid()}.live"
        loaded = load(protocol, list(overrides))
        self.core: Core = build(
            loaded,
            frame_slots=1 << 12,
            spike_slots=1 << 16,
            allocator=lambda sizes: livefile.create(self.path, sizes),
        )
        engine = {"pid": pid, "start": process_start(pid), "live_file": str(self.path), "socket": "/nowhere"}
        self.folder = session_folder.create(root, protocol, {"engine": engine}, loaded.to_toml())
        module = plugins.load("drivers", "simulated")
        driver = module.Driver(loaded, module.Settings())
        driver.open(1.0)
        driver.start(0.0, True)
        self._run = (module.POLL, driver.act, driver.memory)

    def step_until(self, holds: Callable[[np.void], bool]) -> None:
        ctl, frames = self.core.arrays["ctl"], self.core.arrays["frames"]
        for _ in range(20_000):
            run_fast(*self._run, self.core.decode, self.core.learn, self.core.session, 1)
            write_cell(ctl, cells.SPIKES_SAVED, int(ctl[cells.SPIKES_HEAD]))
            self.last = frames[(int(ctl[cells.FRAMES_HEAD]) - 1) & (len(frames) - 1)]
            if holds(self.last):
                return
        raise AssertionError("it never came to that")

    def look_live(self) -> None:
        """Fill in what only a session in real time has."""
        health, ctl = self.core.arrays["health"], self.core.arrays["ctl"]
        health["published_s"] = np.maximum(health["due_s"], health["arrival_s"]) + 61e-6
        write_cell(ctl, cells.SAVED_BYTES, 3_400_000)
        write_cell_f8(ctl, cells.LAST_ARRIVAL, NOW_S - 0.003)
        write_cell_f8(ctl, cells.SYNCED, NOW_S - 0.4)


NOW_S = 1000.0


@pytest.fixture(autouse=True)
def _not_lowered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bmi_app.session.priority.lower_view", lambda: None)  # a process cannot be raised again


@pytest.fixture
def pretended() -> Iterator["subprocess.Popen[bytes]"]:
    """A process that passes for an engine."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def still(sessions_folder: Path, pretended: Any) -> Iterator[Callable[..., Still]]:
    made: list[Still] = []

    def make(protocol: str = "center_out", *overrides: str) -> Still:
        made.append(Still(sessions_folder, pretended.pid, protocol, *overrides))
        return made[-1]

    yield make
    for session in made:
        session.path.unlink()


def render(session: Still, width: int, height: int, encoding: str = "utf-8") -> list[str]:
    attachment = Attachment(session.folder)
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(width=width, height=height, file=file, record=True, color_system=None)
    console.print(picture(attachment, Observer(attachment, lambda: NOW_S).figures(), console))
    lines = console.export_text().splitlines()
    assert len(lines) < height  # the line below the picture belongs to the terminal
    assert max(map(len, lines)) <= width
    return lines


def value(lines: list[str], name: str) -> str:
    return next(line.partition(f" {name} ")[2].strip() for line in lines if f" {name} " in line)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (60, 20), (40, 24)])
def test_everything_is_there_at_every_size(still: Any, width: int, height: int) -> None:
    session = still("center_out", "session.duration_s=60")
    session.step_until(lambda frame: frame["trial"] == 3 and frame["hold_fraction"] > 0.5)
    session.look_live()
    lines = render(session, width, height)
    print("\n".join(lines))
    state = session.core.state[0]
    found = {name: value([f" {line}" for line in lines], name) for name in ("task", "latency", "success", "journal")}
    assert found == {
        "task": "hold in the target",
        "latency": "p50 61 µs, p99 61 µs",
        "success": f"{state['successes']} of {state['trials_done']} ({state['successes'] / state['trials_done']:.0%})",
        "journal": "3.4 MB",
    }
    assert lines[0].startswith("center_out")
    assert "running" in lines[0]
    assert lines[-1].endswith("left")
    if width >= 60:
        shown = [line[1 : line.rindex("│")] for line in lines if line.startswith("│")]
        assert sum(line.count("●") for line in shown) == 1
        assert any("▓" in line for line in shown)


def test_the_map_is_true(still: Any) -> None:
    session = still()
    session.step_until(lambda frame: frame["state"] == TaskState.MOVE)
    session.last["cursor_x_cm"], session.last["cursor_y_cm"] = -11.9, 11.9
    session.last["target_x_cm"], session.last["target_y_cm"] = 8.0, -8.0
    inside = [line[1:37] for line in render(session, 80, 24)[2:20]]
    assert inside[0].startswith("●")
    rows = [row for row, line in enumerate(inside) if "▒" in line]
    columns = [column for line in inside for column, mark in enumerate(line) if mark == "▒"]
    assert np.mean(rows) == pytest.approx((0.5 + 8 / 24) * 18 - 0.5)
    assert np.mean(columns) == pytest.approx((0.5 + 8 / 24) * 36 - 0.5)


def test_a_line_as_workspace_and_a_terminal_without_unicode(still: Any) -> None:
    session = still("left_right")
    session.step_until(lambda frame: frame["state"] == TaskState.MOVE)
    text = "\n".join(render(session, 80, 24, encoding="ascii"))
    print(text)
    assert "O" in text
    assert "++" in text
    assert "●" not in text


@pytest.mark.parametrize("hostile", ["\x1b]0;owned\x07", "\x1b[2J", "\u009b2J", "\u202etxt", "a\nb\rc"])
def test_no_name_commands_the_terminal(still: Any, hostile: str) -> None:
    """Names of protocols and blocks, and notes of other views, are written out, drawn as well as in lines."""
    session = still("center_out")
    session.step_until(lambda frame: frame["state"] == TaskState.MOVE)
    words = session.core.arrays["words"]
    words[0]["kind"], words[0]["tick"], words[0]["text"] = EventKind.NOTE, 1, hostile.encode()
    write_cell(session.core.arrays["ctl"], cells.WORDS_HEAD, 1)
    attachment = Attachment(session.folder)
    blocks = tuple(block.model_copy(update={"name": f"1{hostile}"}) for block in attachment.protocol.blocks)
    attachment.protocol = attachment.protocol.model_copy(update={"name": f"2{hostile}", "blocks": blocks})
    for is_terminal in (False, True):
        file = io.StringIO()
        console = Console(width=200, height=40, file=file, force_terminal=is_terminal, color_system=None)
        watch(attachment, console, until_s=0.0)
        said = file.getvalue()
        if is_terminal:
            for own in re.findall(r"\x1b\[[0-9;?]*[a-zA-Z]", said):  # what rich itself writes to draw in place
                assert own in ("\x1b[?25l", "\x1b[?25h") or own[-1] in "AKm", repr(own)
            said = re.sub(r"\x1b\[(\?25[lh]|[0-9;]*[AKm])|\r", "", said)
            assert f"2{plain(hostile)}" in said
            assert f"1{plain(hostile)}" in said
        assert f"note: {plain(hostile)}" in said
        assert set(hostile) & set(said) <= set("abctxowned[]02;J\n")


@pytest.mark.parametrize(("flag", "phase"), [(Flag.PAUSED, Phase.PAUSED), (Flag.SOURCE_LOST, Phase.SOURCE_LOST)])
def test_what_holds_the_session_has_its_colour(still: Any, flag: Flag, phase: Phase) -> None:
    session = still()
    session.step_until(lambda frame: frame["state"] == TaskState.MOVE)
    session.last["flags"] |= flag
    attachment = Attachment(session.folder)
    console = Console(width=80, height=24, file=io.StringIO(), force_terminal=True, color_system="standard")
    with console.capture() as captured:
        console.print(picture(attachment, Observer(attachment).figures(), console))
    colour = {Phase.PAUSED: "\x1b[1;33m", Phase.SOURCE_LOST: "\x1b[1;31m"}[phase]
    assert f"{colour} {phase}" in captured.get()


def test_phases_follow_ticks_process_and_summary(still: Any, pretended: Any) -> None:
    session = still()
    now_s = [0.0]
    session.step_until(lambda frame: frame["tick"] == 5)
    observer = Observer(Attachment(session.folder), lambda: now_s[0])
    assert observer.phase() == Phase.RUNNING
    now_s[0] = 0.9
    assert observer.phase() == Phase.RUNNING
    now_s[0] = 1.1
    assert observer.phase() == Phase.STALLED
    session.step_until(lambda frame: True)
    assert observer.phase() == Phase.RUNNING
    session.last["flags"] |= Flag.FINISHED
    assert observer.phase() == Phase.FINISHING
    now_s[0] = 2.0
    assert observer.phase() == Phase.FINISHING
    pretended.kill()
    pretended.wait()
    now_s[0] = 2.2
    died = Observer(Attachment(session.folder), lambda: now_s[0])
    now_s[0] = 2.5
    assert (observer.phase(), died.phase()) == (Phase.DIED, Phase.DIED)
    session_folder.write_summary(session.folder, {})
    fresh = Observer(Attachment(session.folder), lambda: now_s[0])
    now_s[0] = 2.8
    assert fresh.phase() == Phase.ENDED
    assert observer.phase() == Phase.DIED  # what was said is not taken back


def test_a_view_that_comes_before_the_first_tick(still: Any) -> None:
    session = still()
    figures = Observer(Attachment(session.folder)).figures()
    assert figures.task == "starting"
    assert (figures.latency_us, figures.data_age_s, figures.sync_age_s, figures.spikes_per_s) == (None, None, None, 0)
    assert "starting" in "\n".join(render(session, 80, 24))


@pytest.mark.realtime
@pytest.mark.parametrize("terminal", [True, False])
def test_watching_notices_the_death_of_the_engine(still: Any, pretended: Any, terminal: bool) -> None:
    session = still()
    session.step_until(lambda frame: frame["tick"] == 50)
    file = io.StringIO()
    console = Console(width=80, height=24, file=file, force_terminal=terminal, _environ={"TERM": "xterm"})
    ended_s: list[float] = []
    watching = threading.Thread(
        target=lambda: (watch(Attachment(session.folder), console), ended_s.append(time.monotonic()))
    )
    watching.start()
    pretended.kill()
    killed_s = time.monotonic()
    pretended.wait()
    watching.join(30)
    assert ended_s[0] - killed_s < 5.0  # it looks eight times a second; a busy machine may keep it waiting
    text = " ".join(file.getvalue().split())
    assert "engine died" in text
    assert f"bmi sessions recover {session.folder.name}" in text


def test_watching_ends_with_the_session_and_prints_few_lines_into_a_file(
    still: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dashboard, "_LINE_S", 0.3)
    session = still()
    session.step_until(lambda frame: frame["state"] == TaskState.MOVE)
    file = io.StringIO()
    console = Console(width=80, file=file)
    watch(Attachment(session.folder), console, until_s=0.5)
    told, lines = file.getvalue().splitlines()[:2], file.getvalue().splitlines()[2:]
    assert [line.partition(" · tick ")[0] for line in told] == ["block 1: rest", "block 2: closed loop"]
    assert len(lines) == 2
    assert lines[0].startswith("00:05  running, move to the target; trial 1, 0 of 0; ")
    session_folder.write_summary(session.folder, {})
    watch(Attachment(session.folder), console)
    assert file.getvalue().splitlines()[-1].startswith("00:05  ended, ")


def test_ctrl_c_is_the_caller_s(still: Any) -> None:
    session = still()
    session.step_until(lambda frame: frame["tick"] == 5)
    threading.Timer(0.3, lambda: signal.raise_signal(signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        watch(Attachment(session.folder), Console(file=io.StringIO(), force_terminal=True))
