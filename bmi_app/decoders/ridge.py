"""Regress velocities on features, axis by axis, over the units that may drive each (Hoerl and Kennard 1970)."""

import numpy as np


def ridge_readout(
    features: np.ndarray, velocity: np.ndarray, mask: np.ndarray, ridge: float
) -> tuple[np.ndarray, np.ndarray]:
    """Regress velocities f8[t, axis] on features f8[t, unit]; return weights f8[axis, unit] and bias f8[axis].

    The penalty is `ridge` times the number of samples times the mean variance of a feature; the bias has none.
    """
    weights, bias = np.zeros((velocity.shape[1], features.shape[1])), np.zeros(velocity.shape[1])
    centre, mean = features.mean(axis=0), velocity.mean(axis=0)
    x, y = features - centre, velocity - mean
    for a in range(velocity.shape[1]):
        used = np.flatnonzero(mask[a])
        power = x[:, used].T @ x[:, used]
        penalty = ridge * max(float(np.trace(power)) / max(len(used), 1), 1e-12)
        weights[a, used] = np.linalg.solve(power + penalty * np.eye(len(used)), x[:, used].T @ y[:, a])
        bias[a] = mean[a] - weights[a] @ centre
    return weights, bias
