"""Explore: noise of its own that the subject adds to its firing, and of which it keeps a copy.

white             independent from 10 ms to 10 ms, and held between, so that it is the same at every step (`noise`)
slow              an Ornstein-Uhlenbeck process for each unit: what it does to the cursor lasts long enough to be seen
low_dimensional   a few such processes, each driving a fixed random pattern over all units
curious           one of these patterns at a time, drawn toward effects that cannot be foretold yet (`curiosity`)

All have the standard deviation `exploration_hz`, scaled down to `exploration_floor` of it as confidence grows. A subject that can make
some patterns only (`manifold`) explores these, with as much of it over all units.
"""

import math

from bmi_app.rt import random
from bmi_app.rt.contracts import SEEN_TARGET_X, SEEN_TARGET_Y, SEEN_VX, SEEN_VY, SEEN_X, SEEN_Y
from bmi_app.rt.jit import part
from bmi_app.subject.curiosity import draw_pattern, wonder
from bmi_app.subject.mind import (
    BABBLE_STEPS,
    BABBLED,
    CONFIDENCE,
    CURIOSITY,
    DELAY_STEPS,
    EXPLORATION,
    EXPLORATION_FLOOR,
    EXPLORATION_HZ,
    EXPLORATION_KEEP,
    HEAD,
    HOW_EXPLORES,
    IN_MANIFOLD,
    LATENTS,
    MANIFOLD,
    N_MANIFOLD,
    N_PATTERNS,
    PATTERNS,
    STEP,
    VIEWED,
    VIEWS,
    matrix,
    vector,
)

KINDS = ("none", "white", "slow", "low_dimensional", "curious")
_NONE, _WHITE, _SLOW, _LOW, _CURIOUS = range(len(KINDS))
CHANNELS = (SEEN_VX, SEEN_VY, SEEN_X, SEEN_Y, SEEN_TARGET_X, SEEN_TARGET_Y)  # the state that curiosity looks at
_FIRST_LANE = 16  # the lanes before are drawn by the intention


@part
def amplitude_hz(head):
    """Return how strongly the subject explores now, as a standard deviation (Hz)."""
    return head[EXPLORATION_HZ] * max(head[EXPLORATION_FLOOR], 1.0 - head[CONFIDENCE])


@part
def explore(memory, key, seen, held):
    """Renew the exploration of every unit (Hz); `held` is the share of this step for which white noise goes on."""
    head, noise_hz, latents = vector(memory, HEAD), vector(memory, EXPLORATION), vector(memory, LATENTS)
    kind, scale_hz = int(head[HOW_EXPLORES]), amplitude_hz(head)
    keep = head[EXPLORATION_KEEP]
    fresh = math.sqrt(1.0 - keep * keep)
    if kind == _NONE:
        return
    if kind == _CURIOUS:
        _babble(memory, key, seen)
    elif kind == _WHITE:
        for u in range(noise_hz.shape[0]):
            before = latents[u]
            if held < 1.0:
                latents[u] = random.normal(key, _FIRST_LANE + u)
            noise_hz[u] = scale_hz * (held * before + (1.0 - held) * latents[u])
    else:
        for k in range(latents.shape[0]):
            latents[k] = keep * latents[k] + fresh * random.normal(key, _FIRST_LANE + k)
    if kind in (_LOW, _CURIOUS):
        patterns = matrix(memory, PATTERNS, int(head[N_PATTERNS]))
        for u in range(noise_hz.shape[0]):
            total = 0.0
            for k in range(latents.shape[0]):
                total += patterns[u, k] * latents[k]
            noise_hz[u] = scale_hz * total
    elif kind == _SLOW:
        for u in range(noise_hz.shape[0]):
            noise_hz[u] = scale_hz * latents[u]
    if head[N_MANIFOLD] > 0.0:
        _keep_to_manifold(memory, noise_hz)


@part
def _keep_to_manifold(memory, noise_hz):
    """Project noise onto the patterns that can be made, and make up for what that takes of independent noise."""
    n_patterns = int(vector(memory, HEAD)[N_MANIFOLD])
    manifold, amount_hz = matrix(memory, MANIFOLD, n_patterns), vector(memory, IN_MANIFOLD)
    for p in range(n_patterns):
        amount_hz[p] = 0.0
        for u in range(noise_hz.shape[0]):
            amount_hz[p] += manifold[u, p] * noise_hz[u]
    scale = math.sqrt(noise_hz.shape[0] / n_patterns)
    for u in range(noise_hz.shape[0]):
        noise_hz[u] = 0.0
        for p in range(n_patterns):
            noise_hz[u] += scale * manifold[u, p] * amount_hz[p]


@part
def _babble(memory, key, seen):
    """Babble one pattern for a while, then another; learn from each when its effect is seen, late.

    The pattern alone is at work, so it is as strong as all of low-dimensional exploration together.
    """
    head, latents = vector(memory, HEAD), vector(memory, LATENTS)
    babbled = matrix(memory, BABBLED, latents.shape[0])
    views, curiosity = matrix(memory, VIEWS, len(CHANNELS)), vector(memory, CURIOSITY)
    phase = int(head[STEP]) % int(head[BABBLE_STEPS])
    if phase == 0:
        chosen = draw_pattern(curiosity, random.uniform(key, 2 * _FIRST_LANE))
        for k in range(latents.shape[0]):
            babbled[0, k] = babbled[1, k]
            babbled[1, k] = 0.0
        babbled[1, chosen] = 1.0 if random.uniform(key, 2 * _FIRST_LANE + 1) < 0.5 else -1.0
    if phase == int(head[DELAY_STEPS]):  # what is seen now was done at the end of the pattern before
        for c in range(len(CHANNELS)):
            views[0, c] = views[1, c]
            views[1, c] = seen[0, CHANNELS[c]]
        if head[VIEWED] != 0.0:
            wonder(curiosity, views[0], views[1], babbled[0])
        head[VIEWED] = 1.0
    strength = math.sqrt(float(latents.shape[0]))
    for k in range(latents.shape[0]):
        latents[k] += (1.0 - head[EXPLORATION_KEEP]) * (strength * babbled[1, k] - latents[k])


@part
def hold_still(memory):
    """Explore nothing in this step; slow noise goes on where it stopped."""
    noise_hz = vector(memory, EXPLORATION)
    vector(memory, HEAD)[VIEWED] = 0.0
    for u in range(noise_hz.shape[0]):
        noise_hz[u] = 0.0
