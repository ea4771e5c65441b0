"""What an LSL sample's time is: its stamp where that means something, else its arrival, which is counted and said."""

import os
import subprocess
import sys
import time
import tomllib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files

import numpy as np
import pylsl
import pytest

import protocols
from bmi_app.rt import cells, records
from bmi_app.rt.contracts import NO_ACT
from bmi_app.rt.records import Stamping
from bmi_app.rt.ring import write_cell, write_cell_f8
from drivers import lsl, lsl_match
from drivers.contract import SourceError
from protocols.load import load
from protocols.problems import ProtocolError
from protocols.schema import Protocol

PATIENCE_S = 20.0


def protocol(units: dict[str, object], tick: dict[str, object] | None = None, **driver: object) -> Protocol:
    shipped = tomllib.loads((files(protocols) / "center_out.toml").read_text(encoding="utf-8"))
    return Protocol.model_validate({**shipped, "units": units, "tick": tick or {}, "driver": {"kind": "lsl", **driver}})


@pytest.fixture(autouse=True)
def _nobody_is_far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lsl_match, "SETTLE_S", 0.1)


class Heard:
    """A driver on an outlet of its own, and the ring that it fills."""

    def __init__(
        self,
        units: dict[str, object],
        n_channels: int = 2,
        channel_format: str = "int32",
        rate_hz: float = 0.0,
        stream_type: str = "SpikeEvents",
        settings: dict[str, object] | None = None,
        **more: object,
    ) -> None:
        name = f"stamps-{uuid.uuid4().hex[:8]}"
        info = pylsl.StreamInfo(name, stream_type, n_channels, rate_hz, channel_format, uuid.uuid4().hex)
        self.source = pylsl.StreamOutlet(info, max_buffered=4000)
        self.spikes, self.ctl = np.zeros(1 << 12, records.SPIKE), np.zeros(cells.N_WORDS, np.int64)
        self.frames = np.zeros(1, records.FRAME)
        self.driver = lsl.Driver(protocol(units, stream=name, **more), lsl.Settings(**(settings or {})))

    def poll_until(self, accounted: int) -> np.ndarray:
        give_up_s = time.monotonic() + PATIENCE_S
        while True:
            until_s = pylsl.local_clock() + 0.02
            assert lsl.POLL(NO_ACT, self.driver.memory, self.spikes, self.ctl, self.frames, until_s) >= 0
            counters = (cells.SPIKES_HEAD, cells.DROPPED, cells.BAD_VALUES, cells.UNMAPPED, cells.IGNORED)
            if sum(int(self.ctl[cell]) for cell in counters) >= accounted:
                return self.spikes[: self.ctl[cells.SPIKES_HEAD]]
            assert time.monotonic() < give_up_s, "the samples did not arrive"


@contextmanager
def heard(*arguments: object, **more: object) -> Iterator[Heard]:
    one = Heard(*arguments, **more)  # type: ignore[arg-type]
    one.driver.open(PATIENCE_S)
    one.driver.connect()
    try:
        assert one.source.wait_for_consumers(PATIENCE_S)
        yield one
    finally:
        one.driver.close()


@pytest.mark.parametrize("channel_format", ["int8", "int16", "int32", "float32", "double64"])
def test_spikes_without_a_stamp_are_timed_by_their_arrival_and_counted(channel_format: str) -> None:
    with heard({"count": 8}, channel_format=channel_format) as one:
        before_s = pylsl.local_clock()
        for k in range(1000):
            one.source.push_sample([k % 8, 0], -1.0)  # liblsl hands over 0.0, which also means that none came
        entries = one.poll_until(1000)
        after_s = pylsl.local_clock()
    assert entries["unit"].tolist() == [k % 8 for k in range(1000)]
    times_s = entries["stamp_s"] + entries["offset_s"]
    np.testing.assert_allclose(times_s, entries["arrival_s"], atol=1e-9)
    assert before_s < times_s.min() <= times_s.max() < after_s
    assert set(entries["stamping"]) == {Stamping.NO_STAMP}
    assert one.ctl[cells.NO_STAMP] == 1000


