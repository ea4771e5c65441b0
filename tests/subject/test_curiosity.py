"""Curiosity: the models are those of the papers' equations; it drops what it cannot influence, and seeks what is new."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmi_app.bench import machine_code
from bmi_app.bench.science import babbling
from bmi_app.bench.science.babbling import N_MOVED, TELEVISION, Babbler
from bmi_app.rt.memory import length, named_parts
from bmi_app.subject import curiosity

RATE, DECAY, SEEN_AT_LEAST, FOLLOW = 0.1, 0.0005, 2e-3, 0.2


class SlowCuriosity:
    """The same in numpy, from the equations; the gradients by hand."""

    def __init__(self, named: dict[str, np.ndarray]) -> None:
        self.mean, self.variance, self.value = (named[name].copy() for name in ("mean", "variance", "value"))
        self.w, self.f = named["features"].copy(), named["forward"].copy()
        self.after, self.before = named["inverse"].copy()
        self.seen = 0

    def wonder(self, before: np.ndarray, after: np.ndarray, action: np.ndarray) -> float:
        self.seen += 1
        weight = max(1 / (self.seen + 1), SEEN_AT_LEAST)
        away = after - self.mean
        self.mean = self.mean + weight * away
        self.variance = self.variance + weight * ((1 - weight) * away**2 - self.variance)
        z0, z1 = (np.clip((s - self.mean) / np.sqrt(self.variance + 1e-12), -5, 5) for s in (before, after))
        phi0, phi1 = self.w @ z0, self.w @ z1
        known = np.concatenate([phi0, action, [1.0]])
        wrong = phi1 - self.f @ known
        self.f = self.f + 2 * RATE * np.outer(wrong, known) / (known @ known)
        missed = action - self.after @ phi1 - self.before @ phi0
        to_features = RATE / (1 + z0 @ z0 + z1 @ z1)
        to_models = RATE / (1 + phi0 @ phi0 + phi1 @ phi1)
        gradients = [(self.after.T @ missed, z1), (self.before.T @ missed, z0)]
        self.after = (1 - DECAY) * self.after + to_models * np.outer(missed, phi1)
        self.before = (1 - DECAY) * self.before + to_models * np.outer(missed, phi0)
        for back, z in gradients:
            self.w = (1 - DECAY / 2) * self.w + to_features * np.outer(back, z)
        reward = 0.5 * float(wrong @ wrong)
        self.value = self.value + FOLLOW * np.minimum(np.abs(action), 1) * (reward - self.value)
        return reward


@given(n_patterns=st.integers(1, 12), n_channels=st.integers(1, 9), seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_it_learns_as_its_equations_say(n_patterns: int, n_channels: int, seed: int) -> None:
    layout = curiosity.layout(n_patterns, n_channels)
    whole = np.full(length(layout) + 4, 12345.0)
    memory = whole[:-4]
    memory[:] = 0.0
    named = named_parts(memory, layout)
    curiosity.start(n_patterns, n_channels, seed, named)
    slow, generator = SlowCuriosity(named), np.random.default_rng(seed)
    for _ in range(30):
        before, after = 3 * generator.standard_normal((2, n_channels)) + 1
        action = generator.standard_normal(n_patterns) * (generator.random(n_patterns) < 0.5)
        kept = before.copy(), after.copy(), action.copy()
        assert curiosity.wonder(memory, before, after, action) == pytest.approx(slow.wonder(*kept), rel=1e-8, abs=1e-12)
        for given_, was in zip((before, after, action), kept, strict=True):
            np.testing.assert_array_equal(given_, was)
    np.testing.assert_allclose(named["features"], slow.w, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(named["forward"], slow.f, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(named["inverse"], [slow.after, slow.before], rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(named["value"], slow.value, rtol=1e-7, atol=1e-10)
    assert (whole[-4:] == 12345.0).all()


def test_patterns_are_drawn_in_proportion_to_their_values() -> None:
    layout = curiosity.layout(4, 3)
    memory = np.zeros(length(layout))
    named = named_parts(memory, layout)
    curiosity.start(4, 3, 1, named)
    named["value"][:] = 0.1, 0.0, 0.6, 0.3
    drawn = [curiosity.draw_pattern(memory, u) for u in (np.arange(10_000) + 0.5) / 10_000]
    expected = (named["value"] + 0.05 / 4) / 1.05
    np.testing.assert_allclose(np.bincount(drawn, minlength=4) / 10_000, expected, atol=2e-4)


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_it_ignores_a_television_and_gets_bored_of_what_it_can_foretell(seed: int) -> None:
    found = Babbler(6, seed).babble(8000)
    looks = np.linalg.norm(found.features, axis=0)
    assert looks[TELEVISION] < 0.15 * looks[:N_MOVED].min()
    assert found.reward[-1000:].mean() < 0.25 * found.reward[:200].mean()


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_it_is_drawn_to_new_patterns_until_it_knows_them(seed: int) -> None:
    share = {}
    for practised in (6, 8):
        babbler = Babbler(8, seed)
        babbler.babble(6000, only=practised)
        babbler.expect_the_usual(6)  # no hope of the last two that it has not of the others: only what they do can draw
        chosen = babbler.babble(6000).pattern >= 6
        share[practised] = chosen[:200].mean(), chosen[-3000:].mean()
    new, not_new = share[6], share[8]
    assert new[0] > max(not_new[0], 0.25) + 0.05
    assert new[1] == pytest.approx(0.25, abs=0.05)  # chance
    assert new[1] < new[0] - 0.05


def test_the_kernel_neither_allocates_nor_calls_python() -> None:
    assert not machine_code.forbidden(machine_code.calls_of(babbling._babble))
