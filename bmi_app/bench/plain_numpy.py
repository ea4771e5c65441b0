"""Decode and learn with numpy, as a lab's own script would: what the kernels' cost is compared with.

Each function takes what it needs once and returns one that makes a tick of it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

Step = Callable[[np.ndarray], Any]


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


DECODERS: dict[str, Callable[[np.ndarray, np.ndarray, dict[str, np.ndarray]], Step]] = {
    "groupweight": linear,
    "linear": linear,
    "population_vector": linear,
    "wiener": wiener,
    "kalman": kalman,
    "refit_kalman": kalman,
}


def lms(weights: np.ndarray, intent: np.ndarray, rate: float) -> Step:
    """W += rate e x^T / (1 + |x|^2)."""

    def step(features: np.ndarray) -> None:
        error = intent - weights @ features
        weights[:] += np.outer(rate * error / (1.0 + features @ features), features)

    return step


def regression(weights: np.ndarray, intent: np.ndarray, rate: float) -> Step:
    """Recursive least squares with one covariance for all axes."""
    covariance = np.eye(weights.shape[1]) / 1e4

    def step(features: np.ndarray) -> None:
        spread = covariance @ features
        divisor = 1.0 + features @ spread
        weights[:] += np.outer((intent - weights @ features) / divisor, spread)
        covariance[:] -= np.outer(spread, spread / divisor)

    return step


RULES: dict[str, Callable[[np.ndarray, np.ndarray, float], Step]] = {
    "lms": lms,
    "reward_gated": lms,
    "reinforcement": lms,
    "regression": regression,
}
