"""Files, or the whole folder, are removed while a session is recorded: it goes on elsewhere, with all of it."""

import json
import shutil
from pathlib import Path

import pytest

from bmi_app.record import integrity
from bmi_app.record.reading import read
from bmi_app.rt.records import EventKind
from bmi_app.session.replay import verify

from .conftest import PATIENCE_S, Live, facts, wait_until


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
