"""Follow the firing of every unit: rate, silence, outliers, and how it goes with the cursor and the target."""

import numpy as np

from bmi_app.rt.records import FRAME, Flag, TaskState

_BIN_S = 0.05  # what is correlated: firing in bins of this length
_RATE_S, CORRELATION_S = 1.0, 120.0
_FIRST_S = 5.0  # a correlation of less is noise
SILENT_S = 10.0
_FOLLOWED_S = (0.25, _RATE_S, SILENT_S)  # time constants: for correlations, to show, to find outliers
_OUTLIER = 5.0  # robust standard deviations, of the square root of the rate, which makes Poisson variances equal


class UnitStatistics:
    """Follow all units of a session, in bins of 50 ms."""

    def __init__(self, n_units: int, tick_s: float) -> None:
        self._n_units = n_units
        self._bin_ticks = max(round(_BIN_S / tick_s), 1)
        self._bin_s = self._bin_ticks * tick_s
        self.restart()

    def restart(self) -> None:
        """Forget all that was taken."""
        n_units = self._n_units
        self._bin = -1
        self._last = np.zeros(0, FRAME)  # of the bin under way, the last frame seen
        self._counts = np.zeros(n_units)
        self._followed_hz = np.zeros((len(_FOLLOWED_S), n_units))
        self._seen_s = 0.0
        self._silent_s = np.zeros(n_units)
        # Of velocity x, y, and of the target's direction x, y: sums that forget.
        self._sums = {name: _Sums(n_units) for name in ("velocity", "target")}

    def take(self, frames: np.ndarray, counts: np.ndarray) -> None:
        """Take ticks and their counts, f4[tick, unit], in order; any number of them at once."""
        if len(frames) == 0:
            return
        bins = frames["tick"] // self._bin_ticks
        first = np.flatnonzero(np.diff(bins, prepend=bins[0] - 1))
        lasts = frames[np.append(first[1:], len(frames)) - 1]
        of_bin = np.add.reduceat(counts, first, axis=0, dtype=np.float64)
        if bins[0] == self._bin:
            of_bin[0] += self._counts
        elif len(self._last):
            of_bin, lasts = np.concatenate((self._counts[None], of_bin)), np.concatenate((self._last, lasts))
        self._bin, self._last, self._counts = int(bins[-1]), lasts[-1:].copy(), of_bin[-1]
        if len(of_bin) > 1:
            self._close(of_bin[:-1], lasts[:-1])

    def _close(self, counts: np.ndarray, frames: np.ndarray) -> None:
        """Take bins that are whole: their counts, f8[bin, unit], and the last frame of each."""
        smooth_hz = np.empty_like(counts)
        shares = 1 - np.exp(-self._bin_s / np.array(_FOLLOWED_S))
        for at, hz in enumerate(counts / self._bin_s):
            self._seen_s += self._bin_s
            # At first the mean of what there was.
            self._followed_hz += (hz - self._followed_hz) * np.maximum(shares, self._bin_s / self._seen_s)[:, None]
            smooth_hz[at] = self._followed_hz[0]
        fired = counts > 0
        since = np.argmax(fired[::-1], axis=0)  # bins since the last spike
        self._silent_s = np.where(fired.any(axis=0), since, self._silent_s / self._bin_s + len(counts)) * self._bin_s
        held = frames["flags"] & (Flag.PAUSED | Flag.SOURCE_LOST)
        tried = np.isin(frames["state"], (TaskState.MOVE, TaskState.HOLD)) & (held == 0)
        frames, smooth_hz = frames[tried], smooth_hz[tried]
        velocity = np.stack((frames["velocity_x_cm_s"], frames["velocity_y_cm_s"]), axis=1)
        away = np.stack(
            (frames["target_x_cm"] - frames["cursor_x_cm"], frames["target_y_cm"] - frames["cursor_y_cm"]), axis=1
        )
        away /= np.maximum(np.hypot(away[:, 0], away[:, 1]), 1e-9)[:, None]
        self._sums["velocity"].add(smooth_hz, velocity, self._bin_s)
        self._sums["target"].add(smooth_hz, away, self._bin_s)

    @property
    def rates_hz(self) -> np.ndarray:
        """Return the rate of each unit over about the last second, f8[unit]."""
        rates_hz: np.ndarray = self._followed_hz[1]
        return rates_hz

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
        root = np.sqrt(self._followed_hz[2])
        middle = np.median(root)
        spread = 1.4826 * np.median(np.abs(root - middle)) + 0.1
        far = np.abs(root - middle) / spread > _OUTLIER
        return np.flatnonzero(far & (self._silent_s <= SILENT_S))


class _Sums:
    """Hold the running sums of which the correlation of rates with a vector is made."""

    def __init__(self, n_units: int) -> None:
        self._weight_s = 0.0
        self._rate, self._rate_2 = np.zeros(n_units), np.zeros(n_units)
        self._vector, self._vector_2 = np.zeros(2), np.zeros(2)
        self._product = np.zeros((2, n_units))

    def add(self, rates_hz: np.ndarray, vectors: np.ndarray, dt_s: float) -> None:
        """Add moments `dt_s` apart: f8[moment, unit] and f8[moment, 2], in order."""
        if len(rates_hz) == 0:
            return
        left = np.exp(-dt_s / CORRELATION_S * np.arange(len(rates_hz), -1.0, -1.0))  # of what was, then of each moment
        before, share_s = left[0], left[1:] * dt_s
        self._weight_s = self._weight_s * before + share_s.sum()
        self._rate = self._rate * before + share_s @ rates_hz
        self._rate_2 = self._rate_2 * before + share_s @ rates_hz**2
        self._vector = self._vector * before + share_s @ vectors
        self._vector_2 = self._vector_2 * before + share_s @ vectors**2
        self._product = self._product * before + (vectors * share_s[:, None]).T @ rates_hz

    def correlation(self) -> np.ndarray:
        if self._weight_s < _FIRST_S:
            return np.zeros_like(self._product)
        rate, vector = self._rate / self._weight_s, self._vector / self._weight_s
        rate_sd = np.sqrt(np.maximum(self._rate_2 / self._weight_s - rate**2, 0.0))
        vector_sd = np.sqrt(np.maximum(self._vector_2 / self._weight_s - vector**2, 0.0))
        scale = vector_sd[:, None] * rate_sd
        covariance = self._product / self._weight_s - vector[:, None] * rate
        found: np.ndarray = np.divide(covariance, scale, out=np.zeros_like(covariance), where=scale > 1e-12)
        return found
