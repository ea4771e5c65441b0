"""Declare the fields of traits, and check in words what a plugin gives for them."""

import dataclasses
import difflib
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, get_args, get_origin

Function = Callable[..., Any]
_WORDS = {bool: "True or False", float: "a number", str: "a text", Mapping: "a dict"}


class PluginError(ImportError):
    """Tell in one line what is wrong with a plugin, where, what is allowed, and the remedy."""


@dataclass(frozen=True)
class Takes:
    """Say by which arguments an optional function is called."""

    parameters: tuple[str, ...]


class Traits:
    """Check what is given, in words; the classes of the kinds say what there is."""

    required: ClassVar[tuple[str, ...]] = ()  # names that the file of a plugin must define beside its traits

    def __new__(cls, **given: object) -> "Traits":
        """Refuse a name that there is none of, and miss none that must be given."""
        known = {each.name: each for each in dataclasses.fields(cls)}  # type: ignore[arg-type]
        for name in given:
            if name not in known:
                raise PluginError(
                    f"TRAITS: {cls.__name__} has no {name!r}; allowed: {', '.join(known)}{nearest(name, known)}"
                )
        for name, each in known.items():
            if name not in given and each.default is each.default_factory is dataclasses.MISSING:
                raise PluginError(f"TRAITS: {cls.__name__} needs {name}: {described(cls)[name]}")
            if name in given:
                _check(cls, each, given[name])
        return object.__new__(cls)


def described(kind: type) -> dict[str, str]:
    """Return what each field of a class of traits means, from its documentation."""
    text = inspect.cleandoc(kind.__doc__ or "").partition("Attributes\n----------\n")[2]
    pairs = re.findall(r"^(\w+)(?: : .*)?\n((?:    .*\n?)+)", text, flags=re.MULTILINE)
    return {name: " ".join(said.split()) for name, said in pairs}


def _check(cls: type, each: "dataclasses.Field[Any]", value: object) -> None:
    """Refuse a value that a field cannot have."""
    allowed = _allowed(each.type)
    if allowed and not _fits(each.type, value):
        shown = (
            repr(value) if isinstance(value, (str, int, float, tuple, list, set, frozenset)) else type(value).__name__
        )
        raise PluginError(f"TRAITS: {cls.__name__}.{each.name} is {shown}; allowed: {allowed}")


def _fits(kind: Any, value: object) -> bool:
    """Tell whether a value is of the type of its field."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:  # a function, or None
        return value is None or _can_be_called(value, inner[1].parameters)
    if origin is Literal:
        return value in inner
    if origin is frozenset:
        return isinstance(value, (set, frozenset)) and all(_fits(inner[0], each) for each in value)
    if origin is UnionType:
        return value is None or isinstance(value, inner[0])
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, origin or kind)


def _allowed(kind: Any) -> str:
    """Name what a field may be."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return f"None, or a function of ({', '.join(inner[1].parameters)})"
    if origin is Literal:
        return " or ".join(map(repr, inner))
    if origin is frozenset:
        return f"a frozenset of {' and '.join(map(repr, get_args(inner[0])))}"
    if origin is UnionType:
        return f"None, or a {inner[0].__name__}"
    return _WORDS.get(origin or kind, "")


def _can_be_called(value: object, parameters: tuple[str, ...]) -> bool:
    if not callable(value):
        return False
    try:
        inspect.signature(value).bind(*parameters)
    except TypeError:
        return False
    except ValueError:  # a builtin says nothing of its arguments
        pass
    return True


def nearest(name: str, among: Iterable[str]) -> str:
    """Return a question after the name that may have been meant, or nothing."""
    near = difflib.get_close_matches(name, [each for each in among if each != name], 1, 0.75)
    return f"; did you mean {near[0]!r}?" if near else ""
