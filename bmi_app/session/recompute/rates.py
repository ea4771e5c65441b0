"""Make smoothed rates of counts outside of a tick, bit for bit as `rt.bins.smooth` does."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def plain_features(dt_s: float, smoothing_s: float | None) -> dict[str, Any]:
    """Return how counts become features where no protocol says it: rates in Hz, exponentially smoothed or not at all."""
    smoothing: dict[str, Any] = {"smoothing": "none"}
    if smoothing_s is not None:
        smoothing = {"smoothing": "exponential", "smoothing_ms": smoothing_s * 1e3}
    return {"tick_ms": dt_s * 1e3, "input": "rate_hz", **smoothing, "square_root": False, "zscore": False}


def smoothed_rates(counts: np.ndarray, made_by: Mapping[str, Any], begin: np.ndarray | None = None) -> np.ndarray:
    """Return what features are made of before the baseline is taken from it, f8[t, unit].

    Parameters
    ----------
    counts : f8[t, unit]
        One row a tick.
    made_by : mapping
        `tick_ms`, `input`, `smoothing`, `smoothing_ms`, `square_root`; see `saved_decoder.MadeFor`.
    begin : f8[unit], optional
        Smoothed rates before the first row; 0 without it.
    """
    scale = 1.0 / (made_by["tick_ms"] / 1e3) if made_by["input"] == "rate_hz" else 1.0
    now = np.zeros(counts.shape[1]) if begin is None else np.array(begin, np.float64)
    if made_by["smoothing"] == "none":
        rates = counts * scale
    elif made_by["smoothing"] == "exponential":
        keep = math.exp(-made_by["tick_ms"] / made_by["smoothing_ms"])
        rates = np.empty(counts.shape)
        for t, fresh in enumerate(counts):
            now = keep * now + (1.0 - keep) * (fresh * scale)
            rates[t] = now
    else:
        ticks = max(round(made_by["smoothing_ms"] / made_by["tick_ms"]), 1)
        past = np.concatenate([np.tile(now / scale, (ticks, 1)), counts])
        rates = np.empty(counts.shape)
        total = ticks * (now / scale)
        for t, fresh in enumerate(counts):
            total = total + (fresh - past[t])
            rates[t] = total * (scale / ticks)
    return np.sqrt(np.maximum(rates, 0.0)) if made_by["square_root"] else rates
