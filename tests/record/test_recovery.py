import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bmi_app.record import blobs, recovery_lock, session_folder
from bmi_app.record.damage import JournalError
from bmi_app.record.integrity import verify
from bmi_app.record.kinds import KINDS, file_name
from bmi_app.record.process_id import process_start
from bmi_app.record.reading import read
from bmi_app.record.recovery import recover
from bmi_app.rt.records import CommandKind, EventKind, StopReason
from tests.support.places import ROOT

fixture_ok = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def assert_whole(folder, made, last_tick):
    """Check that a session holds exactly the ticks up to `last_tick`, of every kind, and is in order."""
    recording = read(folder)
    assert recording.damage == []
    for kind in KINDS:
        assert made.same(recording, kind, made.n_until(kind, last_tick)), kind
    assert verify(folder) == []
    assert session_folder.status(folder) == "complete"


@fixture_ok
@given(st.lists(st.floats(0, 1), min_size=len(KINDS), max_size=len(KINDS)), st.sampled_from([None, *KINDS]))
def test_files_cut_anywhere_are_cut_to_one_tick(recorded, cuts, only):
    """Cut each file, or only one, somewhere else, as a loss of power may."""
    folder, made = recorded(60, 8, close=False)
    lengths = {}
    for kind, cut in zip(KINDS, cuts, strict=True):
        path = folder / file_name(kind)
        lengths[kind] = path.stat().st_size if only not in (None, kind) else int(cut * path.stat().st_size)
        os.truncate(path, lengths[kind])
    before = read(folder)
    report = recover(folder, to_common_tick=True)
    assert report.changed
    assert_whole(folder, made, report.last_tick)
    assert report.summary["ticks"] == report.last_tick + 1
    assert report.summary["stop_reason"] == "KILLED"
    assert report.summary["recovered"] is True
    # No whole batch of ticks that all files had is given up.
    if before.frames.size:
        reach = [
            tick
            for tick in (7, 15, 23, 31, 39, 47, 55, 59)
            if all(len(getattr(before, kind)) >= made.n_until(kind, tick) for kind in KINDS)
        ]
        assert report.last_tick >= max(reach, default=-1)
    for path in report.kept:
        kind = path.name.split(".")[0]
        assert path.stat().st_size == lengths[kind]
    again = recover(folder)
    assert (again.changed, again.last_tick, again.kept) == (False, report.last_tick, [])
    assert again.summary == report.summary
    for kind in KINDS:
        assert report.cut_records.get(kind, 0) == np.count_nonzero(getattr(before, kind)["tick"] > report.last_tick)


