"""Take what a kernel is told once (`CONFIG`) from the protocol by name.

A field of `CONFIG` that is called as a key of the protocol has that key's value; `hold_ticks` has `hold_ms` in ticks, and
`grace_s` has `grace_ms` in seconds. So a new key of this kind is declared in its section and in `CONFIG`, and nowhere else.
What is computed otherwise says `build`.
"""

from typing import Any

from bmi_app.rt.state import CONFIG
from protocols.schema import Protocol

# Where keys are looked for, in this order; no two of these sections share the name of a number that a kernel is told.
_SECTIONS = ("session", "tick", "decoder", "task", "learning", "safety")
# Fields that are called as a key but mean something else.
_OTHER = frozenset({"smoothing_ticks", "sample_ticks"})  # at least one tick


def ticks_of(protocol: Protocol, duration_ms: float) -> int:
    """Return a duration in ticks; the protocol check has seen that it is a whole number."""
    return round(duration_ms / protocol.tick.period_ms)


def by_name(protocol: Protocol) -> dict[str, float]:
    """Return the fields of `CONFIG` that the protocol says by their name; a key that is not set gives none."""
    found: dict[str, float] = {}
    for field in CONFIG.names or ():
        value = None if field in _OTHER else _value_of(protocol, field)
        if value is not None:
            found[field] = value
    return found


def _value_of(protocol: Protocol, field: str) -> float | None:
    stem, _, unit = field.rpartition("_")
    value = _number(protocol, field)
    if value is None and unit in ("ticks", "s"):
        duration_ms = _number(protocol, f"{stem}_ms")
        if duration_ms is not None:
            value = ticks_of(protocol, duration_ms) if unit == "ticks" else duration_ms / 1e3
    return value


def _number(protocol: Protocol, key: str) -> float | None:
    """Return the number or truth value of a key, whichever section has it; None where none has."""
    for name in _SECTIONS:
        value: Any = getattr(getattr(protocol, name), key, None)
        if isinstance(value, bool | int | float):
            return value
    return None
