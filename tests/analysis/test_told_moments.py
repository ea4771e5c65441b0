"""What a session tells in words is read from what every version has recorded, and from files that are damaged."""

from pathlib import Path

import numpy as np
import pytest

from bmi_app.analysis.told_moments import Moment, Told, read_told
from bmi_app.record.kinds import file_name
from tests.support.places import unpacked


@pytest.mark.parametrize("name", ["linear-lms-trial", "live-commands"])
def test_a_session_of_format_1_tells_its_commands_and_notes(name: str, tmp_path: Path) -> None:
    told = read_told(unpacked(name, tmp_path))
    assert [moment.tick for moment in told.moments] == sorted(moment.tick for moment in told.moments)
    assert any(moment.text.startswith("block 1") for moment in told.moments)
    if name == "live-commands":
        sorts = {moment.sort for moment in told.moments}
        assert {"pause", "move", "command", "event"} <= sorts
        assert all(began_s < ended_s for began_s, ended_s in told.pauses_s)
        assert len(told.pauses_s) >= 1


def test_what_lies_before_the_damage_is_told(tmp_path: Path) -> None:
    folder = unpacked("live-commands", tmp_path)
    whole = read_told(folder)
    path = folder / file_name("events")
    path.write_bytes(path.read_bytes()[:-2000])
    left = read_told(folder)
    assert 0 < len(left.moments) < len(whole.moments)
    assert set(left.moments) < set(whole.moments)
    assert isinstance(left, Told)
    assert isinstance(left.moments[0], Moment)
    assert np.isfinite([moment.time_s for moment in left.moments]).all()
