"""No command and no page says of damaged data that it is intact, exact, complete or exported."""

import json
import os
import re
import shutil
import tarfile
import time
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from bmi_app.cli.app import app
from bmi_app.record import blobs, checks, full_check, integrity, nwb, session_folder
from bmi_app.record.damage import JournalError
from bmi_app.record.formats import RecordingError, open_recording
from bmi_app.record.reading import read
from bmi_app.rt.records import CommandKind
from bmi_app.session.engine import full_speed_loop
from bmi_app.session.engine.full_speed import run_fast
from bmi_app.session.recompute import replay
from bmi_app.session.store import catalogue
from tests.support.damage import HOWS, Harm, damaged_copy, every_harm, files

FORMAT_1 = Path(__file__).parents[1] / "fixtures" / "format_1" / "live-commands.tar.xz"
# What is said of a session that is as it was written; none of it may be said of one that is not.
PRAISE = (
    "intact: yes",
    '"intact": true',
    "exact: yes",
    '"exact": true',
    "every bit the same",
    "Bit-exact",
    "checked 20",
)


def record(root: Path, seed: int, duration_s: float = 12.0) -> Path:
    request = {
        "protocol": "center_out",
        "overrides": [
            'blocks=[{kind="rest",duration_s=2},{kind="closed_loop"}]',
            'learning.rule="smoothbatch"',
            'learning.when="seconds"',
            "learning.every_s=3",
            "task.target_radius_cm=3.0",
            f"session.duration_s={duration_s}",
            f"session.seed={seed}",
        ],
        "out": str(root),
        "speed": "max",
        "source_timeout_s": 1.0,
    }
    return Path(run_fast(request, lambda _: None, lambda _: None)["session"])


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patched:  # so that every file has several batches, however busy the machine
        patched.setattr("bmi_app.record.kinds._BATCH_BYTES", 1 << 14)
        patched.setattr(full_speed_loop, "_CHUNK_TICKS", 50)
        return record(root, 1), record(root, 2)


