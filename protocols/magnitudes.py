"""Find numbers that no session can compute with, though each key by itself allows them: 1e308 ms, a million years."""

from collections.abc import Iterator
from typing import Any

from protocols.problems import Finding
from protocols.schema import Protocol

HOUR_MS = 3.6e6  # of what lasts within a trial; a trial's samples are held in memory
LONGEST_S = {"duration_s": 1e7, "every_s": 86_400.0}  # a session of four months; a day between updates
MOST_TRIALS = 1_000_000_000
GREATEST = 1e9  # of any other number: cm, Hz, weights, gains


def check_magnitudes(protocol: Protocol) -> Iterator[Finding]:
    """Find every number beyond its limit."""
    for name, value in protocol.model_dump().items():
        yield from _check(name, name, value)


def _check(key: str, name: str, value: Any) -> Iterator[Finding]:
    if isinstance(value, dict):
        for inner, part in value.items():
            yield from _check(f"{key}.{inner}", inner, part)
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            yield from _check(f"{key}.{index}", name, part)
    elif name == "trials" and isinstance(value, int) and value > MOST_TRIALS:
        yield Finding(key, f"{value} is beyond what a session can last; allowed: up to {MOST_TRIALS:,}")
    elif isinstance(value, float):
        limit = HOUR_MS if name.endswith("_ms") else LONGEST_S.get(name, GREATEST)
        if not abs(value) <= limit:  # also NaN
            yield Finding(key, f"{value:g} is beyond what a session can compute with; allowed: up to {limit:g}")
