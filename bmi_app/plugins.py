"""Find a plugin by its kind and name: one file, whose name is its name in a protocol.

Third parties add theirs through entry points (`bmi_app.drivers`, `bmi_app.decoders`, `bmi_app.learning`,
`bmi_app.subjects`, `bmi_app.outputs`), each naming a module.
"""

import ast
import contextlib
import difflib
import functools
import importlib
import importlib.util
import os
import pkgutil
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any, Literal

from bmi_app.traits import (
    DecoderTraits,
    DriverTraits,
    LearningTraits,
    OutputTraits,
    PluginError,
    SubjectTraits,
    Traits,
    check_module,
)

Kind = Literal["drivers", "decoders", "learning", "subjects", "outputs"]

# The package whose files are the plugins of a kind, and the name that every plugin of the kind must define.
HOMES: dict[Kind, tuple[str, str]] = {
    "drivers": ("drivers", "Driver"),
    "decoders": ("bmi_app.decoders", "DECODE"),
    "learning": ("bmi_app.learning", "LEARN"),
    "subjects": ("bmi_app.subject", "ACT"),
    "outputs": ("bmi_app.outputs", "Output"),
}

TRAITS: dict[Kind, type[Traits]] = {
    "drivers": DriverTraits,
    "decoders": DecoderTraits,
    "learning": LearningTraits,
    "subjects": SubjectTraits,
    "outputs": OutputTraits,
}

_WORDS: dict[Kind, str] = {
    "drivers": "driver",
    "decoders": "decoder",
    "learning": "learning rule",
    "subjects": "subject",
    "outputs": "output",
}


def names(kind: Kind) -> list[str]:
    """List the plugins of a kind, shipped and third-party, sorted, without importing any."""
    package, required = HOMES[kind]
    spec = importlib.util.find_spec(package)
    found = set()
    if spec is not None and spec.submodule_search_locations is not None:
        for info in pkgutil.iter_modules(spec.submodule_search_locations):
            sub = importlib.util.find_spec(f"{package}.{info.name}")
            if sub is not None and sub.origin is not None and _defines(sub.origin, required):
                found.add(info.name)
    found.update(point.name for point in _third_party(kind))
    return sorted(found)


def load(kind: Kind, name: str) -> ModuleType:
    """Import the plugin `name` of `kind`, and check what it says of itself.

    Raises
    ------
    LookupError
        If there is none; the message lists those that exist and the nearest name.
    PluginError
        If its file is not as its kind needs; the message names the file, what is allowed and the remedy.
    """
    for point in _third_party(kind):
        if point.name == name:
            return _checked(kind, name, point.value, point.load)
    path = f"{HOMES[kind][0]}.{name}"
    if (kind, path) in _CHECKED:  # else all files of the kind are looked through, many times in each session's start
        return _CHECKED[kind, path]
    known = names(kind)
    if name in known:
        return _checked(kind, name, path, lambda: importlib.import_module(path))
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise LookupError(f"there is no {_WORDS[kind]} {name!r}; allowed: {', '.join(known)}{hint}")


def having(kind: Kind, is_so: Callable[[Any], bool]) -> list[str]:
    """List the plugins of a kind whose traits are so; those that cannot be loaded are left out."""
    found = []
    for name in names(kind):
        with contextlib.suppress(ImportError):
            if is_so(load(kind, name).TRAITS):
                found.append(name)
    return found


@functools.cache
def driver_traits(name: str) -> DriverTraits:
    """Read a driver's traits from its file without running it, for windows and views, which must not wait for numba.

    Raises
    ------
    LookupError
        If there is no such driver, or its traits are not written out in its file.
    """
    paths = {point.name: point.module for point in _third_party("drivers")}
    spec = importlib.util.find_spec(paths.get(name, f"{HOMES['drivers'][0]}.{name}"))
    if spec is None or spec.origin is None:
        raise LookupError(f"there is no driver {name!r}; allowed: {', '.join(names('drivers'))}")
    with open(spec.origin, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "TRAITS":
            with contextlib.suppress(ValueError, PluginError):
                given = statement.value.keywords if isinstance(statement.value, ast.Call) else []
                return DriverTraits(**{each.arg or "**": ast.literal_eval(each.value) for each in given})
    raise LookupError(
        f"driver {name!r} ({spec.origin}): TRAITS must be DriverTraits(...) of plain values, which are read without running the file"
    )


def drivers_that(is_so: Callable[[DriverTraits], bool]) -> list[str]:
    """List the drivers whose traits are so, without importing any."""
    found = []
    for name in names("drivers"):
        with contextlib.suppress(LookupError, OSError, SyntaxError):
            if is_so(driver_traits(name)):
                found.append(name)
    return found


def driver_is(name: str, is_so: Callable[[DriverTraits], bool]) -> bool:
    """Tell whether a driver's traits are so, without importing it; false of one that is not installed here."""
    try:
        return is_so(driver_traits(name))
    except (LookupError, OSError, SyntaxError):
        return False


_CHECKED: dict[tuple[Kind, str], ModuleType] = {}


def _checked(kind: Kind, name: str, path: str, imported: Callable[[], object]) -> ModuleType:
    """Import a plugin from where it stands, and check it once."""
    if (kind, path) in _CHECKED:
        return _CHECKED[kind, path]
    try:
        module = imported()
        if not isinstance(module, ModuleType):
            raise PluginError(f"is a {type(module).__name__}; an entry point must name a module")
        check_module(module, TRAITS[kind])
        if kind == "drivers" and driver_traits(name) != module.TRAITS:
            raise PluginError(
                "TRAITS must be DriverTraits(...) of plain values, which are read without running the file"
            )
    except (PluginError, LookupError) as error:
        raise PluginError(f"{_WORDS[kind]} {name!r} ({path}): {error}") from error
    _CHECKED[kind, path] = module
    return module


@functools.cache  # every installed package is asked: tens of milliseconds
def _third_party(kind: Kind) -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=f"bmi_app.{kind}"))


def _defines(path: str, required: str) -> bool:
    """Tell whether the source at `path` defines `required` at its top level, without running it."""
    stat = os.stat(path)
    return _defined(path, required, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=1024)  # windows and protocol checks ask again and again, of files that seldom change
def _defined(path: str, required: str, _mtime_ns: int, _size: int) -> bool:
    beginnings = (f"{required} =", f"def {required}(", f"class {required}(", f"class {required}:")
    with open(path, encoding="utf-8") as file:
        return any(line.startswith(beginnings) for line in file)