def test_a_spike_without_a_stamp_after_one_with_a_stamp_does_not_get_that_stamp() -> None:
    with heard({"count": 8}) as one:
        one.source.push_sample([1, 0], 50.0)
        one.source.push_sample([2, 0], 50.0)  # together, and so in earnest
        one.poll_until(2)
        time.sleep(0.15)  # later than spikes that were sent together arrive
        one.source.push_sample([3, 0], -1.0)
        one.source.push_sample([4, 0], 51.0)
        entries = one.poll_until(4)
    assert entries["stamping"].tolist() == [0, 0, Stamping.NO_STAMP, 0]
    assert entries["stamp_s"].tolist() == [50.0, 50.0, 50.0, 51.0]
    assert entries["stamp_s"][2] + entries["offset_s"][2] == pytest.approx(entries["arrival_s"][2], abs=1e-9)
    assert one.ctl[cells.NO_STAMP] == 1


def test_a_nan_that_the_source_sends_is_a_sample() -> None:
    with heard({"count": 3}, n_channels=3, channel_format="double64", rate_hz=100.0, stream_type="SpikeCounts") as one:
        one.source.push_sample([np.nan, 1.0, np.nan], 1.0)
        one.source.push_sample([np.nan] * 3, 2.0)
        entries = one.poll_until(3 + 5)
    assert entries["unit"].tolist() == [1, -1, -1]
    assert one.ctl[cells.BAD_VALUES] == 5


def test_a_stamp_clearly_after_its_arrival_is_counted() -> None:
    with heard({"count": 8}) as one:
        write_cell_f8(one.ctl, cells.OFFSET, -1000.0)
        write_cell_f8(one.ctl, cells.OFFSET_UNCERTAINTY, 0.01)
        for ahead_s, unit in ((0.5, 0), (-0.5, 1), (0.005, 2)):  # the last is within what the clocks explain
            one.source.push_sample([unit, 0], pylsl.local_clock() + 1000.0 + ahead_s)
        entries = one.poll_until(3)
    assert entries["stamping"].tolist() == [0, 0, 0]
    assert one.ctl[cells.AHEAD] == 1


def test_until_a_new_offset_is_known_arrivals_are_taken_for_stamps() -> None:
    with heard({"count": 8}) as one:
        write_cell_f8(one.ctl, cells.OFFSET, 7.0)
        one.source.push_sample([1, 0], 100.0)
        one.poll_until(1)
        write_cell(one.ctl, cells.CLOCK_RESETS, 1)
        one.source.push_sample([2, 0], 101.0)
        one.poll_until(2)
        write_cell_f8(one.ctl, cells.OFFSET, 8.0)
        write_cell(one.ctl, cells.OFFSET_RESETS, 1)
        one.source.push_sample([3, 0], 102.0)
        entries = one.poll_until(3)
    assert entries["stamping"].tolist() == [0, Stamping.NO_OFFSET, 0]
    assert entries["stamp_s"].tolist() == [100.0, 101.0, 102.0]  # as they came
    assert entries["offset_s"][[0, 2]].tolist() == [7.0, 8.0]
    assert 101.0 + entries["offset_s"][1] == pytest.approx(entries["arrival_s"][1], abs=1e-9)
    assert one.ctl[cells.NO_OFFSET] == 1


@pytest.mark.parametrize("stamp_s", [1.7e9, 1.7e12, 1e300, -1e300, 5.0])
def test_with_the_clock_of_arrivals_stamps_mean_nothing(stamp_s: float) -> None:
    with heard({"count": 8}, clock="arrival") as one:
        reading = one.driver.read_clock()
        assert reading is not None
        assert (reading.offset_s, reading.uncertainty_s) == (0.0, 0.0)
        one.source.push_sample([3, 0], stamp_s)
        entries = one.poll_until(1)
    assert entries["stamping"].tolist() == [Stamping.ARRIVAL]
    assert entries["stamp_s"][0] + entries["offset_s"][0] == pytest.approx(entries["arrival_s"][0], abs=1e-3)
    assert not any(one.ctl[cell] for cell in (cells.AHEAD, cells.NO_OFFSET, cells.NO_STAMP))


def test_rates_in_hz_become_counts() -> None:
    with heard({"count": 3}, n_channels=3, channel_format="float32", rate_hz=50.0, stream_type="SpikingRates") as one:
        one.source.push_sample([20.0, 0.0, 50.0], 1.0)
        entries = one.poll_until(3)
        (said,) = [note for note in one.driver.open(PATIENCE_S).notes if "(Hz)" in note]
    assert entries["unit"].tolist() == [0, 2, -1]
    assert entries["count"].tolist() == pytest.approx([0.4, 1.0, 0.0])
    assert "divided by 50 Hz" in said


