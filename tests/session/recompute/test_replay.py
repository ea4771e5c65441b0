"""Recomputing sessions: every bit, on every combination; and what would have been."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bmi_app import plugins
from bmi_app.decoders.contract import adapted_part
from bmi_app.record.liveness import Hold
from bmi_app.record.reading import read, read_texts
from bmi_app.record.session_folder import read_summary, write_summary
from bmi_app.record.stream import StreamFile
from bmi_app.rt.records import Flag
from bmi_app.session.engine import full_speed_loop
from bmi_app.session.engine.full_speed import run_fast
from bmi_app.session.recompute import report
from bmi_app.session.recompute.replay import verify, what_if
from bmi_app.session.request import SessionRequest
from bmi_app.session.store import printing
from protocols.load import SHIPPED_FOLDER

PROTOCOLS = sorted(path.stem for path in SHIPPED_FOLDER.glob("*.toml"))
SHORT = ('blocks=[{kind="rest",duration_s=1},{kind="closed_loop"}]', "session.duration_s=25", "session.seed=3")
RATES = {"lms": 0.01, "reward_gated": 0.05, "reinforcement": 0.02}


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Path]:
    """Run a session as fast as the machine can; return its folder."""

    def run(protocol: str, *overrides: str, out: str = "sessions") -> Path:
        request = SessionRequest(
            protocol=protocol,
            overrides=[*SHORT, *overrides],
            out=tmp_path / out,
            speed="max",
            source_timeout_s=1.0,
        )
        return Path(run_fast(request, lambda _: None, lambda _: None)["session"])

    return run


def content(folder: Path) -> dict[str, bytes]:
    """Return all that a session has recorded."""
    recording = read(folder)
    arrays = ("frames", "counts", "events", "weights", "weight_rows", "spikes")
    return {name: getattr(recording, name).tobytes() for name in arrays}


def acts_when(rule: str, decoder: str) -> list[str]:
    """List when a rule can act on a decoder; not at all where it adapts what the decoder does not offer."""
    module = plugins.load("learning", rule)
    if adapted_part(module.TRAITS.adapts, plugins.load("decoders", decoder).TRAITS.adaptable) is None:
        return []
    return ["block", "seconds"] if module.TRAITS.staged else ["tick", "trial", "reward", "block", "seconds"]


COMBINATIONS = [
    (protocol, decoder, rule, when)
    for protocol in PROTOCOLS
    for decoder in ("groupweight", "linear")
    for rule in plugins.names("learning")
    for when in acts_when(rule, decoder)
]


@pytest.mark.parametrize(("protocol", "decoder", "rule", "when"), COMBINATIONS)
def test_every_combination_is_recomputed_to_the_last_bit(
    protocol: str, decoder: str, rule: str, when: str, run: Callable[..., Path]
) -> None:
    folder = run(
        protocol,
        f"decoder.kind={decoder}",
        f"learning.rule={rule}",
        f"learning.when={when}",
        f"learning.rate={RATES.get(rule, 0.01)}",
        "learning.every_s=5",
        "learning.exploration_cm_s=4",
        "decoder.scramble=0.3",
    )
    found = verify(folder)
    assert found.is_exact, found.difference
    assert found.ticks == 2500
    recording = read(folder)
    learned = np.any(recording.frames["flags"] & (Flag.UPDATED | Flag.REJECTED))
    rewarded = np.any(recording.frames["reward"] > 0.0)  # a subject that knows nothing yet may never be
    assert learned or when != "trial" or rule == "reinforcement" or (rule == "reward_gated" and not rewarded)
    assert found.weight_rows == len(recording.weights) >= 1


def test_a_seed_fixes_every_bit_of_a_session_and_another_seed_makes_another(run: Callable[..., Path]) -> None:
    overrides = ("learning.when=trial", "learning.rate=0.001", "session.duration_s=10")
    first, second = (content(run("random_pursuit", *overrides, out=out)) for out in ("a", "b"))
    assert first == second
    other = content(run("random_pursuit", *overrides, "session.seed=4", out="c"))
    assert other["frames"] != first["frames"]
    assert other["spikes"] != first["spikes"]


def test_chunks_of_any_length_make_the_same_session(run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = content(run("center_out", "learning.when=tick", "learning.rate=0.001", "session.duration_s=5"))
    monkeypatch.setattr(full_speed_loop, "_CHUNK_TICKS", 7)
    pieces = content(run("center_out", "learning.when=tick", "learning.rate=0.001", "session.duration_s=5", out="b"))
    assert pieces == whole


def test_the_first_difference_is_named(run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    add = StreamFile.add

    def add_falsely(self: StreamFile, records: np.ndarray, rows: Any, texts: Any) -> int:
        if self.kind == "frames":
            records = records.copy()
            records["cursor_y_cm"][records["tick"] == 1234] += 1e-15
        return add(self, records, rows, texts)

    monkeypatch.setattr(StreamFile, "add", add_falsely)
    folder = run("center_out")
    found = verify(folder)
    assert found.difference is not None
    assert (found.difference.tick, found.difference.what) == (1234, "frame cursor_y_cm")
    facts = report.verify(folder)
    assert (facts["exact"], facts["failed"]) == (False, True)
    assert facts["first_tick"] == 1234
    assert facts["difference"].startswith("tick 1234: frame cursor_y_cm: recorded ")


def test_a_running_session_is_not_compared_with_what_is_still_to_be_written(run: Callable[..., Path]) -> None:
    folder = run("center_out", "session.duration_s=2")
    (folder / "summary.json").unlink()
    hold = Hold(folder, read_texts(folder)[0]["id"])  # as its engine does
    try:
        for recompute in (report.verify, lambda path: report.what_if(path, ["learning.rate=0.1"])):
            with pytest.raises(report.ReplayError, match=r"is running; `bmi sessions stop .*` ends it"):
                recompute(folder)
    finally:
        hold.close()


def test_a_session_without_movement_is_scored_with_none_and_not_with_nan(run: Callable[..., Path]) -> None:
    found = report.what_if(run("center_out", "session.duration_s=1"), ["learning.when=trial"])
    assert set(found["what_if"].values()) == set(found["as_recorded"].values()) == {None}
    printing.what_if(found)


@pytest.mark.parametrize("what", ["processor", "kernels"])
def test_a_recording_of_another_machine_or_program_is_compared_but_not_failed(
    what: str, run: Callable[..., Path]
) -> None:
    folder = run("center_out", "session.duration_s=2")
    path, summary = folder / "session.toml", read_summary(folder)
    assert summary is not None
    text, n_lines = re.subn(rf'(?m)^{what} = ".*"$', f'{what} = "another"', path.read_text())
    assert n_lines == 1
    path.write_text(text)
    (damage,) = report.verify(folder)["damage"]
    assert damage.startswith("session.toml: it is not what it was when the session ended: ")
    write_summary(folder, summary)
    facts = report.verify(folder)
    assert facts["exact"] is True
    assert facts["recorded_elsewhere"][0].startswith(f"{what}: another there, ")
    text = path.with_name("protocol.toml").read_text()
    path.with_name("protocol.toml").write_text(text.replace("gain = 0.08", "gain = 0.09"))
    write_summary(folder, summary)
    facts = report.verify(folder)
    assert "difference" in facts
    assert (facts["exact"], facts["failed"]) == (False, False)  # reported, and no failure


def test_a_what_if_of_a_rule_that_does_not_act_says_so(run: Callable[..., Path]) -> None:
    folder = run("center_out", "session.duration_s=2")
    assert "learning.when is off" in report.what_if(folder, ["learning.rate=0.1"])["note"]
    assert "learning.when is off" not in report.what_if(folder, ["learning.when=tick", "learning.rate=0.1"])["note"]


def test_a_session_is_recomputed_when_what_its_decoder_started_from_is_gone(
    run: Callable[..., Path], tmp_path: Path
) -> None:
    m2 = np.zeros((2, 96))
    m2[0, :32], m2[1, 32:64] = 0.9, 1.1
    np.savez(tmp_path / "m.npz", M2=m2, M1=0.1 * np.eye(2), m0=np.zeros(2))
    started = np.random.default_rng(0).normal(1.0, 0.1, (2, 96))
    one = np.ones(2)
    np.savez(
        tmp_path / "d.npz",
        decoder=np.array("groupweight"),
        weights=started,
        bias=0 * one,
        gain=0.08 * one,
        feature_offset=np.full(96, 9.0),
        feature_scale=np.ones(96),
    )
    linear = run(
        "center_out", "decoder.kind=linear", f'decoder.settings.file="{tmp_path / "m.npz"}"', "session.duration_s=5"
    )
    saved = run("center_out", f'decoder.start_from="{tmp_path / "d.npz"}"', "session.duration_s=5")
    (tmp_path / "m.npz").unlink()
    (tmp_path / "d.npz").unlink()
    for folder in (linear, saved):
        moved = shutil.move(folder, tmp_path / f"moved {folder.name}")
        assert verify(Path(moved)).is_exact


def test_many_commands_and_updates_are_recomputed(run: Callable[..., Path]) -> None:
    """Trials of a few ticks, each with its update: more than a chunk's rings would hold."""
    folder = run(
        "center_out",
        "learning.when=trial",
        "learning.rate=0.00001",
        "task.target_radius_cm=3.5",
        "task.distance_cm=4",
        "task.reward_ms=10",
        "task.hold_ms=0",
        "task.inter_trial_ms=0",
        "session.duration_s=120",
    )
    found = verify(folder)
    assert found.is_exact, found.difference
    assert found.weight_rows > 300


