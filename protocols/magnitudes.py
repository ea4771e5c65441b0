"""Find numbers that make no sense, though each key by itself allows them: 1e308 ms, a million years, a cursor of 70 m.

What no session can compute with is refused always. What only makes no sense is refused where it is newly said; a session that was
recorded with it is read and recomputed all the same.
"""

from collections.abc import Iterator
from typing import Any

from pydantic.fields import FieldInfo

from protocols.problems import Finding
from protocols.schema import Protocol
from protocols.section import HOUR_MS, LONGEST_S, MOST_SIDE_CM, MOST_SPEED_CM_S, Section
from protocols.wording import describe_allowed, most_of

LONGEST = {"duration_s": LONGEST_S, "every_s": 86_400}  # a day between updates
MOST_TRIALS = 1_000_000_000
GREATEST = 1e9  # of any other number: cm, Hz, weights, gains
# Of a plugin's own settings, which say their units at the ends of their names.
_MOST_SETTING = {"_cm": ("cm", MOST_SIDE_CM), "_cm_s": ("cm/s", MOST_SPEED_CM_S)}


def check_magnitudes(protocol: Protocol) -> Iterator[Finding]:
    """Find every number that no session can compute with."""
    for name, value in protocol.model_dump().items():
        yield from _check(name, name, value)


def check_bounds(protocol: Protocol) -> Iterator[Finding]:
    """Find every length, speed and time that makes no sense, by itself or beside the others."""
    beyond = {finding.key for finding in check_magnitudes(protocol)}
    for finding in (*_too_great(protocol, ""), *_cursor(protocol), *_speeds(protocol)):
        if finding.key not in beyond:
            beyond.add(finding.key)  # one mistake at a key is told
            yield finding


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
        limit = HOUR_MS if name.endswith("_ms") else LONGEST.get(name, GREATEST)
        if not abs(value) <= limit:  # also NaN
            yield Finding(key, f"{value:g} is beyond what a session can compute with; allowed: up to {limit:g}")


def _too_great(table: Section, path: str) -> Iterator[Finding]:
    for name, info in type(table).model_fields.items():
        key, value = f"{path}.{name}" if path else name, getattr(table, name)
        if isinstance(value, Section):
            yield from _too_great(value, key)
        elif isinstance(value, tuple) and value and isinstance(value[0], Section):
            for index, entry in enumerate(value):
                yield from _too_great(entry, f"{key}.{index}")
        elif name == "settings":
            yield from _settings(value, key)
        elif (most := most_of(info)) is not None and (worst := _greatest(value)) is not None and worst > most:
            yield Finding(
                key, f"{worst:.15g}{_unit(info)} makes no sense in a session; allowed: {describe_allowed(info)}"
            )


def _unit(info: FieldInfo) -> str:
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    return f" {extra['unit']}" if "unit" in extra else ""


def _settings(settings: dict[str, Any], path: str) -> Iterator[Finding]:
    for name, value in settings.items():
        for end, (unit, most) in _MOST_SETTING.items():
            if name.endswith(end) and (worst := _greatest(value)) is not None and worst > most:
                yield Finding(
                    f"{path}.{name}", f"{worst:.15g} {unit} makes no sense in a session; allowed: up to {most}"
                )


def _greatest(value: Any) -> float | None:
    """Return the greatest magnitude among the numbers of a value; None where it has none."""
    if isinstance(value, list | tuple):
        return max((worst for part in value if (worst := _greatest(part)) is not None), default=None)
    return abs(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _cursor(protocol: Protocol) -> Iterator[Finding]:
    """Find a cursor that the workspace does not hold."""
    radius_cm, most_cm = protocol.task.cursor_radius_cm, min(protocol.workspace.size_cm) / 2
    if radius_cm > most_cm:
        yield Finding(
            "task.cursor_radius_cm",
            f"{radius_cm:g} is more than the workspace holds; allowed: up to {most_cm:g}, "
            "half of the shorter side of workspace.size_cm",
            ("workspace.size_cm",),
        )


def _speeds(protocol: Protocol) -> Iterator[Finding]:
    """Find speeds at which the cursor would cross the workspace within one tick."""
    most_cm_s = max(protocol.workspace.size_cm) / (protocol.tick.period_ms / 1e3)
    for key, speed_cm_s in (
        ("safety.max_speed_cm_s", protocol.safety.max_speed_cm_s),
        ("learning.intent_speed_cm_s", protocol.learning.intent_speed_cm_s),
        ("learning.exploration_cm_s", protocol.learning.exploration_cm_s),
    ):
        if speed_cm_s > most_cm_s:
            yield Finding(
                key,
                f"{speed_cm_s:g} crosses the whole workspace in one tick; allowed: up to {most_cm_s:g}, "
                "the longer side of workspace.size_cm in each tick.period_ms",
                ("workspace.size_cm", "tick.period_ms"),
            )
