"""Laws of the contract itself: what a plugin defines has the shapes, bounds and manners that its kind promises, with 1, 96 and 2048 units."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
from pydantic import BaseModel, ValidationError

from bmi_app import plugins
from bmi_app.bench import machine_code
from bmi_app.rt.contracts import CHANGED, N_SEEN, NOTHING, REFUSED, SEEN_RADIUS, SEEN_TARGET_X
from bmi_app.rt.memory import Layout, length, named_parts
from bmi_app.testing.law import Law

UNITS = (1, 96, 2048)
AXES = (1, 2)
SIZES = [(n, axes) for n in UNITS for axes in AXES if n >= axes]


def laws(kind: plugins.Kind, name: str, settings: Mapping[str, Any]) -> list[Law]:
    """Return the laws of a plugin's contract."""
    found = [
        Law(
            f"{name}-settings_are_frozen_and_know_their_keys",
            partial(settings_are_frozen_and_know_their_keys, kind, name, settings),
        )
    ]
    kernel = dict(machine_code.PLUGIN_KERNELS).get(kind)
    if kernel is not None:
        found.append(Law(f"{name}-{kernel}_runs_in_real_time", partial(kernel_runs_in_real_time, kind, name, kernel)))
    for n, axes in SIZES:
        if kind == "decoders":
            found.append(Law(f"{name}-decodes_{n}_units_to_{axes}_axes", partial(decodes, name, n, axes)))
        if kind == "subjects":
            found.append(Law(f"{name}-acts_with_{n}_units_and_{axes}_axes", partial(acts, name, n, axes)))
        for samples in (0, 1, 60) if kind == "learning" else ():
            of = f"{name}-learns_{n}_units_and_{axes}_axes_from_{samples}_samples"
            found.append(Law(of, partial(learns, name, n, axes, samples)))
    if kind == "decoders":
        found.append(Law(f"{name}-is_a_function_of_its_past", partial(is_a_function_of_its_past, name)))
    if kind == "subjects":
        found.append(Law(f"{name}-rests_without_a_tool", partial(rests_without_a_tool, name)))
    if kind == "outputs":
        found.append(
            Law(
                f"{name}-close_needs_no_open_and_may_come_twice",
                partial(close_needs_no_open_and_may_come_twice, name, settings),
            )
        )
    return found


def settings_are_frozen_and_know_their_keys(kind: plugins.Kind, name: str, given: Mapping[str, Any]) -> None:
    module = plugins.load(kind, name)
    settings = settings_of(module, given)
    try:
        module.Settings(**given, no_such_key=1)
    except ValidationError:
        pass
    else:
        raise AssertionError("it takes a setting that it does not have")
    for key in module.Settings.model_fields:
        try:
            setattr(settings, key, getattr(settings, key))
        except ValidationError:
            continue
        raise AssertionError(f"its setting {key} can be changed")


def kernel_runs_in_real_time(kind: plugins.Kind, name: str, kernel: str) -> None:
    compiled = vars(plugins.load(kind, name))[kernel]
    assert not machine_code.forbidden(machine_code.calls_of(compiled)), "it allocates, or needs the interpreter"
    assert machine_code.has_address(compiled), "else numba asks the interpreter for it at every call"


def close_needs_no_open_and_may_come_twice(name: str, settings: Mapping[str, Any]) -> None:
    module = plugins.load("outputs", name)
    output = module.Output(settings_of(module, settings))
    output.close()
    output.close()


def settings_of(module: Any, known: Mapping[str, Any] = MappingProxyType({})) -> Any:
    """Return a plugin's settings, all at their defaults."""
    assert module.Settings.model_config.get("frozen")
    assert module.Settings.model_config.get("extra") == "forbid"
    settings = module.Settings(**known)
    assert isinstance(settings, BaseModel)
    return settings


def memory_for(layout: Layout) -> np.ndarray:
    """Return the memory that a layout asks for, with a guard behind its end."""
    assert all(isinstance(name, str) and all(size >= 0 for size in shape) for name, shape in layout.items())
    return np.concatenate([np.zeros(max(length(layout), 1)), np.full(16, 12345.0)])


def guarded(memory: np.ndarray) -> np.ndarray:
    return memory[:-16]


def untouched(memory: np.ndarray) -> bool:
    return bool((memory[-16:] == 12345.0).all())


def signs(n_axes: int, n_units: int) -> np.ndarray:
    """Return a map: units take turns between the axes, every fifth drives nothing."""
    found = np.zeros((n_axes, n_units))
    for u in range(n_units):
        found[u % n_axes, u] = -1.0 if u % 3 == 2 else 1.0
    found[:, 4::5] = 0.0
    return found


