"""The offset of a source's clock is kept while it holds, and said to be what it is: how old, how sure, or not known."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bmi_app.rt import cells
from bmi_app.rt.records import EventKind
from bmi_app.rt.ring import read_cell, read_cell_f8, write_cell
from bmi_app.session.engine.clock_watch import ClockWatch
from bmi_app.session.view.signal_health import OWN_CLOCK, _clock
from drivers.contract import ClockReading
from protocols.load import load

NOW_S = 1000.0


class Source:
    """A driver whose clock is measured as a test says; None: the measurement fails."""

    has_clock = True

    def __init__(self) -> None:
        self.reading: ClockReading | None = ClockReading(-86_400.0, 1e-4, NOW_S)

    def read_clock(self) -> ClockReading | None:
        return self.reading


class Watched:
    """A watch of a source's clock, what it told, and what views say of it."""

    def __init__(self, *overrides: str) -> None:
        self.source, self.told = Source(), list[tuple[EventKind, str, float]]()
        self.ctl = np.zeros(cells.N_WORDS, np.int64)
        self.watch = ClockWatch(self.source, self.ctl, lambda kind, text, value: self.told.append((kind, text, value)))
        self.protocol = load("center_out", ["driver.kind=lsl", *overrides])
        self.watch.begin("lsl", lambda _: None)

    def measure(self, offset_s: float | None, at_s: float = NOW_S, uncertainty_s: float = 1e-4) -> None:
        self.source.reading = None if offset_s is None else ClockReading(offset_s, uncertainty_s, at_s)
        self.watch.measure()

    def steps(self) -> list[str]:
        return [text for kind, text, _ in self.told if kind == EventKind.CLOCK_STEP]

    def said(self, now_s: float) -> tuple[str, str]:
        attachment: Any = SimpleNamespace(arrays={"ctl": self.ctl}, protocol=self.protocol)
        return _clock(attachment, now_s)

    @property
    def offset_s(self) -> float:
        return float(read_cell_f8(self.ctl, cells.OFFSET))

    @property
    def is_known(self) -> bool:
        return bool(read_cell(self.ctl, cells.OFFSET_RESETS) == read_cell(self.ctl, cells.CLOCK_RESETS))


def test_a_measurement_that_fails_keeps_the_offset_and_its_age_is_shown() -> None:
    watched = Watched()
    assert watched.said(NOW_S + 1.0) == ("-86400.000 s ± 0.1 ms, 1 s ago", "")
    for later_s in (2.0, 4.0, 12.0):
        watched.measure(None)
        assert watched.is_known
        assert watched.offset_s == -86_400.0
        said, alarm = watched.said(NOW_S + later_s)
        assert said == f"-86400.000 s ± 0.1 ms, {later_s:.0f} s ago"
        assert bool(alarm) == (later_s > 10)
    assert alarm == "the source's clock was measured last 12 s ago: does a firewall block UDP?"
    assert watched.steps() == []


@pytest.mark.parametrize("by_kernel", [False, True])
def test_from_a_reset_on_the_offset_is_not_known_until_it_is_measured_anew(by_kernel: bool) -> None:
    watched = Watched()
    if by_kernel:  # liblsl has found the source connected anew
        write_cell(watched.ctl, cells.CLOCK_RESETS, 1)
    else:  # the engine has opened the inlet again
        watched.watch.reset()
    assert not watched.is_known
    measured_s = NOW_S
    for _ in range(2):  # it fails: neither known, nor told twice
        watched.measure(None)
        assert not watched.is_known
        assert watched.said(measured_s)[0] == "not known"
        assert "timed by their arrival" in watched.said(measured_s)[1]
    assert len(watched.steps()) == 1
    assert "connected anew" in watched.steps()[0]
    watched.measure(-500.0, NOW_S + 3.0)
    assert watched.is_known
    assert watched.offset_s == -500.0
    assert "measured anew: its offset is -500.000000 s" in watched.steps()[1]
    assert "+85900.000000 s from what it was" in watched.steps()[1]
    assert watched.said(NOW_S + 3.0) == ("-500.000 s ± 0.1 ms, 0 s ago", "")


def test_a_reset_while_it_is_measured_leaves_the_offset_unknown() -> None:
    watched = Watched()
    read = watched.source.read_clock

    def reset_meanwhile() -> ClockReading | None:
        watched.watch.reset()
        return read()

    watched.source.read_clock = reset_meanwhile  # type: ignore[method-assign]
    watched.measure(-86_400.0, NOW_S + 2.0)
    assert not watched.is_known


@pytest.mark.parametrize(
    ("moved_s", "uncertainty_s", "is_step"),
    [(0.05, 1e-4, True), (-0.05, 1e-4, True), (0.001, 1e-4, False), (0.05, 0.05, False), (0.004, 1e-3, True)],
)
def test_a_step_is_told_where_neither_uncertainty_nor_drift_explains_it(
    moved_s: float, uncertainty_s: float, is_step: bool
) -> None:
    watched = Watched()
    watched.measure(-86_400.0 + moved_s, NOW_S + 2.0, uncertainty_s)
    assert watched.offset_s == -86_400.0 + moved_s
    assert bool(watched.steps()) == is_step
    assert not is_step or f"it stepped: its offset moved by {moved_s:+.6f} s" in watched.steps()[0]
    assert not is_step or watched.told[-1][0] == EventKind.CLOCK_OFFSET  # journaled as well


def test_drift_is_no_step() -> None:
    watched = Watched()
    for k in range(1, 200):  # 200 ppm, measured every 2 s
        watched.measure(-86_400.0 + 200e-6 * 2.0 * k, NOW_S + 2.0 * k)
    assert watched.steps() == []
    assert len([kind for kind, *_ in watched.told if kind == EventKind.CLOCK_OFFSET]) > 50


def test_a_clock_that_is_not_used_is_said_to_be_so() -> None:
    assert Watched("driver.clock=arrival").said(NOW_S) == ('not used: driver.clock = "arrival"', "")
    own = Watched()
    own.measure(0.0, uncertainty_s=0.0)
    assert own.said(NOW_S) == (OWN_CLOCK, "")
