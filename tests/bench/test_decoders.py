"""The bench of decoders compares like with like, and measures every plugin."""

import numpy as np
import pytest

from bmi_app import plugins
from bmi_app.bench import decoders, plain_numpy
from bmi_app.testing.called_decoder import Decoder, full_mask, simulate
from bmi_app.testing.called_rule import Rule


@pytest.mark.parametrize("name", sorted(set(plain_numpy.DECODERS) - {"refit_kalman"}))
def test_numpy_does_the_same(name: str) -> None:
    samples = simulate(1, 12, 2)
    kind, given = decoders.VARIANTS.get(name, (name, {}))
    decoder = Decoder(kind, full_mask(2, 12), **given)
    if decoder.module.TRAITS.fit is not None:
        decoder.fit(samples, full_mask(2, 12))
    step = plain_numpy.DECODERS[name](decoder.weights, decoder.bias, decoder.named)
    expected = np.array([step(row) for row in samples.features])
    np.testing.assert_allclose(decoder(samples.features), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", sorted(plain_numpy.RULES))
def test_numpy_learns_the_same(name: str) -> None:
    n_units, module = 7, plugins.load("learning", name)
    generator = np.random.default_rng(5)
    n_rows = 4 if "model" in module.TRAITS.adapts else 2
    weights = np.ones((n_rows, n_units))
    plain = weights.copy()
    rule, step = Rule(name, n_units, 2), plain_numpy.RULES[name](plain, module.TRAITS.default_rate)
    for features in generator.normal(0, 5, (1100, n_units)):  # rml waits for 1000 samples
        x, wanted = features[None], generator.normal(0, 10, (1, 2))
        weights = rule(weights, np.zeros(2), np.ones((2, n_units)), x, wanted, wanted, module.TRAITS.default_rate)[1]
        step(features, wanted[0])
    assert np.abs(weights - 1).max() > 1e-3
    np.testing.assert_allclose(plain, weights, rtol=1e-6, atol=1e-9)


def test_every_plugin_is_measured_at_every_size() -> None:
    report = decoders.measure([3, 5], lambda _: None)
    assert set(report["decode_us"]) == {*plugins.names("decoders"), "kalman, steady"}
    assert set(report["learn_us"]) >= {"lms", "regression", "batched"}
    beside = report["learn_us"] | report["decode_us"]
    assert all(beside[name]["3"]["ratio"] for name in ("rml", "batched", "kalman, steady"))
    for found in (*report["decode_us"].values(), *report["learn_us"].values()):
        assert set(found) == {"3", "5"}
        assert all(costs["kernel"] > 0 for costs in found.values())
