"""A session whose source ends says so in its journal, live and at full speed, and is recomputed none the less."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bmi_app.record import recovery
from bmi_app.record.reading import read
from bmi_app.rt.records import EventKind, StopReason
from bmi_app.session.engine.full_speed import run_fast
from bmi_app.session.recompute.replay import verify

from .conftest import Live, request


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    asked = request("session.duration_s=1.5", speed="max", out=tmp_path_factory.mktemp("recorded"))
    return Path(run_fast(asked, lambda _: None, lambda _: None)["session"])


@pytest.mark.parametrize("speed", ["real", "max"])
def test_the_end_of_the_source_is_an_event(
    speed: str, recorded: Path, engine: Callable[..., Live], tmp_path: Path
) -> None:
    overrides = ("driver.kind=replay", f'driver.settings.path="{recorded}"')
    summary: dict[str, Any]
    if speed == "real":
        live = engine(*overrides)
        summary = live.end()
    else:
        summary = run_fast(request(*overrides, speed="max", out=tmp_path), lambda _: None, lambda _: None)
    assert summary["stop_reason"] == "SOURCE_ENDED"
    recording = read(Path(summary["session"]))
    stops = recording.events[recording.events["kind"] == EventKind.SESSION_STOP]
    assert stops["code"].tolist() == [StopReason.SOURCE_ENDED]
    assert stops["tick"][0] == recording.frames["tick"][-1] == summary["ticks"] - 1
    found = verify(recording.folder)
    assert found.is_exact, found.difference
    if speed == "real":
        # A kill between the journal's end and the summary loses nothing of it.
        (recording.folder / "summary.json").unlink()
        again = recovery.recover(recording.folder).summary
        assert (again["stop_reason"], again["ticks"]) == ("SOURCE_ENDED", summary["ticks"])
        assert np.array_equal(read(recording.folder).events, recording.events)