@fixture_ok
@given(st.sampled_from(KINDS), st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_a_complete_session_with_a_flipped_bit_is_cut_before_it(recorded, kind, where, mask):
    folder, made = recorded(60, 8)
    path = folder / file_name(kind)
    raw = bytearray(path.read_bytes())
    raw[int(where * len(raw))] ^= mask
    path.write_bytes(raw)
    n_good = len(getattr(read(folder), kind))
    report = recover(folder, to_common_tick=True)
    assert [damage.file for damage in report.damage] == [path.name]
    assert_whole(folder, made, report.last_tick)
    assert made.n_until(kind, report.last_tick) <= n_good
    assert report.summary["stop_reason"] == "OPERATOR"
    assert [kept.read_bytes() for kept in report.kept if kept.name == f"{path.name}.damaged"] == [bytes(raw)]


@fixture_ok
@given(st.integers(0, 59), st.integers(0, 59), st.integers(0, 59))
def test_the_tail_continues_the_journal(recorded, content, begin, frames_end, health_end):
    """Give what rings hold: ticks from `begin`, frames and health to different ends."""
    folder, made = recorded(24, 8, seed=3, close=False)
    longer = content(60, seed=4)
    for kind in KINDS:  # the journal's ticks, then others
        n_old, n_new = len(made.records[kind]), longer.n_until(kind, 23)
        made.records[kind] = np.concatenate([made.records[kind], longer.records[kind][n_new:]])
        made.rows[kind] = np.concatenate([made.rows[kind], longer.rows[kind][n_new:]])
        made.texts[kind] = made.texts[kind] + [""] * (len(made.records[kind]) - n_old)
    ends = {"frames": frames_end, "health": health_end}
    tail = {kind: made.ticks(kind, begin, ends.get(kind, 59) + 1)[:2] for kind in KINDS}
    report = recover(
        folder, {kind: (records, rows if rows.shape[1] else None) for kind, (records, rows) in tail.items()}
    )
    expected = max(23, min(frames_end, health_end)) if begin <= 24 else 23
    assert report.last_tick == expected
    assert report.added_ticks == expected - 23
    assert_whole(folder, made, expected)


def test_a_session_that_was_killed_before_its_first_write(new_folder, content):
    folder, made = new_folder(), content(10)
    (folder / file_name("spikes")).write_bytes(b"")
    assert session_folder.status(folder) == "interrupted"
    report = recover(folder, {kind: made.part(kind, 0, 10**6)[:2] for kind in KINDS})
    assert report.last_tick == 9
    made.texts = {kind: [""] * len(texts) for kind, texts in made.texts.items()}
    assert_whole(folder, made, 9)


def test_missing_ticks_are_found_and_cut(new_folder, content):
    from bmi_app.record.journal import Journal

    folder, made = new_folder(), content(40)
    journal = Journal(folder, 5, 2)
    for first, end in ((0, 10), (10, 20), (25, 40)):
        made.append_ticks(journal, first, end)
        if first > 0:
            journal.flush()
    journal.close()
    session_folder.write_summary(folder, {"ticks": 35, "stop_reason": "OPERATOR"})
    found = verify(folder)
    assert {(damage.file, damage.last_tick) for damage in found} == {("frames.arrows", 19), ("health.arrows", 19)}
    assert "tick 25 stands where tick 20 belongs" in str(found[0])
    assert recover(folder).last_tick == 19
    assert_whole(folder, made, 19)


def test_what_is_missing_at_the_end_of_a_complete_session_is_found(recorded):
    folder, made = recorded(30, 10)
    path = folder / file_name("events")
    os.truncate(path, path.stat().st_size - 8)
    assert ["the end of the stream is missing"] == [damage.what for damage in verify(folder)]
    assert recover(folder).last_tick == 29
    assert_whole(folder, made, 29)
    session_folder.write_summary(folder, {"ticks": 31})
    assert ["30 frames where the summary says 31"] == [damage.what for damage in verify(folder)]


@pytest.mark.parametrize("name", ["session.toml", "protocol.toml"])
def test_a_text_that_was_changed_after_the_end_is_found(recorded, name):
    folder, _ = recorded(20, 20)
    session_folder.write_summary(folder, session_folder.read_summary(folder) or {})
    assert verify(folder) == []
    path = folder / name
    path.write_text(path.read_text() + "# 0.09 where it was 0.08\n")
    (damage,) = verify(folder)
    assert damage.file == name
    assert "not what it was" in damage.what


def test_a_reason_that_was_written_is_believed(new_folder, content):
    from bmi_app.record.journal import Journal

    folder, made = new_folder(), content(10)
    made.records["events"]["kind"][-1] = EventKind.SESSION_STOP
    made.records["events"]["code"][-1] = StopReason.DURATION
    journal = Journal(folder, 5, 2)
    made.append_ticks(journal, 0, 10)
    journal.close()
    assert recover(folder).summary["stop_reason"] == "DURATION"


def test_adoptions_need_their_blobs(new_folder, content):
    from bmi_app.record.journal import Journal

    folder, made = new_folder(), content(60)
    commands = made.records["commands"]
    commands["kind"], commands["aux"] = CommandKind.PAUSE, 5
    commands["kind"][:2], commands["aux"][:2] = CommandKind.ADOPT, (0, 1)
    journal = Journal(folder, 5, 2)
    made.append_ticks(journal, 0, 60)
    journal.write_blob(0, {"blob": np.zeros(40)})
    journal.close()
    assert [damage.file for damage in verify(folder)] == ["blobs/000001.npz"]
    raw = bytearray(blobs.path_of(folder, 0).read_bytes())
    raw[40] ^= 4
    blobs.path_of(folder, 0).write_bytes(raw)
    assert [damage.file for damage in verify(folder)] == ["blobs/000000.npz", "blobs/000001.npz"]


def test_a_session_that_runs_or_lacks_its_texts_is_refused(recorded):
    folder, _ = recorded(20, 5, close=False)
    session = {"protocol": "p", "dt_s": 0.01, "engine": {"pid": os.getpid(), "start": process_start(os.getpid())}}
    session_folder.write_session(folder, session)
    with pytest.raises(JournalError, match="is still being recorded"):
        recover(folder)
    path = folder / file_name("frames")
    os.truncate(path, path.stat().st_size - 3)
    assert verify(folder) == []  # the batch that is being written
    session_folder.write_session(folder, {"protocol": "p", "dt_s": 0.01})
    (folder / "protocol.toml").unlink()
    with pytest.raises(JournalError, match=r"protocol\.toml: cannot be read: No such file"):
        recover(folder)


def test_kill_minus_nine_loses_only_what_was_not_flushed(new_folder, content):
    """Kill a writing process at random moments; it prints a tick once everything up to it was flushed."""
    script = """
        import pickle, sys
        from pathlib import Path
        from bmi_app.record.journal import Journal
        parts = pickle.load(sys.stdin.buffer)
        journal = Journal(Path(sys.argv[1]), 5, 2)
        for last, part in parts:
            for kind, each in part.items():
                journal.append(kind, *each)
            journal.flush()
            print(last, flush=True)
    """
    made = content(3000, 1)
    ends = range(10, 3000, 10)
    parts = pickle.dumps([(end - 1, {kind: made.ticks(kind, end - 10, end) for kind in KINDS}) for end in ends])
    rng = np.random.default_rng(5)
    reached = []
    for _ in range(5):
        folder = new_folder()
        writer = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        writer.stdin.write(parts)
        writer.stdin.close()
        first_line = writer.stdout.readline()
        time.sleep(rng.uniform(0, 0.04))
        writer.send_signal(signal.SIGKILL)
        rest = writer.stdout.read()
        writer.wait()
        writer.stdout.close()
        flushed = int((first_line + rest).splitlines()[-1])
        report = recover(folder)
        assert flushed <= report.last_tick <= flushed + 10
        assert_whole(folder, made, report.last_tick)
        reached.append(report.last_tick)
    assert len(set(reached)) > 1


def test_what_another_process_recovers_is_left_alone_until_that_dies(recorded) -> None:
    folder, made = recorded(60, 8, close=False)
    holds = f"from pathlib import Path\nfrom bmi_app.record.recovery_lock import held\nwith held(Path({str(folder)!r})):\n    print(1, flush=True)\n    input()"
    with subprocess.Popen([sys.executable, "-c", holds], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        with pytest.raises(JournalError, match="is being recovered by another process"):
            recover(folder)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
        other.kill()
    assert recover(folder).changed
    assert_whole(folder, made, 59)
    assert not (folder / recovery_lock.LOCK).exists()
