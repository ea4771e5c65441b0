import pickle
import subprocess
import sys
import textwrap
import threading
import zlib

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bmi_app.record import message, stream
from bmi_app.record.damage import JournalError
from bmi_app.record.journal import Journal
from bmi_app.record.kinds import KINDS, NAMED, file_name
from bmi_app.record.reading import read
from bmi_app.rt.records import RECORDS, EventKind
from tests.support.places import ROOT

fixture_ok = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@fixture_ok
@given(st.integers(0, 60), st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 90), st.booleans()), max_size=40))
def test_any_chunking_gives_the_same_records(new_folder, content, n_ticks, chunks):
    folder, made = new_folder(), content(n_ticks)
    journal = Journal(folder, 5, 2)
    done = dict.fromkeys(KINDS, 0)
    everything = [(kind, len(made.records[kind]), False) for kind in KINDS]
    for kind, n, flush in chunks + everything:
        records, rows, texts = made.part(kind, done[kind], done[kind] + n)
        ring = records.copy()
        journal.append(kind, ring, rows, texts)
        ring.view(np.uint8).fill(255)  # as a ring does that goes on
        done[kind] += len(records)
        if flush:
            journal.flush()
    journal.close()
    recording = read(folder)
    assert recording.damage == []
    assert all(made.same(recording, kind, len(made.records[kind])) for kind in KINDS)


def test_more_than_a_batch_holds_is_written_at_once_and_frames_last(new_folder, content, monkeypatch):
    monkeypatch.setattr("bmi_app.record.kinds._BATCH_BYTES", 1 << 12)
    folder, made = new_folder(), content(300)
    journal = Journal(folder, 5, 2)
    for kind in KINDS:
        journal.append(kind, *made.part(kind, 0, 10**6))
    on_disk = {kind: getattr(read(folder), kind) for kind in KINDS}
    last = on_disk["frames"]["tick"][-1]
    assert 0 < last < 299
    for kind in KINDS:
        assert made.n_until(kind, last) <= len(on_disk[kind])
    journal.close()
    assert all(made.same(read(folder), kind, len(made.records[kind])) for kind in KINDS)


def test_arrow_alone_reads_every_file(recorded):
    folder, made = recorded(30, 7)
    for kind in KINDS:
        with pa.ipc.open_stream(folder / file_name(kind)) as opened:
            table = opened.read_all()
        for name in RECORDS[kind].names:
            assert table[name].to_numpy().tobytes() == made.records[kind][name].tobytes()
        if kind in NAMED:
            assert table["name"].to_pylist() == [NAMED[kind](code).name for code in made.records[kind]["kind"]]
            assert table["text"].to_pylist() == made.texts[kind]
        assert table.schema.metadata[b"session"] == folder.name.encode()
    with pa.ipc.open_stream(folder / "frames.arrows") as opened:
        frames = opened.read_all()
    assert np.stack(frames["counts"].to_numpy()).tobytes() == made.rows["frames"].tobytes()
    assert b"2 MOVE" in frames.schema.field("state").metadata[b"codes"]
    assert b"4 PAUSED" in frames.schema.field("flags").metadata[b"bits"]


def test_codes_without_a_name_have_an_empty_one(new_folder, content):
    folder, made = new_folder(), content(40)
    events = made.records["events"][:3]
    without_name = max(EventKind) - 1
    while without_name in list(EventKind):
        without_name -= 1
    events["kind"] = (-1, EventKind.COMMAND_REFUSED, without_name)
    journal = Journal(folder, 5, 2)
    journal.append("events", events)
    journal.close()
    with pa.ipc.open_stream(folder / "events.arrows") as opened:
        assert opened.read_all()["name"].to_pylist() == ["", "COMMAND_REFUSED", ""]


def test_the_check_can_be_computed_as_documented(recorded):
    folder, _ = recorded(20, 20)
    raw = (folder / "spikes.arrows").read_bytes()
    crcs = []
    for found in message.MessageFile(folder / "spikes.arrows"):
        whole = raw[found.offset : found.offset + len(found.raw)]
        place = whole.index(b"crc32=") + 6
        zeroed = whole[:place] + b"00000000" + whole[place + 8 :]
        crcs.append(whole[place : place + 8] == b"%08x" % zlib.crc32(zeroed))
    assert crcs == [True, True]


def test_a_journal_is_never_overwritten(recorded):
    folder, _ = recorded(5, 5)
    before = (folder / "spikes.arrows").read_bytes()
    with pytest.raises(JournalError, match=r"spikes\.arrows: cannot be created: File exists"):
        Journal(folder, 5, 2)
    assert (folder / "spikes.arrows").read_bytes() == before


def test_an_unwritable_folder_is_named(tmp_path):
    with pytest.raises(JournalError, match="absent"):
        Journal(tmp_path / "absent", 5, 2)


def test_append_and_flush_go_on_while_sync_blocks(new_folder, content, monkeypatch):
    folder, made = new_folder(), content(20)
    journal = Journal(folder, 5, 2, clock=lambda: 7.0)
    entered, leave = threading.Event(), threading.Event()

    def fsync(_descriptor: int) -> None:
        entered.set()
        assert leave.wait(10)

    monkeypatch.setattr(stream.os, "fsync", fsync)
    syncing = threading.Thread(target=journal.sync)
    syncing.start()
    assert entered.wait(10)
    made.append_ticks(journal, 0, 20)
    journal.flush()
    assert syncing.is_alive()
    assert made.same(read(folder), "frames", 20)
    assert journal.last_sync_s == 0.0
    leave.set()
    syncing.join()
    assert journal.last_sync_s == 7.0
    journal.close()
    journal.sync()  # after the end it has nothing to do


def test_a_full_disk_keeps_all_earlier_batches_whole(new_folder, content):
    folder, made = new_folder(), content(200)
    script = f"""
        import pickle, resource, sys
        from pathlib import Path
        from bmi_app.record.damage import JournalError
        from bmi_app.record.journal import Journal
        made = pickle.loads(sys.stdin.buffer.read())
        journal = Journal(Path({str(folder)!r}), 5, 2)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        try:
            for i in range(20):
                for kind, parts in made.items():
                    journal.append(kind, *parts[i])
                journal.flush()
        except JournalError as error:
            print(i, error)
        try:
            journal.close()
        except JournalError as error:
            print("again", error)
    """
    parts = {kind: [made.ticks(kind, 10 * i, 10 * i + 10) for i in range(20)] for kind in KINDS}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        input=pickle.dumps(parts),
        capture_output=True,
        check=True,
        cwd=ROOT,
    )
    first, second = done.stdout.decode().splitlines()
    assert ".arrows: cannot be written: File too large" in first
    assert second.startswith("again")
    n_flushes = int(first.split()[0])
    recording = read(folder)
    assert recording.damage == []  # cut back to whole batches
    assert n_flushes > 0
    assert made.same(recording, "frames", 10 * n_flushes)
    for kind in KINDS:  # those before the file that failed have what the frames lack
        lengths = [made.n_until(kind, last) for last in (10 * n_flushes - 1, 10 * n_flushes + 9)]
        assert any(made.same(recording, kind, length) for length in lengths)
