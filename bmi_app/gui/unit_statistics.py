"""Follow the firing of every unit: rate, silence, outliers, and how it goes with the cursor and the target."""

import numpy as np

from bmi_app.rt.records import Flag, TaskState

_BIN_S = 0.05  # what is correlated: firing in bins of this length
_SMOOTH_S, _RATE_S, _CORRELATION_S = 0.25, 1.0, 120.0
_FIRST_S = 5.0  # a correlation of less is noise
SILENT_S = 10.0
_OUTLIER = 5.0  # robust standard deviations, of the square root of the rate, which makes Poisson variances equal


class UnitStatistics:
    """Follow all units of a session, in bins of 50 ms.

    Attributes
    ----------
    rates_hz : f8[unit]
        Over about the last second.
    """

    def __init__(self, n_units: int, tick_s: float) -> None:
        self._tick_s = tick_s
        self._bin_ticks = max(round(_BIN_S / tick_s), 1)
        self._bin_s = self._bin_ticks * tick_s
        self._bin = -1
        self._last: np.ndarray | None = None
        self._counts = np.zeros(n_units)
        self._smooth_hz = np.zeros(n_units)
        self.rates_hz = np.zeros(n_units)
        self._slow_hz = np.zeros(n_units)
        self._seen_s = 0.0
        self._silent_s = np.zeros(n_units)
        # Of velocity x, y, and of the target's direction x, y: sums that forget.
        self._sums = {name: _Sums(n_units) for name in ("velocity", "target")}

    def take(self, frames: np.ndarray, counts: np.ndarray) -> None:
        """Take ticks and their counts, f4[tick, unit], in order."""
        bins = frames["tick"] // self._bin_ticks
        for number in np.unique(bins).tolist():
            rows = np.flatnonzero(bins == number)
            if number != self._bin:
                if self._last is not None:
                    self._close(self._last)
                self._bin = number
                self._counts[:] = 0.0
            self._counts += counts[rows].sum(axis=0)
            self._last = frames[rows[-1]].copy()

    def _close(self, frame: np.ndarray) -> None:
        hz = self._counts / self._bin_s
        self._seen_s += self._bin_s
        for followed_hz, time_s in ((self._smooth_hz, _SMOOTH_S), (self.rates_hz, _RATE_S), (self._slow_hz, SILENT_S)):
            followed_hz[:] = followed_hz + (hz - followed_hz) * max(
                1 - np.exp(-self._bin_s / time_s), self._bin_s / self._seen_s
            )
        self._silent_s = np.where(self._counts > 0, 0.0, self._silent_s + self._bin_s)
        held = int(frame["flags"]) & (Flag.PAUSED | Flag.SOURCE_LOST)
        if held or int(frame["state"]) not in (TaskState.MOVE, TaskState.HOLD):
            return
        velocity = np.array([frame["velocity_x_cm_s"], frame["velocity_y_cm_s"]])
        away = np.array([frame["target_x_cm"] - frame["cursor_x_cm"], frame["target_y_cm"] - frame["cursor_y_cm"]])
        self._sums["velocity"].add(self._smooth_hz, velocity, self._bin_s)
        self._sums["target"].add(self._smooth_hz, away / max(float(np.hypot(*away)), 1e-9), self._bin_s)

    def correlation(self, name: str) -> np.ndarray:
        """Return the correlation of each unit's rate with `velocity` or `target` (its direction), f8[axis, unit]."""
        return self._sums[name].correlation()

    def silent(self) -> np.ndarray:
        """Return the units that have not fired for 10 s."""
        return np.flatnonzero(self._silent_s > SILENT_S)

    def unusual(self) -> np.ndarray:
        """Return the units whose rate lies far from the others', silent ones left out."""
        if self._seen_s < SILENT_S / 2:
            return np.zeros(0, np.int64)
        root = np.sqrt(self._slow_hz)
        middle = np.median(root)
        spread = 1.4826 * np.median(np.abs(root - middle)) + 0.1
        far = np.abs(root - middle) / spread > _OUTLIER
        return np.flatnonzero(far & (self._silent_s <= SILENT_S))


class _Sums:
    """Hold the running sums of which the correlation of rates with a vector is made."""

    def __init__(self, n_units: int) -> None:
        self.weight_s = 0.0
        self._rate, self._rate_2 = np.zeros(n_units), np.zeros(n_units)
        self._vector, self._vector_2 = np.zeros(2), np.zeros(2)
        self._product = np.zeros((2, n_units))

    def add(self, rates_hz: np.ndarray, vector: np.ndarray, dt_s: float) -> None:
        self.weight_s = self.weight_s * np.exp(-dt_s / _CORRELATION_S) + dt_s
        part = dt_s / self.weight_s
        self._rate += part * (rates_hz - self._rate)
        self._rate_2 += part * (rates_hz**2 - self._rate_2)
        self._vector += part * (vector - self._vector)
        self._vector_2 += part * (vector**2 - self._vector_2)
        self._product += part * (vector[:, None] * rates_hz - self._product)

    def correlation(self) -> np.ndarray:
        if self.weight_s < _FIRST_S:
            return np.zeros_like(self._product)
        rate_sd = np.sqrt(np.maximum(self._rate_2 - self._rate**2, 0.0))
        vector_sd = np.sqrt(np.maximum(self._vector_2 - self._vector**2, 0.0))
        scale = vector_sd[:, None] * rate_sd
        covariance = self._product - self._vector[:, None] * self._rate
        found: np.ndarray = np.divide(covariance, scale, out=np.zeros_like(covariance), where=scale > 1e-12)
        return found
