"""Call a learning rule's kernel from a test, with its memory by name; draw what it learns from."""

from typing import Any

import numpy as np

from bmi_app import plugins
from bmi_app.rt.memory import length, named_parts


class Rule:
    """Hold a rule's kernel with its memory."""

    def __init__(self, name: str, n_units: int, n_axes: int, **settings: Any) -> None:
        module = plugins.load("learning", name)
        given = module.Settings(**settings)
        layout = module.layout(given, n_units, n_axes)
        self.memory = np.zeros(length(layout))
        self.named = named_parts(self.memory, layout)
        module.start(given, self.named)
        self.kernel = module.LEARN

    def __call__(
        self,
        weights: np.ndarray,
        bias: np.ndarray,
        mask: np.ndarray,
        x: np.ndarray,
        intent: np.ndarray,
        noise: np.ndarray,
        rate: float,
        reward: float = 1.0,
    ) -> tuple[int, np.ndarray]:
        """Return the result, and the weights that the rule makes of `weights`."""
        new = weights.copy()
        position = np.full(intent.shape, np.nan)  # of no rule that is called here
        result = self.kernel(new, bias, mask, self.memory, x, intent, noise, position, rate, reward)
        return result, new


def draw(seed: int, n_units: int, n_axes: int, n_samples: int) -> tuple[np.ndarray, ...]:
    """Draw weights, bias, mask, features, intentions and noise."""
    generator = np.random.default_rng(seed)
    mask = (generator.random((n_axes, n_units)) < 0.7).astype(float)
    return (
        generator.normal(0, 1, (n_axes, n_units)) * mask,
        generator.normal(0, 1, n_axes),
        mask,
        generator.normal(0, 5, (n_samples, n_units)),
        generator.normal(0, 20, (n_samples, n_axes)),
        generator.normal(0, 3, (n_samples, n_axes)),
    )
