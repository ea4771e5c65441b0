"""Files, or the whole folder, are removed while a session is recorded: it goes on elsewhere, with all of it."""

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest

from bmi_app.record import blobs, integrity
from bmi_app.record.journal import Journal
from bmi_app.record.reading import read
from bmi_app.rt.records import EventKind
from bmi_app.session.engine import rescue_folder
from bmi_app.session.recompute.replay import verify

from .conftest import PATIENCE_S, Live, bmi, facts, traces, wait_until


@pytest.mark.parametrize("what", ["spikes.arrows", "frames.arrows", "folder", "moved"])
def test_what_is_removed_while_it_is_recorded_is_rescued_and_told(engine, tmp_path: Path, what: str) -> None:
    live: Live = engine()
    live.wait_for_tick(60)
    if what == "folder":
        shutil.rmtree(live.folder)
    elif what == "moved":
        live.folder.rename(tmp_path / "elsewhere")
    else:
        (live.folder / what).unlink()
    words = live.view.arrays["words"]
    wait_until(lambda: any(b"goes on in" in text for text in words["text"][words["kind"] == EventKind.ALARM]))
    rescue = live.folder.with_name(f"{live.folder.name}_rescued")
    head = live.view.head
    assert {entry["session"]: entry["status"] for entry in facts("sessions", "list")["sessions"]}[
        str(rescue)
    ] == "running"
    live.wait_for_tick(head + 30)
    live.did("stop")
    assert live.process.wait(PATIENCE_S) == 1  # something happened that somebody must look at
    summary = json.loads((rescue / "summary.json").read_bytes())
    assert "removed while it was recorded" in summary["error"]
    assert integrity.verify(rescue) == []
    recording = read(rescue)
    assert len(recording.frames) == summary["ticks"] == live.view.head
    assert verify(rescue).is_exact
    assert live.view.has_ended()


def said(live: Live, text: bytes) -> int:
    """Return in how many of the engine's words to all views a text stands."""
    words = live.view.arrays["words"]
    return sum(text in each for each in words["text"][words["kind"] == EventKind.ALARM])


@pytest.mark.parametrize("again", ["frames.arrows", "folder", "both"])
def test_what_is_removed_a_second_time_is_rescued_as_well(engine, again: str) -> None:
    """Issue 11, C14: after a first rescue nobody looked any more, and the rest of the session was lost with exit code 1."""
    live: Live = engine()
    live.wait_for_tick(60)
    shutil.rmtree(live.folder)
    wait_until(lambda: said(live, b"goes on in") == 1)
    first = live.folder.with_name(f"{live.folder.name}_rescued")
    live.wait_for_tick(live.view.head + 30)
    if again == "folder":
        shutil.rmtree(first)
    else:
        (first / "frames.arrows").unlink()
    wait_until(lambda: said(live, b"goes on in") == 2)
    rescue = first if again == "folder" else live.folder.with_name(f"{live.folder.name}_rescued_2")
    if again == "both":
        live.wait_for_tick(live.view.head + 30)
        shutil.rmtree(first)
        (rescue / "spikes.arrows").unlink()
        wait_until(lambda: said(live, b"goes on in") == 3)
        rescue = first  # whose name is free again
    live.wait_for_tick(live.view.head + 30)
    assert live.view.is_alive()
    live.did("stop")
    assert live.process.wait(PATIENCE_S) == 1
    summary = json.loads((rescue / "summary.json").read_bytes())
    assert summary["error"].count("removed while it was recorded") == (3 if again == "both" else 2)
    assert integrity.verify(rescue) == []
    assert len(read(rescue).frames) == summary["ticks"] == live.view.head
    assert verify(rescue).is_exact
    assert live.view.has_ended()


def test_where_there_is_no_place_to_go_on_that_is_said_once_and_tried_again(engine) -> None:
    live: Live = engine()
    live.wait_for_tick(60)
    name = f"{live.folder.name}_rescued"
    taken = [live.folder.with_name(name), *(live.folder.with_name(f"{name}_{n}") for n in range(2, 10))]
    temporary = Path(tempfile.gettempdir())
    taken += [temporary / name, *(temporary / f"{name}_{n}" for n in range(2, 10))]
    for path in taken:
        path.write_bytes(b"")
    try:
        shutil.rmtree(live.folder)
        wait_until(lambda: said(live, b"no place to go on") == 1)
        live.wait_for_tick(live.view.head + 250)  # in which it looked again
        assert said(live, b"no place to go on") == 1
    finally:
        for path in taken:
            path.unlink()
    wait_until(lambda: said(live, b"goes on in") == 1)
    live.did("stop")
    assert live.process.wait(PATIENCE_S) == 1
    assert integrity.verify(taken[0]) == []
    assert verify(taken[0]).is_exact


def test_what_a_rescued_session_leaves_behind_is_not_taken_for_dead(engine) -> None:
    """One file was removed, the folder is still there: its views said that the engine had died, and offered to recover it."""
    live: Live = engine()
    live.wait_for_tick(60)
    (live.folder / "spikes.arrows").unlink()
    wait_until(lambda: said(live, b"goes on in") == 1)
    assert live.view.is_alive()
    assert not live.view.has_ended()
    for command in (("recover",), ("remove", "--yes")):
        done = bmi("sessions", *command, str(live.folder))
        assert done.returncode == 2
        assert "is running" in done.stderr
    live.did("stop")
    assert live.process.wait(PATIENCE_S) == 1
    assert verify(live.folder.with_name(f"{live.folder.name}_rescued")).is_exact


@pytest.mark.parametrize("command", [("recover",), ("remove", "--yes")])
def test_a_copy_of_a_running_session_is_recovered_and_removed_without_touching_the_session(
    engine, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """The copy names the engine's socket and shared memory: both were deleted under the running session."""
    live: Live = engine()
    live.wait_for_tick(100)
    copy = Path(shutil.copytree(live.folder, tmp_path / live.folder.name))
    left = traces(live.process.pid)
    assert len(left) == 2
    done = bmi("sessions", *command, str(copy))
    assert done.returncode == 0, done.stderr
    assert traces(live.process.pid) == left
    again = Live(live.process, live.folder)  # a view that comes later
    assert again.stop()["ticks"] == again.view.head
    assert verify(live.folder).is_exact
    if command[0] == "recover":
        assert verify(copy).is_exact


def test_blobs_that_were_removed_are_not_rescued(tmp_path: Path) -> None:
    """The journal keeps its own files open, but no blob: one that is gone is missing in the rescue folder, and said to be."""
    folder = tmp_path / "s"
    (folder / "inputs").mkdir(parents=True)
    journal = Journal(folder, 3, 1)
    for blob_id in (1, 2):
        journal.write_blob(blob_id, {"blob": np.zeros(9)})
    blobs.path_of(folder, 1).unlink()
    place = rescue_folder.move(journal, folder, folder, {"format": 2}, "")
    journal.close()
    assert blobs.ids(place) == [2]
    assert "blobs/000001.npz" in journal.seals()  # so that the summary, and every check, names what is gone
