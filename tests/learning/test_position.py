"""Rules that adapt a Kalman model keep apart what the velocity and what the cursor's position explain of the firing."""

import math

import numpy as np
import pytest

from bmi_app.decoders import kalman, refit_kalman
from bmi_app.decoders.contract import Refit, Samples
from bmi_app.learning import rml, smoothbatch
from bmi_app.rt.memory import length, named_parts
from bmi_app.session.engine.build import build
from protocols.load import load

N_UNITS = 20


def reaches(seed: int, c_velocity: np.ndarray, c_position: np.ndarray, n: int = 6000) -> Samples:
    """Draw velocities toward the middle, so that they hang together with the position, and the firing of both."""
    generator = np.random.default_rng(seed)
    velocity, position = np.zeros((n, 2)), np.zeros((n, 2))
    for t in range(n):
        position[t] = generator.normal(0, 5, 2) if t % 100 == 0 else position[t - 1] + 0.01 * velocity[t - 1]
        velocity[t] = -2 * position[t] + generator.normal(0, 2, 2)
    features = velocity @ c_velocity + position @ c_position + generator.normal(0, 1, (n, N_UNITS))
    return Samples(features, velocity, position, np.arange(n) // 100, 0.01)


def tunings(seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator.normal(0, 1, (2, N_UNITS)), generator.normal(0, 1, (2, N_UNITS))


@pytest.mark.parametrize("module", [kalman, refit_kalman])
def test_smoothbatch_blends_all_that_was_fitted_jointly(module) -> None:
    settings = module.Settings(model="position_velocity") if module is kalman else module.Settings()
    mask = np.ones((2, N_UNITS))
    first, batch = reaches(1, *tunings(1)), reaches(2, *tunings(2))
    parts = named_parts(np.zeros(length(layout := module.layout(settings, N_UNITS, 2))), layout)
    stands = module.fit(settings, first, mask)
    for name, part in stands.parts.items():
        parts[name][...] = part
    work = Refit(batch, mask, 1e9, stands.weights, stands.bias, parts, module, settings)
    found = smoothbatch.refit(smoothbatch.Settings(), work)
    assert found is not None
    wanted = module.fit(settings, batch, mask)  # nothing is left of what stood
    for name in ("model", "position_tuning", *(("feedback",) if module is refit_kalman else ("position_gain",))):
        scale = np.abs(wanted.parts[name]).max()
        changed = name not in ("feedback", "position_gain")  # those follow from A and W as well, which stay
        np.testing.assert_allclose(found.parts[name], wanted.parts[name], atol=(1e-9 if changed else 0.2) * scale)


def test_rml_learns_the_velocitys_tuning_without_that_of_the_position() -> None:
    c_velocity, c_position = tunings(3)
    samples = reaches(4, c_velocity, c_position)
    chosen = rml.Settings(half_life_s=5.0, warm_up_s=1.0)
    layout = rml.layout(chosen, N_UNITS, 2)
    memory, model = np.zeros(length(layout)), np.ones((4, N_UNITS))
    parts = named_parts(memory, layout)
    parts["has_position"][0], parts["position_tuning"][:] = 1.0, c_position
    rml.start(chosen, parts)
    rml.LEARN(
        model,
        np.zeros(2),
        np.ones((2, N_UNITS)),
        memory,
        samples.features,
        samples.velocity,
        np.full_like(samples.velocity, np.nan),  # exploration is none of its business
        samples.position,
        1.0,
        0.0,
    )
    np.testing.assert_allclose(model[:2], c_velocity, atol=0.1)
    np.testing.assert_allclose(model[3], 1.0, rtol=0.3)


def rule_of(*overrides: str) -> tuple[dict[str, np.ndarray], float, dict[str, np.ndarray]]:
    """Return the rule's memory of a session, the spacing of its samples (s), and the decoder's memory."""
    core = build(load("learn_the_tool", ["learning.rule=rml", "learning.when=trial", *overrides]), frame_slots=1 << 10)
    layout = rml.layout(rml.Settings(), core.sizes.n_units, core.sizes.n_axes)
    spacing_s = float(core.config[0]["tick_s"] * core.config[0]["sample_ticks"])
    memory = named_parts(core.arrays["decoder_memory"], core.decoder_layout)
    return named_parts(core.arrays["rule_memory"], layout), spacing_s, memory


@pytest.mark.parametrize("overrides", [(), ("tick.period_ms=20",), ("learning.sample_ms=50",)])
def test_a_half_life_is_in_seconds_whatever_the_spacing_of_the_samples(overrides: tuple[str, ...]) -> None:
    memory, spacing_s, _ = rule_of("decoder.kind=kalman", *overrides)
    assert math.log(0.5) / math.log(memory["keep"][0]) * spacing_s == pytest.approx(120.0)
    assert memory["warm_up"][0] * spacing_s == pytest.approx(10.0)


def test_rml_is_told_what_the_decoder_takes_off_for_the_position() -> None:
    assert rule_of("decoder.kind=kalman")[0]["has_position"][0] == 0.0
    assert rule_of("decoder.kind=refit_kalman")[0]["has_position"][0] == 1.0
