"""Every command of an operator against a real engine, over its real socket."""

import json
import socket
from collections.abc import Callable

import numpy as np
import pytest

from bmi_app.rt.operator_commands import BY_NAME
from bmi_app.rt.records import CommandKind, EventKind, Flag, TaskState
from bmi_app.session.recompute.replay import verify
from bmi_app.session.view.attachment import Attachment, connect

from .conftest import Live, wait_until

Start = Callable[..., Live]

LEARNING = ("learning.when=tick", "learning.rate=0.001")


def test_every_command_acts_at_the_tick_it_echoes(engine: Start, tmp_path) -> None:
    live = engine(*LEARNING, "session.event_labels=['artefact']")
    live.wait_for_event(EventKind.TRIAL_START)
    acted: dict[str, int] = {}

    acted["pause"] = live.did("pause")
    live.wait_for_tick(acted["pause"] + 20)
    acted["resume"] = live.did("resume")
    acted["reward"] = live.did("reward")
    live.wait_for_event(EventKind.TRIAL_START, 2)
    acted["skip_trial"] = live.did("skip_trial")
    acted["assist"] = live.did("assist", value=0.25)
    live.wait_for_tick(acted["assist"] + 5)
    released = live.did("assist", value=None)
    acted["learning"] = live.did("learning", on=False)
    live.wait_for_tick(acted["learning"] + 20)
    learning_again = live.did("learning", on=True)
    acted["learning_rate"] = live.did("learning_rate", value=0.002)
    acted["gain"] = live.did("gain", axis="y", value=0.12)
    acted["move_unit"] = live.did("move_unit", unit=5, population="control")
    acted["label"] = live.did("label", label="artefact")
    acted["note"] = live.did("note", text="the µ-drive was turned")
    saved = live.do("save_weights", file=str(tmp_path / "d.npz"))
    assert saved == {"ok": True, "file": str(tmp_path / "d.npz")}
    acted["load_weights"] = live.did("load_weights", file=str(tmp_path / "d.npz"))
    acted["undo"] = live.did("undo")
    status = live.do("status")
    assert status["tick"] >= acted["undo"]
    assert status["state"] in [state.name.lower() for state in TaskState]
    acted["next_block"] = live.did("next_block")
    summary = live.end()  # the next block is the end of the protocol
    assert summary["stop_reason"] == "PROTOCOL_DONE"
    assert set(acted) | {"save_weights", "hand", "fit", "status", "stop"} == set(BY_NAME)

    recording = live.recording()
    frames, done = recording.frames, recording.commands
    assert {
        CommandKind(kind).name.lower(): tick for kind, tick in zip(done["kind"], done["tick"], strict=True)
    }.items() >= {
        (name, tick) for name, tick in acted.items() if name in ("pause", "resume", "reward", "skip_trial", "gain")
    }
    assert json.loads(recording.command_texts[0]) == {"do": "pause"}
    assert len(done) == len(acted) - 1 + 2  # a note is no command, assist and learning came twice
    assert done["tick"].tolist() == sorted(done["tick"])

    held = slice(acted["pause"], acted["resume"])
    assert np.all(frames["flags"][held] & Flag.PAUSED)
    assert np.ptp(frames["cursor_x_cm"][acted["pause"] - 1 : acted["resume"]]) == 0
    assert np.ptp(frames["cursor_y_cm"][acted["pause"] - 1 : acted["resume"]]) == 0
    assert np.ptp(frames["state_ticks"][acted["pause"] - 1 : acted["resume"]]) == 0
    assert np.ptp(frames["trial"][held]) == 0
    assert not frames["flags"][acted["resume"]] & Flag.PAUSED
    assert frames["reward"][acted["reward"]] >= 1
    assert frames["flags"][acted["reward"]] & Flag.REWARDED
    assert np.all(frames["assist"][acted["assist"] : released] == 0.25)
    assert frames["assist"][released] == 0
    assert np.all(frames["update_norm"][acted["learning"] : learning_again] == 0)
    assert not np.any(frames["flags"][acted["learning"] : learning_again] & Flag.LEARNING)
    assert frames["learning_rate"][acted["learning_rate"] - 1] == 0.001
    assert frames["learning_rate"][acted["learning_rate"]] == 0.002
    assert frames["weights_hash"][acted["gain"]] != frames["weights_hash"][acted["gain"] - 1]
    named = dict(zip(recording.events["kind"].tolist(), recording.events["tick"].tolist(), strict=True))
    assert named[EventKind.LABELLED] == acted["label"]
    assert named[EventKind.UNIT_MOVED] == acted["move_unit"]
    assert named[EventKind.ADOPTED] == acted["undo"]
    assert recording.event_texts[recording.events["kind"].tolist().index(EventKind.NOTE)] == "the µ-drive was turned"

    found = verify(live.folder)
    assert found.is_exact, found.difference
    assert found.commands == len(done)


