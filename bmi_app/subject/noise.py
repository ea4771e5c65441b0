"""Draw white noise that is the same at every length of step: a number that is drawn anew every 10 ms, and held between.

    n(t) = z_c,  c = floor(t / T),  z_c independent standard normal,  T = CELL_S

What it adds up to over a second has the variance T, whatever the steps are: noise that is drawn anew in each step has the
variance of a step, and so dies out as steps get shorter. A step that lies in two cells gets the mean over its time.
At steps of 10 ms it is a number a step.
"""

import math

import numpy as np

from bmi_app.rt import random
from bmi_app.rt.jit import part

CELL_S = 0.010
HELD_SINCE = (
    2  # the `model_version` from which on noise is held; before, it was drawn in each step, whatever its length
)

# Words at the head of a part `held_noise`; then the number drawn last, and this step's noise, of each channel.
CELL, STEP_LENGTH, STEPS = range(3)
_HEAD = 3
_CLOSE = 1e-6  # of a cell: quotients of seconds are not exact


def words(n_channels: int) -> int:
    """Return the length of a part `held_noise`."""
    return _HEAD + 2 * n_channels


def start(held: np.ndarray, step_s: float) -> None:
    """Fill a part `held_noise`."""
    held[CELL], held[STEP_LENGTH] = CELL_S, step_s


def draw_every_step(held: np.ndarray) -> None:
    """Draw anew in each step, as before `HELD_SINCE`."""
    held[CELL] = held[STEP_LENGTH]


@part
def share_held(held):
    """Return for which share of this step the number that was drawn last still holds; below 1: draw another."""
    cell_s, step_s = held[CELL], held[STEP_LENGTH]
    begin = held[STEPS] * step_s / cell_s
    last = math.ceil(begin + step_s / cell_s - _CLOSE) - 1.0  # the cell in which this step ends
    if last - begin > _CLOSE:
        return (last - begin) * cell_s / step_s
    return 0.0 if last - begin > -_CLOSE else 1.0


@part
def renew(held, key):
    """Go on by a step: renew the noise of every channel, from the lane of its index."""
    share = share_held(held)
    held[STEPS] += 1.0
    n = (held.shape[0] - _HEAD) // 2
    for c in range(n):
        before = held[_HEAD + c]
        if share < 1.0:
            held[_HEAD + c] = random.normal(key, c)
        held[_HEAD + n + c] = share * before + (1.0 - share) * held[_HEAD + c]
    return share


@part
def noise_of(held, channel):
    """Return this step's noise of a channel, of standard deviation 1."""
    return held[_HEAD + (held.shape[0] - _HEAD) // 2 + channel]
