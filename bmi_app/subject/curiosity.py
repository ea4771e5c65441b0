"""Be curious: babble what has effects that cannot be foretold yet (ICM; Pathak, Agrawal, Efros and Darrell 2017).

    phi   = W z                        features of a state z (channels centred and scaled by what was seen so far)
    a^    = V' phi(s') + V phi(s)      inverse model: which action led from s to s'?
    phi^' = F [phi(s), a, 1]           forward model
    reward = scale / 2 |phi^' - phi(s')|^2

Only the inverse model teaches the features, so that they hold what the subject can influence and drop what it cannot, as the
noise of a television; the forward model is taught in turn, and the reward is what it still gets wrong. An action is what
the subject adds to its firing, as amplitudes of a few patterns; a state is what it sees. Each pattern's value follows the
reward that came with it, and patterns are drawn in proportion to their values. Noise that an action switches on stays
interesting for ever: that is a known limit of the method.
"""

import math

import numpy as np

from bmi_app.rt import random
from bmi_app.rt.jit import part
from bmi_app.rt.memory import Layout, MemoryLayout, Together, words

SCALE = 1.0
_RATE = 0.1  # of the inverse and the forward model (normalised LMS)
_DECAY = 0.0005  # of features and inverse model: what explains no action fades
_SEEN_AT_LEAST = 2e-3  # weight of a new state in the running mean and variance, once many were seen
_FOLLOW = 0.2  # how fast a pattern's value follows its rewards
_FLOOR = 0.05  # share of the mean value that a dull pattern keeps
_FARTHEST = 5.0  # standard deviations at which a channel is cut

# `inverse`: the models of what the action was, from what was seen after it and before.
LAYOUT = MemoryLayout(
    {
        "head": words("n_patterns", "n_channels", "n_features", "n_seen"),
        "mean": ("n_channels",),
        "variance": ("n_channels",),
        "value": ("n_patterns",),
        "features": ("n_features", "n_channels"),
        "inverse": Together(
            (2, "n_patterns", "n_features"),
            {"inverse_after": ("n_patterns", "n_features"), "inverse_before": ("n_patterns", "n_features")},
        ),
        "forward": ("n_features", "n_features + n_patterns + 1"),
        "scratch": Together(
            ("2 * n_channels + 4 * n_features + n_patterns",),
            {
                "z0": ("n_channels",),
                "z1": ("n_channels",),
                "phi0": ("n_features",),
                "phi1": ("n_features",),
                "back": ("n_features",),
                "wrong": ("n_features",),
                "missed": ("n_patterns",),
            },
        ),
    }
)


def layout(n_patterns: int, n_channels: int) -> Layout:
    """Return the named parts of the memory for so many patterns of action, and channels of state."""
    return LAYOUT.shapes(n_patterns=n_patterns, n_channels=n_channels, n_features=n_patterns)


def start(n_patterns: int, n_channels: int, seed: int, memory: dict[str, np.ndarray]) -> None:
    """Fill the memory: small random features and inverse model, and a forward model that knows nothing."""
    generator = np.random.default_rng([seed, random.CURIOSITY])
    LAYOUT.fill(memory, n_patterns=n_patterns, n_channels=n_channels, n_features=n_patterns)
    memory["variance"][:] = 1.0
    memory["value"][:] = 1.0  # more than most rewards: each is tried
    for name in ("features", "inverse"):
        memory[name][:] = 0.3 * generator.standard_normal(memory[name].shape)


@part
def _multiply_into(out, matrix, vector):
    """Set out = matrix vector."""
    for i in range(out.shape[0]):
        total = 0.0
        for j in range(vector.shape[0]):
            total += matrix[i, j] * vector[j]
        out[i] = total


@part
def _square(vector):
    total = 0.0
    for i in range(vector.shape[0]):
        total += vector[i] * vector[i]
    return total


