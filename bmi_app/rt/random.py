"""Draw random numbers as a function of what they are for: (seed, stream, index, lane).

There is no generator to carry along, so a replay draws the same numbers whatever ran before. The mixer is the finalizer
of SplitMix64 (Steele, Lea and Flood 2014), applied once a word.
"""

import math

import numpy as np

from bmi_app.rt.jit import part

# Streams keep draws of different purposes apart.
TARGET_ORDER = 1
TARGET_PLACE = 2
REWARD = 3
EXPLORATION = 4
SUBJECT = 5
SPIKES = 6
SCRAMBLE = 7
VARIABILITY = 8
CURIOSITY = 9


@part
def mix(word):
    """Scramble 64 bits (SplitMix64's finalizer)."""
    z = np.uint64(word) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@part
def key(seed, stream, index):
    """Return the 64-bit key of one draw's (seed, stream, index)."""
    return mix(mix(mix(np.uint64(seed)) ^ np.uint64(stream)) ^ np.uint64(index))


@part
def uniform(key_, lane):
    """Return a number in [0, 1), 53 bits, the `lane`-th of this key."""
    return float(mix(key_ ^ (np.uint64(lane) * np.uint64(0xD1342543DE82EF95))) >> np.uint64(11)) * (
        1.0 / 9007199254740992.0
    )


@part
def normal(key_, lane):
    """Return a standard normal number (Box and Muller 1958), from lanes 2 lane and 2 lane + 1."""
    radius = math.sqrt(-2.0 * math.log(1.0 - uniform(key_, 2 * lane)))
    return radius * math.cos(2.0 * math.pi * uniform(key_, 2 * lane + 1))
