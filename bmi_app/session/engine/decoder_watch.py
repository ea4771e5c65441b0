"""Notice a decoder that yields no number: the cursor then stands still, and without a message the reason would not be seen."""

from collections.abc import Iterator

import numpy as np

from bmi_app.rt.rings import Reader, half

_QUIET_S = 5.0  # time between two alarms: a decoder may fail in every other tick


def has_failed(frames: np.ndarray) -> np.ndarray:
    """Return for each frame whether its decoder yielded NaN or infinity, bool[n]."""
    failed: np.ndarray = ~(np.isfinite(frames["decoded_x_cm_s"]) & np.isfinite(frames["decoded_y_cm_s"]))
    return failed


class DecoderWatch:
    """Read new frames of a session for its journal thread, and say what is wrong with them.

    Parameters
    ----------
    arrays : dict of ndarray
        Of the session.
    kind : str
        Of the decoder.
    """

    def __init__(self, arrays: dict[str, np.ndarray], kind: str) -> None:
        self._frames, self._kind = Reader(arrays, "frames"), kind
        self._quiet_ticks = round(_QUIET_S / float(arrays["config"][0]["tick_s"]))
        self._failing = False
        self._told_tick = -(1 << 62)

    def fresh(self) -> Iterator[str]:
        """Yield the alarms that the frames since the last call give cause for."""
        frames = self._frames.take(half(self._frames)).records
        if len(frames) == 0:
            return
        failed = has_failed(frames)
        begins = failed & ~np.concatenate(([self._failing], failed[:-1]))
        self._failing = bool(failed[-1])
        for tick in frames["tick"][begins].tolist():
            if tick - self._told_tick >= self._quiet_ticks:
                self._told_tick = tick
                yield (
                    f"from tick {tick:,} on the decoder {self._kind!r} yields NaN or infinity instead of a velocity: the cursor "
                    "does not follow it; load or undo weights, or look into its settings and file"
                )
