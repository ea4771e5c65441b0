"""The thread that fires outputs, over rings that the test writes as decode would."""

import threading
from collections.abc import Iterator
from typing import get_args

import numpy as np
import pytest

from bmi_app.outputs.contract import Moment, OutputError, OutputEvent
from bmi_app.rt import cells
from bmi_app.rt.clock import now_s
from bmi_app.rt.records import EVENT, EventKind
from bmi_app.rt.ring import read_cell, write_cell
from bmi_app.rt.state import CONFIG
from bmi_app.rt.wait import wait_events
from bmi_app.session.engine.output_thread import OutputThread, Wired
from protocols.rig import Output

PATIENCE_S = 10.0


class Recorder:
    """Be an output, and what hears of firings and failures."""

    def __init__(self, failing: Exception | None = None) -> None:
        self.fired: list[OutputEvent] = []
        self.calls: list[str] = []
        self._failing = failing

    def open(self) -> None:
        self.calls.append("open")

    def fire(self, event: OutputEvent) -> None:
        if self._failing:
            raise self._failing
        self.fired.append(event)

    def close(self) -> None:
        self.calls.append("close")


class Rig:
    def __init__(self, start_s: float = 0.0) -> None:
        self.arrays = {
            "config": np.zeros(1, CONFIG),
            "ctl": np.zeros(cells.N_WORDS, np.int64),
            "events": np.zeros(8, EVENT),
        }
        self.arrays["config"]["start_s"] = start_s
        self.reports: list[tuple[int, OutputEvent, float | Exception]] = []
        self.reported = threading.Condition()
        self.thread: OutputThread | None = None

    def start(self, *outputs: Wired) -> None:
        self.thread = OutputThread(self.arrays, outputs, self.hear, self.hear)
        self.thread.start()

    def hear(self, *report) -> None:
        with self.reported:
            self.reports.append(report)
            self.reported.notify()

    def log(self, kind: EventKind, time_s: float = 0.0, value: float = 0.0) -> None:
        head = read_cell(self.arrays["ctl"], cells.EVENTS_HEAD)
        self.arrays["events"][head % 8] = (head, time_s, 3, kind, 0, value)
        write_cell(self.arrays["ctl"], cells.EVENTS_HEAD, head + 1)

    def wait(self, n_reports: int) -> None:
        with self.reported:
            assert self.reported.wait_for(lambda: len(self.reports) >= n_reports, PATIENCE_S)


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig(now_s())
    yield made
    assert made.thread is not None
    made.thread.stop()


def test_each_moment_fires_the_outputs_that_wait_for_it(rig: Rig) -> None:
    moments = ("reward", "trial_start", "trial_end", "block_start", "session")
    outputs = {moment: Recorder() for moment in moments}
    rig.start(*(Wired(output, moment) for moment, output in outputs.items()))
    rig.wait(1)
    for kind in (
        EventKind.BLOCK_START,
        EventKind.TRIAL_START,
        EventKind.TARGET_ENTER,
        EventKind.UPDATE,
        EventKind.TRIAL_END,
        EventKind.SESSION_STOP,
    ):
        rig.log(kind)
    rig.log(EventKind.REWARD, value=0.0)  # withheld
    rig.log(EventKind.REWARD, value=0.5)
    rig.thread.stop()
    found = {moment: [(event.tick, event.value) for event in output.fired] for moment, output in outputs.items()}
    assert found == {
        "reward": [(7, 0.5)],
        "trial_start": [(1, 0.0)],
        "trial_end": [(4, 0.0)],
        "block_start": [(0, 0.0)],
        "session": [(0, 0.0), (5, 0.0)],
    }
    assert all(event.kind == moment for moment, output in outputs.items() for event in output.fired)
    assert [output.calls for output in outputs.values()] == [["open", "close"]] * 5


def test_delay_runs_from_the_end_of_the_bin(rig: Rig) -> None:
    rig.start(Wired(Recorder(), "trial_start"))
    decided_s = now_s() - 0.5
    rig.log(EventKind.TRIAL_START, time_s=decided_s)
    rig.wait(1)
    heard_s = now_s()
    index, event, delay_s = rig.reports[0]
    assert index == 0
    assert (event.time_s, event.trial) == (decided_s, 3)
    assert 0.5 <= delay_s <= heard_s - decided_s


def test_session_start_is_fired_at_the_beginning_of_bin_0() -> None:
    start_s = now_s() + 0.05
    rig = Rig(start_s)
    rig.start(Wired(Recorder(), "session"))
    rig.wait(1)
    rig.thread.stop()
    _, event, delay_s = rig.reports[0]
    assert (event.kind, event.time_s, event.trial) == ("session", start_s, -1)
    assert delay_s >= 0.0


def test_output_that_fails_stops_nothing(rig: Rig) -> None:
    after = Recorder()
    rig.start(
        Wired(Recorder(OutputError("broken")), "trial_start"),
        Wired(Recorder(ZeroDivisionError()), "trial_start"),
        Wired(after, "trial_start"),
    )
    rig.log(EventKind.TRIAL_START)
    rig.log(EventKind.TRIAL_START)
    rig.wait(6)
    assert [(index, type(what)) for index, _, what in rig.reports] == [
        (0, OutputError),
        (1, ZeroDivisionError),
        (2, float),
    ] * 2
    assert len(after.fired) == 2


def test_output_that_cannot_be_opened_leaves_none_open() -> None:
    class Broken(Recorder):
        def open(self) -> None:
            raise OutputError("no such port")

    first = Recorder()
    thread = OutputThread(Rig().arrays, [Wired(first, "reward"), Wired(Broken(), "reward")], print, print)
    with pytest.raises(OutputError, match="no such port"):
        thread.start()
    assert first.calls == ["open", "close"]
    thread.stop()


def test_events_older_than_the_thread_are_left_alone(rig: Rig) -> None:
    output = Recorder()
    rig.log(EventKind.TRIAL_START)
    rig.start(Wired(output, "trial_start"))
    rig.log(EventKind.TRIAL_START)
    rig.wait(1)
    rig.thread.stop()
    assert [event.tick for event in output.fired] == [1]


def test_burst_larger_than_the_ring_fires_what_is_left(rig: Rig) -> None:
    class Stuck(Recorder):
        def fire(self, event: OutputEvent) -> None:
            super().fire(event)
            entered.set()
            assert freed.wait(PATIENCE_S)

    entered, freed = threading.Event(), threading.Event()
    output = Stuck()
    rig.start(Wired(output, "trial_start"))
    rig.log(EventKind.TRIAL_START)
    assert entered.wait(PATIENCE_S)
    for _ in range(20):
        rig.log(EventKind.TRIAL_START)
    freed.set()
    rig.thread.stop()
    assert [event.tick for event in output.fired] == [0, *range(13, 21)]


def test_wait_ends_at_its_time() -> None:
    ctl = np.zeros(cells.N_WORDS, np.int64)
    until_s = now_s() + 0.01
    assert wait_events(ctl, 0, until_s) == 0
    assert now_s() >= until_s
    write_cell(ctl, cells.EVENTS_HEAD, 4)
    assert wait_events(ctl, 3, now_s() + 1e6) == 4


def test_every_name_of_the_protocol_is_a_moment() -> None:
    assert get_args(Output.model_fields["on"].annotation) == get_args(Moment)
