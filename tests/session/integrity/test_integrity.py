"""No command and no page says of damaged data that it is intact, exact, complete or exported."""

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bmi_app.record import checks, full_check, integrity, nwb, session_folder
from bmi_app.record.formats import RecordingError, open_recording
from bmi_app.record.reading import read
from bmi_app.session.engine.full_speed import run_fast
from bmi_app.session.recompute import replay
from bmi_app.session.request import SessionRequest
from bmi_app.session.store import catalogue
from tests.support.command_line import PRAISE, bmi
from tests.support.damage import HOWS, Harm, damaged_copy, every_harm, files
from tests.support.places import unpacked


def test_a_whole_session_is_said_to_be_whole(copy: Path) -> None:
    assert len([name for name in files(copy) if name.startswith("blobs/")]) >= 1
    assert integrity.quick(copy).words == "complete, not checked"
    assert not integrity.quick(copy).is_intact
    found = integrity.full(copy)
    assert found.is_intact
    assert found.damage == ()
    assert found.words == f"complete, checked {time.strftime('%Y-%m-%d')}{found.checked[10:]}"
    assert integrity.quick(copy) == found
    code, said = bmi("sessions", "verify", str(copy))
    assert code == 0
    assert "intact: yes" in said
    code, said = bmi("replay", str(copy), "--verify")
    assert code == 0
    assert "exact: yes" in said
    code, said = bmi("sessions", "export", str(copy), "--out", str(copy.parent / "out"))
    assert code == 0
    assert "complete, checked" in said


@pytest.mark.parametrize("how", ["cut in half", "random"])
def test_a_session_whose_spikes_are_gone_is_called_damaged_by_all(copy: Path, how: str) -> None:
    """Issue 11, A1: it listed as complete, was verified as bit-exact, and was exported without units, exit code 0."""
    assert integrity.full(copy).is_intact  # what is remembered of this must not be told of what follows
    path = copy / "spikes.arrows"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if how == "cut in half" else np.random.default_rng(0).bytes(len(whole)))
    (entry,) = catalogue.entries(copy.parent)
    assert entry.status == "damaged"
    assert entry.words == "damaged: spikes.arrows"
    code, said = bmi("sessions", "list", "--in", str(copy.parent))
    assert "damaged: spikes.arrows" in " ".join(said.split())
    assert "complete" not in said

    found = replay.verify(copy)
    assert found.difference is None  # the cursor follows from the counts in the frames
    assert not found.is_exact
    from_s = "0:05" if how == "cut in half" else "0:00"
    for words in (("sessions", "verify"), ("replay", "--verify"), ("sessions", "show")):
        code, said = bmi(*words[:2], str(copy)) if words[0] == "sessions" else bmi("replay", str(copy), "--verify")
        assert code == (0 if words[1] == "show" else 1)
        assert "spikes.arrows from 0:0" in said
        assert from_s in said or how == "cut in half"
        assert not any(praise in said for praise in PRAISE)
    assert "frames.arrows" in integrity.full(copy).whole_files()
    assert "spikes.arrows" not in integrity.full(copy).whole_files()
    out = copy.parent / "out"
    code, said = bmi("sessions", "export", str(copy), "--out", str(out))
    assert code == 2
    assert "is damaged: spikes.arrows" in said
    assert not out.exists()
    for words in (
        ("stream", str(copy)),
        ("fit", str(copy), "--decoder", "linear"),
        ("replay", str(copy), "--set", "learning.when=trial"),
        ("run", "center_out", "--driver", "replay", "--set", f"driver.settings.path={copy}", "--speed", "max"),
    ):
        code, said = bmi(*words)
        assert code == 2, words
        assert "is damaged: spikes.arrows" in said


def test_what_is_whole_of_a_damaged_session_is_exported_when_asked_and_the_file_says_so(copy: Path) -> None:
    from pynwb import NWBHDF5IO

    recording = read(copy)
    path = copy / "spikes.arrows"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    out = copy.parent / "half.nwb"
    code, said = bmi("sessions", "export", str(copy), "--damaged-too", "--out", str(out))
    assert code == 1
    assert "damaged: spikes.arrows from 0:0" in said
    whole_through = full_check.damage_of(copy)[0].whole_through
    assert whole_through is not None
    assert 200 < whole_through < 1100
    with NWBHDF5IO(str(out), "r") as reading:
        file = reading.read()
        assert "Damaged: spikes.arrows from 0:0" in file.session_description
        assert json.loads(file.notes)["standing"].startswith("damaged: spikes.arrows")
        n_spikes = sum(len(file.units["spike_times"][unit]) for unit in range(recording.n_units))
        assert n_spikes == np.count_nonzero(
            (recording.spikes["tick"] >= 0) & (recording.spikes["tick"] <= whole_through)
        )
        assert len(file.processing["behavior"]["position"]["cursor"].data) == len(recording.frames)
    path.write_bytes(b"")
    (copy / "frames.arrows").write_bytes(b"")
    with pytest.raises(nwb.ExportError, match="holds no tick that is whole"):
        nwb.export(copy, out, damaged_too=True)


