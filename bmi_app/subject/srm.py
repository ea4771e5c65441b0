"""Fire as a spike response model with escape noise does (SRM0; Gerstner and Kistler 2002, sections 4.2 and 5.3).

    u(t) = I(t) + eta(t - t_last),   eta = -inf within the refractory time D, then -eta0 exp(-(s - D) / tau)
    hazard rho(t) = rho0 exp(beta (u - theta)),   a spike in dt with probability 1 - exp(-rho dt)

rho0, beta and theta enter only as rho_I = rho0 exp(beta (I - theta)), the hazard of a neuron that has not fired for
long, and as b = beta eta0, the depth of the after-potential in widths of the noise. While I stands still, the hazard
that has gathered up to age s after the refractory time is

    rho_I G(s),   G(s) = integral from 0 to s of exp(-b exp(-s'/tau)) ds'

so that intervals are drawn without small time steps and without error: draw E from the unit exponential distribution,
and fire when what has gathered reaches E. The mean interval is M(rho_I) = D + integral of exp(-rho_I G(s)) ds; the
table of rho_I over the rate asked for is the inverse of 1 / M. So the rate asked for is the rate delivered while it stands still; a
neuron that has long fired slowly has recovered from its last spike, and answers a rate that rises with more than that at first.
"""

import functools
import math

import numpy as np

from bmi_app.rt import random
from bmi_app.rt.jit import part

N_GATHERED, N_HAZARD = 1024, 2048  # nodes of the two tables
_TAUS = 12.0  # length of the table of G in time constants: beyond it G grows by 1 a second
_HIGHEST = 1e6  # 1/s: the largest rho_I; rates that need more are out of reach
MOST = 64  # spikes of a neuron in one step, at most
LANES = 1 << 16  # between two draws of one neuron in a step; four lanes for each of the most neurons


def gathered_table(eta0: float, tau_s: float) -> tuple[np.ndarray, float]:
    """Return G at N_GATHERED ages (s), and the distance of the ages (s); between them G is taken as linear."""
    step_s = _TAUS * tau_s / (N_GATHERED - 1)
    fine = np.linspace(0.0, _TAUS * tau_s, 16 * (N_GATHERED - 1) + 1)
    recovered = np.exp(-eta0 * np.exp(-fine / tau_s))
    pieces = (recovered[:-1] + recovered[1:]) / 2 * (step_s / 16)
    return np.concatenate([[0.0], np.cumsum(pieces)])[::16], step_s


def mean_interval_s(rho: np.ndarray, refractory_s: float, gathered: np.ndarray, step_s: float) -> np.ndarray:
    """Return the mean interval between spikes at each hazard rho_I (1/s): exact for a G that is linear between nodes."""
    growth = np.diff(gathered)
    survival = np.exp(-rho[:, None] * gathered)
    pieces = survival[:, :-1] * -np.expm1(-rho[:, None] * growth) * (step_s / growth) / rho[:, None]
    total: np.ndarray = refractory_s + pieces.sum(axis=1) + survival[:, -1] / rho
    return total


def hazard_table(refractory_s: float, gathered: np.ndarray, step_s: float) -> tuple[np.ndarray, float]:
    """Return rho_I (1/s) at N_HAZARD rates from 0 Hz, evenly spaced, and the highest of these rates (Hz).

    The highest rate is 0.9 of what the refractory time and the after-potential allow at most, and at most 1000 Hz.
    """
    rho = np.geomspace(1e-4, _HIGHEST, 1000)
    rate_hz = 1.0 / mean_interval_s(rho, refractory_s, gathered, step_s)
    top_hz = min(0.9 * float(rate_hz[-1]), 1000.0)
    # The logarithms are nearly linear at both ends.
    asked_hz = np.linspace(0.0, top_hz, N_HAZARD)
    table = np.zeros(N_HAZARD)
    table[1:] = np.exp(np.interp(np.log(asked_hz[1:]), np.log(rate_hz), np.log(rho)))
    return table, top_hz


