"""Recorded sessions are read as recordings of spikes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bmi_app.record import session_folder
from bmi_app.record.formats import as_events
from bmi_app.record.journal import Journal
from bmi_app.rt.records import FRAME, SPIKE
from protocols.signal import Units
from tests.support.sources import counts_of, events_of, one_line

DT_S = 0.01


@pytest.fixture
def session(tmp_path: Path) -> Callable[..., Path]:
    """Record a session of ten ticks with these spikes; tick 0 begins at 50 s."""

    def record(spikes: list[tuple[float, float, int, float]], units: str = "count = 4") -> Path:
        about = {"protocol": "p", "dt_s": DT_S, "n_units": 4, "n_axes": 1}
        folder = session_folder.create(tmp_path, "p", about, f"[units]\n{units}\n")
        journal = Journal(folder, 4, 1, {})
        frames = np.zeros(10, FRAME)
        frames["tick"] = np.arange(10)
        frames["edge_s"] = 50.0 + (frames["tick"] + 1) * DT_S
        entries = np.zeros(len(spikes), SPIKE)
        for entry, (stamp_s, offset_s, unit, count) in zip(entries, spikes, strict=True):
            entry["stamp_s"], entry["offset_s"], entry["unit"], entry["count"] = stamp_s, offset_s, unit, count
            entry["tick"] = max(int((stamp_s + offset_s - 50.0) / DT_S + 1e-6), 0)
            entry["arrival_s"] = 50.001
        journal.append("spikes", entries)
        journal.append("frames", frames, np.arange(40, dtype=np.float32).reshape(10, 4))
        journal.close()
        return folder

    return record


SPIKES = [(1050.03, -1000.0, 2, 1.0), (50.01, 0.0, 0, 1.0), (49.0, 0.0, 1, 1.0), (50.05, 0.0, 3, 2.0)]


def test_session_of_events_gives_corrected_times(session: Callable[..., Path]) -> None:
    source = events_of(session(SPIKES))
    np.testing.assert_allclose(source.stamps_s, [0.001, 0.01, 0.03, 0.05, 0.05], atol=1e-9)
    np.testing.assert_array_equal(source.channel, [1, 0, 2, 3, 3])
    assert source.duration_s == pytest.approx(0.1)


def test_session_of_events_has_counts_as_well(session: Callable[..., Path]) -> None:
    source = counts_of(session(SPIKES), as_="counts")
    np.testing.assert_array_equal(source.counts, np.arange(40).reshape(10, 4))
    assert source.dt_s == DT_S


def test_session_of_counts_gives_counts_and_no_events(session: Callable[..., Path]) -> None:
    folder = session([(50.01, 0.0, 2, 3.0), (50.01, 0.0, -1, 0.0)])
    np.testing.assert_array_equal(counts_of(folder).counts, np.arange(40).reshape(10, 4))
    assert "gave counts" in one_line(folder, as_="events")


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("count = 4", Units(count=4)),
        ("count = 4\nfirst_channel = 7", Units(count=4, first_channel=7)),
        (
            'count = 4\nmap = "channel_unit"\nunits_per_channel = 2\nfirst_channel = 1\nfirst_unit = 3',
            Units(count=4, map="channel_unit", units_per_channel=2, first_channel=1, first_unit=3),
        ),
        (
            'count = 4\nmap = "table"\ntable = [[5, 1], [5, 0], [2, 2], [9, 9]]',
            Units(count=4, map="table", table=((5, 1), (5, 0), (2, 2), (9, 9))),
        ),
    ],
)
def test_sessions_spikes_find_their_units_again(session: Callable[..., Path], text: str, units: Units) -> None:
    spikes = [(50.0 + DT_S * unit, 0.0, unit, 1.0) for unit in range(4)]
    source = events_of(session(spikes, text))
    assert [units.index(*pair) for pair in zip(source.channel, source.unit, strict=True)] == [0, 1, 2, 3]
    assert source.n_channels == source.channel.max() + 1


def test_sessions_that_cannot_be_used_are_refused(session: Callable[..., Path], tmp_path: Path) -> None:
    assert "no spike" in one_line(session([]))
    folder = session(SPIKES)
    (folder / "session.toml").write_text("protocol = 'p'\n")
    assert "dt_s" in one_line(folder)
    (folder / "session.toml").write_text("no toml")
    assert "damaged" in one_line(folder)
    folder = session(SPIKES)
    (folder / "frames.arrows").write_bytes(b"")
    assert "no tick" in one_line(folder)
    assert "no session" in one_line(tmp_path)


def test_damaged_session_is_read_up_to_the_damage(session: Callable[..., Path]) -> None:
    folder = session(SPIKES)
    path = folder / "spikes.arrows"
    path.write_bytes(path.read_bytes()[:-8])  # the end mark
    assert events_of(folder).n_samples == 5
    path.write_bytes(path.read_bytes() + b"\xff" * 4)
    source = events_of(folder)
    assert source.n_samples == 5
    assert "spikes.arrows" in source.description


def test_events_stay_events(session: Callable[..., Path]) -> None:
    source = events_of(session(SPIKES))
    assert as_events(source) is source
