"""Check that every duration of a protocol is a whole number of ticks, and choose the defaults so that they are."""

import math
from collections.abc import Iterator
from fractions import Fraction

from bmi_app import plugins
from protocols.problems import Finding
from protocols.schema import Protocol

TASK_KEYS = ("hold_ms", "timeout_ms", "inter_trial_ms", "reward_ms", "failed_ms", "path_ms")
MAY_BE_ZERO = ("task.hold_ms", "task.inter_trial_ms")

MANY_UNITS, MANY_UNITS_WATCHDOG_MS = 32, 300.0


def whole_ticks(duration: float, period_ms: float, per_unit_ms: int = 1) -> int | None:
    """Return how many ticks a duration is, or None where it is not a whole number of them.

    Parameters
    ----------
    duration
        As written in the file; computed with as the decimal number that the reader of the file sees, so that 0.3 s is
        exactly 30 ticks of 10 ms.
    period_ms
        Length of a tick.
    per_unit_ms
        Milliseconds in the duration's unit: 1, or 1000 for seconds.
    """
    ticks = _exact_ticks(duration, period_ms, per_unit_ms)
    return ticks.numerator if ticks.denominator == 1 else None


def check_durations(protocol: Protocol) -> Iterator[Finding]:
    """Find durations that are not whole numbers of ticks."""
    durations = [(f"task.{key}", getattr(protocol.task, key), 1) for key in TASK_KEYS]
    durations.append(("learning.sample_ms", protocol.learning.sample_ms, 1))
    if protocol.learning.when == "seconds":
        durations.append(("learning.every_s", protocol.learning.every_s, 1000))
    durations += [
        (f"blocks.{index}.duration_s", block.duration_s, 1000)
        for index, block in enumerate(protocol.blocks)
        if block.duration_s is not None
    ]
    period_ms = protocol.tick.period_ms
    for key, duration, per_unit_ms in durations:
        if whole_ticks(duration, period_ms, per_unit_ms) is None:
            ticks = math.floor(_exact_ticks(duration, period_ms, per_unit_ms))
            near = [count for count in (ticks, ticks + 1) if count > 0 or key in MAY_BE_ZERO]
            allowed = " or ".join(f"{float(count * _exact(period_ms) / per_unit_ms):.15g}" for count in near)
            yield Finding(
                key,
                f"{duration:.15g} is not a whole number of ticks (tick.period_ms is {period_ms:.15g}); nearest: {allowed}",
                ("tick.period_ms",),
            )


def fit_defaults(protocol: Protocol) -> Protocol:
    """Round the durations that the file leaves to their defaults up to whole ticks; fit the watchdog to the units, outlets to the source.

    Otherwise a file with a tick of 45 ms would be refused for keys that it does not contain. Many units are never silent
    together while their source lives: at 1 Hz each, 32 of them for 0.3 s once in 15,000 times.
    """
    period_ms = protocol.tick.period_ms
    task = {
        key: _round_up(getattr(protocol.task, key), period_ms)
        for key in TASK_KEYS
        if key not in protocol.task.model_fields_set
    }
    learning = {}
    if "sample_ms" not in protocol.learning.model_fields_set:
        learning["sample_ms"] = _round_up(protocol.learning.sample_ms, period_ms)
    safety = {}
    if "watchdog_ms" not in protocol.safety.model_fields_set and protocol.units.count >= MANY_UNITS:
        safety["watchdog_ms"] = MANY_UNITS_WATCHDOG_MS
    outlets = {}
    if "publish" not in protocol.outlets.model_fields_set and not _needs_network(protocol.driver.kind):
        outlets["publish"] = False
    return protocol.model_copy(
        update={
            "outlets": protocol.outlets.model_copy(update=outlets),
            "task": protocol.task.model_copy(update=task),
            "learning": protocol.learning.model_copy(update=learning),
            "safety": protocol.safety.model_copy(update=safety),
        }
    )


def _needs_network(driver: str) -> bool:
    """Tell whether spikes come over a network; if not, liblsl's outlets would be the only ones there, and cannot be kept to this machine."""
    try:
        return plugins.driver_traits(driver).needs_network
    except (LookupError, OSError, SyntaxError):  # the checks say so
        return True


def _round_up(duration_ms: float, period_ms: float) -> float:
    return float(math.ceil(_exact_ticks(duration_ms, period_ms, 1)) * _exact(period_ms))


def _exact_ticks(duration: float, period_ms: float, per_unit_ms: int) -> Fraction:
    return _exact(duration) * per_unit_ms / _exact(period_ms)


def _exact(value: float) -> Fraction:
    """Return the decimal number as written, not the binary one nearest to it."""
    return Fraction(repr(value))
