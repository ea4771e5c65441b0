"""Apply `--set key=value` to a protocol's document."""

from collections.abc import Iterator, Sequence
from typing import Any

from bmi_app import small_files
from protocols.problems import OVERRIDE_FILE, Problem
from protocols.rig import Driver, Subject
from protocols.signal import Decoder, Learning

# Keys that name the plugin to which the `settings` beside them belong, and their defaults.
PLUGIN_KEYS = {
    "decoder.kind": Decoder().kind,
    "learning.rule": Learning().rule,
    "driver.kind": Driver().kind,
    "subject.kind": Subject().kind,
}


_DEEPEST = 8  # parts of a key


def parse_value(text: str) -> Any:
    """Return `text` as the TOML value that it is, else as text: `500`, `[0, 1]`, `true`, `center`."""
    try:
        document = small_files.parse_toml(f"value = {text}")
    except ValueError:
        return text
    return document["value"] if len(document) == 1 else text


def apply_overrides(document: dict[str, Any], overrides: Sequence[str]) -> tuple[list[str], list[Problem]]:
    """Write each override into `document`.

    The settings of a plugin that is exchanged for another go with it, wherever in `overrides` that is said.

    Returns
    -------
    keys
        Dotted paths that were written.
    problems
        One for each override that could not be.
    """
    keys: list[str] = []
    problems: list[Problem] = []
    for override in sorted(overrides, key=lambda override: override.partition("=")[0].strip() not in PLUGIN_KEYS):
        key, equals, text = override.partition("=")
        key = key.strip()
        if not equals or not all(key.split(".")):
            problems.append(Problem(OVERRIDE_FILE, override, None, "is not key=value; allowed: task.hold_ms=500"))
            continue
        if key.count(".") >= _DEEPEST:
            problems.append(Problem(OVERRIDE_FILE, f"{key[:40]}...", None, "has more parts than any key of a protocol"))
            continue
        value = parse_value(text.strip())
        if key in PLUGIN_KEYS:
            _forget_settings(document, key, value)
        wrong = _write(document, key, value)
        if wrong is None:
            keys.append(key)
        else:
            problems.append(Problem(OVERRIDE_FILE, key if len(key) < 120 else f"{key[:40]}...", None, wrong))
    return keys, problems


def _forget_settings(document: dict[str, Any], key: str, plugin: Any) -> None:
    """Remove the settings of the plugin that `key` names, if `plugin` is another: it would not know them."""
    name, _, key_in_table = key.partition(".")
    table = document.get(name)
    if isinstance(table, dict) and table.get(key_in_table, PLUGIN_KEYS[key]) != plugin:
        table.pop("settings", None)


def _write(document: dict[str, Any], key: str, value: Any) -> str | None:
    """Set one key, making the tables on the way; return what is wrong, or None."""
    parts = key.split(".")
    place: Any = document
    for part, following, path in _steps(parts):
        if isinstance(place, list):
            if not part.isdecimal() or len(part) > 9 or int(part) > len(place):
                return f"{path!r} has no entry {part[:20]!r}; allowed: 0-{len(place)} ({len(place)} appends one)"
            if int(part) == len(place):
                place.append({})
            if following is None:
                place[int(part)] = value
            else:
                place = place[int(part)]
        elif isinstance(place, dict):
            if following is None:
                place[part] = value
            else:
                # A number can only be an index: no key of the schema is one.
                place = place.setdefault(part, [] if following.isdecimal() else {})
        else:
            return f"{path!r} is a value, not a table, and has no key {part!r}"
    return None


def _steps(parts: list[str]) -> Iterator[tuple[str, str | None, str]]:
    """Yield each part of a path, the part after it, and the path before it."""
    for index, part in enumerate(parts):
        yield part, parts[index + 1] if index + 1 < len(parts) else None, ".".join(parts[:index])
