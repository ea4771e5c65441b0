import hashlib
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from bmi_app.record import session_folder
from bmi_app.record.damage import JournalError
from bmi_app.record.journal import Journal
from bmi_app.record.process_id import process_start
from bmi_app.record.reading import read_texts
from tests.support.places import ROOT

NOON = datetime(2031, 5, 6, 12, 0, 0, tzinfo=UTC)


def running_session(pid: int) -> dict:
    return {"protocol": "p", "dt_s": 0.01, "engine": {"pid": pid, "start": process_start(pid)}}


def test_no_folder_is_used_twice(tmp_path):
    names = [session_folder.create(tmp_path / "a" / "b", "my task/2", {"x": 1}, "y = 2\n", NOON).name for _ in range(3)]
    assert names == ["20310506T120000Z_my-task-2", "20310506T120000Z_my-task-2_2", "20310506T120000Z_my-task-2_3"]
    folders = session_folder.sessions(tmp_path / "a" / "b")
    assert [folder.name for folder in folders] == names
    assert read_texts(folders[0]) == ({"x": 1}, "y = 2\n")
    session_folder.write_session(folders[0], {"x": 3, "deep": {"z": [1.5, "µ"]}})
    assert read_texts(folders[0])[0] == {"x": 3, "deep": {"z": [1.5, "µ"]}}
    assert sorted(path.name for path in folders[0].iterdir()) == ["protocol.toml", "session.toml"]


def test_a_root_that_cannot_be_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="file: is not a folder"):
        session_folder.create(tmp_path / "file", "p", {}, "")
    with pytest.raises(JournalError, match="cannot be created: Not a directory"):
        session_folder.create(tmp_path / "file" / "below", "p", {}, "")
    assert session_folder.sessions(tmp_path / "nowhere") == []


def test_the_root_can_be_named(monkeypatch, tmp_path):
    monkeypatch.setenv("BMI_SESSIONS", str(tmp_path))
    assert session_folder.sessions_root() == tmp_path
    monkeypatch.delenv("BMI_SESSIONS")
    assert session_folder.sessions_root().parts[-2:] == ("bmi_app", "sessions")


def test_states_from_the_first_moment_to_the_last(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    folder = session_folder.create(tmp_path, "p", running_session(process.pid), "")
    assert session_folder.status(folder) == "running"
    journal = Journal(folder, 3, 2)
    assert session_folder.status(folder) == "running"
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # a zombie is not alive
    assert session_folder.status(folder) == "interrupted"
    process.communicate()
    assert session_folder.status(folder) == "interrupted"
    journal.close()
    session_folder.write_summary(folder, {"ticks": 0})
    summary = session_folder.read_summary(folder)
    assert summary is not None
    assert summary["ticks"] == 0
    assert set(summary["files"]) == {path.name for path in folder.iterdir()} - {"summary.json"}
    for name, sealed in summary["files"].items():
        content = (folder / name).read_bytes()
        assert (sealed["bytes"], sealed["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert session_folder.status(folder) == "complete"
    (folder / "spikes.arrows").unlink()
    assert session_folder.status(folder) == "unreadable"


def test_a_process_with_the_same_number_is_another_one(tmp_path):
    session = running_session(os.getpid())
    folder = session_folder.create(tmp_path, "p", session, "")
    assert session_folder.status(folder) == "running"
    session["engine"]["start"] = "another boot:12345"
    session_folder.write_session(folder, session)
    assert session_folder.status(folder) == "interrupted"
    assert process_start(-1) == process_start(2**22 + 1) == ""


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b'{"a": '])
def test_a_damaged_summary_is_not_a_complete_session(recorded, content):
    folder, _ = recorded(5, 5)
    (folder / "summary.json").write_bytes(content)
    assert session_folder.status(folder) == "interrupted"
    with pytest.raises(JournalError, match=r"summary\.json: is damaged"):
        session_folder.read_summary(folder)


def test_a_session_is_called_by_what_finds_it(monkeypatch, tmp_path):
    monkeypatch.setenv("BMI_SESSIONS", str(tmp_path / "usual"))
    for root in ("usual", "elsewhere"):
        folder = session_folder.create(tmp_path / root, "p", {}, "", NOON).resolve()
        called = session_folder.call_it(folder)
        assert (called == folder.name) == (root == "usual")
        assert session_folder.find(called, session_folder.sessions_root()) == folder


def test_other_folders_are_unreadable(tmp_path):
    assert session_folder.status(tmp_path) == "unreadable"
    assert session_folder.status(tmp_path / "absent") == "unreadable"


def test_listing_sessions_imports_neither_arrow_nor_numba():
    code = (
        "import sys, bmi_app.record.session_folder, bmi_app.record.reading, bmi_app.record.recovery\n"
        "assert not {'pyarrow', 'numba', 'tomlkit', 'platformdirs'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
