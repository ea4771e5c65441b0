"""Every file of a session is bound to it: by its id, its size, its rows and its checksum."""

import json
import uuid
from pathlib import Path

import numpy as np
import pytest

from bmi_app.record import blobs, identity, kinds, seal, session_folder, stream
from bmi_app.record.damage import JournalError
from bmi_app.record.integrity import verify
from bmi_app.record.journal import Journal
from bmi_app.record.kinds import KINDS, file_name
from bmi_app.record.reading import read
from bmi_app.rt.records import RECORDS
from tests.record.conftest import SESSION, make_content


def record(root: Path, session_id: str, *, seed: int = 0, n_ticks: int = 40) -> Path:
    """Record a session whose files have the same lengths for every seed."""
    about = SESSION | ({"id": session_id} if session_id else {})
    folder = session_folder.create(root, "center_out", about, "[task]\nhold_ms = 500\n")
    made = make_content(n_ticks, seed)
    journal = Journal(folder, 5, 2)
    for first in range(0, n_ticks, 8):
        made.append_ticks(journal, first, first + 8)
        journal.flush()
    journal.write_blob(1, {"blob": np.arange(40.0) + seed})
    journal.close()
    session_folder.write_summary(folder, {"ticks": n_ticks, "stop_reason": "OPERATOR"}, journal.seals())
    return folder


def adopt_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bmi_app.record.full_check._adopted", lambda _folder: set())


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_another_session_is_refused_even_if_it_is_as_long(tmp_path, monkeypatch, kind):
    adopt_nothing(monkeypatch)
    mine, other = (record(tmp_path, uuid.uuid4().hex) for _ in range(2))
    assert verify(mine) == []
    assert (mine / file_name(kind)).stat().st_size == (other / file_name(kind)).stat().st_size
    (mine / file_name(kind)).write_bytes((other / file_name(kind)).read_bytes())
    found = verify(mine)
    assert [damage.file for damage in found] == [file_name(kind)]
    assert identity.FOREIGN in found[0].what
    assert [identity.FOREIGN in damage.what for damage in read(mine).damage] == [True]
    assert len(getattr(read(mine), kind)) == 0
    assert verify(other) == []


def test_a_blob_of_another_session_or_under_another_number_is_refused(tmp_path, monkeypatch):
    adopt_nothing(monkeypatch)
    mine, other = (record(tmp_path, uuid.uuid4().hex) for _ in range(2))
    whole = blobs.path_of(mine, 1).read_bytes()
    blobs.path_of(mine, 1).write_bytes(blobs.path_of(other, 1).read_bytes())
    with pytest.raises(JournalError, match="belongs to another session"):
        blobs.read(mine, 1)
    assert [damage.file for damage in verify(mine)] == ["blobs/000001.npz"]
    blobs.path_of(mine, 1).write_bytes(whole)
    assert verify(mine) == []
    blobs.path_of(mine, 2).write_bytes(whole)
    with pytest.raises(JournalError, match="is blob 1, under another name"):
        blobs.read(mine, 2)
    assert [damage.file for damage in verify(mine)] == ["blobs/000002.npz"]


def test_a_session_that_has_an_id_takes_no_file_without_one(tmp_path, monkeypatch):
    adopt_nothing(monkeypatch)
    old, new = record(tmp_path, ""), record(tmp_path, uuid.uuid4().hex)
    assert verify(old) == verify(new) == []
    for mine, other in ((old, new), (new, old)):
        kept = (mine / "events.arrows").read_bytes()
        (mine / "events.arrows").write_bytes((other / "events.arrows").read_bytes())
        assert [(damage.file, identity.FOREIGN in damage.what) for damage in verify(mine)] == [("events.arrows", True)]
        (mine / "events.arrows").write_bytes(kept)


def test_the_journal_hashes_what_it_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(
        seal, "seal_of", lambda path, **_: pytest.fail(f"{path} was read") if "arrows" in str(path) else {}
    )
    folder = record(tmp_path, uuid.uuid4().hex)
    monkeypatch.undo()
    summary = session_folder.read_summary(folder)
    for name in [*map(file_name, KINDS), "blobs/000001.npz"]:
        assert summary["files"][name] == seal.seal_of(folder / name), name


