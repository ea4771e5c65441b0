"""Measure what a tick's decoding and a sample's learning cost, beside the same in numpy.

Kernels are called in a nopython loop through a pointer, as the tick does. Figures of numpy are of this process, one thread.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bmi_app import plugins
from bmi_app.bench import machine, plain_numpy
from bmi_app.decoders.contract import Samples
from bmi_app.rt.contracts import DECODE, LEARN
from bmi_app.rt.jit import f8, f8_1, f8_2, kernel, void
from bmi_app.rt.memory import length, named_parts

UNITS = (96, 256, 1024, 2048)
_N_AXES = 2
_N_ROWS = 128
_ROUNDS = 15
_ROUND_S = 0.02  # about as long does a round take
_QUADRATIC_SAMPLES = 3
VARIANTS = {"kalman, steady": ("kalman", {"gain": "steady"})}  # beside each decoder at its default settings


@kernel(void(DECODE, f8_2, f8_1, f8_1, f8_2, f8_1, f8))
def decode_often(decoder, weights, bias, memory, features, velocity_out, times):  # type: ignore[no-untyped-def]
    """Decode row after row of the features, `times` times."""
    for i in range(int(times)):
        decoder(weights, bias, memory, features[i % features.shape[0]], velocity_out)


@kernel(void(LEARN, f8_2, f8_1, f8_2, f8_1, f8_2, f8_2, f8, f8))
def learn_often(rule, weights, bias, mask, memory, features, intent, rate, times):  # type: ignore[no-untyped-def]
    """Teach one sample after the other, `times` times, each with a reward."""
    for i in range(int(times)):
        row = i % features.shape[0]
        one, wanted = features[row : row + 1], intent[row : row + 1]
        rule(weights, bias, mask, memory, one, wanted, wanted, wanted, rate, 1.0)


def measure(units: Sequence[int], say: Callable[[str], object]) -> dict[str, Any]:
    """Measure every decoder that is found, at its default settings, variants, and every rule that learns in the tick.

    Returns
    -------
    dict
        `decode_us` and `learn_us`: plugin -> units -> `kernel` and `numpy` (us, medians over rounds), and their `ratio`.
    """
    report: dict[str, Any] = {"machine": machine.describe(), "load_before": machine.load_average()}
    decoders = [*plugins.names("decoders"), *VARIANTS]
    report["decode_us"] = {name: _each(_decoder, name, units, say) for name in decoders}
    rules = plugins.having("learning", lambda traits: not traits.staged)
    report["learn_us"] = {name: _each(_rule, name, units, say) for name in rules}
    report["load_after"] = machine.load_average()
    return report


def _each(
    cost: Callable[[str, int], dict[str, float | None]], name: str, units: Sequence[int], say: Callable[[str], object]
) -> dict[str, dict[str, float | None]]:
    found = {}
    for n_units in units:
        say(f"{name}, {n_units} units")
        found[str(n_units)] = cost(name, n_units)
    return found


def _decoder(name: str, n_units: int) -> dict[str, float | None]:
    kind, given = VARIANTS.get(name, (name, {}))
    module = plugins.load("decoders", kind)
    features, velocity = _firing(n_units)
    settings = module.Settings(**given)
    layout = module.layout(settings, n_units, _N_AXES)
    memory = np.zeros(max(length(layout), 1))
    parts = named_parts(memory, layout)
    weights, bias = module.start(settings, np.ones((_N_AXES, n_units)), parts)
    if module.TRAITS.fit is not None:
        piece = np.zeros(len(features), np.int64)
        samples = Samples(features, velocity, np.cumsum(velocity, axis=0) * 0.01, piece, 0.01)
        fitted = module.TRAITS.fit(settings, samples, np.ones((_N_AXES, n_units)))
        weights, bias = fitted.weights, fitted.bias
        for part, value in fitted.parts.items():
            parts[part][:] = value
    out = np.zeros(_N_AXES)
    kernel_us = _median_us(lambda n: decode_often(module.DECODE, weights, bias, memory, features, out, n))
    plain = plain_numpy.DECODERS.get(name)
    return _pair(kernel_us, None if plain is None else _median_us(_often(plain(weights, bias, parts), features)))


def _rule(name: str, n_units: int) -> dict[str, float | None]:
    module = plugins.load("learning", name)
    features, intent = _firing(n_units)
    settings = module.Settings()
    layout = module.layout(settings, n_units, _N_AXES)
    memory = np.zeros(max(length(layout), 1))
    module.start(settings, named_parts(memory, layout))
    n_rows = _N_AXES + 2 if "model" in module.TRAITS.adapts else _N_AXES
    weights, bias, mask = np.ones((n_rows, n_units)), np.zeros(_N_AXES), np.ones((_N_AXES, n_units))
    rate = module.TRAITS.default_rate
    kernel_us = _median_us(lambda n: learn_often(module.LEARN, weights, bias, mask, memory, features, intent, rate, n))
    plain = plain_numpy.RULES.get(name)
    if plain is None:
        return _pair(kernel_us, None)
    step = plain(np.ones((n_rows, n_units)), rate)

    def teach(times: float) -> None:
        for i in range(int(times)):
            step(features[i % len(features)], intent[i % len(intent)])

    return _pair(kernel_us, _median_us(teach))


def _firing(n_units: int) -> tuple[np.ndarray, np.ndarray]:
    """Return features f8[t, unit] and the velocities f8[t, axis] that they are tuned to."""
    generator = np.random.default_rng(n_units)
    velocity = generator.normal(0, 10, (_N_ROWS, _N_AXES))
    tuning = generator.normal(0, 0.5, (_N_AXES, n_units))
    return velocity @ tuning + generator.normal(0, 5, (_N_ROWS, n_units)), velocity


def _often(step: plain_numpy.Step, features: np.ndarray) -> Callable[[float], None]:
    def run(times: float) -> None:
        for i in range(int(times)):
            step(features[i % len(features)])

    return run


def _median_us(run: Callable[[float], Any]) -> float:
    """Return the median cost of one call (us), over rounds of about equal length."""
    run(_QUADRATIC_SAMPLES)
    began_s = time.perf_counter()
    run(_QUADRATIC_SAMPLES)
    once_s = max((time.perf_counter() - began_s) / _QUADRATIC_SAMPLES, 1e-9)
    times = float(min(max(int(_ROUND_S / once_s), 1), 100_000))
    costs_s = []
    for _ in range(_ROUNDS):
        began_s = time.perf_counter()
        run(times)
        costs_s.append((time.perf_counter() - began_s) / times)
    return float(np.median(costs_s)) * 1e6


def _pair(kernel_us: float, numpy_us: float | None) -> dict[str, float | None]:
    if numpy_us is None:
        return {"kernel": round(kernel_us, 2), "numpy": None, "ratio": None}
    return {"kernel": round(kernel_us, 2), "numpy": round(numpy_us, 2), "ratio": round(numpy_us / kernel_us, 1)}
