"""Read the spikes of a session that this program recorded, as the source of another.

Spikes come back under the channel and sorted unit that the session's protocol maps to their index, so that the same
protocol, fed with them, finds each at its place again.
"""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bmi_app.record import integrity, reading
from bmi_app.record.damage import JournalError
from bmi_app.record.formats.source import (
    CountsSource,
    EventsSource,
    Kind,
    RecordingError,
    SpikeSource,
    numbered_channels,
)
from bmi_app.record.spike_times import spike_times


def read(path: Path, as_: Kind | None = None) -> SpikeSource:
    """Read a session's spikes.

    Parameters
    ----------
    path
        The session folder.
    as_
        `events`: single spikes at their own times. `counts`: what each tick counted. Without it, what the session's
        source was.

    Raises
    ------
    RecordingError
        If the folder holds no session, or a damaged one, the session no spikes, or its source gave counts and events are
        wanted.
    """
    try:
        standing = integrity.refuse_damaged(path)
        recording = reading.read(path, kinds=("spikes", "frames"))
        protocol = tomllib.loads(recording.protocol_text)
        dt_s = float(recording.session["dt_s"])
    except JournalError as error:  # names the file
        raise RecordingError(str(error)) from error
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise RecordingError(
            f"{path}: session.toml or protocol.toml is damaged ({error}); choose another session"
        ) from error
    if len(recording.frames) == 0:
        raise RecordingError(f"{path}: the session holds no tick; choose a longer one, or run `bmi sessions recover`")
    binned = bool(np.any(recording.spikes["unit"] < 0))
    name = path.resolve().name
    damaged = "".join(f"; {damage}, what lies before was read" for damage in recording.damage)
    damaged = damaged or ("" if standing.is_ended else f"; the session is {standing.state}: it may lack what came last")
    if (as_ or ("counts" if binned else "events")) == "counts":
        return CountsSource(
            path=path,
            name=name,
            description=f"session {name}, counts of {len(recording.counts)} ticks of {dt_s * 1e3:g} ms{damaged}",
            labels=tuple(f"unit {index}" for index in range(recording.n_units)),
            dt_s=dt_s,
            counts=recording.counts,
        )
    if binned:
        raise RecordingError(f"{path}: the session's source gave counts, not single spikes; read it as counts")
    source = _events(recording, protocol.get("units", {}), dt_s, name)
    return replace(source, description=source.description + damaged)


def _events(recording: reading.Recording, units: dict[str, Any], dt_s: float, name: str) -> EventsSource:
    spikes = spike_times(recording, dt_s)
    if not len(spikes.times_s):
        raise RecordingError(f"{recording.folder}: the session holds no spike; choose another")
    try:
        pairs = np.array([_pair(index, units) for index in range(recording.n_units)], np.int32).reshape(-1, 2)
        found = pairs[spikes.unit]
    except (AttributeError, LookupError, TypeError, ValueError, OverflowError) as error:
        raise RecordingError(
            f"{recording.folder}: [units] of protocol.toml does not name the units that were recorded; choose another session"
        ) from error
    order = np.argsort(spikes.times_s, kind="stable")
    remark = f"; {spikes.remark}" if spikes.remark else ""
    return EventsSource(
        path=recording.folder,
        name=name,
        description=f"session {name}, {len(order)} spikes in {spikes.duration_s:g} s{remark}",
        labels=numbered_channels(recording.folder, pairs[:, 0]),
        duration_s=spikes.duration_s,
        stamps_s=np.minimum(spikes.times_s[order], np.nextafter(spikes.duration_s, 0.0)),
        channel=np.ascontiguousarray(found[order, 0]),
        unit=np.ascontiguousarray(found[order, 1]),
    )


def _pair(index: int, units: dict[str, Any]) -> tuple[int, int]:
    """Return the channel and sorted unit that `protocols.signal.Units.index` maps to `index`."""
    if units.get("map") == "table":
        channel, unit = units["table"][index]
        return channel, unit
    per_channel = units.get("units_per_channel", 1) if units.get("map") == "channel_unit" else 1
    channel, unit = divmod(index, per_channel)
    return channel + units.get("first_channel", 0), unit + units.get("first_unit", 0)