def test_a_write_that_failed_is_not_in_the_checksum(tmp_path, monkeypatch):
    folder = session_folder.create(tmp_path, "p", SESSION, "")
    made, journal = make_content(40), Journal(folder, 5, 2)
    made.append_ticks(journal, 0, 20)
    journal.flush()
    made.append_ticks(journal, 20, 40)
    monkeypatch.setattr("os.writev", lambda _file, parts: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(JournalError, match="No space left"):
        journal.flush()
    monkeypatch.undo()
    for name, sealed in journal.seals().items():
        assert sealed == seal.seal_of(folder / name), name
    journal.close()
    for name, sealed in journal.seals().items():
        assert sealed == seal.seal_of(folder / name), name


@pytest.mark.parametrize("change", ["ticks", "files", "session"])
def test_a_summary_that_was_changed_is_not_believed(tmp_path, monkeypatch, change):
    adopt_nothing(monkeypatch)
    folder = record(tmp_path, uuid.uuid4().hex)
    summary = json.loads((folder / "summary.json").read_text())
    summary[change] = {} if change == "files" else 12
    (folder / "summary.json").write_text(json.dumps(summary))
    with pytest.raises(JournalError, match="its checksum is wrong"):
        session_folder.read_summary(folder)
    assert [damage.file for damage in verify(folder)] == ["summary.json"]


def test_what_a_file_of_format_1_lacks_is_filled_in_from_one_table(tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "FORMAT", kinds.FORMAT_1)
    folder = record(tmp_path, "")
    monkeypatch.undo()
    before = read(folder)
    lists = kinds.Layout.lists

    def more_lists(layout, kind):
        found = lists(layout, kind)
        if kind == "weights":
            return {**found, "gain": 4, "extra": layout.n_units}
        return found

    more = np.dtype([*RECORDS["commands"].descr, ("extra", "<i8")])
    monkeypatch.setitem(RECORDS, "commands", more)
    monkeypatch.setattr(kinds.Layout, "lists", more_lists)
    assert {damage.file for damage in read(folder).damage} == {"commands.arrows", "weights.arrows"}
    monkeypatch.setattr(kinds, "ADDED", kinds.ADDED)  # restored even if the lines below fail
    for key, default in {
        ("commands", "extra"): 1,
        ("weights", "gain"): np.nan,
        ("weights", "extra"): -1.0,
    }.items():
        monkeypatch.setitem(kinds.ADDED, key, default)
    found = read(folder)
    assert found.damage == []
    assert found.commands["extra"].tolist() == [1] * len(before.commands)
    for name in before.commands.dtype.names:
        assert found.commands[name].tobytes() == before.commands[name].tobytes()
    assert found.weight_rows[:, :14].tobytes() == before.weight_rows[:, :14].tobytes()
    assert np.isnan(found.weight_rows[:, 14:16]).all()
    assert found.weight_rows[:, 16:21].tobytes() == before.weight_rows[:, 14:].tobytes()
    assert (found.weight_rows[:, 21:] == -1).all()


def test_a_file_of_format_2_that_lacks_a_column_is_damaged(tmp_path, monkeypatch):
    folder = record(tmp_path, uuid.uuid4().hex)
    monkeypatch.setitem(RECORDS, "commands", np.dtype([*RECORDS["commands"].descr, ("extra", "<i8")]))
    monkeypatch.setitem(kinds.ADDED, ("commands", "extra"), 1)
    assert [damage.file for damage in read(folder).damage] == ["commands.arrows"]


def test_a_file_of_format_2_from_before_undos_were_told_reads_and_says_that_it_does_not_know(tmp_path, monkeypatch):
    now = RECORDS["commands"]
    before = np.dtype([field for field in now.descr if field[0] != "undone"])
    with monkeypatch.context() as then:
        then.setitem(RECORDS, "commands", before)
        folder = record(tmp_path, uuid.uuid4().hex)
        written = read(folder).commands
    found = read(folder)
    assert found.damage == []
    assert verify_without_blobs(folder, monkeypatch) == []
    assert len(found.commands)
    assert found.commands["undone"].tolist() == [-1] * len(written)
    for name in before.names:
        assert found.commands[name].tobytes() == written[name].tobytes()


def verify_without_blobs(folder, monkeypatch):
    adopt_nothing(monkeypatch)
    return verify(folder)
