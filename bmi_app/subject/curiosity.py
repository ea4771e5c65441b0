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
from bmi_app.rt.memory import Layout

SCALE = 1.0
_RATE = 0.1  # of the inverse and the forward model (normalised LMS)
_DECAY = 0.0005  # of features and inverse model: what explains no action fades
_SEEN_AT_LEAST = 2e-3  # weight of a new state in the running mean and variance, once many were seen
_FOLLOW = 0.2  # how fast a pattern's value follows its rewards
_FLOOR = 0.05  # share of the mean value that a dull pattern keeps
_FARTHEST = 5.0  # standard deviations at which a channel is cut

_N_PATTERNS, _N_CHANNELS, _N_FEATURES, _N_SEEN = range(4)
_N_HEAD = 4


def layout(n_patterns: int, n_channels: int) -> Layout:
    """Return the named parts of the memory for so many patterns of action, and channels of state."""
    n_features = n_patterns
    return {
        "head": (_N_HEAD,),
        "mean": (n_channels,),
        "variance": (n_channels,),
        "value": (n_patterns,),
        "features": (n_features, n_channels),
        "inverse": (2, n_patterns, n_features),
        "forward": (n_features, n_features + n_patterns + 1),
        "scratch": (2 * n_channels + 4 * n_features + n_patterns,),
    }


def start(n_patterns: int, n_channels: int, seed: int, memory: dict[str, np.ndarray]) -> None:
    """Fill the memory: small random features and inverse model, and a forward model that knows nothing."""
    generator = np.random.default_rng([seed, random.CURIOSITY])
    memory["head"][:] = n_patterns, n_channels, n_patterns, 0
    memory["variance"][:] = 1.0
    memory["value"][:] = 1.0  # more than most rewards: each is tried
    for name in ("features", "inverse"):
        memory[name][:] = 0.3 * generator.standard_normal(memory[name].shape)


@part
def parts_of(memory):
    """Cut the memory into mean, variance, value, features, inverse model after and before, forward model, scratch."""
    k, d, p = int(memory[_N_PATTERNS]), int(memory[_N_CHANNELS]), int(memory[_N_FEATURES])
    mean_at = _N_HEAD
    value_at = mean_at + 2 * d
    features_at = value_at + k
    after_at = features_at + p * d
    before_at = after_at + k * p
    forward_at = before_at + k * p
    scratch_at = forward_at + p * (p + k + 1)
    return (
        memory[mean_at : mean_at + d],
        memory[mean_at + d : value_at],
        memory[value_at:features_at],
        memory[features_at:after_at].reshape(p, d),
        memory[after_at:before_at].reshape(k, p),
        memory[before_at:forward_at].reshape(k, p),
        memory[forward_at:scratch_at].reshape(p, p + k + 1),
        memory[scratch_at:],
    )


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
def _get_used_to(memory, mean, variance, state):
    """Follow the mean and the variance of each channel."""
    memory[_N_SEEN] += 1.0
    weight = max(1.0 / (memory[_N_SEEN] + 1.0), _SEEN_AT_LEAST)
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
    mean, variance, value, features, inverse_after, inverse_before, forward, scratch = parts_of(memory)
    k, d, p = value.shape[0], mean.shape[0], features.shape[0]
    _get_used_to(memory, mean, variance, after)
    z0, z1 = scratch[:d], scratch[d : 2 * d]
    phi0, phi1 = scratch[2 * d : 2 * d + p], scratch[2 * d + p : 2 * d + 2 * p]
    back, wrong = scratch[2 * d + 2 * p : 2 * d + 3 * p], scratch[2 * d + 3 * p : 2 * d + 4 * p]
    missed = scratch[2 * d + 4 * p : 2 * d + 4 * p + k]
    _scale_into(z0, before, mean, variance)
    _scale_into(z1, after, mean, variance)
    _multiply_into(phi0, features, z0)
    _multiply_into(phi1, features, z1)
    reward = _foretell(forward, phi0, phi1, action, wrong)
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
    value = parts_of(memory)[2]
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