def decodes(name: str, n_units: int, n_axes: int) -> None:
    module = plugins.load("decoders", name)
    settings, axis_map = settings_of(module), signs(n_axes, n_units)
    layout = module.layout(settings, n_units, n_axes)
    memory, given = memory_for(layout), axis_map.copy()
    weights, bias = module.start(settings, axis_map, named_parts(memory, layout))
    assert (weights.shape, bias.shape) == ((n_axes, n_units), (n_axes,))
    assert weights.dtype == bias.dtype == np.float64
    assert not np.shares_memory(weights, axis_map)
    assert (weights[axis_map == 0] == 0).all()
    before = weights.copy(), bias.copy()
    generator, velocity = np.random.default_rng(1), np.full(n_axes, np.nan)
    for features in [np.zeros(n_units), *generator.normal(0, 100, (50, n_units)), np.zeros(n_units)]:
        kept = features.copy()
        module.DECODE(weights, bias, guarded(memory), features, velocity)
        assert np.isfinite(velocity).all()
        np.testing.assert_array_equal(features, kept)
    np.testing.assert_array_equal(weights, before[0])
    np.testing.assert_array_equal(bias, before[1])
    np.testing.assert_array_equal(axis_map, given)
    assert untouched(memory)


def is_a_function_of_its_past(name: str) -> None:
    module = plugins.load("decoders", name)
    runs = []
    for _ in range(2):
        settings = settings_of(module)
        layout = module.layout(settings, 10, 2)
        memory = memory_for(layout)
        weights, bias = module.start(settings, signs(2, 10), named_parts(memory, layout))
        out = np.zeros((30, 2))
        for row, features in zip(out, np.random.default_rng(3).normal(0, 9, (30, 10)), strict=True):
            module.DECODE(weights, bias, guarded(memory), features, row)
        runs.append(out)
    np.testing.assert_array_equal(runs[0], runs[1])


def learns(name: str, n_units: int, n_axes: int, n_samples: int) -> None:
    module = plugins.load("learning", name)
    settings = settings_of(module)
    default_rate = module.TRAITS.default_rate
    layout = module.layout(settings, n_units, n_axes)
    memory = memory_for(layout)
    module.start(settings, named_parts(memory, layout))
    weights, bias = signs(n_axes, n_units), np.zeros(n_axes)
    mask = (weights != 0).astype(float)
    generator = np.random.default_rng(2)
    x = generator.normal(0, 20, (n_samples, n_units))
    intent, noise = generator.normal(0, 100, (n_samples, n_axes)), generator.normal(0, 30, (n_samples, n_axes))
    position = generator.normal(0, 50, (n_samples, n_axes))
    for reward in (1.0, 0.0, 1.0):
        kept = [part.copy() for part in (mask, x, intent, noise, position)]
        before = weights.copy()
        result = module.LEARN(weights, bias, mask, guarded(memory), x, intent, noise, position, default_rate, reward)
        assert result in (NOTHING, CHANGED, REFUSED)
        assert result == CHANGED or (weights == before).all()
        assert np.isfinite(weights).all()
        assert np.isfinite(bias).all()
        assert (weights[mask == 0] == 0).all()
        for part, as_it_was in zip((mask, x, intent, noise, position), kept, strict=True):
            np.testing.assert_array_equal(part, as_it_was)
        before = weights.copy()
        module.LEARN(weights, bias, mask, guarded(memory), x * 0, intent, noise, position, default_rate, reward)
        assert np.isfinite(weights).all()  # silence teaches nothing wrong
        result = module.LEARN(weights, bias, mask, guarded(memory), x, intent, noise, position, 0.0, reward)
        assert result == NOTHING
    assert untouched(memory)


def acts(name: str, n_units: int, n_axes: int) -> None:
    module = plugins.load("subjects", name)
    settings, tool = settings_of(module), 0.08 * signs(n_axes, n_units)
    layout = module.layout(settings, n_units, n_axes)
    memory = memory_for(layout)
    module.start(settings, tool, 0.01, 1, named_parts(memory, layout))
    seen = np.zeros((8, N_SEEN))
    rates_hz = np.full(n_units, np.nan)
    for step in range(60):
        seen[0, SEEN_RADIUS] = 1.5 if step % 20 > 5 else 0.0
        seen[0, SEEN_TARGET_X] = 8.0
        kept = seen.copy()
        module.ACT(guarded(memory), np.uint64(step), seen, rates_hz)
        assert np.isfinite(rates_hz).all()
        assert (rates_hz >= 0).all()
        assert (rates_hz <= 1000).all()
        np.testing.assert_array_equal(seen, kept)
    assert untouched(memory)


def rests_without_a_tool(name: str) -> None:
    module = plugins.load("subjects", name)
    settings = settings_of(module)
    layout = module.layout(settings, 5, 2)
    memory = memory_for(layout)
    module.start(settings, np.zeros((2, 5)), 0.01, 1, named_parts(memory, layout))
    seen, rates_hz = np.full((8, N_SEEN), 1.0), np.full(5, np.nan)
    module.ACT(guarded(memory), np.uint64(1), seen, rates_hz)
    assert np.isfinite(rates_hz).all()
