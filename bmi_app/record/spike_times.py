"""Say when the spikes of a session were, for the export, for replaying and for streaming alike.

A spike's time is its stamp on the local clock. A stamp can be none of this session (Unix time, a device's own clock,
milliseconds, one far away), or later than the tick that counted its spike. Such a spike was decoded all the same: it is
placed in the bin of the tick that counted it, at its arrival as far as that lies in there.
"""

from dataclasses import dataclass

import numpy as np

from bmi_app.record.reading import Recording

MARGIN_S = 1e-6  # of a placed spike from the edges of its bin, so that no rounding moves it to another one


@dataclass(frozen=True)
class SpikeTimes:
    """Hold the spikes that ticks have counted, in the order of the journal.

    Attributes
    ----------
    times_s : f8[n]
        Seconds since the beginning of bin 0, from 0 to the end of the tick that counted the spike.
    unit : i4[n]
    placed : bool[n]
        Whether the time is the tick's, because the stamp cannot be.
    start_s : float
        The beginning of bin 0 on the local clock.
    duration_s : float
        The end of the last tick.
    """

    times_s: np.ndarray
    unit: np.ndarray
    placed: np.ndarray
    start_s: float
    duration_s: float

    @property
    def remark(self) -> str:
        """Return what is to be said of spikes that were placed; empty where there is none."""
        n_placed = int(np.count_nonzero(self.placed))
        if not n_placed:
            return ""
        return (
            f"{n_placed} of {len(self.times_s)} spikes have stamps outside of the session or after the tick that counted them; "
            "they stand in the bin of that tick"
        )


def spike_times(recording: Recording, dt_s: float) -> SpikeTimes:
    """Return when each spike was that a tick of a recording has counted.

    A count of more than one is as many spikes at one time.

    Parameters
    ----------
    recording : Recording
        With frames and spikes; at least one frame.
    dt_s : float
        Length of a tick.
    """
    frames, spikes = recording.frames, recording.spikes
    first, n_ticks = int(frames["tick"][0]), len(frames)
    start_s = float(frames["edge_s"][0]) - (first + 1) * dt_s
    ends_s = frames["edge_s"] - start_s
    begins_s = np.concatenate(([max(ends_s[0] - dt_s, 0.0)], ends_s[:-1]))
    counted = (spikes["tick"] >= first) & (spikes["tick"] < first + n_ticks) & (spikes["unit"] >= 0)
    counted &= (spikes["count"] > 0) & (spikes["count"] < np.inf)
    spikes = np.repeat(spikes[counted], np.rint(spikes["count"][counted]).astype(np.int64))
    row = spikes["tick"] - first
    begin_s, end_s = begins_s[row], ends_s[row]
    with np.errstate(over="ignore", invalid="ignore"):  # stamps can be anything
        times_s = spikes["stamp_s"] + spikes["offset_s"] - start_s
        placed = ~((times_s >= 0.0) & (times_s <= end_s + MARGIN_S))
        arrivals_s = np.nan_to_num(spikes["arrival_s"] - start_s, nan=-1.0)
    room_s = np.minimum(MARGIN_S, (end_s - begin_s) / 4)
    in_bin_s = np.clip(arrivals_s, begin_s + room_s, end_s - room_s)
    return SpikeTimes(np.where(placed, in_bin_s, times_s), spikes["unit"], placed, start_s, float(ends_s[-1]))