@pytest.fixture(autouse=True)
def _nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out of account that the process which recorded these sessions, this one, still lives; and use wide lines."""
    monkeypatch.setattr(session_folder, "life_of", lambda _folder, _session: "dead")
    monkeypatch.setenv("COLUMNS", "240")


@pytest.fixture
def copy(pair: tuple[Path, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(pair[0], tmp_path / pair[0].name))


def bmi(*words: str) -> tuple[int, str]:
    """Run a command in this process; return its exit code and all that it says."""
    result = CliRunner().invoke(app, list(words))
    assert result.exception is None or isinstance(result.exception, SystemExit), (words, result.exception)
    return result.exit_code, result.output


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


def test_a_recovered_session_says_where_it_was_cut_and_how_long_it_was(copy: Path) -> None:
    """Issue 11, A4: 2:52 that became 0:02 listed as complete."""
    (copy / "summary.json").unlink()
    path = copy / "frames.arrows"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 4])
    assert integrity.quick(copy).words == "interrupted"
    assert integrity.full(copy).state == "interrupted"
    report = catalogue.recover(copy)
    cut = integrity.minutes((report.last_tick + 1) * 0.01)
    cut = (
        f"recovered, cut at {cut} of at least 0:12"  # the other files reach that far; nothing says that it ended there
    )
    (entry,) = catalogue.entries(copy.parent)
    assert (entry.status, entry.words) == ("recovered", f"{cut}, not checked")
    assert cut in bmi("sessions", "show", str(copy))[1]
    assert f"{cut}, checked 20" in bmi("sessions", "verify", str(copy))[1]


def test_the_length_that_a_summary_gave_is_kept_through_every_recovery(copy: Path) -> None:
    for size in (0.5, 0.7):
        path = copy / "commands.arrows"  # to these the frames are cut
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * size)])
        code, said = bmi("sessions", "recover", str(copy))
        assert code == 0
        words = integrity.quick(copy).words
        assert words.startswith("recovered, cut at 0:0")
        assert " of 0:12, checked 20" in words  # recovery looks at every byte of what it has made
        assert f"standing: {words}" in said
    assert integrity.full(copy).words.startswith(words.removesuffix("not checked"))


def test_nothing_is_said_of_a_length_that_is_not_known(copy: Path) -> None:
    (copy / "summary.json").unlink()
    for name in files(copy):
        if name.endswith(".arrows"):
            (copy / name).write_bytes((copy / name).read_bytes()[:-8])  # the end mark: the engine was killed
    report = catalogue.recover(copy)
    assert (report.last_tick, report.lost) == (1199, {})
    assert integrity.quick(copy).words == "recovered, cut at 0:12, not checked"


def test_a_recovered_session_that_lacks_something_else_says_both(copy: Path) -> None:
    for name in ("commands.arrows", "spikes.arrows"):
        path = copy / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // (2 if "commands" in name else 8)])
    catalogue.recover(copy)
    assert re.fullmatch(
        r"damaged: spikes.arrows from 0:0\d on; recovered, cut at 0:0\d of 0:12", integrity.quick(copy).words
    )


@pytest.mark.parametrize("is_recovered", [False, True])
@pytest.mark.parametrize("kinds", [("events",), ("weights",), ("updates", "events"), ("commands",)])
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_replay_names_what_was_lost_and_compares_the_rest(
    copy: Path, kinds: tuple[str, ...], share: float, is_recovered: bool
) -> None:
    """Issue 11, C1, C2: what recovery could not keep of events or weights was a difference in their number."""
    names = [f"{kind}.arrows" for kind in kinds]
    for name in names:
        os.truncate(copy / name, int((copy / name).stat().st_size * share))
    recovered = catalogue.recover(copy) if is_recovered else None
    from_tick = {found.file: (found.whole_through or 0) + 1 for found in full_check.damage_of(copy)}
    if recovered is not None:
        assert from_tick == {f"{kind}.arrows": tick for kind, tick in recovered.lost.items()}
    facts = json.loads(bmi("replay", str(copy), "--verify", "--json")[1])
    assert "difference" not in facts
    assert (facts["exact"], facts["failed"]) == (not from_tick, bool(from_tick))
    assert facts.get("lost", {}) == {
        name: f"from tick {tick} ({integrity.minutes(tick * 0.01)}) on" for name, tick in from_tick.items()
    }
    if "commands" not in kinds:
        assert set(from_tick) == set(names)
        assert facts["ticks"] == 1200
    elif is_recovered:  # the frames were cut to them
        assert facts["ticks"] == recovered.last_tick + 1 < 1200
    else:  # without its commands no tick can be recomputed
        assert facts["ticks"] == from_tick["commands.arrows"] < 1200
    said = bmi("replay", str(copy), "--verify")[1]
    assert all(f"{name} from 0:" in said for name in from_tick)
    assert not any(praise in said for praise in PRAISE) or not from_tick


def test_what_lies_before_a_loss_is_still_compared(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.truncate(copy / "events.arrows", (copy / "events.arrows").stat().st_size // 2)
    whole_through = full_check.damage_of(copy)[0].whole_through
    assert whole_through is not None
    ticks = read(copy).events["tick"]
    assert 100 < whole_through < 1100
    for place in (0, int(np.searchsorted(ticks, whole_through, "right")) - 1):

        def change(*arguments: Any, place: int = place, **options: Any) -> Any:
            recording = read(*arguments, **options)
            recording.events["value"][place] += 1
            return recording

        monkeypatch.setattr(replay.reading, "read", change)
        found = replay.verify(copy)
        assert found.difference is not None
        assert (found.difference.tick, found.difference.what) == (ticks[place], "event value")


def test_a_replay_without_an_adopted_blob_goes_as_far_as_it_can(copy: Path) -> None:
    recording = read(copy)
    adoptions = recording.commands[recording.commands["kind"] == CommandKind.ADOPT]
    assert len(adoptions) >= 1
    blob = f"blobs/{int(adoptions[0]['aux']):06d}.npz"
    (copy / blob).unlink()
    facts = json.loads(bmi("replay", str(copy), "--verify", "--json")[1])
    assert facts["exact"] is False
    assert "difference" not in facts
    assert facts["ticks"] == adoptions[0]["tick"]
    assert facts["lost"] == {blob: f"needed from tick {adoptions[0]['tick']} (0:07) on"}
    assert [found.partition(":")[0] for found in facts["damage"]] == [blob]


@pytest.mark.parametrize("arrays", [{"weights": np.zeros(900)}, {"blob": np.zeros((2, 900))}, {"blob": np.zeros(3)}])
def test_a_blob_of_another_shape_is_damage_to_all_that_read_it(copy: Path, arrays: dict[str, np.ndarray]) -> None:
    """Its checksums were right and verify said intact; only a replay found that it could not be adopted."""
    (path,) = (copy / "blobs").iterdir()
    path.unlink()
    session_id = tomllib.loads((copy / "session.toml").read_text())["id"]
    blobs.write(copy, int(path.stem), arrays, session_id)
    summary = json.loads((copy / "summary.json").read_text())
    session_folder.write_summary(copy, summary)
    assert [found.file for found in integrity.full(copy).damage] == [f"blobs/{path.name}"]
    code, said = bmi("replay", str(copy), "--verify")
    assert code == 1
    assert f"blobs/{path.name}" in said
    with pytest.raises(JournalError):
        read(copy).blob(int(path.stem))


def test_an_adoption_of_another_length_is_named_as_such(copy: Path) -> None:
    """Its checksums are right, as only who forges them can make them; the words were those of a what-if."""
    (path,) = (copy / "blobs").iterdir()
    blob = blobs.read_adoption(copy, int(path.stem))["blob"]
    path.unlink()
    session_id = tomllib.loads((copy / "session.toml").read_text())["id"]
    blobs.write(copy, int(path.stem), {"blob": np.append(blob, 0.0)}, session_id)
    session_folder.write_summary(copy, json.loads((copy / "summary.json").read_text()))
    named = f"blobs/{path.name}: holds {len(blob) + 1} numbers, but what this session's decoder adopts has {len(blob)}"
    for words in (
        ("replay", str(copy), "--verify"),
        ("replay", str(copy), "--set", "learning.when=off"),
        ("fit", str(copy), "--decoder", "linear"),
    ):
        code, said = bmi(*words)
        assert code == 2, words
        assert named in said.replace("\n", ""), words
        assert "what-if" not in said
        assert not any(praise in said for praise in PRAISE)
    code, said = bmi("replay", str(copy), "--set", "decoder.kind=kalman")
    assert code == 2
    assert "what-if: the operator had a decoder of another kind adopted" in said


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
    with tarfile.open(FORMAT_1) as archive:
        archive.extractall(tmp_path, filter="data")
    folder = tmp_path / "live-commands"
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
    request: dict[str, Any] = {
        "protocol": "center_out",
        "overrides": ['decoder.kind="linear"', f'decoder.settings.file="{weights}"', "session.duration_s=2"],
        "out": str(tmp_path / "out"),
        "speed": "max",
        "source_timeout_s": 1.0,
    }
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