@part
def _scale_into(out, state, mean, variance):
    """Centre and scale the channels of a state."""
    for j in range(out.shape[0]):
        z = (state[j] - mean[j]) / math.sqrt(variance[j] + 1e-12)
        out[j] = min(max(z, -_FARTHEST), _FARTHEST)


@part
def _get_used_to(m, state):
    """Follow the mean and the variance of each channel."""
    mean, variance = m.mean, m.variance
    m.n_seen += 1.0
    weight = max(1.0 / (m.n_seen + 1.0), _SEEN_AT_LEAST)
    for j in range(mean.shape[0]):
        away = state[j] - mean[j]
        mean[j] += weight * away
        variance[j] += weight * ((1.0 - weight) * away * away - variance[j])


@part
def wonder(memory, before, after, action):
    """Learn from what an action did; return how much that was a surprise.

    Parameters
    ----------
    memory : float64[words]
    before, after : float64[channel]
        What was seen before the action, and after.
    action : float64[pattern]
        Amplitudes, of about 1.

    Returns
    -------
    float
        The intrinsic reward.
    """
    m = LAYOUT.named(memory)
    value, features, back, missed = m.value, m.features, m.back, m.missed
    z0, z1, phi0, phi1 = m.z0, m.z1, m.phi0, m.phi1
    inverse_after, inverse_before = m.inverse_after, m.inverse_before
    k, d, p = value.shape[0], z0.shape[0], features.shape[0]
    _get_used_to(m, after)
    _scale_into(z0, before, m.mean, m.variance)
    _scale_into(z1, after, m.mean, m.variance)
    _multiply_into(phi0, features, z0)
    _multiply_into(phi1, features, z1)
    reward = _foretell(m.forward, phi0, phi1, action, m.wrong)
    for i in range(k):
        missed[i] = action[i]
        for j in range(p):
            missed[i] -= inverse_after[i, j] * phi1[j] + inverse_before[i, j] * phi0[j]
    to_models = _RATE / (1.0 + _square(phi0) + _square(phi1))
    to_features = _RATE / (1.0 + _square(z0) + _square(z1))
    for inverse, phi, z in ((inverse_after, phi1, z1), (inverse_before, phi0, z0)):
        for j in range(p):
            back[j] = 0.0
            for i in range(k):
                back[j] += inverse[i, j] * missed[i]
                inverse[i, j] += to_models * missed[i] * phi[j] - _DECAY * inverse[i, j]
        for j in range(p):
            for c in range(d):
                features[j, c] += to_features * back[j] * z[c] - 0.5 * _DECAY * features[j, c]
    for i in range(k):
        if action[i] != 0.0:
            value[i] += _FOLLOW * min(abs(action[i]), 1.0) * (reward - value[i])
    return reward


@part
def _foretell(forward, phi0, phi1, action, wrong):
    """Return the reward for what the forward model gets wrong, and teach it."""
    p, k = phi0.shape[0], action.shape[0]
    size = 1.0 + _square(phi0) + _square(action)
    for i in range(p):
        foretold = forward[i, p + k]
        for j in range(p):
            foretold += forward[i, j] * phi0[j]
        for j in range(k):
            foretold += forward[i, p + j] * action[j]
        wrong[i] = phi1[i] - foretold
    for i in range(p):
        step = 2.0 * _RATE * wrong[i] / size
        for j in range(p):
            forward[i, j] += step * phi0[j]
        for j in range(k):
            forward[i, p + j] += step * action[j]
        forward[i, p + k] += step
    return SCALE * 0.5 * _square(wrong)


@part
def draw_pattern(memory, uniform):
    """Return the pattern to babble next, drawn in proportion to the values with a number uniform in [0, 1)."""
    value = LAYOUT.named(memory).value
    k = value.shape[0]
    total = 0.0
    for i in range(k):
        total += value[i]
    floor = _FLOOR * total / k
    left = uniform * (total + k * floor)
    for i in range(k):
        left -= value[i] + floor
        if left < 0.0:
            return i
    return k - 1
