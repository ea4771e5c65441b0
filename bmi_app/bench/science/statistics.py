"""Measure what a population's firing looks like while a target is sought: rates, tuning, variability, what can be read from it.

One code for recordings and for simulated subjects, in bins of the same length.
"""

import numpy as np

from bmi_app.bench.science.recordings import Firing
from bmi_app.bench.science.replay import tuning_hz

DIRECTIONS = 8
_LEAST_HZ = 1.0  # units that fire less say nothing of variability
_FACTORS = 5  # of the factor analysis
_EM_STEPS = 60
_FOLDS, _RIDGE = 5, 10.0
_BOXCAR = 5  # bins over which counts are averaged before a direction is read from them

# Names of the figures, and how each is written.
FIGURES = {
    "rate_hz": ("rate (Hz)", "{:.1f}"),
    "depth_hz": ("depth of cosine tuning (Hz)", "{:.1f}"),
    "fano": ("Fano factor of a bin", "{:.2f}"),
    "noise_correlation": ("mean noise correlation", "{:+.3f}"),
    "shared_variance": ("share of the variance that is shared", "{:.2f}"),
    "lag_1": ("correlation with the next bin", "{:+.2f}"),
    "r2": ("direction read offline: R2", "{:.2f}"),
    "error_deg": ("its error, median (deg)", "{:.0f}"),
}


def measure(firing: Firing) -> dict[str, float]:
    """Return every figure of `FIGURES`; NaN for one that the bins cannot say."""
    rate = firing.counts.mean(axis=0) / firing.bin_s
    counts = firing.counts[:, rate > _LEAST_HZ]
    residual, mean = _residual(counts, firing.angle)
    correlation = np.corrcoef(residual.T)
    pairs = ~np.eye(len(correlation), dtype=bool)
    r2, error_deg = _read(firing)
    return {
        "rate_hz": float(rate.mean()),
        "depth_hz": float(np.sqrt(np.maximum(tuning_hz(counts, firing.angle, firing.bin_s), 0.0)).mean()),
        "fano": float(np.median((residual.var(axis=0) * len(residual) / (len(residual) - DIRECTIONS)) / mean)),
        "noise_correlation": float(correlation[pairs].mean()),
        "shared_variance": shared_variance(residual),
        "lag_1": _lag_1(residual, firing) if firing.are_neighbours else float("nan"),
        "r2": r2,
        "error_deg": error_deg,
    }


def _residual(counts: np.ndarray, angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return counts less their mean in each of eight directions, f8[bin, unit], and their mean, f8[unit]."""
    sector = np.rint(angle / (2 * np.pi / DIRECTIONS)).astype(int) % DIRECTIONS
    residual = counts.copy()
    for direction in np.unique(sector):
        residual[sector == direction] -= counts[sector == direction].mean(axis=0)
    return residual, counts.mean(axis=0)


def shared_variance(residual: np.ndarray) -> float:
    """Return the mean share of a unit's variance that a factor analysis says is shared (maximum likelihood, by EM)."""
    n_units = residual.shape[1]
    covariance = np.cov(residual.T, bias=True)
    private = np.diag(covariance).copy()
    values, vectors = np.linalg.eigh(covariance)
    n_factors = min(_FACTORS, n_units)
    loading = vectors[:, -n_factors:] * np.sqrt(np.maximum(values[-n_factors:], 1e-9) * 0.5)
    for _ in range(_EM_STEPS):
        weighed = loading / private[:, None]
        within = np.linalg.inv(np.eye(n_factors) + loading.T @ weighed)
        beta = within @ weighed.T
        seen = covariance @ beta.T
        loading = seen @ np.linalg.inv(within + beta @ seen)
        private = np.maximum(np.diag(covariance) - (loading * seen).sum(axis=1), 1e-6)
    shared = (loading**2).sum(axis=1)
    return float((shared / (shared + private)).mean())


def _lag_1(residual: np.ndarray, firing: Firing) -> float:
    """Return the mean correlation of a unit's residual with that of the next bin of the same run."""
    next_to = np.flatnonzero(np.diff(firing.run) == 0)
    now, later = residual[next_to], residual[next_to + 1]
    now, later = now - now.mean(axis=0), later - later.mean(axis=0)
    found = (now * later).mean(axis=0) / np.maximum(now.std(axis=0) * later.std(axis=0), 1e-12)
    return float(found.mean())


def _read(firing: Firing) -> tuple[float, float]:
    """Return how well a ridge regression reads the direction: cross-validated R2 over both axes, median angle of its error.

    Folds are runs that are neighbours; with neighbouring bins, counts are averaged over the last few of a run.
    """
    features = _averaged(firing) if firing.are_neighbours else firing.counts
    wanted = np.column_stack([np.cos(firing.angle), np.sin(firing.angle)])
    runs = np.unique(firing.run)
    order = runs if firing.are_neighbours else np.random.default_rng(1).permutation(runs)
    fold_of = dict(zip(order.tolist(), (np.arange(len(order)) * _FOLDS // len(order)).tolist(), strict=True))
    fold = np.array([fold_of[run] for run in firing.run.tolist()])
    read = np.zeros_like(wanted)
    for number in range(_FOLDS):
        fit, test = fold != number, fold == number
        middle, target = features[fit].mean(axis=0), wanted[fit].mean(axis=0)
        x = features[fit] - middle
        weights = np.linalg.solve(x.T @ x + _RIDGE * np.eye(x.shape[1]), x.T @ (wanted[fit] - target))
        read[test] = (features[test] - middle) @ weights + target
    r2 = 1 - ((wanted - read) ** 2).sum() / ((wanted - wanted.mean(axis=0)) ** 2).sum()
    off = np.arctan2(read[:, 1], read[:, 0]) - firing.angle
    return float(r2), float(np.degrees(np.median(np.abs((off + np.pi) % (2 * np.pi) - np.pi))))


def _averaged(firing: Firing) -> np.ndarray:
    """Return counts averaged over the last bins of their run, f8[bin, unit]."""
    total, number = firing.counts.copy(), np.ones(len(firing.counts))
    for back in range(1, _BOXCAR):
        same = np.flatnonzero(firing.run[back:] == firing.run[:-back]) + back
        total[same] += firing.counts[same - back]
        number[same] += 1
    averaged: np.ndarray = total / number[:, None]
    return averaged
