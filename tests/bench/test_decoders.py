"""The bench of decoders compares like with like, and measures every plugin."""

import numpy as np
import pytest

from bmi_app import plugins
from bmi_app.bench import decoders, plain_numpy
from tests.decoders.called_decoder import Decoder, full_mask, simulate


@pytest.mark.parametrize("name", sorted(set(plain_numpy.DECODERS) - {"refit_kalman"}))
def test_numpy_does_the_same(name: str) -> None:
    samples = simulate(1, 12, 2)
    decoder = Decoder(name, full_mask(2, 12))
    if hasattr(decoder.module, "fit"):
        decoder.fit(samples, full_mask(2, 12))
    step = plain_numpy.DECODERS[name](decoder.weights, decoder.bias, decoder.named)
    expected = np.array([step(row) for row in samples.features])
    np.testing.assert_allclose(decoder(samples.features), expected, rtol=1e-9, atol=1e-9)


def test_every_plugin_is_measured_at_every_size() -> None:
    report = decoders.measure([3, 5], lambda _: None)
    assert set(report["decode_us"]) == {*plugins.names("decoders"), "kalman, steady"}
    assert set(report["learn_us"]) >= {"lms", "regression", "batched"}
    for found in (*report["decode_us"].values(), *report["learn_us"].values()):
        assert set(found) == {"3", "5"}
        assert all(costs["kernel"] > 0 for costs in found.values())
