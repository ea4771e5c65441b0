"""RML against its statistics as sums over all samples, each weighted by its age."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmi_app.learning import rml
from bmi_app.rt.contracts import CHANGED, NOTHING
from bmi_app.rt.memory import length, named_parts

WARM_UP, HALF_LIFE = 28, 80.0  # samples


def slow_rml(model: np.ndarray, z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the model f8[axis + 2, unit] after all samples: intentions with a constant z f8[t, axis + 1], features y f8[t, unit].

    What stood counts as if seen for one half-life when the warm-up was over, with the intentions of the warm-up.
    """
    n, keep = len(z), 0.5 ** (1 / HALF_LIFE)
    if n < WARM_UP:
        return model
    c, q = model[:-1].T, model[-1]
    early = keep ** np.arange(WARM_UP - 1, -1, -1.0)
    power = (z[:WARM_UP] * early[:, None]).T @ z[:WARM_UP]
    share = HALF_LIFE / early.sum() * keep ** (n - WARM_UP)
    age = keep ** np.arange(n - 1, -1, -1.0)
    square = (z * age[:, None]).T @ z + share * power
    cross = (y * age[:, None]).T @ z + share * c @ power
    squares = (y**2 * age[:, None]).sum(axis=0) + share * (np.einsum("ui,ij,uj->u", c, power, c) + early.sum() * q)
    renewed = cross @ np.linalg.inv(square)
    variance = (squares - np.einsum("ui,ui->u", renewed, cross)) / (age.sum() + share * early.sum())
    return np.vstack([renewed.T, np.maximum(variance, 1e-6)])


class Called:
    """The rule with its memory, and the model that it renews."""

    def __init__(self, model: np.ndarray, mask: np.ndarray, position_tuning: np.ndarray | None = None) -> None:
        n_axes, n_units = mask.shape
        chosen = rml.Settings(half_life_s=HALF_LIFE * 0.01, warm_up_s=WARM_UP * 0.01)
        layout = rml.layout(chosen, n_units, n_axes)
        self.memory = np.zeros(length(layout))
        parts = named_parts(self.memory, layout)
        if position_tuning is not None:
            parts["has_position"][0], parts["position_tuning"][:] = 1.0, position_tuning
        rml.start(chosen, parts)
        self.model, self.mask, self.bias = model.copy(), mask, np.zeros(n_axes)

    def learn(self, features: np.ndarray, intent: np.ndarray, position: np.ndarray) -> int:
        noise = np.full(intent.shape, np.nan)  # exploration is none of its business
        samples = features, intent, noise, position
        return int(rml.LEARN(self.model, self.bias, self.mask, self.memory, *samples, 1.0, 0.0))


def check(seed: int, n_units: int, n_axes: int, chunk: int, n_samples: int, position_matters: bool) -> None:
    """Teach samples in chunks, and compare the model after each."""
    generator = np.random.default_rng(seed)
    intent = np.cumsum(generator.normal(0, 1, (n_samples, n_axes)), axis=0)
    position = generator.normal(0, 5, (n_samples, n_axes))
    tuning = generator.normal(0, 1, (n_axes, n_units))
    features = intent @ generator.normal(0, 1, (n_axes, n_units)) + generator.normal(0, 3, (n_samples, n_units)) + 5
    model = np.vstack([generator.normal(0, 1, (n_axes + 1, n_units)), generator.uniform(1, 9, n_units)])
    # The mask is none of the rule's business: the weights of the decoder cut such units off.
    mask = (generator.random((n_axes, n_units)) < 0.6).astype(float)
    rule = Called(model, mask, tuning if position_matters else None)
    z = np.column_stack([intent, np.ones(n_samples)])
    y = features - position @ tuning if position_matters else features
    for first in range(0, n_samples, chunk):
        last = min(first + chunk, n_samples)
        result = rule.learn(features[first:last], intent[first:last], position[first:last])
        assert result == (CHANGED if last >= WARM_UP else NOTHING)
        if n_units < 100 or last == n_samples:
            expected = slow_rml(model, z[:last], y[:last])
            np.testing.assert_allclose(rule.model, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_units=st.sampled_from([1, 2, 9, 40]),
    n_axes=st.integers(1, 2),
    chunk=st.integers(1, 60),
    position_matters=st.booleans(),
)
def test_it_equals_its_sums(seed, n_units, n_axes, chunk, position_matters) -> None:
    check(seed, n_units, n_axes, chunk, 130, position_matters)


@pytest.mark.parametrize("chunk", [1, 37])
def test_so_it_does_with_2048_units(chunk) -> None:
    check(3, 2048, 2, chunk, 110, position_matters=False)


def test_it_finds_the_model_that_made_the_features() -> None:
    generator = np.random.default_rng(3)
    c, constant, deviation = generator.normal(0, 1, (2, 30)), generator.normal(0, 5, 30), generator.uniform(1, 3, 30)
    velocity = generator.normal(0, 5, (20_000, 2))
    features = velocity @ c + constant + deviation * generator.normal(0, 1, (20_000, 30))
    chosen = rml.Settings(half_life_s=10.0)
    layout = rml.layout(chosen, 30, 2)
    memory, model = np.zeros(length(layout)), np.ones((4, 30))
    rml.start(chosen, named_parts(memory, layout))
    nothing = 0 * velocity
    rml.LEARN(model, np.zeros(2), np.ones((2, 30)), memory, features, velocity, nothing, nothing, 1.0, 0.0)
    np.testing.assert_allclose(model[:2], c, atol=0.1)
    np.testing.assert_allclose(np.sqrt(model[3]), deviation, rtol=0.15)
