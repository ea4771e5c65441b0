import os
import re
import threading
import time
import uuid
from collections.abc import Iterator

import numba
import numpy as np
import pylsl
import pytest

from bmi_app.rt import cells, markers, publish, records
from bmi_app.rt.published import DECODER, MARKERS, STATE, Channel
from bmi_app.rt.records import CatchUpCause, EventKind, Outcome, StopReason, TaskState, UpdateCause, UpdateVerdict
from bmi_app.rt.ring import read_cell, write_cell
from bmi_app.session.engine.lsl_outlets import Outlets, session_of

PATIENCE_S = 20.0  # only a failing test waits so long
SLOTS = 64


class Session:
    """The rings that a publisher follows, and decode's side of them."""

    def __init__(self) -> None:
        self.ctl = np.zeros(cells.N_WORDS, np.int64)
        self.frames = np.zeros(SLOTS, records.FRAME)
        self.events = np.zeros(SLOTS, records.EVENT)
        self.name = uuid.uuid4().hex[:8]
        self.outlets = Outlets(self.name, 0.01, prefix=f"{self.name}-")
        self.thread = threading.Thread(target=self.outlets.publish, args=(self.ctl, self.frames, self.events))

    def add_frame(self, **fields: float) -> None:
        head = int(self.ctl[cells.FRAMES_HEAD])
        frame = self.frames[head % SLOTS]
        frame["tick"] = head
        for field, value in fields.items():
            frame[field] = value
        write_cell(self.ctl, cells.FRAMES_HEAD, head + 1)

    def add_event(self, time_s: float, kind: EventKind, code: int = 0, value: float = 0.0) -> None:
        head = int(self.ctl[cells.EVENTS_HEAD])
        self.events[head % SLOTS] = (0, time_s, 0, kind, code, value)
        write_cell(self.ctl, cells.EVENTS_HEAD, head + 1)

    def finish(self) -> None:
        write_cell(self.ctl, cells.STOP, int(StopReason.OPERATOR))
        write_cell(self.ctl, cells.DECODE_DONE, 1)
        if self.thread.is_alive():
            self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive()

    def inlet(self, which: str) -> pylsl.StreamInlet:
        found = pylsl.resolve_byprop("source_id", f"{self.outlets.source_id}-{which}", timeout=PATIENCE_S)
        assert len(found) == 1
        inlet = pylsl.StreamInlet(found[0])
        inlet.open_stream(PATIENCE_S)
        outlet = self.outlets._outlets[("state", "decoder", "markers").index(which)]
        assert outlet.wait_for_consumers(PATIENCE_S)
        return inlet


@pytest.fixture
def session() -> Iterator[Session]:
    session = Session()
    yield session
    session.finish()
    session.outlets.close()


def pull(inlet: pylsl.StreamInlet, n: int) -> tuple[list[list[float | str]], list[float]]:
    samples, stamps = [], []
    for _ in range(n):
        sample, stamp = inlet.pull_sample(PATIENCE_S)
        assert sample is not None, "the sample did not arrive"
        samples.append(list(sample))
        stamps.append(stamp)
    return samples, stamps


def test_every_frame_is_sent_with_the_end_of_its_bin(session: Session) -> None:
    state, decoder = session.inlet("state"), session.inlet("decoder")
    session.thread.start()
    for tick in range(200):
        while tick - read_cell(session.ctl, cells.PUBLISHED) >= SLOTS - 1:  # decode would go on: here none may be lost
            time.sleep(0)
        session.add_frame(
            edge_s=100 + tick / 3,
            cursor_x_cm=tick,
            cursor_y_cm=-tick,
            velocity_x_cm_s=1.5,
            velocity_y_cm_s=2.5,
            decoded_x_cm_s=tick + 0.25,
            decoded_y_cm_s=-0.75,
            target_x_cm=8.0,
            target_y_cm=-8.0,
            target_radius_cm=1.5,
            state=TaskState.HOLD,
            reward=tick % 2,
        )
    states, state_stamps = pull(state, 200)
    decoded, decoded_stamps = pull(decoder, 200)
    assert state_stamps == decoded_stamps == [100 + tick / 3 for tick in range(200)]
    assert states == [[tick, -tick, 1.5, 2.5, 8.0, -8.0, 1.5, TaskState.HOLD, tick % 2] for tick in range(200)]
    assert decoded == [[tick + 0.25, -0.75] for tick in range(200)]
    session.finish()
    assert read_cell(session.ctl, cells.PUBLISHED) == 200
    assert read_cell(session.ctl, publish.SKIPPED_FRAMES) == 0
    del state, decoder