@pytest.mark.parametrize("change", ["touched", "same times", "replaced"])
def test_what_was_found_before_is_not_told_of_what_was_changed_since(copy: Path, change: str) -> None:
    assert integrity.full(copy).is_intact
    assert integrity.quick(copy).is_intact
    path = copy / "weights.arrows"
    stat, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    if change == "replaced":
        (copy / "new").write_bytes(content)
        (copy / "new").replace(path)
    else:
        with path.open("r+b") as file:
            file.write(content)
    if change != "touched":
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert integrity.quick(copy).words == "complete, not checked"
    assert not integrity.quick(copy).is_intact
    assert integrity.known_or_full(copy).state == "damaged"


def test_a_damaged_memory_of_checks_is_forgotten(copy: Path, tmp_path: Path) -> None:
    (copy / "events.arrows").write_bytes((copy / "events.arrows").read_bytes()[:-9] + b"012345678")
    assert integrity.full(copy).state == "damaged"
    (kept,) = (tmp_path / "checks").glob("*.json")
    content = json.loads(kept.read_text())
    content["damage"] = []
    for text in (json.dumps(content), "", "[]", "{", '{"sha256": 3}'):
        kept.write_text(text)
        assert checks.recall(copy) is None


def test_what_was_touched_just_before_is_remembered_and_so_is_a_touch_just_after(copy: Path) -> None:
    """Verify pressed within 0.1 s of a damage left *complete, not checked* beside its own verdict for ever."""
    path = copy / "events.arrows"
    for content in (path.read_bytes(), path.read_bytes()[:-9] + b"012345678"):
        path.write_bytes(content)
        found = integrity.full(copy)
        assert integrity.quick(copy) == found
        assert found.checked
    path.write_bytes(path.read_bytes())
    assert checks.recall(copy) is None


def test_a_session_of_a_clock_that_is_ahead_is_checked_and_not_remembered(copy: Path) -> None:
    os.utime(copy / "events.arrows", (4e9, 4e9))
    assert integrity.full(copy).is_intact
    assert checks.recall(copy) is None


def test_a_session_that_changes_while_it_is_checked_is_not_remembered(copy: Path, monkeypatch: Any) -> None:
    check = full_check.damage_of

    def meanwhile(folder: Path, **options: Any) -> Any:
        found = check(folder, **options)
        (folder / "spikes.arrows").write_bytes(b"")
        return found

    monkeypatch.setattr(full_check, "damage_of", meanwhile)
    integrity.full(copy)
    assert checks.recall(copy) is None
    assert integrity.quick(copy).state == "damaged"


def test_every_damage_to_every_file_is_found(pair: tuple[Path, Path], tmp_path: Path) -> None:
    n_harms = 0
    for harm in every_harm(pair[0]):
        folder = damaged_copy(*pair, harm, tmp_path)
        if folder is None:
            continue
        n_harms += 1
        quick, full = integrity.quick(folder), integrity.full(folder)
        assert not quick.is_intact, harm
        assert not full.is_intact, harm
        if harm == Harm("summary.json", "missing", harm.where, harm.seed):
            assert full.state == "interrupted"
        else:
            assert full.state in ("damaged", "unreadable"), harm
            assert harm.file in [found.file for found in full.damage], (harm, full.damage)
            assert harm.file in full.words or len(full.damage) > 1
        if harm.how in ("missing", "empty", "cut", "longer") and harm.file != "summary.json":
            assert quick.state in ("damaged", "unreadable"), harm
        shutil.rmtree(folder)
    assert n_harms >= 0.9 * len(HOWS) * len(files(pair[0]))


