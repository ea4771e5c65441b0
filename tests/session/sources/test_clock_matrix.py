"""Sessions on sources whose clocks, ticks and stalls are as bad as they come: nothing is lost without a name.

`make matrix` runs every cell; the suite runs a sample. A cell that is not run is printed and counted as skipped.
"""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bmi_app.record import nwb
from bmi_app.record.reading import Recording
from bmi_app.rt import cells
from bmi_app.rt.records import EventKind, Flag, Stamping
from bmi_app.session.recompute.report import verify
from bmi_app.session.view.attachment import Attachment
from tests.session.conftest import Session

pytestmark = [pytest.mark.realtime, pytest.mark.skipif(sys.platform != "linux", reason="time namespaces are Linux's")]

HERE = Path(__file__).parent
CLOCKS = ("same", "+1 day", "-500 s", "drift 200 ppm", "step 50 ms", "restart")
TICKS = ("clock", "stream")
STALLS = ("none", "source 2 s", "engine 0.2 s", "engine 10 s")
CELLS = list(itertools.product(CLOCKS, TICKS, STALLS))
# Every clock, both ticks and every stall, once each at least.
SAMPLE = {
    ("+1 day", "clock", "none"),
    ("+1 day", "stream", "source 2 s"),
    ("drift 200 ppm", "clock", "engine 0.2 s"),
    ("step 50 ms", "stream", "none"),
    ("restart", "clock", "none"),
    ("-500 s", "stream", "engine 0.2 s"),
    ("same", "clock", "engine 10 s"),
}
BIN_S, N_UNITS, RATE_HZ, STEP_S = 0.01, 16, 20.0, 0.05
REST_S, STALL_BIN, STEP_BIN, N_BINS, HALF = 3.0, 400, 350, 700, 450
LOST = ("before_spikes", "dropped_spikes", "unmapped_spikes", "bad_values")


@dataclass
class Sender:
    """A source in a process of its own, with a clock of its own."""

    source_id: str
    folder: Path
    clock: str
    counts: bool
    processes: list["subprocess.Popen[str]"]

    def start(self, first: int, until: int, stall_at: int | None, *, shift_s: float = 0.0) -> "subprocess.Popen[str]":
        asked = {
            "source_id": self.source_id,
            "counts": self.counts,
            "first": first,
            "until": until,
            "stall_at": stall_at,
            "step_at": STEP_BIN if self.clock == "step 50 ms" else None,
        }
        command = [sys.executable, str(HERE / "clock_sender.py"), json.dumps(asked)]
        environment = dict(os.environ)
        shift_s = {"+1 day": 86_400.0, "-500 s": -500.0}.get(self.clock, shift_s)
        if shift_s:
            command = ["unshare", "--time", "--monotonic", f"{shift_s:.0f}", *command]
        bent = {
            "drift 200 ppm": {"OTHER_CLOCK_DRIFT_PPM": "200"},
            "step 50 ms": {"OTHER_CLOCK_DRIFT_PPM": "0"},
        }.get(self.clock)
        if bent:
            environment |= {"LD_PRELOAD": str(bend_clock(self.folder)), **bent}
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self.processes.append(process)
        return process


def bend_clock(folder: Path) -> Path:
    """Compile what bends a sender's clock."""
    library = folder / "other_clock.so"
    if not library.exists():
        command = ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(HERE / "other_clock.c"), "-ldl"]
        subprocess.run(command, check=True)
    return library


def why_not(clock: str) -> str:
    """Say why this machine cannot have a clock, or nothing."""
    if clock in ("+1 day", "-500 s", "restart"):
        if shutil.which("unshare") is None or subprocess.run(["unshare", "--time", "true"], check=False).returncode:
            return "no time namespaces here (they need root)"
        if clock == "-500 s" and time.monotonic() < 500 + 60:
            return "this machine has not run for long enough to shift its clock back"
    elif clock != "same" and shutil.which("cc") is None:
        return "no C compiler here"
    return ""