@functools.lru_cache(maxsize=16)  # subjects that fire alike start by the hundred; the tables take 20 ms
def tables(refractory_s: float, eta0: float, tau_s: float) -> tuple[np.ndarray, float, np.ndarray, float]:
    """Return what `gathered_table` and then `hazard_table` return, as arrays that cannot be written."""
    gathered, step_s = gathered_table(eta0, tau_s)
    hazard, top_hz = hazard_table(refractory_s, gathered, step_s)
    gathered.flags.writeable = hazard.flags.writeable = False
    return gathered, step_s, hazard, top_hz


def typical_ages_s(
    refractory_s: float, gathered: np.ndarray, step_s: float, rho: float, uniform: np.ndarray
) -> np.ndarray:
    """Return ages as they are spread in neurons that have long fired at a hazard rho_I, from numbers uniform in [0, 1).

    The age of a renewal process has a density in proportion to the survivor function, which is 1 while refractory.
    """
    ages_s = np.concatenate([[-refractory_s], np.arange(len(gathered)) * step_s])
    survival = np.concatenate([[1.0], np.exp(-rho * gathered)])
    share = np.concatenate([[0.0], np.cumsum(np.diff(ages_s) * (survival[:-1] + survival[1:]) / 2)])
    found: np.ndarray = np.interp(uniform * share[-1], share, ages_s)
    return found


@part
def hazard_of(table, top_hz, per_hz, rate_hz):
    """Return rho_I (1/s) for a rate; rates out of reach count as the highest; `per_hz` nodes of the table are in 1 Hz."""
    x = min(max(rate_hz, 0.0), top_hz) * per_hz
    i = min(int(x), table.shape[0] - 2)
    return table[i] + (x - i) * (table[i + 1] - table[i])


@part
def gathered_at(table, step_s, per_s, age_s):
    """Return G at an age; `per_s` is 1 / step_s."""
    x = age_s * per_s
    last = table.shape[0] - 1
    if x >= last:
        return table[last] + (age_s - last * step_s)
    i = int(x)
    return table[i] + (x - i) * (table[i + 1] - table[i])


@part
def age_at(table, step_s, gathered):
    """Return the age at which G reaches a value: the inverse of `gathered_at`."""
    last = table.shape[0] - 1
    if gathered >= table[last]:
        return last * step_s + (gathered - table[last])
    low, high = 0, last
    while high - low > 1:
        middle = (low + high) // 2
        if table[middle] <= gathered:
            low = middle
        else:
            high = middle
    return (low + (gathered - table[low]) / (table[high] - table[low])) * step_s


@part
def renew(neuron, ages, left, rho, refractory_s, gathered, step_s, per_s, key, start_s, duration_s, times, n_before):
    """Let one neuron fire through a span in which its input stands still; return how many spikes there are then.

    Parameters
    ----------
    neuron
        Its index.
    ages, left
        Time since the end of the refractory time (s, negative within it), and what is left to gather, of each neuron.
    rho
        Its hazard rho_I (1/s).
    times, n_before
        Gets the times of the spikes (s), behind those that are there.
    """
    age_s, rest, now_s = ages[neuron], left[neuron], 0.0
    n = 0
    while n < MOST:
        if age_s < 0.0:
            if age_s + (duration_s - now_s) <= 0.0:
                break
            now_s -= age_s
            age_s = 0.0
        before = gathered_at(gathered, step_s, per_s, age_s)
        free_s = duration_s - now_s
        gain = rho * (gathered_at(gathered, step_s, per_s, age_s + free_s) - before)
        if gain <= rest:
            rest -= gain
            break
        wait_s = min(max(age_at(gathered, step_s, before + rest / rho) - age_s, 0.0), free_s)
        now_s += wait_s
        times[n_before + n] = start_s + now_s
        rest = -math.log(1.0 - random.uniform(key, 4 * neuron + n * LANES))
        age_s = -refractory_s
        n += 1
    ages[neuron], left[neuron] = age_s + (duration_s - now_s), rest
    return n_before + n
