"""Ctrl-C, SIGTERM, a closed terminal and a killed view, at every moment of `bmi run`."""

import json
import os
import pty
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from bmi_app.record import integrity, session_folder
from bmi_app.record.reading import read_texts
from bmi_app.rt.records import EventKind
from bmi_app.session.recompute.replay import verify
from bmi_app.session.store import catalogue
from bmi_app.session.view.attachment import Attachment

from .conftest import PATIENCE_S, SHORT, bmi, children, facts, traces, wait_until

RunBmi = Callable[..., "subprocess.Popen[str]"]
SETTINGS = [part for override in SHORT for part in ("--set", override)]


def wait_for_engine(view: "subprocess.Popen[str]") -> int:
    """Wait until a view has started its engine; return the engine's process number."""
    wait_until(lambda: children(view) or view.poll() is not None)
    return children(view)[0]


def wait_for_session(root: Path) -> Attachment:
    """Wait until the newest session runs; return a view's side of it."""

    def has_socket() -> bool:
        newest = session_folder.sessions(root)[-1:]  # also while it is made, without a text
        return any("socket" in read_texts(made)[0]["engine"] for made in newest if (made / "session.toml").is_file())

    wait_until(has_socket)
    return Attachment(session_folder.sessions(root)[-1])


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def assert_whole_or_nothing(root: Path, engine: int) -> int:
    """Check that nothing runs and nothing is left but complete sessions; return their number."""
    wait_until(lambda: is_gone(engine))
    assert not traces(engine)
    folders = list(root.glob("*"))
    for folder in folders:
        assert session_folder.status(folder) == "complete"
        assert integrity.verify(folder) == []
        assert verify(folder).is_exact
    return len(folders)


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        (signal.SIGINT, "engine started"),
        (signal.SIGTERM, "opening"),
        (signal.SIGINT, "starting"),
        (signal.SIGTERM, "starting"),
    ],
)
def test_a_session_that_is_stopped_before_it_runs_was_never_made(
    number: int, moment: str, run_bmi: RunBmi, sessions_folder: Path
) -> None:
    view = run_bmi("run", "center_out", "--headless", "--duration", "20", *SETTINGS)
    engine = wait_for_engine(view)
    if moment != "engine started":
        assert any(moment in line for line in view.stderr)
    view.send_signal(number)
    _, said = view.communicate(timeout=PATIENCE_S)
    assert "Traceback" not in said
    n_made = assert_whole_or_nothing(sessions_folder, engine)
    assert n_made <= (moment == "starting")  # data flow a tenth of a second later
    assert view.returncode in ((0, 1, 130) if n_made else (1, 130))


@pytest.mark.parametrize(("number", "moment"), [(signal.SIGTERM, "rest block"), (signal.SIGINT, "mid-trial")])
def test_a_running_session_is_stopped_and_complete(
    number: int, moment: str, run_bmi: RunBmi, sessions_folder: Path
) -> None:
    view = run_bmi("run", "center_out", "--json", "--duration", "60", *SETTINGS)
    engine = wait_for_engine(view)
    session = wait_for_session(sessions_folder)
    event = EventKind.BLOCK_START if moment == "rest block" else EventKind.TRIAL_START
    wait_until(lambda: event in session.events_since(0)[1]["kind"])
    view.send_signal(number)
    printed, said = view.communicate(timeout=PATIENCE_S)
    assert view.returncode == 0, said
    assert "Traceback" not in said
    summary = json.loads(printed)
    assert summary["stop_reason"] == "OPERATOR"
    assert summary["replay"]["exact"] is True
    assert assert_whole_or_nothing(sessions_folder, engine) == 1


def test_ctrl_c_at_the_end_and_in_the_verification_loses_nothing(run_bmi: RunBmi, sessions_folder: Path) -> None:
    view = run_bmi("run", "center_out", "--headless", "--duration", "1", *SETTINGS)
    engine = wait_for_engine(view)
    assert any("verifying" in line for line in view.stderr)
    view.send_signal(signal.SIGINT)
    _, said = view.communicate(timeout=PATIENCE_S)
    assert "Traceback" not in said
    assert assert_whole_or_nothing(sessions_folder, engine) == 1
    view = run_bmi("run", "center_out", "--headless", "--duration", "1", *SETTINGS)
    engine = wait_for_engine(view)
    wait_until(lambda: len(session_folder.sessions(sessions_folder)) == 2)
    session = wait_for_session(sessions_folder)
    wait_until(lambda: session.head >= 100)  # its last tick is made, its files are not yet closed
    view.send_signal(signal.SIGINT)
    view.send_signal(signal.SIGINT)  # impatience
    _, said = view.communicate(timeout=PATIENCE_S)
    assert "Traceback" not in said
    assert assert_whole_or_nothing(sessions_folder, engine) == 2