def test_events_become_markers_and_the_last_one_arrives(session: Session) -> None:
    inlet = session.inlet("markers")
    session.thread.start()
    session.add_event(1.0, EventKind.SESSION_START)
    session.add_event(1.5, EventKind.BLOCK_START, 1)
    session.add_event(2.0, EventKind.TRIAL_START, 3)
    session.add_event(2.5, EventKind.REWARD, 0, 1.0)
    session.add_event(2.5, EventKind.TRIAL_END, Outcome.SUCCESS, 0.8)
    session.add_event(3.0, EventKind.SESSION_STOP, StopReason.PROTOCOL_DONE)
    session.finish()
    closing = threading.Thread(target=session.outlets.close)
    closing.start()
    markers, stamps = pull(inlet, 6)
    closing.join()
    assert [marker for (marker,) in markers] == [
        "session_start", "block_start/1", "trial_start/3", "reward", "trial_end/success", "session_stop/protocol_done"
    ]  # fmt: skip
    assert stamps == [1.0, 1.5, 2.0, 2.5, 2.5, 3.0]


@pytest.mark.parametrize(
    ("kind", "code", "value", "marker"),
    [
        (EventKind.TRIAL_START, -1, 0.0, "trial_start/-1"),
        (EventKind.TRIAL_START, 0, 0.0, "trial_start/0"),
        (EventKind.ADOPTED, 2**31 - 1, 0.0, "adopted/2147483647"),
        (EventKind.ADOPTED, -(2**31), 0.0, "adopted/-2147483648"),
        (EventKind.UNIT_MOVED, 1023, 2.0, "unit_moved/1023"),
        (EventKind.TARGET_ENTER, 5, 0.0, "target_enter"),
        (EventKind.TRIAL_END, Outcome.TIMEOUT_NOT_REACHED, 0.0, "trial_end/timeout_not_reached"),
        (EventKind.TRIAL_END, 99, 0.0, "trial_end/99"),
        (EventKind.UPDATE, UpdateCause.REWARD, 0.1, "update/reward"),
        (EventKind.DIVERGED, UpdateVerdict.RETURNED, 0.2, "diverged/returned"),
        (EventKind.DIVERGED, UpdateVerdict.WORLD_BLAMED, 0.0, "diverged/world_blamed"),
        (EventKind.PROBATION_OVER, UpdateVerdict.LEARNING_BLAMED, 0.6, "probation_over/learning_blamed"),
        (EventKind.CATCHING_UP, CatchUpCause.SOURCE_LATE, 0.0, "catching_up/source_late"),
        (EventKind.CAUGHT_UP, CatchUpCause.ENGINE_STOPPED, 1.5, "caught_up/engine_stopped"),
        (EventKind.REWARD, 1, 1.0, "reward/operator"),
        (EventKind.REWARD, 0, 0.0, "reward/withheld"),
        (63, 0, 0.0, "unknown"),
        (-1, 0, 0.0, "unknown"),
        (1000, 0, 0.0, "unknown"),
    ],
)
def test_the_text_of_a_marker(kind: int, code: int, value: float, marker: str) -> None:
    text = np.full(markers.MARKER_BYTES, 0xFF, np.uint8)
    length = publish.marker_into(int(kind), int(code), value, *markers.tables(), text)
    assert text[:length].tobytes().decode() == marker
    assert text[length] == 0


@pytest.mark.parametrize("kind", [kind for kind in EventKind if kind.event.codes])
def test_a_marker_names_a_code_as_the_export_does(kind: EventKind) -> None:
    """A marker `diverged` had no verdict, where the export had one: each kept a list of its own."""
    text = np.zeros(markers.MARKER_BYTES, np.uint8)
    assert kind.event.codes is not None
    for code in kind.event.codes:
        length = publish.marker_into(int(kind), int(code), 1.0, *markers.tables(), text)
        assert text[:length].tobytes().decode() == f"{kind.name.lower()}/{kind.code_name(int(code))}"


