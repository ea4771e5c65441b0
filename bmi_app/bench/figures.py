"""Turn measured times into figures, and figures of pairs of blocks into ratios with an interval."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import binom

PERCENTILES = {"p50": 50.0, "p99": 99.0, "p999": 99.9, "max": 100.0}
_COVERAGE = 0.95


def percentiles(values_us: np.ndarray) -> dict[str, float]:
    """Return the percentiles by name, in us."""
    found = np.percentile(values_us, list(PERCENTILES.values())).round(1).tolist()
    return dict(zip(PERCENTILES, found, strict=True))


def paired_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> dict[str, Any]:
    """Return the median of the ratios of pairs, and an interval for it from order statistics.

    The interval [r_(k), r_(n+1-k)] of the sorted ratios holds the true median with probability 1 - 2 P(B < k), where
    B is binomial(n, 1/2), whatever the ratios' distribution; k is the largest for which that is at least 0.95, or 1.

    Returns
    -------
    dict
        ``median``, ``low``, ``high``, ``coverage``, ``pairs``.
    """
    ratios = np.sort(np.asarray(numerators, np.float64) / np.asarray(denominators, np.float64))
    n = len(ratios)
    k = 1
    while k + 1 <= n // 2 and 1 - 2 * binom.cdf(k, n, 0.5) >= _COVERAGE:
        k += 1
    return {
        "median": round(float(np.median(ratios)), 3),
        "low": round(float(ratios[k - 1]), 3),
        "high": round(float(ratios[n - k]), 3),
        "coverage": round(float(1 - 2 * binom.cdf(k - 1, n, 0.5)), 4),
        "pairs": n,
    }
