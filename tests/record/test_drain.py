import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bmi_app.record.damage import JournalError
from bmi_app.record.drain import Drain
from bmi_app.record.journal import Journal
from bmi_app.record.kinds import KINDS
from bmi_app.record.reading import read
from bmi_app.record.summary import Tally, summarise
from bmi_app.rt import cells
from bmi_app.rt.records import EVENT, RECORDS
from bmi_app.rt.state import CONFIG

RING = 16
RINGS = {
    "spikes": "spikes",
    "events": "events",
    "commands": "commands_done",
    "weights": "weights_log",
    "updates": "updates",
    "frames": "frames",
}
HEADS = {
    "spikes": cells.SPIKES_DECODED,
    "events": cells.EVENTS_HEAD,
    "commands": cells.COMMANDS_HEAD,
    "weights": cells.WEIGHTS_HEAD,
    "updates": cells.UPDATES_HEAD,
    "frames": cells.FRAMES_HEAD,
}


class Engine:
    """Write the ticks of a content into rings, one by one, in the order in which decode does."""

    def __init__(self, content, n_slots=RING) -> None:
        self.content = content
        self.tick = 0
        self.arrays = {
            "ctl": np.zeros(cells.N_WORDS, np.int64),
            "config": np.zeros(1, CONFIG),
            "health": np.zeros(n_slots, RECORDS["health"]),
            "counts": np.zeros((n_slots, 5), np.float32),
            "weights_rows": np.zeros((n_slots, 19)),
            **{
                ring: np.zeros(4 * n_slots if kind == "spikes" else n_slots, RECORDS[kind])
                for kind, ring in RINGS.items()
            },
        }

        self.arrays["config"]["start_s"], self.arrays["config"]["tick_s"] = 5.0, 0.01

    def learnt(self, already: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
        """Hand out what the subject has learnt up to now, which it knows the time of and not the tick."""
        known = self.content.n_until("subject", self.tick - 1)
        records, rows, _ = self.content.part("subject", already, known)
        times_s = 5.0 + (records["tick"] + 1) * 0.01
        open_ticks = records.copy()
        open_ticks["tick"] = 0
        return open_ticks, rows, times_s, known

    def run(self, n_ticks: int) -> None:
        for _ in range(min(n_ticks, len(self.content.records["frames"]) - self.tick)):
            for kind in ("spikes", "events", "commands", "weights", "updates", "frames"):
                records, rows, _ = self.content.ticks(kind, self.tick, self.tick + 1)
                for record, row in zip(records, rows, strict=True):
                    self._push(kind, record, row)
            self.tick += 1

    def _push(self, kind, record, row) -> None:
        ctl, ring = self.arrays["ctl"], self.arrays[RINGS[kind]]
        slot = ctl[HEADS[kind]] % len(ring)
        ring[slot] = record
        if kind == "frames":
            self.arrays["health"][slot] = self.content.records["health"][self.tick]
            self.arrays["counts"][slot] = row
        if kind == "weights":
            self.arrays["weights_rows"][slot] = row
        if kind == "spikes":
            ctl[cells.SPIKES_HEAD] += 1
        ctl[HEADS[kind]] += 1


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 99), st.lists(st.integers(0, 8), min_size=1, max_size=40))
def test_drains_of_any_size_give_what_a_list_would(new_folder, content, seed, runs):
    made = content(sum(runs), seed)
    engine, folder = Engine(made), new_folder()
    journal = Journal(folder, 5, 2)
    drain = Drain(engine.arrays, journal, learnt=engine.learnt)
    for number, text in zip(made.records["commands"]["id"].tolist(), made.texts["commands"], strict=True):
        drain.add_command_text(number, text)
    made.texts["events"] = [""] * len(made.records["events"])
    for run in runs:
        engine.run(run)
        assert drain.step() == run
        assert engine.arrays["ctl"][cells.SPIKES_SAVED] == engine.arrays["ctl"][cells.SPIKES_DECODED]
        assert engine.arrays["ctl"][cells.FRAMES_SAVED] == engine.tick
    journal.close()
    assert all(made.same(read(folder), kind, len(made.records[kind])) for kind in KINDS)


