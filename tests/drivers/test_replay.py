"""Recordings as the source of a session: on a manual clock everything falls where it was recorded."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from bmi_app.record.formats import CountsSource, EventsSource, RecordingError, golub
from bmi_app.rt import cells, records
from bmi_app.rt.clock import now_s
from bmi_app.rt.contracts import NO_ACT
from drivers import replay
from drivers.contract import SOURCE_ENDED, SourceError
from drivers.replay import POLL, Driver, Settings
from protocols.schema import Protocol

TICK_S = 0.01
START_S = 100.0
CLOSES = -1


def protocol(units: dict[str, Any] | int, **tick: Any) -> Protocol:
    return Protocol.model_validate(
        {
            "format": 1,
            "name": "replay",
            "units": {"count": units} if isinstance(units, int) else units,
            "tick": tick,
            "axes": {"x": {"population": "all", "gain": 1.0}},
            "populations": {"all": "rest"},
            "blocks": [{"kind": "closed_loop"}],
            "task": {
                "pattern": "ring",
                "count": 8,
                "distance_cm": 8.0,
                "target_radius_cm": 1.5,
                "hold_ms": 300.0,
                "timeout_ms": 6000.0,
                "inter_trial_ms": 500.0,
            },
            "driver": {"kind": "replay"},
        }
    )


def events(stamps_s: list[float], channel: list[int], duration_s: float, unit: list[int] | None = None) -> EventsSource:
    return EventsSource(
        path=Path("made.up"),
        name="made up",
        description="for a test",
        labels=tuple(str(index) for index in range(max(channel) + 1)),
        duration_s=duration_s,
        stamps_s=np.array(stamps_s),
        channel=np.array(channel, np.int32),
        unit=np.array(unit or [0] * len(channel), np.int32),
    )


def counts(values: list[list[float]], dt_s: float = TICK_S) -> CountsSource:
    labels = tuple(str(index) for index in range(len(values[0])))
    return CountsSource(Path("made.up"), "made up", "for a test", labels, dt_s, np.array(values, np.float32))


class Rig:
    """A spike ring with its cells, and the engine's side of POLL."""

    def __init__(self, driver: Driver, slots: int = 1 << 14) -> None:
        self.driver = driver
        self.spikes = np.zeros(slots, records.SPIKE)
        self.ctl = np.zeros(cells.N_WORDS, np.int64)
        self.frames = np.zeros(1, records.FRAME)

    def poll(self, until_s: float) -> int:
        return int(POLL(NO_ACT, self.driver.memory, self.spikes, self.ctl, self.frames, until_s))

    @property
    def entries(self) -> np.ndarray:
        return self.spikes[: self.ctl[cells.SPIKES_HEAD]]

    def run_manual(self, max_ticks: int = 10_000, tick_s: float = TICK_S) -> list[int]:
        """Make ticks as `run_fast` does until the source has ended; return what each poll returned."""
        self.driver.start(START_S, True)
        returned = []
        for tick in range(max_ticks):
            returned.append(self.poll(START_S + (tick + 1) * tick_s))
            if returned[-1] < 0:
                break
        return returned

    def run_live(self, n_entries: int, patience_s: float = 10.0) -> list[int]:
        """Poll as the acquisition loop does."""
        self.driver.start(now_s(), False)
        give_up_s = now_s() + patience_s
        returned = []
        while len(self.entries) < n_entries or not returned or returned[-1] >= 0:
            assert now_s() < give_up_s
            returned.append(self.poll(now_s() + 0.01))
            if returned[-1] < 0:
                break
        return returned


