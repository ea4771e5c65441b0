"""Add what has one sample a tick, and the spikes, to an NWB file."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bmi_app.record.reading import Recording
from bmi_app.record.spike_times import spike_times
from bmi_app.rt.records import Flag, TaskState
from protocols.schema import Protocol

RESOLUTION_S = 1e-6  # finer than any recording system stamps spikes; equal stamps of a unit are set so far apart
_CM = 0.01  # in metres


@dataclass(frozen=True)
class Clock:
    """Give the times of a session, in seconds since the beginning of bin 0.

    Attributes
    ----------
    edges_s : f8[n_ticks]
        The end of each tick's bin.
    start_s : float
        The beginning of bin 0 on the local clock.
    """

    edges_s: np.ndarray
    start_s: float
    dt_s: float

    def of_ticks(self, ticks: np.ndarray) -> np.ndarray:
        """Return the end of these ticks' bins."""
        times_s: np.ndarray = self.edges_s[np.clip(ticks, 0, len(self.edges_s) - 1)]
        return times_s

    @property
    def sampling(self) -> dict[str, Any]:
        """Return what a series of one sample a tick says of its times."""
        regular = (np.arange(len(self.edges_s)) + 1) * self.dt_s
        if np.allclose(self.edges_s, regular, rtol=0, atol=1e-7):
            return {"starting_time": self.dt_s, "rate": 1 / self.dt_s}
        return {"timestamps": self.edges_s}


def add_units(file: Any, recording: Recording, protocol: Protocol, clock: Clock) -> str:
    """Add spike times, strictly ascending, where the source gave single spikes; return what is to be said of them."""
    from pynwb.misc import Units

    spikes = recording.spikes
    if not len(spikes) or np.any(spikes["unit"] < 0):  # a stream of counts has no spike times
        return ""
    end_s = float(clock.edges_s[-1])
    found = spike_times(recording, clock.dt_s)
    times_s, units = found.times_s, found.unit
    population = np.full(recording.n_units, "none", dtype=object)
    for name, indices in protocol.population_indices().items():
        population[list(indices)] = name
    table = Units(
        name="units",
        description="Units as the protocol numbers them: the spikes that the decoder counted. Stamps are the source's, on the "
        f"local clock; equal stamps of one unit are set {RESOLUTION_S:g} s apart."
        + (f" {found.remark}." if found.remark else ""),
        resolution=RESOLUTION_S,
    )
    table.add_column("unit_name", "index of the unit in the protocol")
    table.add_column("population", "population at the session's start; moves are among the commands")
    table.add_column(
        "placed_spikes",
        "how many spikes stand in the bin of the tick that counted them, as their stamps cannot be right",
    )
    order = np.lexsort((times_s, units))
    bounds = np.searchsorted(units[order], np.arange(recording.n_units + 1))
    for unit in range(recording.n_units):
        table.add_unit(
            spike_times=_ascending(times_s[order[bounds[unit] : bounds[unit + 1]]]),
            obs_intervals=np.array([[0.0, end_s + 1.0]]),  # a tied stamp may have moved beyond the end
            unit_name=str(unit),
            population=str(population[unit]),
            placed_spikes=int(np.count_nonzero(found.placed[units == unit])),
        )
    file.units = table
    return found.remark


def _ascending(times_s: np.ndarray) -> np.ndarray:
    """Return sorted times with equal ones set apart, so that each is later than the one before.

    The least such times t are t[i] = max(times[i], t[i - 1] + resolution), in closed form.
    """
    steps = np.arange(len(times_s)) * RESOLUTION_S
    if np.all(np.diff(times_s) > 0):
        return times_s
    apart: np.ndarray = np.maximum.accumulate(times_s - steps) + steps
    return apart


def add_behaviour(file: Any, recording: Recording, clock: Clock) -> None:
    """Add the cursor, its targets, and what the task said."""
    from pynwb import TimeSeries
    from pynwb.behavior import Position, SpatialSeries

    frames = recording.frames
    module = file.create_processing_module("behavior", "the cursor, its targets, and what the task said")
    frame_of = "the workspace: origin at its centre, x to the right, y up"
    position = Position(name="position")
    cursor = np.stack((frames["cursor_x_cm"], frames["cursor_y_cm"]), axis=1)
    shown = frames["target_radius_cm"] > 0
    target = np.where(shown[:, None], np.stack((frames["target_x_cm"], frames["target_y_cm"]), axis=1), np.nan)
    for name, data, description in (
        ("cursor", cursor, "position of the cursor at the end of each tick"),
        ("target", target, "centre of the target, NaN while none is shown"),
    ):
        position.add_spatial_series(
            SpatialSeries(
                name=name,
                data=_packed(data),
                unit="meters",
                conversion=_CM,
                reference_frame=frame_of,
                description=description,
                **clock.sampling,
            )
        )
    module.add(position)
    states = ", ".join(f"{state.value} {state.name.lower()}" for state in TaskState)
    flags = ", ".join(f"{flag.value} {flag.name}".lower() for flag in Flag)
    for name, data, unit, description in (
        ("task_state", frames["state"].astype(np.int8), "n.a.", f"what the task asked for: {states}"),
        ("flags", frames["flags"], "n.a.", f"sum of what held in the tick: {flags}"),
        ("reward", frames["reward"], "rewards", "reward given in the tick"),
        ("assist", frames["assist"], "fraction", "share of the velocity that came from the computer"),
    ):
        module.add(TimeSeries(name=name, data=_packed(data), unit=unit, description=description, **clock.sampling))


def add_decoder(file: Any, recording: Recording, clock: Clock) -> None:
    """Add the counts, the velocities and the latency of each tick."""
    from pynwb import TimeSeries

    frames, health = recording.frames, recording.health
    module = file.create_processing_module("decoder", "what entered the decoder, and what it made of it")
    counts = {"name": "counts", "unit": "spikes", "description": "spikes of each unit that entered each tick"}
    module.add(TimeSeries(data=_packed(recording.counts), **counts, **clock.sampling))
    for name, prefix, description in (
        ("decoded_velocity", "decoded", "what the decoder said, gain included"),
        ("acting_velocity", "velocity", "what moved the cursor: decoded, assist, exploration, limits"),
        ("modelled_intention", "intent", "velocity that the subject is assumed to have wanted"),
    ):
        data = np.stack((frames[f"{prefix}_x_cm_s"], frames[f"{prefix}_y_cm_s"]), axis=1)
        module.add(
            TimeSeries(
                name=name,
                data=_packed(data),
                unit="meters/second",
                conversion=_CM,
                description=description,
                **clock.sampling,
            )
        )
    if len(health) == len(frames) and np.any(health["published_s"] > 0):
        took_s = health["published_s"] - np.maximum(health["due_s"], health["arrival_s"])
        description = "from the moment at which the frame could have been made to its publication"
        module.add(
            TimeSeries(name="latency", data=_packed(took_s), unit="seconds", description=description, **clock.sampling)
        )


def _packed(data: np.ndarray) -> Any:
    from hdmf.backends.hdf5 import H5DataIO

    return H5DataIO(np.ascontiguousarray(data), compression="gzip", compression_opts=4, shuffle=True)
