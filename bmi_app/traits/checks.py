"""Check a plugin's file when it is loaded: that it defines what its kind needs, and that its traits say what it defines."""

import dataclasses
import difflib
import inspect
from types import ModuleType
from typing import Annotated, get_origin

from bmi_app.traits.fields import PluginError, Traits, nearest
from bmi_app.traits.kinds import DriverTraits

# Of a driver's class: the methods that must be there, always and where a trait has a value; elsewhere nobody would call them.
_DRIVER_ALWAYS = ("open", "close")
_DRIVER_WHERE: tuple[tuple[str, bool, tuple[str, ...]], ...] = (
    ("begins_at_once", False, ("connect", "start")),
    ("begins_at_once", True, ("begin", "clock_offset_s")),
    ("has_clock", True, ("read_clock", "why_no_clock")),
    ("simulates_subject", True, ("learnt",)),
)
# Names that plugins defined before there were traits, and what they have become.
_BEFORE = {
    "ADAPTABLE": "adaptable",
    "NEEDS_MAP": "needs_map",
    "HAS_DYNAMICS": "has_dynamics",
    "MODEL_ACTS": "model_acts",
    "SMOOTHING_HURTS": "smoothing_hurts",
    "ADAPTS": "adapts",
    "DEFAULT_RATE": "default_rate",
    "IN_ORDER": "in_order",
    "NEEDS_POSITION": "needs_position",
    "AT_REST": "at_rest",
    "STAGED": "refit",
    "COST": "cost",
    "NEEDS_EXPLORATION": "needs_exploration",
    "POINTLESS": "pointless",
    "HAS_ARM": "has_arm",
    "REAL_TIME_ONLY": "real_time_only",
}


def check_module(module: ModuleType, kind: type[Traits]) -> None:
    """Check that a plugin's file defines what its kind needs, and that its traits say what it defines.

    Raises
    ------
    PluginError
        Naming what is wrong, what is allowed and the remedy.
    """
    found = vars(module)
    traits = found.get("TRAITS")
    if not isinstance(traits, kind):
        given = "defines no TRAITS" if traits is None else f"TRAITS is a {type(traits).__name__}"
        near = next(iter(difflib.get_close_matches("TRAITS", set(found) - {"TRAITS"}, 1, 0.8)), "")
        raise PluginError(
            f"{given}; write TRAITS = {kind.__name__}(...) at its end, from bmi_app.traits"
            + (f"; did you mean {near!r} by it?" if near else "")
        )
    for name in kind.required:
        if name not in found:
            raise PluginError(f"defines no {name}; needed: {', '.join(kind.required)}{nearest(name, found)}")
    known = {each.name: each for each in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for name in found:
        if _BEFORE.get(name) in known:
            raise PluginError(f"{name} is not read any more; write TRAITS = {kind.__name__}({_BEFORE[name]}=...)")
    functions = [name for name, each in known.items() if get_origin(each.type) is Annotated]
    own = [name for name, value in found.items() if inspect.isfunction(value) and value.__module__ == module.__name__]
    for name in (name for name in own if not name.startswith("_") and name not in kind.required):
        meant = name if name in functions else next(iter(difflib.get_close_matches(name, functions, 1, 0.75)), None)
        if meant is not None and getattr(traits, meant) is None:
            wrong = "" if name == meant else f"; did you mean {meant!r}? If not, begin its name with an underscore"
            raise PluginError(
                f"defines {name}, of which TRAITS does not know; write TRAITS = {kind.__name__}(..., {meant}={name}){wrong}"
            )
    if isinstance(traits, DriverTraits):
        _check_driver(found["Driver"], traits)


def _check_driver(driver: type, traits: DriverTraits) -> None:
    """Check that a driver's class has the methods that its traits promise, and no optional one that they do not."""
    names = {name for part in driver.__mro__ for name in vars(part) if not name.startswith("_")}
    given = {trait: getattr(traits, trait) for trait, _, _ in _DRIVER_WHERE}
    needed = [
        *_DRIVER_ALWAYS,
        *(name for trait, value, called in _DRIVER_WHERE if given[trait] == value for name in called),
    ]
    for trait, value, called in _DRIVER_WHERE:
        idle = [name for name in called if given[trait] != value and name in names]
        if idle:
            raise PluginError(
                f"class Driver has {idle[0]}, which is not called while {trait} is {not value}; write "
                f"TRAITS = DriverTraits(..., {trait}={value}), or remove it"
            )
    missing = next((name for name in needed if name not in names), None)
    if missing is not None:
        raise PluginError(f"class Driver has no {missing}; needed: {', '.join(needed)}{nearest(missing, names)}")
    optional = [name for _, _, called in _DRIVER_WHERE for name in called]
    for name in sorted(names - set(needed)):
        near = difflib.get_close_matches(name, optional, 1, 0.75)
        if near:
            raise PluginError(
                f"class Driver has {name}, which nothing calls; did you mean {near[0]!r}? If not, begin its name with an underscore"
            )
