"""A recorded session as tables, and what can be asked of it."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import bmi_app
from bmi_app.api import tables
from bmi_app.record import reading
from bmi_app.rt.records import EventKind, Outcome

ROOT = Path(bmi_app.__file__).parents[1]


def test_the_tables_are_those_of_the_journal(session: "bmi_app.Session") -> None:
    recording = reading.read(session.folder)
    assert session.frames.tobytes() == recording.frames.tobytes()
    np.testing.assert_array_equal(session.counts, recording.counts)
    assert session.spikes.tobytes() == recording.spikes.tobytes()
    assert session.updates.tobytes() == recording.updates.tobytes()
    n_units, n_axes = recording.n_units, recording.n_axes
    assert session.weights["weights"].shape == (len(recording.weights), n_axes, n_units)
    flat = [
        session.weights[name].reshape(len(recording.weights), -1) for name in ("weights", "bias", "gain", "population")
    ]
    np.testing.assert_array_equal(np.hstack(flat), recording.weight_rows)
    assert len(session.updates) > 3
    assert len(session.weights) == len(session.updates) + 1
    assert set(session.events["name"]) <= {kind.name for kind in EventKind}
    assert len(session.events) == len(recording.events)
    assert session.summary["trials"] <= len(session.trials)
    assert session.info["labels"] == {"subject": "J"}
    assert session.protocol.session.seed == 5


def test_trials_are_those_that_the_events_tell_of(session: "bmi_app.Session") -> None:
    trials = session.trials
    ends = session.events[session.events["kind"] == EventKind.TRIAL_END]
    np.testing.assert_array_equal(trials["end_tick"], ends["tick"])
    np.testing.assert_array_equal(trials["outcome"], ends["code"])
    assert (trials["start_tick"] < trials["end_tick"]).all()
    np.testing.assert_allclose(trials["end_s"], trials["end_tick"] * session.dt_s)
    np.testing.assert_array_equal(trials["block"], session.frames["block"][trials["end_tick"]])
    successes = trials["outcome"] == Outcome.SUCCESS
    assert np.isfinite(trials["efficiency"][successes]).any()


@pytest.mark.parametrize("name", tables.TABLES)
def test_every_field_is_explained_and_reaches_pandas(session: "bmi_app.Session", name: tables.Table) -> None:
    records = session.table(name)
    optional = {"model"} if name == "weights" else set()  # only where a rule adapts the decoder's model
    assert set(records.dtype.names or ()) | optional == set(bmi_app.FIELDS[name])
    for field, meaning in bmi_app.FIELDS[name].items():
        for ending, unit in (("_cm_s", "cm/s"), ("_hz", "Hz"), ("_cm", "cm"), ("_s", "s")):
            if field.endswith(ending):
                assert meaning.startswith("the same") or f"({unit}" in meaning or f"{unit})" in meaning, field
                break
    frame = session.to_pandas(name)
    assert len(frame) == len(records)
    if name == "trials":
        assert set(frame["outcome"]) <= {outcome.name for outcome in Outcome}
    if name == "weights":
        np.testing.assert_array_equal(frame["weights_1_3"], records["weights"][:, 1, 3])


def test_the_page_on_python_shows_every_field() -> None:
    assert tables.markdown() in (ROOT / "docs" / "python.md").read_text(encoding="utf-8")


def test_a_table_that_is_not_there_is_named(session: "bmi_app.Session") -> None:
    with pytest.raises(bmi_app.BmiError, match="'spike': there is no such table; allowed: frames, trials, spikes"):
        session.to_pandas("spike")  # type: ignore[arg-type]


def test_it_is_exact_and_intact_only_after_the_full_check(session: "bmi_app.Session", tmp_path: Path) -> None:
    copy = bmi_app.load(shutil.copytree(session.folder, tmp_path / session.folder.name))
    assert copy.standing == "complete, not checked"
    assert "intact" not in repr(copy)
    found = copy.verify()
    assert (found.is_exact, found.is_intact, found.damage, found.difference) == (True, True, [], "")
    assert copy.standing.startswith("complete, checked 20")


def test_a_flipped_bit_is_told_in_words(session: "bmi_app.Session", tmp_path: Path) -> None:
    folder = shutil.copytree(session.folder, tmp_path / session.folder.name)
    path = folder / "frames.arrows"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)
    damaged = bmi_app.load(folder)  # a quick look does not see it: reading does, and the full check
    with pytest.raises(bmi_app.BmiError, match=r"is damaged: .*frames.arrows.*damaged_too=True"):
        len(damaged.frames)
    found = damaged.verify()
    assert not found.is_exact
    assert not found.is_intact
    assert found.damage
    with pytest.raises(bmi_app.BmiError, match=r"damaged.*bmi sessions verify"):
        bmi_app.load(folder)  # now it is known
    with pytest.raises(bmi_app.BmiError, match="damaged"):
        damaged.what_if(learning__when="off")
    part = bmi_app.load(folder, damaged_too=True)
    assert 0 < len(part.frames) < len(session.frames)
    assert part.frames.tobytes() == session.frames[: len(part.frames)].tobytes()
    assert part.standing.startswith("damaged: frames.arrows")


def test_what_is_no_session_is_told_in_words(session: "bmi_app.Session", tmp_path: Path) -> None:
    with pytest.raises(bmi_app.BmiError, match="nothing_like_it: no such session"):
        bmi_app.load("nothing_like_it")
    cut_off = shutil.copytree(session.folder, tmp_path / session.folder.name)
    (cut_off / "summary.json").unlink()
    with pytest.raises(bmi_app.BmiError, match=r"is interrupted; `bmi sessions recover"):
        bmi_app.load(cut_off)
    assert len(bmi_app.load(cut_off, damaged_too=True).frames) == len(session.frames)
    (cut_off / "session.toml").write_text("no toml [")
    with pytest.raises(bmi_app.BmiError, match="unreadable"):
        bmi_app.load(cut_off)


def test_what_if_is_that_of_the_command(session: "bmi_app.Session") -> None:
    from bmi_app.session.recompute import replay

    found = session.what_if(learning__when="off", axes__x__gain=0.05)
    again = replay.what_if(session.folder, ["learning.when=off", "axes.x.gain=0.05"])
    assert found.changed == again.changed != found.recorded
    assert found.frames.tobytes() == again.frames.tobytes()
    with pytest.raises(bmi_app.BmiError, match="what-if: task is held as recorded"):
        session.what_if(task__hold_ms=500)
    with pytest.raises(bmi_app.BmiError, match=r"learning.whn"):
        session.what_if(learning__whn="off")
