"""Call a decoder's kernel from a test, with its memory by name; simulate what it is fitted to."""

from typing import Any

import numpy as np

from bmi_app import plugins
from bmi_app.decoders.contract import Fitted, Samples
from bmi_app.rt.memory import length, named_parts


class Decoder:
    """Hold a decoder's kernel with its memory, weights and bias."""

    def __init__(self, name: str, axis_map: np.ndarray, **settings: Any) -> None:
        self.module = plugins.load("decoders", name)
        self.settings = self.module.Settings(**settings)
        layout = self.module.layout(self.settings, axis_map.shape[1], axis_map.shape[0])
        self.memory = np.zeros(max(length(layout), 1))
        self.named = named_parts(self.memory, layout)
        self.weights, self.bias = self.module.start(self.settings, axis_map, self.named)

    def fit(self, samples: Samples, mask: np.ndarray) -> Fitted:
        """Fit to samples, and take over what comes out."""
        fitted: Fitted = self.module.TRAITS.fit(self.settings, samples, mask)
        self.take(fitted)
        return fitted

    def take(self, fitted: Fitted) -> None:
        """Take over a fit, as an adoption does."""
        self.weights, self.bias = fitted.weights, fitted.bias
        for name, part in fitted.parts.items():
            assert self.named[name].shape == np.shape(part), name
            self.named[name][:] = part

    def __call__(self, features: np.ndarray, cursor: np.ndarray | None = None) -> np.ndarray:
        """Return the velocities f8[t, axis] of features f8[t, unit], told where the cursor stands, f8[t, axis]."""
        velocities = np.full((len(features), len(self.bias)), np.nan)
        for t, out in enumerate(velocities):
            if cursor is not None:
                self.named["cursor"][:] = cursor[t]
            self.module.DECODE(self.weights, self.bias, self.memory, features[t], out)
        return velocities


def simulate(seed: int, n_units: int, n_axes: int, n_samples: int = 300, n_pieces: int = 3) -> Samples:
    """Simulate reaches and the noisy linear firing that goes with their velocity and position."""
    generator = np.random.default_rng(seed)
    dt_s = 0.02
    velocity = np.zeros((n_samples, n_axes))
    position = np.zeros((n_samples, n_axes))
    piece = np.sort(np.arange(n_samples) % n_pieces)
    for t in range(1, n_samples):
        velocity[t] = 0.9 * velocity[t - 1] + generator.normal(0, 3, n_axes)
        position[t] = position[t - 1] + dt_s * velocity[t - 1] if piece[t] == piece[t - 1] else 0.0
    tuning = generator.normal(0, 1, (2 * n_axes, n_units))
    noise = generator.normal(0, 1, (n_samples, n_units)) @ generator.normal(0, 0.3, (n_units, n_units))
    noise += generator.normal(0, 1, (n_samples, n_units)) * generator.uniform(1, 5, n_units)
    features = np.hstack([position, velocity]) @ tuning + generator.normal(0, 5, n_units) + noise
    return Samples(features, velocity, position, piece, dt_s)


def full_mask(n_axes: int, n_units: int) -> np.ndarray:
    """Return the mask that lets every unit drive every axis."""
    return np.ones((n_axes, n_units))
