"""Carry the place of a hand, or what its force amounts to, from whoever has one to the tick.

A hand is one word of `ctl`, so that no reader sees half of a new one: x in the upper 32 bits, y in the lower, each as
a whole number of 1e-6 cm above -`HAND_REACH_CM`; 0 means that there is none. The driver's hand (a tracker, the simulated
arm) comes before the person's, which a view sends over the command socket and has to send again while it is there.
"""

import math

import numpy as np

from bmi_app.rt import cells
from bmi_app.rt.jit import f8, i8_1, kernel, part, void
from bmi_app.rt.records import HAND_REACH_CM
from bmi_app.rt.ring import load, load_f8, store, store_f8

_STEPS_PER_CM = 1e6
_MIDDLE = 1 << 30
_LOW = (1 << 32) - 1
STALE_S = 0.5  # the person's hand is gone when no view has told of it for so long: views fail, and are closed


@part
def pack(x_cm, y_cm):
    """Return the word of a hand; 0 where a coordinate is NaN or out of reach."""
    if not (abs(x_cm) <= HAND_REACH_CM and abs(y_cm) <= HAND_REACH_CM):
        return np.int64(0)
    x = np.int64(math.floor(x_cm * _STEPS_PER_CM + 0.5)) + _MIDDLE
    y = np.int64(math.floor(y_cm * _STEPS_PER_CM + 0.5)) + _MIDDLE
    return (x << 32) | y


@part
def unpack(word):
    """Return the place (cm) that a word holds; NaN without a hand."""
    if word == 0:
        return math.nan, math.nan
    return ((word >> 32) - _MIDDLE) / _STEPS_PER_CM, ((word & _LOW) - _MIDDLE) / _STEPS_PER_CM


@part
def persons_hand(ctl, now_s):
    """Return the place of the person's hand (cm); NaN without one, or when it was told too long ago."""
    if now_s - load_f8(ctl, cells.PERSONS_HAND + 1) > STALE_S:
        return math.nan, math.nan
    return unpack(load(ctl, cells.PERSONS_HAND))


@part
def take_hand(ctl, state, now_s):
    """Give the tick its hand: the driver's, else the person's, else NaN."""
    word = load(ctl, cells.HAND)
    if word != 0:
        state.hand_x_cm, state.hand_y_cm = unpack(word)
    else:
        state.hand_x_cm, state.hand_y_cm = persons_hand(ctl, now_s)


@kernel(void(i8_1, f8, f8, f8))
def tell_persons_hand(ctl, x_cm, y_cm, now_s):
    """Set the place of the person's hand (cm; NaN: none). Control thread only."""
    store_f8(ctl, cells.PERSONS_HAND + 1, now_s)
    store(ctl, cells.PERSONS_HAND, pack(x_cm, y_cm))
