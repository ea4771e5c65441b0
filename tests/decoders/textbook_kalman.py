"""The Kalman filter as textbooks write it, with whole matrices; and by conditioning one large Gaussian."""

from dataclasses import dataclass

import numpy as np


@dataclass
class Model:
    """A, W, C, c, Q."""

    transition: np.ndarray
    process: np.ndarray
    tuning: np.ndarray
    constant: np.ndarray
    noise: np.ndarray

    @classmethod
    def fit(cls, state: np.ndarray, features: np.ndarray, piece: np.ndarray, is_full: bool) -> "Model":
        """Fit by the normal equations of Wu et al. (2002)."""
        pairs = [t for t in range(1, len(state)) if piece[t] == piece[t - 1]]
        before, after = np.array([state[t - 1] for t in pairs]), np.array([state[t] for t in pairs])
        transition = np.linalg.solve(before.T @ before, before.T @ after).T
        left = after - before @ transition.T
        design = np.column_stack([state, np.ones(len(state))])
        found = np.linalg.solve(design.T @ design, design.T @ features)
        residual = features - design @ found
        noise = residual.T @ residual / len(features)
        noise = noise if is_full else np.diag(np.diag(noise))
        return cls(transition, left.T @ left / len(pairs), found[:-1].T, found[-1], noise)

    def filter(self, features: np.ndarray) -> np.ndarray:
        """Return the states f8[t, m], from a state that is known to be 0."""
        m = len(self.transition)
        state, covariance, found = np.zeros(m), np.zeros((m, m)), []
        for x in features:
            state = self.transition @ state
            covariance = self.transition @ covariance @ self.transition.T + self.process
            innovation = self.tuning @ covariance @ self.tuning.T + self.noise
            gain = covariance @ self.tuning.T @ np.linalg.inv(innovation)
            state = state + gain @ (x - self.constant - self.tuning @ state)
            covariance = (np.eye(m) - gain @ self.tuning) @ covariance
            found.append(state)
        return np.array(found)

    def condition(self, features: np.ndarray) -> np.ndarray:
        """Return the last state's mean given all features, from the joint Gaussian of all states and features."""
        n_ticks, m, n = len(features), len(self.transition), len(self.constant)
        shocks = np.kron(np.eye(n_ticks), self.process)
        spread = np.zeros((n_ticks * m, n_ticks * m))
        for t in range(n_ticks):
            for s in range(t + 1):
                spread[t * m : (t + 1) * m, s * m : (s + 1) * m] = np.linalg.matrix_power(self.transition, t - s)
        states = spread @ shocks @ spread.T
        seen = np.kron(np.eye(n_ticks), self.tuning)
        observed = seen @ states @ seen.T + np.kron(np.eye(n_ticks), self.noise)
        surprise = (features - self.constant).ravel()
        assert surprise.shape == (n_ticks * n,)
        return (states @ seen.T @ np.linalg.solve(observed, surprise))[-m:]