def test_what_is_on_disk_reaches_as_far_as_the_frames_at_any_moment(new_folder, content, monkeypatch):
    """Let the engine run on between any two steps of the drain, and look at the disk after each write."""
    monkeypatch.setattr("bmi_app.record.kinds._BATCH_BYTES", 1 << 12)
    made = content(150)
    engine, folder = Engine(made, n_slots=128), new_folder()
    journal = Journal(folder, 5, 2)
    drain = Drain(engine.arrays, journal, learnt=engine.learnt)
    append = Journal.append
    looked = []

    def append_and_run(self, kind, *args) -> None:
        append(self, kind, *args)
        engine.run(1)
        found = read(folder)
        last = found.frames["tick"].max(initial=-1)
        looked.append(last)
        for each in KINDS:
            assert len(getattr(found, each)) >= made.n_until(each, last)

    monkeypatch.setattr(Journal, "append", append_and_run)
    while engine.tick < 150:
        engine.run(1)
        drain.step()
    assert len(set(looked)) > 3
    journal.close()


def test_being_lapped_is_an_error_that_names_the_loss(new_folder, content):
    engine = Engine(content(60))
    folder = new_folder()
    journal = Journal(folder, 5, 2)
    drain = Drain(engine.arrays, journal)
    engine.run(10)
    drain.step()
    engine.arrays["ctl"][cells.FRAMES_HEAD] += RING
    drain_ticks = RING + 3
    engine.arrays["ctl"][cells.FRAMES_HEAD] += 3
    with pytest.raises(
        JournalError, match=f"3 records of frames were overwritten.*behind by {drain_ticks}, the ring holds {RING}"
    ):
        drain.step()
    journal.close()
    assert read(folder).damage == []
    assert len(read(folder).frames) == 10


@pytest.mark.parametrize(("n_waiting", "n_lost"), [(RING, 2), (RING - 1, 1)])  # the newest slot may be half written
def test_a_full_ring_is_not_lapped_but_one_overtaken_while_it_is_copied_is(
    new_folder, content, monkeypatch, n_waiting, n_lost
):
    engine = Engine(content(60))
    journal = Journal(new_folder(), 5, 2)
    drain = Drain(engine.arrays, journal)
    engine.arrays["ctl"][cells.FRAMES_HEAD] = RING
    assert drain.step() == RING
    engine.arrays["ctl"][cells.FRAMES_HEAD] += n_waiting
    append = Journal.append

    def append_and_overtake(self, kind, *args) -> None:
        append(self, kind, *args)
        if kind == "frames":
            engine.arrays["ctl"][cells.FRAMES_HEAD] += 1

    monkeypatch.setattr(Journal, "append", append_and_overtake)
    with pytest.raises(JournalError, match=f"{n_lost} records of frames"):
        drain.step()
    journal.close()


def test_notes_and_the_tally(new_folder, content):
    made = content(40)
    for name in ("published_s", "due_s", "arrival_s"):
        made.records["health"][name] = np.arange(40) * (1.5 if name == "published_s" else 1.0)
    made.records["frames"]["spikes"] = 2
    engine, folder = Engine(made), new_folder()
    journal = Journal(folder, 5, 2)
    tally = Tally()
    drain = Drain(engine.arrays, journal, tally)
    engine.run(8)
    note = np.zeros(1, EVENT)
    note["tick"] = 7
    drain.add_event(note, "the monkey sneezed")
    note["tick"] = 99  # the caller's record is copied
    while engine.tick < 40:
        drain.step()
        engine.run(8)
    drain.step()
    journal.close()
    recording = read(folder)
    place = recording.event_texts.index("the monkey sneezed")
    assert recording.events["tick"][place] == 7
    assert tally.summary(folder, "center_out", 0.01) == summarise(recording)