@pytest.fixture
def open_made_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Open a driver over a recording that the test made up."""
    opened = []

    def made(source: EventsSource | CountsSource, of: Protocol, slots: int = 1 << 14, **settings: Any) -> Rig:
        monkeypatch.setattr(replay, "open_recording", lambda *_, **__: source)
        driver = Driver(of, Settings(path="made.up", **settings))
        opened.append(driver)
        driver.open(1.0)
        return Rig(driver, slots)

    yield made
    for driver in opened:
        driver.close()
        driver.close()


def test_events_fall_where_they_were_recorded(open_made_up: Any) -> None:
    source = events([0.0, 0.004, 0.0099999, 0.01, 0.035], [1, 0, 1, 2, 0], duration_s=0.0451)
    rig = open_made_up(source, protocol(3))
    assert rig.run_manual() == [3, 1, 0, 1, 0, SOURCE_ENDED], "ended with the recording, not with the last spike"
    np.testing.assert_array_equal(rig.entries["unit"], [1, 0, 1, 2, 0])
    np.testing.assert_allclose(rig.entries["stamp_s"], START_S + source.stamps_s, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(rig.entries["stamp_s"], rig.entries["arrival_s"])
    assert set(rig.entries["count"]) == {1.0}
    assert set(rig.entries["offset_s"]) == {0.0}
    assert set(rig.entries["tick"]) == {-1}


@pytest.mark.parametrize("duration_ticks", [1, 3, 7])
def test_every_tick_of_the_recording_is_made(open_made_up: Any, duration_ticks: int) -> None:
    rig = open_made_up(events([0.0], [0], duration_s=duration_ticks * TICK_S), protocol(1))
    assert len(rig.run_manual()) == duration_ticks + 1


def test_speed_compresses_time(open_made_up: Any) -> None:
    rig = open_made_up(events([0.0, 0.02, 0.04], [0, 0, 0], duration_s=0.08), protocol(1), speed=4.0)
    assert rig.run_manual() == [2, 1, SOURCE_ENDED]
    np.testing.assert_allclose(rig.entries["stamp_s"] - START_S, [0.0, 0.005, 0.01], atol=1e-12)


def test_loop_begins_again_after_the_recordings_length(open_made_up: Any) -> None:
    rig = open_made_up(events([0.001, 0.012], [0, 1], duration_s=0.02), protocol(2), loop=True)
    assert rig.run_manual(max_ticks=200) == [1] * 200
    expected = START_S + np.arange(200) // 2 * 0.02 + np.tile([0.001, 0.012], 100)
    np.testing.assert_allclose(rig.entries["stamp_s"], expected, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(rig.entries["unit"], np.arange(200) % 2)


def test_units_are_mapped_and_unknown_ones_counted(open_made_up: Any) -> None:
    units = {"count": 2, "map": "table", "table": [[7, 1], [3, 2]]}
    source = events([0.0, 0.001, 0.002, 0.003], [3, 7, 7, 3], 0.01, unit=[2, 1, 0, -1])
    rig = open_made_up(source, protocol(units))
    rig.run_manual()
    np.testing.assert_array_equal(rig.entries["unit"], [1, 0])
    assert rig.ctl[cells.UNMAPPED] == 2


def test_unknown_units_are_refused_where_the_protocol_says_so(open_made_up: Any) -> None:
    with pytest.raises(SourceError, match=r"channel 2, unit 0.*ignore_unknown"):
        open_made_up(events([0.0], [2], 0.01), protocol({"count": 2, "ignore_unknown": False}))


def test_counts_fall_into_their_bins_and_are_closed(open_made_up: Any) -> None:
    rig = open_made_up(counts([[0, 2], [0, 0], [1, 3]]), protocol(2))
    assert rig.run_manual() == [2, 1, 3, SOURCE_ENDED]
    np.testing.assert_array_equal(rig.entries["unit"], [1, CLOSES, CLOSES, 0, 1, CLOSES])
    np.testing.assert_array_equal(rig.entries["count"], [2, 0, 0, 1, 3, 0])
    bins = (rig.entries["stamp_s"] - START_S) / TICK_S
    np.testing.assert_allclose(bins, [0.5, 0.5, 1.5, 2.5, 2.5, 2.5], atol=1e-9)


@pytest.mark.parametrize("speed", [0.3, 1.0, 7.0])
def test_where_a_sample_is_a_tick_each_poll_gives_one(open_made_up: Any, speed: float) -> None:
    values = np.arange(1.0, 201.0).reshape(100, 2)
    rig = open_made_up(counts(values.tolist()), protocol(2, source="stream"), speed=speed)
    assert rig.run_manual() == [*[3] * 100, SOURCE_ENDED]
    np.testing.assert_array_equal(rig.entries["count"].reshape(100, 3)[:, :2], values)
    ends = START_S + (np.arange(100) + 1) * TICK_S / speed
    np.testing.assert_allclose(rig.entries["stamp_s"][::3], ends, rtol=0, atol=1e-9)


def test_bad_counts_are_counted_and_left_out(open_made_up: Any) -> None:
    rig = open_made_up(counts([[np.nan, -1.0, np.inf, 2.0]]), protocol(4))
    rig.run_manual()
    np.testing.assert_array_equal(rig.entries["unit"], [3, CLOSES])
    assert rig.ctl[cells.BAD_VALUES] == 3


def test_full_ring_drops_whole_samples_and_counts_them(open_made_up: Any) -> None:
    rig = open_made_up(counts([[1, 1, 1]] * 4), protocol(3), slots=8)
    rig.run_manual()
    np.testing.assert_array_equal(rig.entries["unit"], [0, 1, 2, CLOSES] * 2)
    assert rig.ctl[cells.DROPPED] == 6  # spikes


def test_live_spikes_arrive_when_due_and_not_before(open_made_up: Any) -> None:
    stamps_s = np.array([0.0, 0.003, 0.03, 0.0301, 0.06])
    rig = open_made_up(events(stamps_s.tolist(), [0, 1, 2, 0, 1], duration_s=0.08), protocol(3))
    before_s = now_s()
    returned = rig.run_live(5)
    ended_s = now_s()
    assert returned[-1] == SOURCE_ENDED
    assert sum(returned[:-1]) == 5
    start_s = rig.entries["stamp_s"][0]
    assert before_s <= start_s <= ended_s - 0.08, "ended with the recording"
    np.testing.assert_allclose(rig.entries["stamp_s"], start_s + stamps_s, rtol=0, atol=1e-9)
    assert np.all(rig.entries["arrival_s"] >= rig.entries["stamp_s"])
    assert rig.ctl.view(np.float64)[cells.LAST_ARRIVAL] == rig.entries["arrival_s"][-1]


def test_live_poll_returns_at_its_time(open_made_up: Any) -> None:
    rig = open_made_up(events([1000.0], [0], duration_s=2000.0), protocol(1))
    rig.driver.start(now_s(), False)
    until_s = now_s() + 0.02
    assert rig.poll(until_s) == 0
    assert now_s() >= until_s


def test_live_backlog_comes_in_rounds_and_complete(open_made_up: Any) -> None:
    rig = open_made_up(events([0.0] * 10_000, [0] * 10_000, duration_s=1e-6), protocol(1))
    assert rig.run_live(10_000) == [4096, 4096, 1808, SOURCE_ENDED]


def test_begin_starts_over(open_made_up: Any) -> None:
    rig = open_made_up(events([0.0, 0.001], [0, 0], duration_s=0.01), protocol(1))
    assert rig.run_manual() == [2, SOURCE_ENDED]
    assert rig.run_manual() == [2, SOURCE_ENDED]


def test_golub_is_replayed_bin_for_bin(real_data: Path) -> None:
    path = real_data / "golub_bci_learning" / "exampleData.mat"
    driver = Driver(protocol(86, source="stream", period_ms=45.0), Settings(path=str(path), epoch="after"))
    info = driver.open(1.0)
    assert (info.kind, info.n_channels) == ("counts", 86)
    assert info.rate_hz == pytest.approx(1 / 0.045)
    rig = Rig(driver, 1 << 17)
    returned = rig.run_manual(tick_s=0.045)
    assert len(returned) == 553
    found = np.zeros((552, 86), np.float32)
    sample = np.cumsum(rig.entries["unit"] == CLOSES) - (rig.entries["unit"] == CLOSES)
    spikes = rig.entries["unit"] >= 0
    found[sample[spikes], rig.entries["unit"][spikes]] = rig.entries["count"][spikes]
    np.testing.assert_array_equal(found, golub.load(path).clouds("after").counts)
    driver.close()


def test_mc_maze_keeps_every_spike_at_any_tick(real_data: Path) -> None:
    path = real_data / "mc_maze_trials" / "trial_748_data.csv"
    driver = Driver(protocol(182, period_ms=1.0), Settings(path=str(path)))
    driver.open(1.0)
    rig = Rig(driver)
    assert len(rig.run_manual(tick_s=0.001)) == 3237
    assert rig.entries["count"].sum() == 1654
    driver.close()


@pytest.mark.parametrize(
    ("source", "of", "said"),
    [
        (events([0.0], [0], 1.0), protocol(1, source="stream"), r"needs counts.*tick.source = 'clock'"),
        (counts([[1, 2]]), protocol(3), r"units.count is 3.*set units.count = 2"),
        (counts([[1, 2]], 0.02), protocol(2, source="stream"), r"lasts 20 ms.*set tick.period_ms = 20"),
    ],
)
def test_recording_that_does_not_fit_is_refused(open_made_up: Any, source: Any, of: Protocol, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        open_made_up(source, of)


def test_recording_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"replay: .*no such file") as refusal:
        Driver(protocol(1), Settings(path=str(tmp_path / "nothing"))).open(1.0)
    assert isinstance(refusal.value.__cause__, RecordingError)


@pytest.mark.parametrize("wrong", [{}, {"path": ""}, {"path": "x", "speed": 0}, {"path": "x", "no_such_key": 1}])
def test_settings_are_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings(**wrong)
