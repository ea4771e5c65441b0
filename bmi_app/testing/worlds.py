"""Draw what decoders are fitted to and decode, and change it in ways whose effect on them is known."""

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args, get_origin

import numpy as np

from bmi_app.decoders.contract import Samples
from bmi_app.testing.called_decoder import Decoder


def choices(module: Any) -> list[tuple[tuple[str, object], ...]]:
    """Return the defaults, and every other choice that a decoder's settings offer, one at a time."""
    found: list[tuple[tuple[str, object], ...]] = [()]
    for name, field in module.Settings.model_fields.items():
        options = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
        options = (True, False) if field.annotation is bool else options
        found += [((name, option),) for option in options if option != field.default]
    return found


@dataclass
class World:
    """Hold samples, the map and mask, and the weights of a case that is adapted."""

    samples: Samples
    signs: np.ndarray
    mask: np.ndarray
    weights: np.ndarray
    bias: np.ndarray

    def changed(self, features: np.ndarray, order: np.ndarray, scale: np.ndarray) -> "World":
        """Return the same world with other features, units in another order, and weights over a scale."""
        fires, signs, mask, weights = (
            np.ascontiguousarray(part[:, order]) for part in (features, self.signs, self.mask, self.weights / scale)
        )
        return World(replace(self.samples, features=fires), signs, mask, weights, self.bias)


def world(seed: int, n_units: int, n_axes: int) -> World:
    """Draw reaches and firing that is clearly tuned, and a mask in which the first units drive every axis, others some or none."""
    generator = np.random.default_rng(seed)
    n_samples, dt_s = 150, 0.02
    piece = np.arange(n_samples) // 50
    velocity, position = np.zeros((n_samples, n_axes)), np.zeros((n_samples, n_axes))
    for t in range(1, n_samples):
        velocity[t] = 0.9 * velocity[t - 1] + generator.normal(0, 3, n_axes)
        position[t] = position[t - 1] + dt_s * velocity[t - 1] if piece[t] == piece[t - 1] else 0.0
    tuning = generator.uniform(0.5, 2, (2 * n_axes, n_units)) * generator.choice([-1, 1], (2 * n_axes, n_units))
    noise = generator.normal(0, 1, (n_samples, n_units)) * generator.uniform(1, 5, n_units)
    features = np.hstack([velocity, position]) @ tuning + generator.normal(0, 5, n_units) + noise
    samples = Samples(features, velocity, position, piece, dt_s)
    mask = (generator.random((n_axes, n_units)) < 0.6).astype(float)
    mask[:, :n_axes] = 1.0
    signs = mask * np.where(generator.random((n_axes, n_units)) < 0.5, -1.0, 1.0)
    weights = generator.normal(0, 1, mask.shape) * mask
    return World(samples, signs, mask, weights, generator.normal(0, 1, n_axes))


def steps(seed: int, n_units: int, n_axes: int, n_samples: int = 1200) -> World:
    """Draw movements of one velocity each, from rest, and firing that is clearly tuned to it; all units drive all axes."""
    generator = np.random.default_rng(seed)
    drawn = world(seed, n_units, n_axes)
    piece = np.arange(n_samples) // 40
    velocity = generator.normal(0, 10, (piece[-1] + 1, n_axes))[piece]
    tuning = generator.normal(0, 1.5, (n_axes, n_units))
    features = velocity @ tuning + generator.normal(0, 5, n_units) + generator.normal(0, 4, (n_samples, n_units))
    position = velocity * (np.arange(n_samples) % 40)[:, None] * 0.02
    first = np.concatenate([[True], piece[1:] != piece[:-1]])
    samples = Samples(features, velocity, position, piece, 0.02, first)
    everywhere = np.ones((n_axes, n_units))
    return World(samples, np.where(drawn.signs < 0, -1.0, 1.0), everywhere, drawn.weights, drawn.bias)


def run(decoder: Decoder, of: World) -> np.ndarray:
    """Decode the world's features; a decoder that wants to know the cursor is told of it."""
    wants = decoder.named.get("cursor", np.zeros(0)).size > 0
    return decoder(of.samples.features, of.samples.position if wants else None)