def test_a_what_if_that_changes_nothing_equals_the_recording(run: Callable[..., Path]) -> None:
    folder = run("center_out", "learning.when=trial", "learning.rate=0.002", "learning.exploration_cm_s=2")
    recording = read(folder)
    same = what_if(folder, ["learning.rate=0.002"])
    for name in ("decoded_x_cm_s", "decoded_y_cm_s", "update_norm", "weights_hash", "learning_rate"):
        assert same.frames[name].tobytes() == recording.frames[name].tobytes(), name
    assert same.changed == same.recorded
    other = what_if(folder, ["learning.rate=0.004"])
    assert other.recorded == same.recorded
    assert other.changed != same.changed
    facts = report.what_if(folder, ["learning.rate=0.004"])
    assert "they do not react" in facts["note"]
    assert json.loads(json.dumps(facts))["ticks"] == len(recording.frames)


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("learning.rat=1", "learning.rat"),
        ("learning.rate=-1", "learning.rate"),
        ("learning.rate", "is not key=value"),
        ("task.hold_ms=500", "what-if: task is held as recorded; what can be changed: axes.*, decoder.*"),
        ("units.count=200", "what-if: units is held as recorded"),
        ("tick.period_ms=20", "what-if: tick is held as recorded"),
        ("decoder.start_from=/nowhere/d.npz", "/nowhere/d.npz"),
    ],
)
def test_a_what_if_that_makes_no_sense_is_a_mistake_in_one_line(
    override: str, reason: str, run: Callable[..., Path]
) -> None:
    folder = run("center_out", "session.duration_s=2")
    with pytest.raises(report.ReplayError) as raised:
        report.what_if(folder, [override])
    (line,) = raised.value.lines
    assert reason in line