def test_ctrl_c_at_full_speed_stops_with_a_complete_session(run_bmi: RunBmi, sessions_folder: Path) -> None:
    view = run_bmi("run", "center_out", "--speed", "max", "--duration", "360000", "--json")
    wait_until(
        lambda: (
            [*sessions_folder.glob("*/frames.arrows")]
            and next(sessions_folder.glob("*/frames.arrows")).stat().st_size > 1e6
        )
    )
    view.send_signal(signal.SIGTERM)
    printed, said = view.communicate(timeout=PATIENCE_S)
    assert view.returncode == 0, said
    assert json.loads(printed)["stop_reason"] == "OPERATOR"
    assert assert_whole_or_nothing(sessions_folder, view.pid) == 1


def in_a_terminal(run_bmi: RunBmi, *arguments: str) -> tuple["subprocess.Popen[str]", int, threading.Thread]:
    """Begin a command in a terminal of its own; return it, the terminal's other end, and who reads from it."""
    other_end, terminal = pty.openpty()
    process = run_bmi(
        *arguments,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        env=os.environ | {"TERM": "xterm"},
    )
    os.close(terminal)

    def read_all() -> None:
        try:
            while os.read(other_end, 1 << 16):
                pass
        except OSError:  # closed
            return

    reader = threading.Thread(target=read_all)
    reader.start()
    return process, other_end, reader


@pytest.mark.parametrize(("view_kind", "number"), [("headless", signal.SIGKILL), ("terminal", signal.SIGHUP)])
def test_the_engine_survives_its_view(view_kind: str, number: int, run_bmi: RunBmi, sessions_folder: Path) -> None:
    arguments = ("run", "center_out", "--duration", "60", *SETTINGS)
    if view_kind == "headless":
        view = run_bmi(*arguments, "--headless")
    else:
        view, other_end, reader = in_a_terminal(run_bmi, *arguments)
    engine = wait_for_engine(view)
    session = wait_for_session(sessions_folder)
    wait_until(lambda: session.head > 5)
    view.send_signal(number)
    assert view.wait(PATIENCE_S) == -number
    head = session.head
    wait_until(lambda: session.head > head + 20)
    (entry,) = facts("sessions", "list")["sessions"]
    assert entry["status"] == "running"
    for change in (catalogue.remove, catalogue.recover):
        with pytest.raises(catalogue.CatalogueError, match=r"is running; `bmi sessions stop .*` ends it"):
            change(session.folder)
    if view_kind == "terminal":
        reader_of_old, old_end = reader, other_end
        attached, other_end, reader = in_a_terminal(run_bmi, "attach")
        os.kill(attached.pid, 0)
        wait_until(lambda: lowered(attached.pid))  # it draws
        attached.send_signal(signal.SIGINT)
        assert attached.wait(PATIENCE_S) == 0
        for end, who in ((old_end, reader_of_old), (other_end, reader)):
            who.join(PATIENCE_S)
            os.close(end)
    assert session.is_alive()
    assert bmi("sessions", "stop").returncode == 0
    assert assert_whole_or_nothing(sessions_folder, engine) == 1
    assert catalogue.entries(sessions_folder)[0].summary["stop_reason"] == "OPERATOR"


def lowered(pid: int) -> bool:
    """Tell whether a view has lowered itself behind the engine, which it does when it begins to draw."""
    nice = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[16])
    return nice > os.getpriority(os.PRIO_PROCESS, 0)


def test_a_view_that_is_killed_while_the_engine_starts_leaves_nothing(run_bmi: RunBmi, sessions_folder: Path) -> None:
    view = run_bmi("run", "center_out", "--headless", "--duration", "60")
    engine = wait_for_engine(view)
    view.kill()
    view.communicate()
    assert assert_whole_or_nothing(sessions_folder, engine) == 0