REFUSED = [
    ({"do": "fly"}, "unknown command 'fly'; there are: pause, "),
    ({"do": "pause", "now": 1}, "pause: unknown argument 'now'; it takes no arguments"),
    ({"do": "assist", "value": 2}, "assist: `value` must be a number from 0 to 1"),
    ({"do": "assist", "value": True}, "assist: `value` must be a number"),
    ({"do": "learning"}, "learning: `on` must be true or false"),
    ({"do": "learning_rate", "value": -1}, "learning_rate: `value` must be a number from 0"),
    ({"do": "learning_rate", "value": float("inf")}, "learning_rate: `value` must be a number from 0"),
    ({"do": "learning_rate", "value": float("nan")}, "learning_rate: `value` must be a number from 0"),
    ({"do": "learning_rate", "value": 10**400}, "learning_rate: `value` must be a number from 0"),
    ({"do": "gain", "axis": "z", "value": 1}, "gain: `axis` must be one of x, y"),
    ({"do": "move_unit", "unit": 96, "population": "control"}, "move_unit: `unit` must be a whole number from 0 to 95"),
    ({"do": "move_unit", "unit": 1, "population": "none"}, "`population` must be one of horizontal, vertical, control"),
    ({"do": "label", "label": "artefact"}, "label: this protocol names no labels; session.event_labels is the list"),
    ({"do": "undo"}, "undo: there is no update to undo"),
    ({"do": "undo", "to_tick": -1}, "undo: `to_tick` must be a tick, 0 or later"),
    ({"do": "undo", "to_tick": 10**30}, "undo: there is no update at or after tick 1000"),
    ({"do": "load_weights", "file": "/nowhere/d.npz"}, "/nowhere/d.npz: cannot be read as a saved decoder"),
    ({"do": "load_weights", "file": "~nobody-of-this-name/d.npz"}, "load_weights: ~nobody-of-this-name/d.npz: "),
    ({"do": "load_weights", "file": "/etc/hostname"}, "/etc/hostname: cannot be read as a saved decoder"),
    ({"do": "load_weights", "file": "a\0b"}, "cannot be read as a saved decoder"),
    ({"do": "load_weights"}, "load_weights: `file` must be a path"),
    ({"do": "save_weights", "file": "/nowhere/d.npz"}, "save_weights: /nowhere/d.npz: cannot be written: No such file"),
    ([], 'a command is a JSON object with "do"'),
]


def test_what_cannot_be_done_is_refused_with_its_reason_and_journaled(engine: Start, tmp_path) -> None:
    live = engine()
    live.wait_for_tick(0)
    weights = np.array(live.view.arrays["weights"])
    np.savez(tmp_path / "narrow.npz", decoder=np.array("groupweight"), weights=weights[:, :9])
    model = {name: np.array(live.view.arrays[name]) for name in ("bias", "gain", "feature_offset", "feature_scale")}
    np.savez(tmp_path / "infinite.npz", decoder=np.array("groupweight"), weights=np.full_like(weights, np.inf), **model)
    np.save(tmp_path / "plain.npy", weights)
    (tmp_path / "cut.npz").write_bytes((tmp_path / "narrow.npz").read_bytes()[:300])
    (tmp_path / "empty.npz").write_bytes(b"")
    asked = [
        *REFUSED,
        ({"do": "fit"}, "cannot be fitted, or no samples are kept"),
        (
            {"do": "load_weights", "file": str(tmp_path / "narrow.npz")},
            "weights has shape (2, 9); this protocol needs (2, 96)",
        ),
        ({"do": "load_weights", "file": str(tmp_path / "infinite.npz")}, "weights must hold finite numbers only"),
        *(
            ({"do": "load_weights", "file": str(tmp_path / name)}, "cannot be read as a saved decoder")
            for name in ("plain.npy", "cut.npz", "empty.npz")
        ),
    ]
    for request, reason in asked:
        answer = live.view.send(request)
        assert not answer["ok"], request
        assert reason in answer["error"]
    hash_before = live.view.latest()["weights_hash"]
    live.wait_for_tick(live.view.head)
    assert live.view.latest()["weights_hash"] == hash_before
    live.stop()
    recording = live.recording()
    refusals = [
        text
        for kind, text in zip(recording.events["kind"], recording.event_texts, strict=True)
        if kind == EventKind.COMMAND_REFUSED
    ]
    assert len(refusals) == len(asked)
    assert len(recording.commands) == 1
    assert verify(live.folder).is_exact


def flood(connection: socket.socket, what: bytes) -> None:
    """Send until the engine has had enough."""
    while True:
        connection.sendall(what)


