"""Sessions recorded before format 2 still read, and are recomputed to the last bit."""

from pathlib import Path

import numpy as np
import pytest

from bmi_app.record import populations
from bmi_app.record.integrity import verify as verify_files
from bmi_app.record.reading import read
from bmi_app.rt.records import CommandKind, Flag
from bmi_app.session.recompute.replay import verify
from protocols.schema import Protocol
from protocols.tool import unit_population
from tests.support.places import FORMAT_1, unpacked

NAMES = sorted(path.name.removesuffix(".tar.xz") for path in FORMAT_1.glob("*.tar.xz"))


@pytest.mark.parametrize("name", NAMES)
def test_a_session_of_format_1_is_read_and_recomputed_to_the_last_bit(name: str, tmp_path: Path) -> None:
    folder = unpacked(name, tmp_path)
    assert verify_files(folder) == []
    found = verify(folder)
    assert found.is_exact, found.difference
    assert found.ticks == len(read(folder).frames)


def test_the_fixtures_hold_what_they_are_kept_for(tmp_path: Path) -> None:
    assert len(NAMES) == 47
    commands = read(unpacked("live-commands", tmp_path)).commands["kind"].tolist()
    assert {CommandKind.MOVE_UNIT, CommandKind.ADOPT, CommandKind.PAUSE, CommandKind.SKIP_TRIAL} <= set(commands)
    for name in ("live-counts-clock-lost", "live-counts-stream-lost"):
        lost = read(unpacked(name, tmp_path)).frames["flags"] & Flag.SOURCE_LOST
        assert np.count_nonzero(lost) > 10


def test_what_format_1_does_not_say_is_filled_in(tmp_path: Path) -> None:
    recording = read(unpacked("live-commands", tmp_path))
    assert set(recording.commands["acted"].tolist()) == {-1}
    protocol = Protocol.of_session(recording.protocol_text)
    assert protocol.model_version == 1
    rows = populations.completed(recording, protocol)
    moves = recording.commands[recording.commands["kind"] == CommandKind.MOVE_UNIT]
    begins = unit_population(protocol)
    assert rows[0, -recording.n_units :].tolist() == begins.tolist()
    for move in moves:
        begins[int(move["index"])] = int(move["aux"])
    assert rows[-1, -recording.n_units :].tolist() == begins.tolist()
    assert len(moves)
    np.testing.assert_array_equal(rows[:, : -recording.n_units], recording.weight_rows[:, : -recording.n_units])


@pytest.mark.parametrize("base", ["live-commands", "linear-lms-tick"])
@pytest.mark.parametrize("other", ["live-counts-clock-lost", "kalman-rml-trial", "linear-lms-tick"])
def test_rows_of_weights_of_another_session_are_a_difference(base: str, other: str, tmp_path: Path) -> None:
    """Rows of another width ended in a traceback: format 1 has no ids by which the file would be known for another's."""
    folder, foreign = unpacked(base, tmp_path), unpacked(other, tmp_path)
    (folder / "weights.arrows").write_bytes((foreign / "weights.arrows").read_bytes())
    assert verify(folder).is_exact == (base == other)