def test_rates_without_a_rate_of_samples_are_refused() -> None:
    one = Heard({"count": 3}, n_channels=3, channel_format="float32", stream_type="SpikingRates")
    with pytest.raises(SourceError, match="sends rates in Hz at no regular rate"):
        one.driver.open(PATIENCE_S)


@pytest.mark.parametrize(
    "units",
    [
        {"map": "channel", "first_channel": 1},
        {"map": "channel_unit", "units_per_channel": 3},
        {"map": "table", "table": [[2, 0], [1, 0], [0, 0]]},
        {"ignore_units": [255]},
    ],
)
def test_a_map_of_units_is_refused_for_counts_instead_of_ignored(units: dict[str, object]) -> None:
    one = Heard({"count": 3, **units}, n_channels=3, rate_hz=100.0, stream_type="SpikeCounts")
    with pytest.raises(SourceError, match=r"channel i is unit i, so that units\.\w+") as caught:
        one.driver.open(PATIENCE_S)
    for key in units:
        assert f"units.{key}" in str(caught.value) or key == "map"
    assert "\n" not in str(caught.value)


def test_noise_and_unsorted_units_are_left_out_and_counted() -> None:
    with heard({"count": 4, "ignore_units": [0, 255]}) as one:
        for unit in (0, 1, 2, 255, 254):
            one.source.push_sample([3, unit], 1.0)
        entries = one.poll_until(5)
    assert len(entries) == 3
    assert one.ctl[cells.IGNORED] == 2
    assert one.ctl[cells.UNMAPPED] == one.ctl[cells.BAD_VALUES] == 0


def test_units_that_are_both_ignored_and_named_are_refused() -> None:
    with pytest.raises(ProtocolError, match=r"sorted unit 1 is ignored, and units\.map names it"):
        load("center_out", ["units.map=channel_unit", "units.units_per_channel=2", "units.ignore_units=[1]"])
    with pytest.raises(ProtocolError, match=r"units\.ignore_units: -1 is below 0 or stands twice"):
        load("center_out", ["units.ignore_units=[-1]"])


@pytest.mark.parametrize("rate_hz", [30_000.0, 60.0, 50.0, 5.0, 1000.0])
def test_what_is_advised_for_the_ticks_of_counts_is_allowed(rate_hz: float) -> None:
    """A remedy that the check then refuses is none: its values are tried, and what it says cannot be is refused."""
    described = load("center_out", [])
    advice = lsl_match.tick_advice(described, 1e3 / rate_hz)
    overrides = [f"tick.period_ms={1e3 / rate_hz:g}"]
    if not advice.startswith("set tick.period_ms"):
        assert "a tick lasts 1 to 100 ms" in advice
        with pytest.raises(ProtocolError, match=r"tick\.period_ms"):
            load("center_out", overrides)
        return
    assert f"tick.period_ms = {1e3 / rate_hz:g}" in advice
    for _ in range(2):  # the keys that it names, with the nearest values that the check names
        try:
            load("center_out", overrides)
        except ProtocolError as error:
            for problem in error.problems:
                assert problem.key in advice, problem
                nearest = str(problem).rpartition("nearest: ")[2].split(" or ")[0]
                overrides.append(f"{problem.key}={nearest}")
        else:
            return
    pytest.fail(f"the advice does not lead to a protocol: {advice}")


def test_a_machine_without_loopback_is_told_so() -> None:
    code = (
        "from drivers import lsl, lsl_match\nfrom drivers.contract import SourceError\nfrom protocols.load import load\n"
        "p = load('center_out', ['driver.kind=lsl'])\n"
        "try: lsl.Driver(p, lsl.Settings()).open(0.5)\nexcept SourceError as error: print(error)"
    )
    if subprocess.run(["unshare", "--net", "true"], check=False, capture_output=True).returncode:
        pytest.skip("no network namespaces here (they need root)")
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ),
    )
    assert done.returncode == 0, done.stderr
    assert "loopback, does not work" in done.stdout
    assert "ip link set lo up" in done.stdout
    found = lsl_match._why_none()
    assert found == ""  # here it works