@pytest.fixture
def sender(source_id: str, tmp_path: Path) -> Iterator[Callable[[str, bool], Sender]]:
    made: list[Sender] = []

    def make(clock: str, counts: bool) -> Sender:
        made.append(Sender(source_id, tmp_path, clock, counts, []))
        return made[-1]

    yield make
    for one in made:
        for process in one.processes:
            process.kill()
            process.communicate()


def spikes_of(process: "subprocess.Popen[str]") -> int:
    """Return how many spikes a sender has sent, once it has sent them all."""
    assert process.stdout is not None
    return int(process.stdout.readline())


class Account:
    """Add up how many spikes were decoded, or counted as lost by name."""

    def __init__(self, view: Attachment) -> None:
        self._view, self._tail, self._decoded, self._lost = view, 0, 0.0, 0

    def total(self) -> int:
        """Return the sum so far; to be asked before the ring of frames is full."""
        tail = self._tail
        self._tail, (frames, health) = self._view.since(tail, "frames", "health")
        assert len(frames) == self._tail - tail, "frames were missed"
        self._decoded += float(frames["spikes"].sum())
        if len(health):
            self._lost = sum(int(health[name][-1]) for name in LOST)
        return round(self._decoded) + self._lost


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("clock", "ticks", "stall"), CELLS, ids=["/".join(cell) for cell in CELLS])
def test_every_spike_is_decoded_or_counted_and_time_goes_on(
    clock: str,
    ticks: str,
    stall: str,
    sender: Callable[[str, bool], Sender],
    start_session: Callable[..., Session],
    wait_until: Callable[[Callable[[], object]], None],
    tmp_path: Path,
) -> None:
    if (clock, ticks, stall) not in SAMPLE and os.environ.get("BMI_CLOCK_MATRIX") != "whole":
        pytest.skip("not in the sample; `make matrix` runs it")
    if why := why_not(clock):
        pytest.skip(why)
    source = sender(clock, ticks == "stream")
    stall_at = STALL_BIN if stall == "source 2 s" else None
    first = source.start(0, HALF if clock == "restart" else N_BINS, stall_at)
    session = start_session(
        "center_out",
        f"tick.source={ticks}",
        f"units.count={N_UNITS}",
        "populations={horizontal='0-7',vertical='8-15'}",
        f"blocks=[{{kind='rest',duration_s={REST_S}}},{{kind='closed_loop'}}]",
        "task.timeout_ms=1000",
        "task.target_radius_cm=0.1",
    )
    view = Attachment(session.folder)
    account = Account(view)
    try:
        if stall.startswith("engine"):
            wait_until(lambda: account.total() >= 0 and view.head > STALL_BIN)
            session.process.send_signal(signal.SIGSTOP)
            time.sleep(float(stall.split()[1]))  # for so long it is stopped
            session.process.send_signal(signal.SIGCONT)
            wait_until(lambda: account.total() >= 0 and view.head > STALL_BIN + 100)
        sent = spikes_of(first)
        if clock == "restart":
            wait_until(lambda: account.total() >= sent)
            first.communicate()
            sent += spikes_of(source.start(HALF, N_BINS, None, shift_s=86_400.0))
        wait_until(lambda: account.total() >= sent)
        if clock == "step 50 ms":  # what a stopped engine has to catch up may be done before liblsl measures again
            wait_until(lambda: view.arrays["ctl"][cells.OFFSET :][:1].view(np.float64)[0] < -STEP_S / 2)
    finally:
        view.close()
    summary = session.stop()
    recording = session.recording()
    check_session(recording, summary, sent, clock, ticks, stall)
    assert verify(session.folder)["exact"]
    check_export(recording, summary, nwb.export(session.folder, tmp_path / "session.nwb"), ticks)


