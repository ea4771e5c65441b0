"""What is said of what a dead engine has left, and of a recovery, is said only where it is so."""

import os
import shutil
from types import SimpleNamespace
from typing import Any

import pytest

from bmi_app.record.kinds import file_name
from bmi_app.record.recovery import RecoveryReport, recover
from bmi_app.session.view.observer import left_by_the_dead


def test_nothing_is_called_kept_that_is_not_there(recorded: Any) -> None:
    """`What it recorded is safe` was said without a look, of a folder that was removed as well."""
    folder, _ = recorded(300, 100, close=False)
    view: Any = SimpleNamespace(folder=folder)
    assert left_by_the_dead(view) == ("what it recorded is kept as far as it is whole", True)
    (view.folder / file_name("spikes")).unlink()
    said, can_be_recovered = left_by_the_dead(view)
    assert "spikes.arrows is missing" in said
    assert "kept" not in said
    assert not can_be_recovered
    shutil.rmtree(view.folder)
    assert left_by_the_dead(view) == (f"there is no folder {view.folder} any more", False)


@pytest.mark.parametrize("twice", [False, True])
def test_a_recovery_says_what_is_lost(recorded: Any, twice: bool) -> None:
    """`Complete up to tick 1,199` was said of a session whose spikes end at 600, and of a second look at it as well."""
    folder, _ = recorded(1200, 100, close=False)
    path = folder / file_name("spikes")
    os.truncate(path, path.stat().st_size // 2)
    report = recover(folder)
    first_lost = report.lost["spikes"]
    if twice:
        report = recover(folder)
        assert not report.changed
    assert report.words == f"up to tick 1,199; lost: spikes from tick {first_lost:,} on"
    assert report.lost == {"spikes": first_lost}


def test_a_recovery_that_lost_nothing_says_so_little(recorded: Any) -> None:
    folder, _ = recorded(1200, 100, close=False)
    assert recover(folder).words == "complete up to tick 1,199"
    nothing = RecoveryReport(folder, True, -1, [], {}, 0, [], {})
    assert nothing.words == "without a tick"
