"""Say in a few numbers how a session went; the same at its end and at its recovery."""

from pathlib import Path
from typing import Any

import numpy as np

from bmi_app.record.kinds import TOTALS
from bmi_app.record.movements import Movements
from bmi_app.record.reading import Recording
from bmi_app.rt.records import CatchUpCause, EventKind, Flag, Outcome, StopReason

# A source's stamps can be anything, infinite as well; what comes of them is left out at the end.
_any_number = np.errstate(over="ignore", invalid="ignore")


class Tally:
    """Count what a session's records say, as they come, so that nothing need be read again at the end."""

    def __init__(self) -> None:
        self._ticks = 0
        self._spikes = 0.0
        self._updates = 0
        self._rejected = 0
        self._lost_ticks = self._silent_ticks = self._caught_ticks = 0
        self._catch_ups = dict.fromkeys(CatchUpCause, 0)
        self._undecoded_ticks = 0
        self._losses = 0
        self._silent_rests = 0
        self._lags_s: list[np.ndarray] = []  # of a spike's arrival behind its stamp, tick by tick
        self._signal_s: list[np.ndarray] = []  # from a stamp to the frame that used it
        self._first_edge_s = self._last_edge_s = np.nan
        self._outcomes: list[np.ndarray] = []
        self._times_s: list[np.ndarray] = []
        self._latencies_s: list[np.ndarray] = []
        self._movements = Movements()
        self._totals = dict.fromkeys(TOTALS, 0)
        self._stop = StopReason.NONE
        self._arrival_s = 0.0  # of the newest data so far
        self._data_age_s = 0.0  # the greatest
        self._synced_s = self._sync_gap_s = self._journal_bytes = np.nan

    @_any_number
    def add_frames(self, frames: np.ndarray) -> None:
        """Count further ticks."""
        self._ticks += len(frames)
        if len(frames) > 0:
            if np.isnan(self._first_edge_s):
                self._first_edge_s = float(frames["edge_s"][0])
            self._last_edge_s = float(frames["edge_s"][-1])
        self._movements.add_frames(frames)
        self._spikes += float(frames["spikes"].sum())
        self._updates += int(np.count_nonzero(frames["flags"] & Flag.UPDATED))
        decoded = np.isfinite(frames["decoded_x_cm_s"]) & np.isfinite(frames["decoded_y_cm_s"])
        self._undecoded_ticks += int(np.count_nonzero(~decoded))
        self._rejected += int(np.count_nonzero(frames["flags"] & Flag.REJECTED))
        self._lost_ticks += int(np.count_nonzero(frames["flags"] & Flag.SOURCE_LOST))
        self._silent_ticks += int(np.count_nonzero(frames["flags"] & Flag.SOURCE_SILENT))
        self._caught_ticks += int(np.count_nonzero(frames["flags"] & Flag.CATCHING_UP))

    @_any_number
    def add_health(self, health: np.ndarray) -> None:
        """Take the totals and the latencies of further ticks."""
        if len(health) > 0:
            self._totals = {name: int(health[name][-1]) for name in TOTALS}
            published = health[health["published_s"] > 0]
            self._latencies_s.append(published["published_s"] - np.maximum(published["due_s"], published["arrival_s"]))
            stamped = published[published["arrival_s"] > 0]
            self._lags_s.append(stamped["arrival_s"] - stamped["stamp_s"])
            self._signal_s.append(stamped["published_s"] - stamped["stamp_s"])
            arrived_s = np.maximum.accumulate(np.maximum(health["arrival_s"], self._arrival_s))
            ages_s = (health["due_s"] - arrived_s)[arrived_s > 0]
            self._data_age_s = float(np.fmax(self._data_age_s, np.max(ages_s, initial=0.0)))
            self._arrival_s = float(arrived_s[-1])

    def add_events(self, events: np.ndarray) -> None:
        """Count further events."""
        ends = events[(events["kind"] == EventKind.TRIAL_END) & (events["code"] != Outcome.BLOCK_ENDED)]
        if len(ends) > 0:
            self._outcomes.append(ends["code"].copy())
            self._times_s.append(ends["value"].copy())
        for cause in CatchUpCause:
            began = (events["kind"] == EventKind.CATCHING_UP) & (events["code"] == cause)
            self._catch_ups[cause] += int(np.count_nonzero(began))
        self._losses += int(np.count_nonzero(events["kind"] == EventKind.SOURCE_LOST))
        self._silent_rests += int(np.count_nonzero(events["kind"] == EventKind.BASELINE_SILENT))
        for synced in events[events["kind"] == EventKind.JOURNAL_SYNCED]:
            self._sync_gap_s = float(np.fmax(self._sync_gap_s, float(synced["time_s"]) - self._synced_s))
            self._synced_s, self._journal_bytes = float(synced["time_s"]), float(synced["value"])
        stops = events["code"][events["kind"] == EventKind.SESSION_STOP]
        if len(stops) > 0 and int(stops[-1]) in list(StopReason):
            self._stop = StopReason(int(stops[-1]))

    @_any_number
    def summary(
        self,
        folder: Path,
        protocol: str,
        dt_s: float,
        stop_reason: StopReason | None = None,
        recovered: bool = False,
        n_keys: int = 0,
    ) -> dict[str, Any]:
        """Return the summary: only numbers, texts, booleans and None, ready for JSON.

        Parameters
        ----------
        folder : Path
            The session folder.
        protocol : str
            Name of the protocol.
        dt_s : float
            Length of a tick.
        stop_reason : StopReason, optional
            Why the session ended; what its last stop event says without it.
        recovered : bool
            Whether the session was cut off and made whole afterwards.
        n_keys : int
            Number of targets among which one is selected; see `movements`.

        Returns
        -------
        dict
            ``spikes`` is the sum of all counts that entered a tick. ``trials`` are all that ended by themselves or by the
            operator's skip; ``skipped`` of them are neither successes nor failures, so that ``success_rate`` is
            successes / (trials - skipped). It and the times are None without such trials or successes.
            ``edges_ahead`` and ``edges_behind`` are edges of stream ticks that are not where the stamp says: that was
            later than its arrival, or not behind the edge before. ``engine_stops`` and ``late_sources`` say how often ticks had to be
            caught up and why, ``caught_up_s`` for how long the task was held then, ``source_silent_s`` for how long because
            a regular source left out samples. ``latency_us`` is from the moment at which a frame could have been made (its bin was
            due, its last spike had arrived) to its publication; its values are None where nothing was timed.
            ``movement`` is what `movements.Movements.measures` returns.
            ``undecoded_ticks`` are those in which the decoder yielded NaN or infinity.
            ``source_lost_s`` is the time for which the watchdog held the cursor and the trial clock.
            ``clock_s`` is from the first tick's beginning to the last one's end by the clock: not ``duration_s`` where a
            stream's samples make the ticks at another rate than its nominal one. ``signal_us`` is from the stamp of a
            tick's last spike or sample to the publication of its frame, ``stamp_lag_s`` the median of its arrival behind
            its stamp. ``silent_rests`` counts rest blocks without a spike.
            ``longest_data_age_s`` is how long the source gave nothing. ``journal_bytes`` and ``longest_sync_gap_s`` are
            those of the syncs while the session ran, None where there was none, or only one.
        """
        outcomes = np.concatenate([np.empty(0, np.int32), *self._outcomes])
        times_s = np.concatenate([np.empty(0), *self._times_s])
        latencies_us = np.concatenate([np.empty(0), *self._latencies_s]) * 1e6
        signal_us = np.concatenate([np.empty(0), *self._signal_s]) * 1e6
        lags_s = np.concatenate([np.empty(0), *self._lags_s])
        lags_s = lags_s[np.isfinite(lags_s)]
        succeeded = outcomes == Outcome.SUCCESS
        duration_s = self._ticks * dt_s
        trials, successes = len(outcomes), int(np.count_nonzero(succeeded))
        skipped = int(np.count_nonzero(outcomes == Outcome.OPERATOR))
        judged = trials - skipped
        return {
            "session": str(folder),
            "protocol": protocol,
            "ticks": self._ticks,
            "duration_s": round(duration_s, 9),
            "trials": trials,
            "skipped": skipped,
            "successes": successes,
            "success_rate": successes / judged if judged else None,
            "trials_per_min": trials / duration_s * 60 if duration_s > 0 else None,
            "median_time_to_target_s": _finite(np.median(times_s[succeeded])) if successes else None,
            "movement": self._movements.measures(dt_s, n_keys),
            "spikes": round(self._spikes) if np.isfinite(self._spikes) else None,
            **self._totals,
            "source_losses": self._losses,
            "source_lost_s": round(self._lost_ticks * dt_s, 9),
            "undecoded_ticks": self._undecoded_ticks,
            "source_silent_s": round(self._silent_ticks * dt_s, 9),
            "engine_stops": self._catch_ups[CatchUpCause.ENGINE_STOPPED],
            "late_sources": self._catch_ups[CatchUpCause.SOURCE_LATE],
            "caught_up_s": round(self._caught_ticks * dt_s, 9),
            "weight_updates": self._updates,
            "rejected_updates": self._rejected,
            "latency_us": _percentiles(latencies_us[np.isfinite(latencies_us)]),
            "signal_us": _percentiles(signal_us[np.isfinite(signal_us)]),
            "stamp_lag_s": _finite(np.median(lags_s)) if len(lags_s) else None,
            "clock_s": _finite(round(self._last_edge_s - self._first_edge_s + dt_s, 6)),
            "silent_rests": self._silent_rests,
            "longest_data_age_s": _finite(self._data_age_s),
            "journal_bytes": round(self._journal_bytes) if np.isfinite(self._journal_bytes) else None,
            "longest_sync_gap_s": _finite(self._sync_gap_s),
            "stop_reason": (self._stop if stop_reason is None else stop_reason).name,
            "recovered": recovered,
        }


def summarise(recording: Recording, stop_reason: StopReason | None = None, recovered: bool = False) -> dict[str, Any]:
    """Return the summary of a recording; see `Tally.summary`."""
    tally = Tally()
    tally.add_frames(recording.frames)
    tally.add_health(recording.health)
    tally.add_events(recording.events)
    session = recording.session
    return tally.summary(
        recording.folder,
        str(session.get("protocol", "")),
        float(session.get("dt_s", 0.0)),
        stop_reason,
        recovered,
        int(session.get("n_keys", 0)),
    )


def _percentiles(values: np.ndarray) -> dict[str, float | None]:
    names = ("p50", "p99", "p999", "max")
    if len(values) == 0:
        return dict.fromkeys(names)
    tenths = np.round(np.percentile(values, (50, 99, 99.9, 100)), 1)  # infinite where a stamp can be any number
    return dict(zip(names, map(_finite, tenths), strict=True))


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
