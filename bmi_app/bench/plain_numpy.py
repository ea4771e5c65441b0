"""Decode and learn with numpy, as a lab's own script would: what the kernels' cost is compared with.

Each function takes what it needs once and returns one that makes a tick of it: of its features, or of a sample's features and
the velocity that was meant.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

Step = Callable[[np.ndarray], Any]
Lesson = Callable[[np.ndarray, np.ndarray], Any]


def linear(weights: np.ndarray, bias: np.ndarray, parts: dict[str, np.ndarray]) -> Step:
    """V = M1 v + W x + b; groupweight and population vector are the same without M1."""
    m1 = parts.get("m1")
    velocity: np.ndarray = np.zeros(len(bias))

    def step(features: np.ndarray) -> np.ndarray:
        nonlocal velocity
        velocity = weights @ features + bias + (m1 @ velocity if m1 is not None else 0.0)
        return velocity

    return step


def wiener(weights: np.ndarray, bias: np.ndarray, parts: dict[str, np.ndarray]) -> Step:
    """V = b + sum_k W_k x_(t - k spacing)."""
    spacing, past = int(parts["spacing"][0]), parts["past_weights"]
    history = np.zeros((len(past) * spacing + 1, weights.shape[1]))

    def step(features: np.ndarray) -> np.ndarray:
        history[1:] = history[:-1]
        history[0] = features
        lagged = history[spacing::spacing]
        velocity: np.ndarray = weights @ features + bias + np.einsum("kau,ku->a", past, lagged)
        return velocity

    return step


def kalman(weights: np.ndarray, bias: np.ndarray, parts: dict[str, np.ndarray]) -> Step:
    """Filter in information form with independent noise, so that nothing of size units x units is inverted."""
    n_axes = len(bias)
    tuning, constant, variances = parts["model"][:n_axes], parts["model"][n_axes], parts["model"][-1]
    transition, process = parts["transition"], parts["process"]
    state: np.ndarray = np.zeros(n_axes)
    covariance, identity = np.zeros((n_axes, n_axes)), np.eye(n_axes)

    def step(features: np.ndarray) -> np.ndarray:
        nonlocal state, covariance
        information = tuning / variances
        state = transition @ state
        prior = transition @ covariance @ transition.T + process
        covariance = np.linalg.solve(identity + prior @ (information @ tuning.T), prior)
        state = state + covariance @ (information @ (features - constant - state @ tuning))
        return state

    return step


def steady_kalman(weights: np.ndarray, bias: np.ndarray, parts: dict[str, np.ndarray]) -> Step:
    """V = M v + K x + b."""
    steady = parts["steady"]
    velocity: np.ndarray = np.zeros(len(bias))

    def step(features: np.ndarray) -> np.ndarray:
        nonlocal velocity
        velocity = steady @ velocity + weights @ features + bias
        return velocity

    return step


DECODERS: dict[str, Callable[[np.ndarray, np.ndarray, dict[str, np.ndarray]], Step]] = {
    "groupweight": linear,
    "linear": linear,
    "population_vector": linear,
    "wiener": wiener,
    "kalman": kalman,
    "kalman, steady": steady_kalman,
    "refit_kalman": kalman,
}


def lms(weights: np.ndarray, rate: float) -> Lesson:
    """W += rate e x^T / (1 + |x|^2)."""

    def step(features: np.ndarray, wanted: np.ndarray) -> None:
        error = wanted - weights @ features
        weights[:] += np.outer(rate * error / (1.0 + features @ features), features)

    return step


def reward_gated(weights: np.ndarray, rate: float) -> Lesson:
    """W += rate G of a rewarded trial of one sample, G its gradient, summed apart from the weights."""

    def step(features: np.ndarray, wanted: np.ndarray) -> None:
        gradient = np.zeros(weights.shape)
        error = wanted - weights @ features
        gradient += np.outer(error / (1.0 + features @ features), features)
        weights[:] += rate * gradient

    return step


def reinforcement(weights: np.ndarray, rate: float) -> Lesson:
    """W += rate (R - Rbar) n x^T / (1 + |x|^2), R = 1, n the wanted velocity; each axis turned by at most 0.4, and as long as before."""
    expected = 0.0

    def step(features: np.ndarray, wanted: np.ndarray) -> None:
        nonlocal expected
        surprise, expected = 1.0 - expected, 0.8 * expected + 0.2
        if surprise == 0.0:
            return
        before = np.linalg.norm(weights, axis=1)
        change = np.outer(rate * surprise * wanted / (1.0 + features @ features), features)
        change *= np.minimum(1.0, 0.4 * before / np.linalg.norm(change, axis=1))[:, None]
        weights[:] += change
        weights[:] *= (before / np.linalg.norm(weights, axis=1))[:, None]

    return step


def regression(weights: np.ndarray, rate: float) -> Lesson:
    """Recursive least squares without forgetting, with a covariance for each axis, as under masks that differ."""
    covariance = np.stack([np.eye(weights.shape[1]) / 1e4] * len(weights))

    def step(features: np.ndarray, wanted: np.ndarray) -> None:
        for a in range(len(weights)):
            spread = covariance[a] @ features
            divisor = 1.0 + features @ spread
            weights[a] += rate * (wanted[a] - weights[a] @ features) / divisor * spread
            covariance[a] -= np.outer(spread, spread / divisor)

    return step


def batched(weights: np.ndarray, rate: float) -> Lesson:
    """Store the sample in the newest of 32 trials of 64; then four steps along the mean gradients of stored trials."""
    trials, meant, filled = np.zeros((32, 64, weights.shape[1])), np.zeros((32, 64, len(weights))), np.zeros(32, int)
    stored, following = 0, 0

    def step(features: np.ndarray, wanted: np.ndarray) -> None:
        nonlocal stored, following
        if stored == 0 or filled[(stored - 1) % 32] == 64:
            filled[stored % 32] = 0
            stored += 1
        newest = (stored - 1) % 32
        trials[newest, filled[newest]], meant[newest, filled[newest]] = features, wanted
        filled[newest] += 1
        for _ in range(4):
            k = following % min(stored, 32)
            following = k + 1
            x = trials[k, : filled[k]]
            errors = (meant[k, : filled[k]] - x @ weights.T) / (1.0 + np.einsum("tu,tu->t", x, x))[:, None]
            weights[:] += rate / len(x) * (errors.T @ x)

    return step


def rml(model: np.ndarray, rate: float) -> Lesson:
    """C = S R^-1, Q = (T - diag(C S^T)) / n, after a warm-up of 1000 samples; a half-life of 12,000."""
    k, n_units = len(model) - 1, model.shape[1]
    keep, prior, warm_up = 0.5 ** (1 / 12_000), 12_000.0, 1000
    square, cross, power = np.zeros((k, k)), np.zeros((k, n_units)), np.zeros(n_units)
    n, seen = 0.0, 0

    def step(features: np.ndarray, wanted: np.ndarray) -> None:
        nonlocal n, seen
        z = np.append(wanted, 1.0)
        square[:] = keep * square + np.outer(z, z)
        cross[:] = keep * cross + np.outer(z, features)
        power[:] = keep * power + features**2
        n, seen = keep * n + 1.0, seen + 1
        if seen == warm_up:
            share = prior / n
            cross[:] += share * square @ model[:k]
            power[:] += share * (((square @ model[:k]) * model[:k]).sum(axis=0) + n * model[k])
            square[:] *= 1.0 + share
            n *= 1.0 + share
        if seen >= warm_up:
            model[:k] = np.linalg.solve(square, cross)
            model[k] = np.maximum((power - (model[:k] * cross).sum(axis=0)) / n, 1e-6)

    return step


RULES: dict[str, Callable[[np.ndarray, float], Lesson]] = {
    "lms": lms,
    "reward_gated": reward_gated,
    "reinforcement": reinforcement,
    "regression": regression,
    "batched": batched,
    "rml": rml,
}
