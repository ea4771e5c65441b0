"""The Kalman filter as textbooks write it, with whole matrices; and by conditioning one large Gaussian."""

from dataclasses import dataclass

import numpy as np


@dataclass
class Model:
    """A, W, C, c, Q; d, and the state before the first sample, where positions have any origin."""

    transition: np.ndarray
    process: np.ndarray
    tuning: np.ndarray
    constant: np.ndarray
    noise: np.ndarray
    drift: np.ndarray
    first: np.ndarray

    @classmethod
    def fit(
        cls, state: np.ndarray, features: np.ndarray, piece: np.ndarray, is_full: bool, n_positions: int
    ) -> "Model":
        """Fit by the normal equations of Wu et al. (2002); with positions, which come first in the state, to [p v 1]."""
        pairs = [t for t in range(1, len(state)) if piece[t] == piece[t - 1]]
        before, after = np.array([state[t - 1] for t in pairs]), np.array([state[t] for t in pairs])
        ones = np.ones((len(before), 1 if n_positions else 0))
        augmented = np.hstack([before, ones])
        transition = np.linalg.solve(augmented.T @ augmented, augmented.T @ after).T
        left = after - augmented @ transition.T
        drift = transition[:, -1] if n_positions else np.zeros(state.shape[1])
        transition = transition[:, : state.shape[1]]
        starts = [t for t in range(len(state)) if t == 0 or piece[t] != piece[t - 1]]
        first = np.zeros(state.shape[1])
        first[:n_positions] = state[starts, :n_positions].mean(axis=0)
        design = np.column_stack([state, np.ones(len(state))])
        found = np.linalg.solve(design.T @ design, design.T @ features)
        residual = features - design @ found
        noise = residual.T @ residual / len(features)
        noise = noise if is_full else np.diag(np.diag(noise))
        return cls(transition, left.T @ left / len(pairs), found[:-1].T, found[-1], noise, drift, first)

    def filter(self, features: np.ndarray) -> np.ndarray:
        """Return the states f8[t, m], from a first state that is known."""
        m = len(self.transition)
        state, covariance, found = self.first, np.zeros((m, m)), []
        for x in features:
            state = self.transition @ state + self.drift
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
        expected, state = [], self.first
        for _ in range(n_ticks):
            state = self.transition @ state + self.drift
            expected.append(state)
        surprise = (features - self.constant - np.array(expected) @ self.tuning.T).ravel()
        assert surprise.shape == (n_ticks * n,)
        return expected[-1] + (states @ seen.T @ np.linalg.solve(observed, surprise))[-m:]