def check_export(recording: Recording, summary: dict[str, Any], path: Path, ticks: str) -> None:
    """Check that the file has every spike, and the times of the session's edges, in ascending order."""
    from pynwb import NWBHDF5IO, TimeSeries

    edges_s = recording.frames["edge_s"]
    edges_s = edges_s - edges_s[0] + BIN_S
    with NWBHDF5IO(path, "r") as reading:
        file = reading.read()
        trials = file.trials[:]
        assert np.all(np.diff(trials["start_time"]) > 0)
        assert np.all(trials["stop_time"] > trials["start_time"])
        of_ticks = [
            one for one in file.objects.values() if isinstance(one, TimeSeries) and len(one.data) == len(edges_s)
        ]
        assert len(of_ticks) >= 3
        for series in of_ticks:
            times_s = (np.arange(len(edges_s)) + 1) * BIN_S if series.timestamps is None else series.timestamps[:]
            np.testing.assert_allclose(times_s, edges_s, rtol=0, atol=1e-6)
        if ticks == "clock":  # counts have no spikes to be listed
            units_s = [np.asarray(unit) for unit in file.units["spike_times"][:]]
            assert all(np.all(np.diff(unit) > 0) for unit in units_s)
            assert sum(map(len, units_s)) == summary["spikes"]
        else:
            assert np.all(np.diff(edges_s) > 0)
            assert sum(one.data[:].sum() for one in of_ticks if one.data.shape[1:] == (N_UNITS,)) == summary["spikes"]


def check_session(recording: Recording, summary: dict[str, Any], sent: int, clock: str, ticks: str, stall: str) -> None:
    """Check what a session has made of what was sent."""
    frames, spikes = recording.frames, recording.spikes
    lost = {name: summary[name] for name in LOST}
    assert summary["spikes"] + sum(lost.values()) == sent, lost
    assert lost["before_spikes"] == spikes["count"][spikes["tick"] < 0].sum()
    assert lost["dropped_spikes"] == lost["unmapped_spikes"] == lost["bad_values"] == 0
    assert np.all(np.diff(frames["edge_s"]) > 0)
    if stall == "engine 10 s":
        assert np.any(frames["flags"] & Flag.CATCHING_UP)
    if ticks == "clock":
        steps_s = np.diff(frames["edge_s"])
        np.testing.assert_allclose(steps_s, BIN_S, atol=1e-6)
    (frozen,) = recording.events[recording.events["kind"] == EventKind.BASELINE_FROZEN]
    assert frozen["value"] == pytest.approx(RATE_HZ, rel=0.02)
    # Times are on this machine's clock: each spike's lies near its arrival, but for what the source held back.
    times_s = spikes["stamp_s"] + spikes["offset_s"]
    held_s = 2.5 if stall == "source 2 s" else 10.5 if stall == "engine 10 s" else 1.0
    ages_s = spikes["arrival_s"] - times_s
    assert -0.06 < ages_s.min()
    assert ages_s.max() < held_s
    by_arrival = spikes["stamping"] == Stamping.NO_OFFSET
    assert summary["no_offset_spikes"] == spikes["count"][by_arrival].sum()
    assert summary["no_stamp_spikes"] == 0
    if clock == "restart":
        assert 0 < np.count_nonzero(by_arrival) < len(spikes) / 2
        assert set(np.round(spikes["offset_s"][~by_arrival] / 86_400).astype(int)) == {0, -1}
    else:
        assert not by_arrival.any()
        shift_s = {"+1 day": 86_400.0, "-500 s": -500.0}.get(clock, 0.0)
        np.testing.assert_allclose(spikes["offset_s"], -shift_s, atol=0.06)
    told = [
        text
        for event, text in zip(recording.events, recording.event_texts, strict=True)
        if event["kind"] == EventKind.CLOCK_STEP
    ]
    if clock == "step 50 ms":
        assert any("it stepped: its offset moved by -0.0" in text for text in told), told
    elif clock == "restart":
        assert any("connected anew" in text for text in told), told
        assert any("measured anew" in text for text in told), told
    else:
        assert told == []
    if clock == "drift 200 ppm" and stall != "none":
        assert np.ptp(spikes["offset_s"]) > 1e-4