def test_every_kind_and_word_has_room() -> None:
    names, words, _ = markers.tables()
    assert {names[kind].tobytes().rstrip(b"\0").decode() for kind in EventKind} == {
        kind.name.lower() for kind in EventKind
    }
    assert max(EventKind) < markers.N_KINDS - 1
    for kind in EventKind:
        assert max([*(kind.event.codes or ()), *kind.event.marks], default=0) < markers.WITHHELD
    assert words[EventKind.SESSION_STOP, StopReason.KILLED].tobytes().rstrip(b"\0") == b"/killed"


def test_a_publisher_that_was_lapped_goes_on_and_counts(session: Session) -> None:
    inlet = session.inlet("state")
    markers = session.inlet("markers")
    for tick in range(3 * SLOTS):  # before the publisher has begun
        session.add_frame(edge_s=1 + tick, cursor_x_cm=tick)
        session.add_event(1.0 + tick, EventKind.TRIAL_START, tick)
    session.thread.start()
    session.finish()
    kept = range(3 * SLOTS - SLOTS // 2, 3 * SLOTS)
    samples, _ = pull(inlet, len(kept))
    assert [sample[0] for sample in samples] == list(kept)
    texts, _ = pull(markers, len(kept))
    assert [text for (text,) in texts] == [f"trial_start/{tick}" for tick in kept]
    for skipped in (publish.SKIPPED_FRAMES, publish.SKIPPED_EVENTS):
        assert read_cell(session.ctl, skipped) == kept[0]
    assert read_cell(session.ctl, cells.PUBLISHED) == 3 * SLOTS
    del inlet, markers


@pytest.mark.parametrize(
    ("which", "name", "channels", "rate_hz"),
    [("state", "State", STATE, 100.0), ("decoder", "Decoder", DECODER, 100.0), ("markers", "Markers", MARKERS, 0.0)],
)
def test_outlets_describe_themselves(
    session: Session, which: str, name: str, channels: tuple[Channel, ...], rate_hz: float
) -> None:
    inlet = session.inlet(which)
    info = inlet.info(PATIENCE_S)
    assert info.name() == f"{session.name}-{name}"
    assert info.nominal_srate() == rate_hz
    assert info.channel_count() == len(channels)
    assert info.get_channel_labels() == [channel.label for channel in channels]
    assert info.get_channel_types() == [channel.type for channel in channels]
    assert info.desc().child("acquisition").child_value("manufacturer") == "bmi_app"
    if which == "state":
        assert "<code>2</code>" in info.as_xml()
        assert "<name>move</name>" in info.as_xml()
    del inlet


def test_the_loop_neither_allocates_nor_calls_python() -> None:
    loop = publish.publish_loop
    compiled = numba.njit(loop.signatures[0], nogil=True, error_model="numpy")(loop.py_func)
    functions = re.findall(r"^define .*?^}", compiled.inspect_llvm(compiled.signatures[0]), re.MULTILINE | re.DOTALL)
    bodies = [body for body in functions if not re.match(r"define [^\n]*@(_ZN7cpython|cfunc\.)", body)]
    assert any("@lsl_push_sample_strtp" in body for body in bodies)
    assert not re.search(r"@NRT_(Allocate|MemInfo_alloc|Reallocate)\w*|@Py\w+|@numba_gil\w+", "\n".join(bodies))


def test_the_loop_runs_without_the_gil(session: Session) -> None:
    inlet = session.inlet("state")
    session.thread.start()
    turns = 0
    give_up_s = time.monotonic() + 0.1
    while time.monotonic() < give_up_s:
        turns += 1
    assert turns > 1000
    session.add_frame(edge_s=1.0)
    pull(inlet, 1)
    del inlet


def test_two_sessions_of_one_name_have_source_ids_of_their_own() -> None:
    pair = [Outlets("20310506T101112Z_center_out", 0.01, prefix="twice-") for _ in range(2)]
    try:
        first, second = (outlets.source_id for outlets in pair)
        assert first != second
        names = [session_of(f"{source_id}-state") for source_id in (first, second)]
        assert names == ["20310506T101112Z_center_out"] * 2
        assert f".{os.getpid()}." in first
        found = {info.source_id() for info in pylsl.resolve_byprop("name", "twice-State", 2, PATIENCE_S)}
        assert found == {f"{first}-state", f"{second}-state"}
    finally:
        for outlets in pair:
            outlets.close()
