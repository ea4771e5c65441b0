"""A session that has lost something is replayed as far as it goes, and what was lost is named."""

import json
import os
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bmi_app.record import blobs, full_check, integrity, session_folder
from bmi_app.record.damage import JournalError
from bmi_app.record.reading import read
from bmi_app.rt.records import CommandKind
from bmi_app.session.recompute import replay
from bmi_app.session.store import catalogue
from tests.support.command_line import PRAISE, bmi


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
        lost = {f"{kind}.arrows": tick for kind, tick in recovered.lost.items()}
        # Frames that were cut by more than a few seconds to what is left of the commands are lost too; the session ends there.
        assert lost.pop("frames.arrows", recovered.last_tick + 1) == recovered.last_tick + 1
        assert from_tick == lost
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
