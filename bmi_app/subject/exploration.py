"""Explore: noise of its own that the subject adds to its firing, and of which it keeps a copy.

white             independent from step to step
slow              an Ornstein-Uhlenbeck process for each unit: what it does to the cursor lasts long enough to be seen
low_dimensional   a few such processes, each driving a fixed random pattern over all units

All have the standard deviation `exploration_hz`, scaled down to `exploration_floor` of it as confidence grows.
"""

import math

from bmi_app.rt import random
from bmi_app.rt.jit import part
from bmi_app.subject.mind import (
    CONFIDENCE,
    EXPLORATION,
    EXPLORATION_FLOOR,
    EXPLORATION_HZ,
    EXPLORATION_KEEP,
    HEAD,
    HOW_EXPLORES,
    LATENTS,
    N_PATTERNS,
    PATTERNS,
    matrix,
    vector,
)

KINDS = ("none", "white", "slow", "low_dimensional")
_NONE, _WHITE, _SLOW, _LOW = range(len(KINDS))
_FIRST_LANE = 16  # the lanes before are drawn by the intention


@part
def amplitude_hz(head):
    """Return how strongly the subject explores now, as a standard deviation (Hz)."""
    return head[EXPLORATION_HZ] * max(head[EXPLORATION_FLOOR], 1.0 - head[CONFIDENCE])


@part
def explore(memory, key):
    """Renew the exploration of every unit (Hz)."""
    head, noise_hz, latents = vector(memory, HEAD), vector(memory, EXPLORATION), vector(memory, LATENTS)
    kind, scale_hz = int(head[HOW_EXPLORES]), amplitude_hz(head)
    keep = head[EXPLORATION_KEEP] if kind != _WHITE else 0.0
    fresh = math.sqrt(1.0 - keep * keep)
    if kind == _NONE:
        return
    for k in range(latents.shape[0]):
        latents[k] = keep * latents[k] + fresh * random.normal(key, _FIRST_LANE + k)
    if kind == _LOW:
        patterns = matrix(memory, PATTERNS, int(head[N_PATTERNS]))
        for u in range(noise_hz.shape[0]):
            total = 0.0
            for k in range(latents.shape[0]):
                total += patterns[u, k] * latents[k]
            noise_hz[u] = scale_hz * total
    else:
        for u in range(noise_hz.shape[0]):
            noise_hz[u] = scale_hz * latents[u]


@part
def hold_still(memory):
    """Explore nothing in this step; slow noise goes on where it stopped."""
    noise_hz = vector(memory, EXPLORATION)
    for u in range(noise_hz.shape[0]):
        noise_hz[u] = 0.0
