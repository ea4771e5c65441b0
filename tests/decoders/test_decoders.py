"""Decoders against their equations in whole matrices, and what they start from."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmi_app.decoders import groupweight, linear
from bmi_app.rt.memory import length, named_parts
from bmi_app.session.engine.build import BuildError, build
from protocols.load import load


def decode(module, n_axes: int, n_units: int, weights, bias, features, m1=None) -> np.ndarray:
    """Return the velocities f8[t, axis] that a decoder makes of features f8[t, unit]."""
    settings_ = module.Settings()
    memory = np.zeros(max(length(module.layout(settings_, n_units, n_axes)), 1))
    if m1 is not None:
        named_parts(memory, module.layout(settings_, n_units, n_axes))["m1"][:] = m1
    velocities = np.full((len(features), n_axes), np.nan)
    for row, out in zip(features, velocities, strict=True):
        module.DECODE(weights, bias, memory, row, out)
    return velocities


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), n_axes=st.integers(1, 2), n_units=st.sampled_from([1, 5, 96, 2048]))
def test_a_decoder_follows_its_equation(seed: int, n_axes: int, n_units: int) -> None:
    generator = np.random.default_rng(seed)
    weights, bias = generator.normal(0, 1, (n_axes, n_units)), generator.normal(0, 1, n_axes)
    features = generator.normal(0, 10, (20, n_units))
    m1 = generator.normal(0, 0.4, (n_axes, n_axes))
    summed = features @ weights.T + bias
    np.testing.assert_allclose(
        decode(groupweight, n_axes, n_units, weights, bias, features), summed, rtol=1e-9, atol=1e-9
    )
    np.testing.assert_allclose(decode(linear, n_axes, n_units, weights, bias, features), summed, rtol=1e-9, atol=1e-9)
    expected, previous = [], np.zeros(n_axes)
    for row in summed:
        previous = m1 @ previous + row
        expected.append(previous)
    found = decode(linear, n_axes, n_units, weights, bias, features, m1)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-8)


def test_a_constant_input_settles_where_the_equation_says() -> None:
    m1, constant = np.array([[0.8, 0.1], [-0.1, 0.7]]), np.array([3.0, -2.0])
    found = decode(linear, 2, 2, np.eye(2), np.zeros(2), np.tile(constant, (200, 1)), m1)
    np.testing.assert_allclose(found[-1], np.linalg.solve(np.eye(2) - m1, constant), rtol=1e-9)


def test_groupweight_starts_with_the_signs_of_the_protocol() -> None:
    weights = build(load("four_target"), frame_slots=1 << 10).arrays["weights"]
    expected = np.zeros((2, 96))
    expected[0, :20], expected[0, 20:40], expected[1, 40:60], expected[1, 60:80] = 1, -1, 1, -1
    np.testing.assert_array_equal(weights, expected)


@pytest.mark.parametrize("scramble", [0.0, 0.35, 0.5, 1.0])
def test_scramble_flips_the_share_of_the_driving_units(scramble: float) -> None:
    nominal = build(load("center_out"), frame_slots=1 << 10).arrays["weights"]
    flipped = []
    for seed in (1, 1, 2):
        overrides = [f"decoder.scramble={scramble}", f"session.seed={seed}"]
        weights = build(load("center_out", overrides), frame_slots=1 << 10).arrays["weights"]
        np.testing.assert_array_equal(np.abs(weights), nominal)
        flipped.append(weights != nominal)
        assert np.count_nonzero(flipped[-1]) == round(scramble * 64)
    np.testing.assert_array_equal(flipped[0], flipped[1])
    assert (flipped[0] != flipped[2]).any() == (0 < scramble < 1)


def test_a_scramble_seed_fixes_which_weights_are_flipped() -> None:
    overrides = ["decoder.scramble=0.5", "decoder.scramble_seed=9"]
    found = [
        build(load("center_out", [*overrides, f"session.seed={seed}"]), frame_slots=1 << 10).arrays["weights"]
        for seed in (1, 2)
    ]
    np.testing.assert_array_equal(*found)


M2 = np.arange(6.0).reshape(2, 3)
THREE_UNITS = ("units.count=3", "populations={}", "axes={x={},y={}}", 'decoder.kind="linear"')


def test_linear_takes_its_matrices_from_the_protocol() -> None:
    overrides = [*THREE_UNITS, f"decoder.settings={{m2={M2.tolist()},m1=[[0.5,0],[0,0.25]],m0=[1,2]}}"]
    core = build(load("center_out", overrides), frame_slots=1 << 10)
    np.testing.assert_array_equal(core.arrays["weights"], M2)
    np.testing.assert_array_equal(core.arrays["bias"], [1, 2])
    np.testing.assert_array_equal(core.arrays["decoder_memory"][:4], [0.5, 0, 0, 0.25])
    assert (core.arrays["mask"] == 1).all()  # without populations every unit may drive every axis


def test_linear_leaves_control_units_at_zero_whatever_its_matrix_says() -> None:
    overrides = [
        "units.count=3",
        'populations={horizontal="0",vertical="1",control="2"}',
        'decoder.kind="linear"',
        "decoder.settings={m2=[[1,2,3],[4,5,6]]}",
    ]
    weights = build(load("center_out", overrides), frame_slots=1 << 10).arrays["weights"]
    np.testing.assert_array_equal(weights, [[1, 0, 0], [0, 5, 0]])


def test_linear_takes_its_matrices_from_an_archive(tmp_path: Path) -> None:
    np.savez(tmp_path / "map.npz", M2=M2, m0=[0.5, -0.5])
    overrides = [*THREE_UNITS, f"decoder.settings.file={(tmp_path / 'map.npz').as_posix()!r}"]
    core = build(load("center_out", overrides), frame_slots=1 << 10)
    np.testing.assert_array_equal(core.arrays["weights"], M2)
    np.testing.assert_array_equal(core.arrays["bias"], [0.5, -0.5])
    assert not core.arrays["decoder_memory"].any()


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ("{m2=[[1,2],[3,4]]}", ["M2", "(2, 2)", "(2, 3)"]),
        ("{m2=[[1,2,3],[4,5,6]],m0=[1,2,3]}", ["m0", "(3,)", "(2,)"]),
        ("{m2=[[1,2,3],[4,5,6]],m1=[[1,2]]}", ["M1", "(1, 2)", "(2, 2)"]),
        ("{}", ["m2", "needed"]),
    ],
)
def test_a_matrix_of_the_wrong_shape_is_refused_in_a_line(given_: str, words: list[str]) -> None:
    with pytest.raises(BuildError) as raised:
        build(load("center_out", [*THREE_UNITS, f"decoder.settings={given_}"]), frame_slots=1 << 10)
    text = str(raised.value)
    assert "\n" not in text
    assert all(word in text for word in words)
