"""Say how much wider errors that last make the intervals of a regression, by lugsail batch means.

The error of a weight is the mean of what each sample adds to it, its influence z_t = n P x_t e_t. Where errors and firing
last for some samples, sums of m neighbouring influences have more than m times the variance of one:

    V_m  = mean over batches of (sum of z in the batch)^2 / m
    inflation = (2 V_2m - V_m) / V_1           (Vats and Flegal 2022, Biometrika 109, 735: the bias in 1 / m cancels)

Batches have lengths of 1, 2, 4, ... samples and are kept all at once: about two additions a unit and sample. The inflation is the
mean over the units of an axis, because that of a single one is as uncertain as there are few batches. Old
samples fade as those of the regression do.
"""

import numpy as np

from bmi_app.rt.jit import part
from bmi_app.rt.memory import Shape

LEVELS = 14  # batches of 1 to 8192 samples
_ENOUGH = 16  # batches of the longest length that is used


# Samples of each axis and, faded, of each unit; number of batches; sums of those that are unfinished; sums of squares.
PARTS: dict[str, Shape] = {
    "noted": ("axes",),
    "known_for": ("axes", "units"),
    "batches": ("axes", LEVELS),
    "batch_sums": ("axes", LEVELS, "units"),
    "batch_squares": ("axes", LEVELS, "units"),
}


def inflation(memory: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the inflation of the variance, f8[axis], at least 1, and its degrees of freedom, f8[axis]; 0: not known yet.

    Parameters
    ----------
    memory
        The parts of `PARTS`, by name.
    """
    n_axes = len(memory["batches"])
    found, freedom = np.ones(n_axes), np.zeros(n_axes)
    for a in range(n_axes):
        enough = np.flatnonzero(memory["batches"][a] >= _ENOUGH)
        squares = memory["batch_squares"][a]
        used = squares[0] > 0
        if len(enough) < 2 or not used.any():
            continue
        long, number = enough[-1], memory["batches"][a]
        of_length = (squares[:, used] / squares[0, used]).mean(axis=1) * number[0]
        variance = of_length[: long + 1] / (number[: long + 1] * 2.0 ** np.arange(long + 1))
        found[a] = max(2 * variance[long] - variance[long - 1], variance[long], 1.0)
        freedom[a] = min(number[long] * used.sum(), number[0] / found[a])
    return found, freedom


@part
def forget(m, axis, unit):
    """Begin anew with a unit."""
    m.known_for[axis, unit] = 0.0
    for level in range(LEVELS):
        m.batch_sums[axis, level, unit] = 0.0
        m.batch_squares[axis, level, unit] = 0.0


@part
def note(m, axis, influence):
    """Add a sample: of unit u the influence known_for[u] spread[u] influence.

    Parameters
    ----------
    m
        The regression's memory: beside `PARTS` it has `spread` f8[unit] and `forgetting`.
    axis : int
    influence : float
    """
    known_for, batches, spread, forgetting = m.known_for[axis], m.batches[axis], m.spread, m.forgetting
    sums, scores = m.batch_sums[axis], m.batch_squares[axis]
    n, last = spread.shape[0], LEVELS - 1
    for u in range(n):
        known_for[u] = forgetting * known_for[u] + 1.0
        sums[0, u] = known_for[u] * spread[u] * influence
    m.noted[axis] += 1.0
    nth, keep = int(m.noted[axis]), forgetting
    for level in range(last + 1):
        batches[level] = keep * batches[level] + 1.0
        for u in range(n):
            whole = sums[level, u]
            scores[level, u] = keep * scores[level, u] + whole * whole
            sums[level, u] = 0.0
            if level < last:
                sums[level + 1, u] += whole
        if nth % (2 << level) != 0:
            return
        keep *= keep