HARMS = st.builds(
    Harm,
    st.sampled_from(
        [
            "frames",
            "health",
            "spikes",
            "events",
            "commands",
            "weights",
            "updates",
            "blob",
            "session",
            "protocol",
            "summary",
        ]
    ),
    st.sampled_from(HOWS),
    st.floats(0, 1, exclude_max=True),
    st.integers(0, 1 << 30),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(HARMS)
def test_no_command_praises_a_damaged_session(pair: tuple[Path, Path], tmp_path_factory: Any, harm: Harm) -> None:
    blob = next(name for name in files(pair[0]) if name.startswith("blobs/"))
    texts = {"session": "session.toml", "protocol": "protocol.toml", "summary": "summary.json", "blob": blob}
    harm = Harm(texts.get(harm.file, f"{harm.file}.arrows"), harm.how, harm.where, harm.seed)
    root = tmp_path_factory.mktemp("damaged")
    folder = damaged_copy(*pair, harm, root)
    if folder is None:
        return
    out = root / "out"
    name = str(folder)
    for words in (
        ("sessions", "list", "--in", str(root)),
        ("sessions", "verify", name),
        ("replay", name, "--verify"),
        ("replay", name, "--set", "decoder.gain=2"),
        ("fit", name, "--decoder", "linear"),
    ):
        code, said = bmi(*words)
        assert not any(praise in said for praise in PRAISE), (harm, words, said)
        assert code != 0 or words[1] == "list" or harm.file == "summary.json", (harm, words, said)
    with pytest.raises(nwb.ExportError):  # the command does it in a process of its own, which takes seconds
        nwb.export(folder, out)
    assert not list(out.glob("*.nwb")), harm
    if harm.file != "summary.json" or harm.how != "missing":
        with pytest.raises(RecordingError):
            open_recording(folder)
    shutil.rmtree(root)


def test_an_interrupted_session_is_neither_intact_nor_exact(copy: Path) -> None:
    (copy / "summary.json").unlink()
    code, said = bmi("sessions", "verify", str(copy))
    assert "intact: no" in said
    assert "status: interrupted" in said
    code, said = bmi("replay", str(copy), "--verify")
    assert code == 1
    assert "exact: no" in said
    assert bmi("sessions", "export", str(copy))[0] == 2


@pytest.mark.parametrize("lost", ["session.toml", "protocol.toml", "weights.arrows"])
def test_what_a_session_lost_is_named_in_the_list(copy: Path, lost: str) -> None:
    (copy / lost).unlink()
    (entry,) = catalogue.entries(copy.parent)
    assert entry.words == f"{'damaged' if 'arrows' in lost else 'unreadable'}: {lost} is missing"
    assert lost in bmi("sessions", "list", "--in", str(copy.parent))[1]
    code, said = bmi("sessions", "verify", str(copy))
    assert code == 1
    assert f"{lost} is missing" in said


def test_a_folder_without_anything_of_a_session_is_not_listed(tmp_path: Path) -> None:
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "beach.jpg").write_bytes(b"x")
    assert catalogue.entries(tmp_path) == []
    with pytest.raises(session_folder.SessionNotFoundError):
        session_folder.find(str(tmp_path / "holiday"), tmp_path)


def test_a_session_of_format_1_is_bound_by_row_counts_only(tmp_path: Path) -> None:
    folder = unpacked("live-commands", tmp_path)
    found = integrity.full(folder)
    assert found.words.endswith(", bound by row counts only")
    assert not found.is_intact
    code, said = bmi("sessions", "verify", str(folder))
    assert code == 0
    assert "bound by row counts only" in said
    assert "intact: not known" in said
    assert json.loads(bmi("sessions", "verify", str(folder), "--json")[1])["intact"] is None
    assert replay.verify(folder).is_exact
    path = folder / "spikes.arrows"
    path.write_bytes(path.read_bytes()[:-8])
    assert integrity.quick(folder).words == "damaged: spikes.arrows"


def test_a_kept_input_of_another_session_is_refused(tmp_path: Path) -> None:
    weights = tmp_path / "weights.npz"
    np.savez(weights, M2=np.ones((2, 96)))
    request = SessionRequest(
        protocol="center_out",
        overrides=['decoder.kind="linear"', f'decoder.settings.file="{weights}"', "session.duration_s=2"],
        out=tmp_path / "out",
        speed="max",
        source_timeout_s=1.0,
    )
    folder = Path(run_fast(request, lambda _: None, lambda _: None)["session"])
    kept = next((folder / "inputs").iterdir())
    assert integrity.full(folder).is_intact
    assert replay.verify(folder).is_exact
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 1
    kept.write_bytes(content)
    found = integrity.full(folder)
    assert [damage.file for damage in found.damage] == [f"inputs/{kept.name}"]
    code, said = bmi("replay", str(folder), "--verify")
    assert code == 2
    assert "is not the file that the session began with" in said
