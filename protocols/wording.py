"""Say in a user's words what a key allows, and what pydantic found wrong."""

import reprlib
import types
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from protocols.problems import nearest

Part = str | int

_PLURALS: dict[Any, str] = {int: "whole numbers", float: "numbers", str: "texts"}


@dataclass(frozen=True)
class Place:
    """Say to which field of a model a location in a document belongs.

    Attributes
    ----------
    field
        Path of the field.
    entry
        Path of the entry in the field: an item of a list, a key of a free table; else empty.
    info
        The field; None for an unknown key.
    owner
        The model that has the field, or lacks it.
    """

    field: tuple[Part, ...]
    entry: tuple[Part, ...]
    info: FieldInfo | None
    owner: type[BaseModel]

    @property
    def key(self) -> str:
        """Return the dotted path."""
        return ".".join(str(part) for part in (*self.field, *self.entry))


def locate(model: type[BaseModel], loc: tuple[Part, ...]) -> Place:
    """Return the place in `model` of the location of one of pydantic's errors."""
    for end, part in enumerate(loc, 1):
        info = model.model_fields.get(str(part))
        if info is None:
            return Place(loc[:end], (), None, model)
        inner, container = inner_type(info.annotation)
        following = loc[end:]
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            skip = 1 if container is not None and following else 0  # the entry's index or name
            if len(following) > skip:
                below = locate(inner, following[skip:])
                return Place((*loc[:end], *following[:skip], *below.field), below.entry, below.info, below.owner)
            return Place(loc[:end], following, info, model)
        # Of what follows, pydantic's names for the branches of a union are not part of the document.
        entry = following[:1] if following and (container is dict or isinstance(following[0], int)) else ()
        return Place(loc[:end], entry, info, model)
    return Place((), (), None, model)


def describe_errors(model: type[BaseModel], error: ValidationError) -> list[tuple[str, str]]:
    """Return `(dotted key, message)` of each mistake, one per key."""
    found: dict[str, str] = {}
    for item in error.errors(include_url=False):
        place = locate(model, item["loc"])
        found.setdefault(place.key, _describe(model, place, item))
    return list(found.items())


def describe_allowed(info: FieldInfo) -> str:
    """Return what a field allows: `a number from 0 to 1`, `"a" or "b"`, ...; empty where it cannot be said briefly."""
    extra = info.json_schema_extra
    if isinstance(extra, dict) and "allowed" in extra:
        return str(extra["allowed"])
    inner, container = inner_type(info.annotation)
    if container is dict or (isinstance(inner, type) and issubclass(inner, BaseModel)):
        return "a list of tables" if container is tuple else "a table"
    if get_origin(inner) is tuple or container is tuple:
        return _describe_list(inner, container)
    if get_origin(inner) is Literal:
        return " or ".join(quote(value) for value in get_args(inner))
    if inner is bool:
        return "true or false"
    if inner is str:
        pattern = _bound(info, "pattern")
        return (
            f"text that matches {pattern}" if pattern else "text, not empty" if _bound(info, "min_length") else "text"
        )
    if inner in (int, float):
        return ("a whole number" if inner is int else "a number") + _describe_bounds(info)
    return ""


def most_of(info: FieldInfo) -> float | None:
    """Return the most that makes sense of a field, where its schema says it beside the unit; None where it says none."""
    extra = info.json_schema_extra
    most = extra.get("most") if isinstance(extra, dict) else None
    return most if isinstance(most, int | float) else None


_LONGEST_TEXT = 120  # of what a message repeats


def quote(value: object) -> str:
    """Write a value about as it stands in the file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= _LONGEST_TEXT else f'"{value[: _LONGEST_TEXT - 3]}..."'
    if isinstance(value, dict):
        return "a table"
    return reprlib.repr(value)


def _describe(model: type[BaseModel], place: Place, item: Any) -> str:
    if "[key]" in item["loc"]:
        return "is not a name; allowed: letters, digits, _ and -, not beginning with a digit"
    if not place.field:
        return str(item["ctx"]["error"]) if item["type"] == "value_error" else str(item["msg"])
    if item["type"] == "extra_forbidden":
        keys = list(place.owner.model_fields)
        name = str(place.field[-1])
        hint = nearest(name, keys) or _elsewhere(model, name)
        return f"unknown key{hint}; allowed: {', '.join(keys) or 'no key at all'}"
    assert place.info is not None, f"an error other than an unknown key belongs to a field: {item}"
    allowed = describe_allowed(place.info)
    if item["type"] == "missing":
        return f"is missing; allowed: {allowed}" if allowed else "is missing"
    reason = str(item["ctx"]["error"]) if item["type"] == "value_error" else ""
    if not allowed:
        return reason or f"{quote(item['input'])} is not allowed: {item['msg']}"
    refusal = reason or f"{quote(item['input'])} is not allowed"
    return f"{refusal}; allowed: {allowed}"


def _elsewhere(model: type[BaseModel], name: str) -> str:
    """Return a hint at the table of `model` that has the key `name`, for a key that stands in the wrong one."""
    for table, info in model.model_fields.items():
        inner, container = inner_type(info.annotation)
        if isinstance(inner, type) and issubclass(inner, BaseModel) and name in inner.model_fields:
            return f"; it belongs in {f'[[{table}]]' if container is tuple else f'[{table}]'}"
    return ""


def _describe_list(inner: Any, container: type | None) -> str:
    """Return `a list of numbers`, `a list of 2 numbers`, `a list of lists of numbers`; empty for other entries."""
    if container is tuple:
        if get_origin(inner) is tuple:
            entries = _describe_list(*inner_type(inner))
            return f"a list of {entries.replace('a list', 'lists', 1)}" if entries else ""
        return f"a list of {_PLURALS[inner]}" if inner in _PLURALS else ""
    entry_types = get_args(inner)
    first = inner_type(entry_types[0])[0]
    return f"a list of {len(entry_types)} {_PLURALS[first]}" if {first} <= _PLURALS.keys() else ""


def _describe_bounds(info: FieldInfo) -> str:
    least, above, most, below = (_number(_bound(info, name)) for name in ("ge", "gt", "le", "lt"))
    low = f" from {least}" if least is not None else f" above {above}" if above is not None else ""
    most = most if most is not None or below is not None else _number(most_of(info))
    high = f" to {most}" if most is not None else f" below {below}" if below is not None else ""
    return low + high if high or least is None else f" of at least {least}"


def _bound(info: FieldInfo, name: str) -> Any:
    """Return the bound `name` of a field, or None."""
    return next((bound for entry in info.metadata if (bound := getattr(entry, name, None)) is not None), None)


def _number(bound: Any) -> str | None:
    """Write a bound, a float without its needless zeros."""
    return f"{bound:g}" if isinstance(bound, float) else None if bound is None else str(bound)


def inner_type(annotation: Any) -> tuple[Any, type | None]:
    """Return the type inside of `X | None`, `Annotated[X]`, `tuple[X, ...]`, and the container it was in.

    The container is `tuple` for a list of any length, `dict` for a free table, else None.
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return inner_type(arguments[0])
    if origin in (Union, types.UnionType):
        others = [argument for argument in arguments if argument is not type(None)]
        return inner_type(others[0]) if len(others) == 1 else (annotation, None)
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return arguments[0], tuple
    if origin is dict:
        return arguments[1], dict
    return annotation, None
