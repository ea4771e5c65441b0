"""What an NWB file says is what the journal says, and archives take it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bmi_app.record import nwb, session_folder
from bmi_app.record.nwb_series import RESOLUTION_S, _ascending
from bmi_app.record.reading import Recording, read
from bmi_app.rt.records import EventKind, Outcome
from bmi_app.session.engine.full_speed import run_fast
from bmi_app.session.request import SessionRequest

MONKEY = nwb.Subject("M1", "Macaca mulatta", "F", "P8Y")


def record(folder: Path, *overrides: str) -> Path:
    request = SessionRequest(
        protocol="center_out",
        overrides=['blocks=[{kind="rest",duration_s=2,name="baseline"},{kind="closed_loop"}]', *overrides],
        out=folder,
        speed="max",
        source_timeout_s=1.0,
        session_name="day 3, morning",
    )
    return Path(run_fast(request, lambda _: None, lambda _: None)["session"])


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("recorded"), "session.duration_s=40", "learning.when='trial'")


@pytest.fixture(scope="module")
def exported(session: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return nwb.export(session, tmp_path_factory.mktemp("exported"), MONKEY)


@pytest.fixture
def opened(exported: Path) -> Any:
    from pynwb import NWBHDF5IO

    with NWBHDF5IO(str(exported), "r") as reading:
        yield reading.read()


@pytest.fixture(scope="module")
def recording(session: Path) -> Recording:
    return read(session)


def test_its_name_says_subject_session_and_content(exported: Path, session: Path) -> None:
    stamp = session.name.replace("_", "-")
    assert exported.name == f"sub-M1_ses-{stamp}_behavior+ecephys.nwb"
    assert [path.name for path in exported.parent.iterdir()] == [exported.name]


def test_spikes_are_those_that_were_counted(opened: Any, recording: Recording) -> None:
    spikes = recording.spikes[recording.spikes["tick"] >= 0]
    times_s = spikes["stamp_s"] + spikes["offset_s"]
    n_found = 0
    for unit in range(recording.n_units):
        found_s = opened.units["spike_times"][unit]
        assert np.all(np.diff(found_s) > 0)
        expected_s = np.sort(times_s[spikes["unit"] == unit])
        np.testing.assert_allclose(found_s, expected_s, rtol=0, atol=len(expected_s) * RESOLUTION_S)
        n_found += len(found_s)
    assert n_found == recording.counts.sum() == len(spikes)
    assert opened.units.resolution == RESOLUTION_S
    assert opened.units["population"][:].tolist() == ["horizontal"] * 32 + ["vertical"] * 32 + ["control"] * 32


def test_cursor_velocity_and_counts_are_the_frames(opened: Any, recording: Recording) -> None:
    frames = recording.frames
    cursor = opened.processing["behavior"]["position"]["cursor"]
    assert np.array_equal(cursor.data[:, 0], frames["cursor_x_cm"])
    assert np.array_equal(cursor.data[:, 1], frames["cursor_y_cm"])
    assert (cursor.rate, cursor.starting_time, cursor.unit, cursor.conversion) == (100.0, 0.01, "meters", 0.01)
    target = opened.processing["behavior"]["position"]["target"].data[:]
    assert np.array_equal(np.isnan(target[:, 0]), frames["target_radius_cm"] == 0)
    decoder = opened.processing["decoder"]
    assert np.array_equal(decoder["counts"].data[:], recording.counts)
    assert np.array_equal(decoder["decoded_velocity"].data[:, 1], frames["decoded_y_cm_s"])
    assert np.array_equal(opened.processing["behavior"]["task_state"].data[:], frames["state"])


def test_trials_and_blocks(opened: Any, recording: Recording) -> None:
    events = recording.events
    starts, ends = (events[events["kind"] == kind] for kind in (EventKind.TRIAL_START, EventKind.TRIAL_END))
    trials = opened.trials.to_dataframe()
    assert len(trials) == len(starts) > 3
    np.testing.assert_allclose(trials["start_time"], starts["tick"] * 0.01, atol=1e-9)
    np.testing.assert_allclose(trials["stop_time"], (ends["tick"] + 1) * 0.01, atol=1e-9)
    assert trials["outcome"].tolist() == [Outcome(int(code)).name.lower() for code in ends["code"]]
    succeeded = ends["code"] == Outcome.SUCCESS
    np.testing.assert_array_equal(trials["time_to_target"][succeeded], ends["value"][succeeded])
    assert np.all(np.hypot(trials["target_x_cm"], trials["target_y_cm"]).round(6) == 8)
    epochs = opened.epochs.to_dataframe()
    assert [(list(tags), kind) for tags, kind in zip(epochs["tags"], epochs["kind"], strict=True)] == [
        (["baseline"], "rest"),
        (["closed_loop"], "closed_loop"),
    ]
    assert epochs["stop_time"].tolist() == pytest.approx([2.0, 40.0])


def test_every_change_of_the_weights_and_the_protocol(opened: Any, recording: Recording) -> None:
    table = opened.events["weights"]
    n_weights = recording.n_axes * recording.n_units
    flat = table["weights"][:].reshape(len(table), -1)
    assert np.array_equal(flat, recording.weight_rows[:, :n_weights])
    assert table["cause"][:].tolist() == ["start"] + ["trial"] * (len(table) - 1)
    assert len(table) > 3
    updates = opened.events["updates"]
    assert np.array_equal(updates["norm"][:], recording.updates["norm"])
    assert len(updates) > 3
    assert opened.protocol == recording.protocol_text
    assert opened.subject.species == "Macaca mulatta"
    assert opened.experiment_description == "day 3, morning"


def test_what_a_simulated_subject_has_learnt_is_in_it_with_the_model(tmp_path: Path) -> None:
    from pynwb import NWBHDF5IO

    folder = record(tmp_path, "session.duration_s=20", "subject.kind='autonomous'", "subject.learner='lms'")
    known = read(folder)
    with NWBHDF5IO(str(nwb.export(folder, tmp_path, MONKEY)), "r") as reading:
        table = reading.read().events["subject_learning"]
        assert len(table) > 3
        for name in ("tick", "trial", "confidence", "error_cm_s"):
            np.testing.assert_array_equal(table[name][:], known.subject[name])
        assert table["model"][:].shape == (len(table), known.n_axes, known.n_units + 1)
        np.testing.assert_array_equal(table["model"][:].reshape(len(table), -1), known.subject_rows)


def test_archives_take_it(exported: Path) -> None:
    from nwbinspector import Importance, inspect_nwbfile

    grave = [
        f"{found.check_function_name}: {found.message}"
        for found in inspect_nwbfile(nwbfile_path=str(exported))
        if found.importance in (Importance.CRITICAL, Importance.BEST_PRACTICE_VIOLATION, Importance.ERROR)
    ]
    assert grave == []


def test_a_stream_of_counts_has_no_spike_times(session: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pynwb import NWBHDF5IO

    settings = (f'driver={{kind="replay",settings={{path="{session}"}}}}', 'tick.source="stream"')
    folder = record(tmp_path, *settings)
    path = nwb.export(folder)
    assert path.parent == folder
    assert path.name.endswith("_behavior.nwb")
    with NWBHDF5IO(str(path), "r") as reading:
        file = reading.read()
        assert file.units is None
        assert np.array_equal(file.processing["decoder"]["counts"].data[:], read(folder).counts)


def test_equal_stamps_are_set_apart_and_others_kept() -> None:
    times_s = np.array([0.0, 0.0, 0.0, 1e-6, 0.5, 0.5])
    np.testing.assert_allclose(_ascending(times_s), [0.0, 1e-6, 2e-6, 3e-6, 0.5, 0.500001], atol=1e-12)
    assert np.all(np.diff(_ascending(np.zeros(1000))) > 0)
    apart = np.array([0.0, 0.1, 0.30000001])
    assert _ascending(apart) is apart


def test_what_cannot_be_exported_is_said_in_one_line(
    session: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exported: Path
) -> None:
    with pytest.raises(nwb.ExportError, match=r"is unreadable; `bmi sessions verify"):
        nwb.export(tmp_path)
    for state, remedy in (("running", "bmi sessions stop"), ("interrupted", "bmi sessions recover")):
        with monkeypatch.context() as patched:
            patched.setattr(session_folder, "status", lambda _, state=state: state)
            patched.setattr(session_folder, "read_summary", lambda _: None)
            with pytest.raises(nwb.ExportError, match=f"is {state}; .*`{remedy} {session.name}`"):
                nwb.export(session)
    (tmp_path / "file").write_text("")
    with pytest.raises(nwb.ExportError, match="cannot be exported"):
        nwb.export(session, tmp_path / "file" / "below")
    (tmp_path / "full.nwb").mkdir()
    with pytest.raises(nwb.ExportError, match="cannot be exported"):
        nwb.export(session, tmp_path / "full.nwb")
    assert not list(tmp_path.glob(".*"))


def test_the_command_says_where_it_is(session: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import json

    from typer.testing import CliRunner

    from bmi_app.cli.app import app

    monkeypatch.setenv("BMI_SESSIONS", str(session.parent))
    run: Callable[..., Any] = CliRunner().invoke
    done = run(app, ["sessions", "export", "last", "--out", str(tmp_path / "one.nwb"), "--json"])
    assert done.exit_code == 0, done.output
    assert "--species, --age" in done.stderr
    said = json.loads(done.stdout)
    assert said.pop("standing").startswith("complete, checked 20")
    assert said == {"file": str(tmp_path / "one.nwb"), "bytes": (tmp_path / "one.nwb").stat().st_size, "remarks": []}
    done = run(app, ["sessions", "export", "nothing"])
    assert done.exit_code == 2
