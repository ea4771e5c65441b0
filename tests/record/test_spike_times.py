"""Every spike that was decoded is exported, replayed and streamed in its tick, whatever its stamp says."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bmi_app.record import nwb, session_folder
from bmi_app.record.formats import EventsSource, open_recording
from bmi_app.record.journal import Journal
from bmi_app.record.kinds import KINDS, NAMED
from bmi_app.record.reading import Recording, read
from bmi_app.record.spike_times import spike_times
from bmi_app.session.engine.full_speed import run_fast
from bmi_app.session.request import SessionRequest

UPTIME_S = 5000.0  # of the machine when the session began
ROWS = {"frames": "counts", "weights": "weight_rows", "subject": "subject_rows"}


def run(out: Path, protocol: str | Path, *overrides: str) -> Path:
    request = SessionRequest(
        protocol=str(protocol),
        overrides=overrides,
        out=out,
        speed="max",
        source_timeout_s=1.0,
    )
    return Path(run_fast(request, lambda _: None, lambda _: None)["session"])


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """A session of 10 s on a machine that is up for some time."""
    recording = read(run(tmp_path_factory.mktemp("recorded"), "center_out", "session.duration_s=10"))
    recording.frames["edge_s"] += UPTIME_S
    for name in ("stamp_s", "arrival_s"):
        recording.spikes[name] += UPTIME_S
    recording.session["start_s"] = recording.session.get("start_s", 0.0) + UPTIME_S
    return recording


def written(recording: Recording, root: Path) -> Path:
    """Write a recording as a session of its own."""
    session = {key: value for key, value in recording.session.items() if key != "session_id"}
    folder = session_folder.create(root, "again", session, recording.protocol_text)
    journal = Journal(folder, recording.n_units, recording.n_axes)
    for kind in KINDS:
        texts = {"events": recording.event_texts, "commands": recording.command_texts}.get(kind)
        rows = getattr(recording, ROWS[kind]) if kind in ROWS else None
        journal.append(kind, getattr(recording, kind), rows, texts if kind in NAMED else None)
    journal.close()
    summary = session_folder.read_summary(recording.folder) or {}
    session_folder.write_summary(folder, {**summary, "session": str(folder)}, journal.seals())
    return folder


def unix_time(stamps_s: np.ndarray) -> np.ndarray:
    return stamps_s + 1.7e9


def device_clock_from_0(stamps_s: np.ndarray) -> np.ndarray:
    return stamps_s - stamps_s[0]


def milliseconds(stamps_s: np.ndarray) -> np.ndarray:
    return stamps_s * 1e3


def one_percent_near_zero(stamps_s: np.ndarray) -> np.ndarray:
    return np.where(np.arange(len(stamps_s)) % 100 == 50, 1e-3, stamps_s)


def one_far_away(stamps_s: np.ndarray) -> np.ndarray:
    return np.where(np.arange(len(stamps_s)) == 777, 2e5 + stamps_s, stamps_s)


def not_a_number(stamps_s: np.ndarray) -> np.ndarray:
    return np.where(
        np.arange(len(stamps_s)) % 3 == 0, np.nan, np.where(np.arange(len(stamps_s)) % 3 == 1, -np.inf, stamps_s)
    )


def half_a_second_ahead(stamps_s: np.ndarray) -> np.ndarray:
    return np.where(np.arange(len(stamps_s)) % 10 == 0, stamps_s + 0.5, stamps_s)


DAMAGES = (
    unix_time,
    device_clock_from_0,
    milliseconds,
    one_percent_near_zero,
    one_far_away,
    not_a_number,
    half_a_second_ahead,
)


def binned(times_s: np.ndarray, units: np.ndarray, like: Recording) -> np.ndarray:
    counts = np.zeros(like.counts.shape)
    np.add.at(counts, (np.floor(times_s / 0.01 + 1e-9).astype(int), units), 1)
    return counts


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_decoded_spike_is_exported_streamed_and_replayed_in_its_tick(
    original: Recording, damage: Callable[[np.ndarray], np.ndarray], tmp_path: Path
) -> None:
    from pynwb import NWBHDF5IO

    spikes = original.spikes.copy()
    spikes["stamp_s"] = damage(original.spikes["stamp_s"])
    n_wrong = int(np.count_nonzero((spikes["stamp_s"] != original.spikes["stamp_s"]) & (spikes["tick"] < 1000)))
    n_spikes = int(original.counts.sum())
    folder = written(replace(original, spikes=spikes), tmp_path)
    remarks: list[str] = []
    with NWBHDF5IO(str(nwb.export(folder, tmp_path, tell=remarks.append)), "r") as reading:
        units: Any = reading.read().units
        times_s = [np.asarray(units["spike_times"][unit]) for unit in range(original.n_units)]
        assert sum(map(len, times_s)) == n_spikes
        assert all(np.all(np.diff(of_unit) > 0) for of_unit in times_s)
        assert units.resolution == 1e-6
        assert sum(units["placed_spikes"][:]) == n_wrong
        assert f"{n_wrong} of {n_spikes} spikes have stamps outside" in units.description
        assert remarks[0] in units.description
    found = spike_times(read(folder), 0.01)
    np.testing.assert_array_equal(binned(found.times_s, found.unit, original), original.counts)
    assert np.count_nonzero(found.placed) == n_wrong
    source = open_recording(folder)
    assert isinstance(source, EventsSource)
    assert remarks[0] in source.description
    np.testing.assert_array_equal(binned(source.stamps_s, source.channel, original), original.counts)
    settings = f'driver={{kind="replay",settings={{path="{folder}"}}}}'
    again = read(run(tmp_path, "center_out", "session.duration_s=10", settings))
    np.testing.assert_array_equal(again.counts, original.counts)


def test_good_stamps_are_kept_to_the_bit_and_nothing_is_said(original: Recording) -> None:
    found = spike_times(original, 0.01)
    counted = original.spikes[original.spikes["tick"] < 1000]
    assert found.remark == ""
    assert found.times_s.tobytes() == (counted["stamp_s"] + counted["offset_s"] - found.start_s).tobytes()


def test_a_late_spike_keeps_its_stamp_and_one_of_no_tick_is_left_out(original: Recording) -> None:
    spikes = original.spikes[:4].copy()
    spikes["stamp_s"], spikes["tick"] = UPTIME_S + 0.5, [300, -1, 1000, 999]
    found = spike_times(replace(original, spikes=spikes), 0.01)
    np.testing.assert_allclose(found.times_s, [0.5, 0.5])
    assert not found.placed.any()