@pytest.mark.realtime
def test_no_view_disturbs_another_or_the_session(engine: Start) -> None:
    live = engine()
    address = live.view.session["engine"]["socket"]
    garbage = [
        b"\n",
        b"{\n",
        b"\xff\xfe\n",
        b"[" * 100_000 + b"\n",
        b'{"do": "note", "text": "\\ud800"}\n',
        b"1" * 9_000 + b"\n",
    ]
    silent = connect(address, 5.0)
    for line in garbage:
        silent.sendall(line)
    answers = silent.makefile("rb")
    said = [json.loads(answers.readline()) for _ in garbage]
    assert [answer["ok"] for answer in said] == [False, False, False, False, True, False]
    assert said[1]["error"].startswith("not JSON: ")

    endless = connect(address, 5.0)
    with pytest.raises(OSError, match=r"pipe|reset"):  # a line without an end is no request
        flood(endless, b"x" * 10_000)
    deaf = connect(address, 5.0)  # asks and never reads, until the engine has enough of it
    deaf.settimeout(5.0)
    with pytest.raises(OSError, match=r"pipe|reset"):
        flood(deaf, b'{"do": "status"}\n' * 100)
    half = connect(address, 5.0)
    half.sendall(b'{"do": "pau')

    others = [Attachment(live.folder) for _ in range(3)]
    ticks = [other.send({"do": "note", "text": "here"})["tick"] for other in others for _ in range(5)]
    assert ticks == sorted(ticks)
    burst = connect(address, 5.0)
    burst.sendall(
        b"".join(
            json.dumps({"do": "move_unit", "unit": u, "population": "control"}).encode() + b"\n" for u in range(96)
        )
    )
    lines = burst.makefile("rb")
    moved = [json.loads(lines.readline()) for _ in range(96)]
    assert sum(answer["ok"] for answer in moved) >= 64
    assert all("wait to be journaled" in answer["error"] for answer in moved if not answer["ok"])
    summary = live.stop()
    for connection in (silent, endless, deaf, half, burst):
        connection.close()
    answers.close(), lines.close()
    for other in others:
        other.close()
    assert summary["stop_reason"] == "OPERATOR"
    assert "error" not in summary
    assert summary["missed_ticks"] <= summary["ticks"] // 20
    recording = live.recording()
    assert "\ufffd" in recording.event_texts or "?" in recording.event_texts
    assert verify(live.folder).is_exact


def test_control_units_stay_at_zero_whatever_is_undone_or_loaded(engine: Start, tmp_path) -> None:
    live = engine("learning.when=trial", "learning.rate=0.001", "tick.period_ms=5")
    assert live.do("save_weights", file=str(tmp_path / "before.npz"))["ok"]
    live.wait_for_event(EventKind.UPDATE, 2)
    moved = live.did("move_unit", unit=5, population="control")
    live.wait_for_event(EventKind.UPDATE, 4)
    live.did("undo")
    live.wait_for_event(EventKind.UPDATE, 5)
    to_start = live.did("undo", to_tick=0)
    live.did("load_weights", file=str(tmp_path / "before.npz"))
    live.wait_for_event(EventKind.UPDATE, 6)
    back = live.did("move_unit", unit=5, population="vertical")
    live.wait_for_event(EventKind.UPDATE, 7)
    live.stop()
    recording = live.recording()
    weights = recording.weight_rows[:, : 2 * 96].reshape(-1, 2, 96)
    ticks = recording.weights["tick"]
    # The undo to the start takes the move back, too, and the unit drives again.
    driving = (ticks >= to_start) & (ticks < back)
    assert np.all(weights[driving, 0, 5] != 0)
    assert np.all(weights[driving, 1, 5] == 0)
    under_control = (ticks >= moved) & (ticks < to_start)
    assert under_control.sum() >= 3
    assert np.all(weights[under_control, :, 5] == 0)
    assert np.all(weights[:, :, 64:] == 0)
    restored = weights[ticks == to_start][0]
    assert np.array_equal(restored, weights[0])
    assert np.array_equal(weights[np.flatnonzero(ticks == back)[0], :, 5], (0, 1))
    assert weights[-1, 0, 5] == 0
    assert verify(live.folder).is_exact


def test_a_connection_is_closed_when_the_session_ends(engine: Start) -> None:
    live = engine("session.duration_s=0.6")
    late = connect(live.view.session["engine"]["socket"], 5.0)
    wait_until(lambda: not live.view.is_alive())
    assert late.recv(1) == b""
    late.close()
    with pytest.raises(OSError, match=r"No such file|refused"):
        connect(live.view.session["engine"]["socket"], 1.0)
    assert live.end()["ticks"] == 60
