"""What is said of a session's end and of an engine's death is said only where it is so."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bmi_app.record import integrity, session_folder
from bmi_app.session.engine import prepare
from bmi_app.session.engine.full_speed import run_fast
from bmi_app.session.engine.rescue_folder import places
from bmi_app.session.request import SessionRequest
from bmi_app.session.view import run_command
from bmi_app.session.view.observer import ending, remedy, stop_and_wait
from protocols.load import load
from tests.session.store.test_what_is_said import USUAL

REQUEST = SessionRequest(
    protocol="center_out",
    overrides=["session.duration_s=2"],
    speed="max",
    source_timeout_s=1.0,
)


@pytest.fixture
def view(tmp_path: Path) -> Any:
    """What the functions here know of an attachment: where its session was begun, and how its engine ends."""
    folder = tmp_path / "20260101T000000Z_center_out"
    folder.mkdir()
    (folder / "session.toml").write_text("")
    return SimpleNamespace(
        folder=folder,
        send=lambda request: None,
        wait_for_end=lambda timeout_s: True,
        has_ended=lambda: (folder / "summary.json").exists() or (places(folder)[0] / "summary.json").exists(),
    )


def write(folder: Path, **summary: Any) -> None:
    (folder / "summary.json").write_text(json.dumps({**USUAL, **summary}))


def test_a_session_is_called_complete_only_where_its_summary_says_so(view: Any) -> None:
    write(view.folder)
    assert ending(view) == ("operator", False)
    write(view.folder, error="frames.arrows: No space left on device")
    assert ending(view) == ("frames.arrows: No space left on device", True)
    (view.folder / "summary.json").write_text("{")
    assert ending(view)[1]
    (view.folder / "summary.json").unlink()
    assert ending(view) == (f"{view.folder}: its summary is not there any more", True)


def test_a_rescued_session_ends_with_what_happened_and_is_not_called_complete(view: Any) -> None:
    """Its folder was removed while it was recorded: the window looked there, found nothing, and said `complete`."""
    shutil.rmtree(view.folder)
    rescue = places(view.folder)[0]
    rescue.mkdir()
    (rescue / "session.toml").write_text("")
    write(rescue, error="spikes.arrows: was removed while it was recorded")
    assert ending(view) == ("spikes.arrows: was removed while it was recorded", True)
    assert rescue.name in remedy(view)
    assert "was removed while it was recorded" in stop_and_wait(view, 1.0)


def test_stopped_is_said_only_of_what_has_ended_in_order(view: Any) -> None:
    """An engine that died while it was asked to stop was called stopped, and so was one that a failure ended."""
    write(view.folder)
    assert stop_and_wait(view, 1.0) == ""
    write(view.folder, error="the disk is full")
    assert "ended by a failure: the disk is full" in stop_and_wait(view, 1.0)
    (view.folder / "summary.json").unlink()
    assert "the engine has died" in stop_and_wait(view, 1.0)
    view.wait_for_end = lambda timeout_s: False
    assert "has not ended within 1 s" in stop_and_wait(view, 1.0)


def test_only_what_sends_nothing_is_said_not_to_be_on_the_network() -> None:
    """An output `lsl_marker` publishes, whatever `outlets.publish` says."""
    off = ["outlets.publish=false"]
    assert prepare._on_the_network(load("center_out", off)) == prepare.NOT_PUBLISHED
    assert prepare._on_the_network(load("center_out", ["outlets.publish=true"])) == prepare.PUBLISHED
    marked = [*off, 'outputs=[{on="reward", kind="lsl_marker"}]']
    said = prepare._on_the_network(load("center_out", marked))
    assert "nothing of this session" not in said
    assert "may be on every network: lsl_marker" in said
    silent = [*off, 'outputs=[{on="reward", kind="null"}]']
    assert prepare._on_the_network(load("center_out", silent)) == prepare.NOT_PUBLISHED


@pytest.mark.parametrize("lives", [True, False])
def test_a_session_goes_on_only_while_its_engine_lives(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, lives: bool
) -> None:
    """Ctrl-C in a watched session said `goes on` also where the engine had gone a moment before."""
    alive = [True]

    def interrupted(*_: Any) -> None:
        alive[0] = lives
        raise KeyboardInterrupt

    view = SimpleNamespace(is_alive=lambda: alive[0], close=lambda: None)
    monkeypatch.setattr(run_command, "Attachment", lambda folder: view)
    monkeypatch.setattr("bmi_app.session.view.dashboard.watch", interrupted)
    run_command.watch(tmp_path)
    said = capsys.readouterr().err
    assert ("goes on" in said) == lives
    assert ("runs no longer" in said) != lives


def test_a_session_that_a_failure_has_ended_says_so_in_every_list(tmp_path: Path) -> None:
    """A disk that was full, or a folder that was removed, ended it: in lists it was `complete` like any other."""
    standing = integrity.Standing(tmp_path, "complete")
    assert standing.words == "complete, not checked"
    assert replace(standing, is_failed=True).words == "complete, ended by a failure, not checked"
    folder = Path(run_fast(REQUEST, lambda _: None, lambda _: None)["session"])
    assert integrity.quick(folder).words == "complete, not checked"
    summary = json.loads((folder / "summary.json").read_bytes())
    session_folder.write_summary(folder, summary | {"error": "frames.arrows: No space left on device"})
    assert integrity.quick(folder).words == "complete, ended by a failure, not checked"
