"""What recovery keeps of a session whose files are damaged in different places, and what it says of it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bmi_app.record import session_folder
from bmi_app.record.damage import JournalError
from bmi_app.record.integrity import verify
from bmi_app.record.kinds import KINDS, Kind, file_name
from bmi_app.record.reading import read
from bmi_app.record.recovery import recover
from bmi_app.record.survey import survey

N_TICKS, CHUNK = 1200, 100
NEEDED = ("frames", "commands")

Record = Callable[..., tuple[Path, object]]


@pytest.mark.parametrize("close", [False, True])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in NEEDED])
def test_an_empty_file_costs_no_other_file_a_record(recorded: Record, kind: Kind, close: bool) -> None:
    """Files of 0 bytes after a loss of power: 1,200 ticks became 0, and the damage `none`."""
    folder, made = recorded(N_TICKS, CHUNK, close=close)
    os.truncate(folder / file_name(kind), 0)
    assert [found.file for found in verify(folder)] == [file_name(kind)]
    report = recover(folder)
    assert report.last_tick == N_TICKS - 1
    assert [(found.file, found.what) for found in report.damage] == [
        (file_name(kind), "is empty: not even its header is there")
    ]
    recording = read(folder)
    for other in KINDS:
        assert made.same(recording, other, 0 if other == kind else len(made.records[other])), other
    assert set(report.lost) == {kind}
    assert report.lost[kind] <= CHUNK
    assert report.cut_records == {}
    assert report.summary["recovery"]["lost"] == report.lost
    assert f"{file_name(kind)}.damaged" in report.summary["recovery"]["originals"]
    assert [found.file for found in verify(folder)] == [file_name(kind)]  # it is not intact, and nobody may say so
    assert not recover(folder).changed


@pytest.mark.parametrize("close", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_ticks", [N_TICKS, 60])
def test_a_missing_file_costs_no_other_file_a_record(recorded: Record, kind: Kind, close: bool, n_ticks: int) -> None:
    """Issue 11, C2: it was refused, or of `updates` and `subject` not noticed at all."""
    folder, made = recorded(n_ticks, 6, close=close)
    name = file_name(kind)
    (folder / name).unlink()
    assert [(found.file, found.what) for found in verify(folder)] == [(name, "is missing")]
    report = recover(folder)
    assert [(found.file, found.what) for found in report.damage] == [(name, "is missing")]
    recording = read(folder)
    n_frames = {"frames": 0, "commands": report.last_tick + 1}.get(kind, n_ticks)
    if kind == "commands":  # frames are cut where these end: before the first of them
        assert 0 <= report.last_tick + 1 <= made.records["commands"]["tick"][0]
    assert report.last_tick + 1 == n_frames
    for other in KINDS:
        expected = {kind: 0, "frames": n_frames}.get(other)
        if kind == "commands" and n_ticks == 60:  # too little for a stretch that was lost: cut with the frames
            expected = made.n_until(other, report.last_tick) if other != kind else 0
        assert made.same(recording, other, len(made.records[other]) if expected is None else expected), other
    assert report.ticks_before == n_ticks
    if kind != "commands":
        assert set(report.lost) == {kind}
        assert kind in report.words or kind == "frames"
        assert [found.file for found in verify(folder)] == ([] if kind == "frames" else [name])
    assert all((folder / file_name(other)).is_file() for other in KINDS)
    assert session_folder.status(folder) == "complete"
    assert not recover(folder).changed


def test_a_session_of_which_nothing_is_left_is_refused(recorded: Record) -> None:
    folder, _ = recorded(60, 6)
    for kind in KINDS:
        (folder / file_name(kind)).unlink()
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(JournalError, match=r"cannot be recovered: no file of its journal is left"):
        recover(folder)
    assert sorted(path.name for path in folder.iterdir()) == before


def test_empty_frames_cost_the_other_files_nothing(recorded: Record) -> None:
    folder, made = recorded(N_TICKS, CHUNK, close=False)
    os.truncate(folder / file_name("frames"), 0)
    report = recover(folder)
    assert (report.last_tick, report.lost["frames"]) == (-1, 0)
    recording = read(folder)
    for kind in KINDS:
        assert made.same(recording, kind, 0 if kind == "frames" else len(made.records[kind])), kind
    assert not recover(folder).changed


def test_frames_are_cut_where_the_commands_end_and_nowhere_else(recorded: Record) -> None:
    folder, made = recorded(N_TICKS, CHUNK, close=False)
    path = folder / file_name("commands")
    os.truncate(path, path.stat().st_size // 2)
    n_commands = survey(folder, "commands").n_records
    report = recover(folder)
    first_lost = int(made.records["commands"]["tick"][n_commands])
    assert first_lost - CHUNK <= report.last_tick + 1 <= first_lost
    recording = read(folder)
    assert made.same(recording, "frames", report.last_tick + 1)
    assert made.same(recording, "spikes", len(made.records["spikes"]))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in NEEDED])
def test_a_complete_session_with_damage_in_a_first_batch_keeps_its_ticks(recorded: Record, kind: Kind) -> None:
    folder, made = recorded(N_TICKS, CHUNK)
    path = folder / file_name(kind)
    raw = bytearray(path.read_bytes())
    raw[survey_header(folder, kind) + 100] ^= 1
    path.write_bytes(raw)
    report = recover(folder)
    assert (report.last_tick, set(report.lost)) == (N_TICKS - 1, {kind})
    assert made.same(read(folder), "frames", N_TICKS)
    assert (folder / f"{path.name}.damaged").read_bytes() == bytes(raw)


def survey_header(folder: Path, kind: Kind) -> int:
    from bmi_app.record.message import MessageFile

    return len(next(iter(MessageFile(folder / file_name(kind)))).raw)


def test_all_files_are_cut_to_one_tick_where_that_is_asked_for(recorded: Record) -> None:
    folder, made = recorded(N_TICKS, CHUNK, close=False)
    path = folder / file_name("spikes")
    os.truncate(path, path.stat().st_size // 2)
    report = recover(folder, to_common_tick=True)
    assert 0 < report.last_tick < N_TICKS - 1
    assert report.lost == {}
    recording = read(folder)
    for kind in KINDS:
        assert made.same(recording, kind, made.n_until(kind, report.last_tick)), kind
    assert verify(folder) == []


def test_a_recovered_session_can_still_be_cut_to_one_tick(recorded: Record) -> None:
    folder, made = recorded(N_TICKS, CHUNK, close=False)
    os.truncate(folder / file_name("spikes"), (folder / file_name("spikes")).stat().st_size // 2)
    assert recover(folder).last_tick == N_TICKS - 1
    report = recover(folder, to_common_tick=True)
    assert report.changed
    assert made.same(read(folder), "spikes", made.n_until("spikes", report.last_tick))
    assert verify(folder) == []


def test_what_was_lost_of_a_file_comes_from_a_tail_that_reaches_back(recorded: Record) -> None:
    folder, made = recorded(N_TICKS, CHUNK, close=False)
    for kind in ("spikes", "events", "health", "commands"):
        path = folder / file_name(kind)
        os.truncate(path, path.stat().st_size * 3 // 4)
    tail = {kind: made.ticks(kind, 500, N_TICKS)[:2] for kind in KINDS}
    report = recover(folder, tail)
    assert (report.last_tick, report.lost) == (N_TICKS - 1, {})
    recording = read(folder)
    for kind in ("frames", "spikes", "health", "weights"):
        assert made.same(recording, kind, len(made.records[kind])), kind
    for kind in ("events", "commands"):
        assert getattr(recording, kind).tobytes() == made.records[kind].tobytes()
    assert verify(folder) == []


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.floats(0, 1), min_size=len(KINDS), max_size=len(KINDS)), st.booleans())
def test_each_file_is_kept_as_far_as_it_is_whole(recorded: Record, cuts: list[float], again: bool) -> None:
    folder, made = recorded(60, 6, close=False)
    for kind, cut in zip(KINDS, cuts, strict=True):
        path = folder / file_name(kind)
        os.truncate(path, int(cut * path.stat().st_size))
    before = read(folder)
    without_header = survey(folder, "frames").layout is None
    report = recover(folder)
    recording = read(folder)
    assert recording.damage == []
    assert session_folder.status(folder) == "complete"
    if without_header:  # the frames were lost, and nothing says of the others that it came too late
        assert report.last_tick == -1
        for kind in KINDS:
            assert made.same(recording, kind, len(getattr(before, kind))), kind
        return
    whole = len(before.frames) - 1
    if len(before.commands) == len(made.records["commands"]):
        assert report.last_tick == whole
    for kind in KINDS:
        n_before, n_until = len(getattr(before, kind)), made.n_until(kind, report.last_tick)
        assert made.same(recording, kind, min(n_before, n_until)), kind
        if n_before < n_until:
            assert kind in report.lost
            first_lost = int(made.records[kind]["tick"][n_before])
            assert report.lost[kind] <= first_lost
    damaged = {found.file for found in verify(folder)}
    assert damaged == {file_name(kind) for kind in report.lost}
    if again:
        assert not recover(folder).changed


def test_rows_that_the_frames_commit_are_missed_in_a_file_that_was_ended_in_order(recorded: Record, new_folder) -> None:
    """What a recovery that was cut off once left: spikes that end early, in order."""
    folder, made = recorded(N_TICKS, CHUNK)
    path = folder / file_name("spikes")
    whole = path.read_bytes()
    half = survey(folder, "spikes").n_records // 2
    from bmi_app.record.stream import StreamFile

    path.unlink()
    file = StreamFile(path, "spikes", made.layout, {})
    for begin in range(0, half, 50):
        file.add(made.records["spikes"][begin : min(begin + 50, half)], None, None)
        file.write_batch({})
    file.write_end_mark()
    file.close()
    assert path.stat().st_size < len(whole)
    (damage,) = verify(folder)
    assert damage.file == "spikes.arrows"
    assert f"{half} rows where the frames say that there were {len(made.records['spikes'])}" in damage.what
    report = recover(folder)
    assert (report.last_tick, set(report.lost)) == (N_TICKS - 1, {"spikes"})
    assert verify(folder) != []


def test_a_session_of_which_nothing_says_how_many_units_it_has_is_refused_in_one_line(tmp_path: Path) -> None:
    """Lists of no numbers made Arrow divide by zero: the process died."""
    folder = session_folder.create(tmp_path, "p", {"protocol": "p", "dt_s": 0.01}, "")
    with pytest.raises(JournalError, match="how many units and axes there are"):
        recover(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["protocol.toml", "session.toml"]


def test_what_recovery_says_in_one_line_names_what_is_lost(recorded: Record) -> None:
    folder, _ = recorded(N_TICKS, CHUNK, close=False)
    os.truncate(folder / file_name("spikes"), 0)
    os.truncate(folder / file_name("commands"), (folder / file_name("commands")).stat().st_size // 2)
    report = recover(folder)
    last, first_lost = report.last_tick, report.lost["spikes"]
    assert report.words == f"up to tick {last:,} of at least 1,200 ticks; lost: spikes from tick {first_lost} on"
    assert (report.ticks_before, report.ticks_before_is_least) == (N_TICKS, True)
