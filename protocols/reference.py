"""Write the reference of all keys of a protocol from the schema: `python -m protocols.reference FILE`."""

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from protocols.schema import Protocol
from protocols.wording import describe_allowed, inner_type, quote

_INTRODUCTION = """\
<!-- Written by `python -m protocols.reference docs/protocol_reference.md` from protocols/schema.py: change it there. -->

# Protocol reference

A protocol is one TOML file that decides everything about a session before it starts. The shipped
ones, in `protocols/`, are the best beginning: `bmi protocols list` names them,
`bmi protocols show NAME` prints one with every default filled in, and `bmi protocols check FILE`
names every mistake in a file. `--set task.hold_ms=500` overrides a key for one run;
`--set blocks.0.duration_s=5` one in the first block.

Names carry their units. Durations in `[task]`, `[[blocks]]` and `learning.sample_ms` are whole
multiples of `tick.period_ms`; where the file leaves one to its default, that is rounded up to whole
ticks. `settings` tables belong to the plugin that the table names. Keys without default must be
given, except where their meaning says when.
"""


def generate() -> str:
    """Return the reference as Markdown."""
    parts = [_INTRODUCTION, "## Top level\n", _table(Protocol)]
    for heading, description, model in _tables(Protocol):
        parts += [f"## `{heading}`\n", f"{_wrapped(description)}\n", _table(model)]
    return "\n".join(parts)


def _tables(protocol: type[BaseModel]) -> Iterator[tuple[str, str, type[BaseModel]]]:
    """Yield the heading, the description and the model of each table."""
    for name, info in protocol.model_fields.items():
        model, container = inner_type(info.annotation)
        if not _is_table(info):
            continue
        tables = {key: inner for key, inner in model.model_fields.items() if _is_table(inner)}
        if tables:  # of tables only, all of the same model: the axes
            heading = "`, `".join(f"[{name}.{key}]" for key in tables)
            described = " ".join(f"`{key}`: {inner.description}" for key, inner in tables.items())
            yield heading, f"{info.description} {described}", inner_type(next(iter(tables.values())).annotation)[0]
        else:
            yield f"[[{name}]]" if container is tuple else f"[{name}]", info.description or "", model


def _table(model: type[BaseModel]) -> str:
    """Return the Markdown table of a model's keys, without the tables in it."""
    rows = ["| Key | Allowed | Unit | Default | Meaning |", "|---|---|---|---|---|"]
    for key, info in model.model_fields.items():
        if not _is_table(info):
            extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
            cells = (f"`{key}`", describe_allowed(info), extra.get("unit", ""), _default(info), info.description)
            rows.append("| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 100, break_long_words=False, break_on_hyphens=False)


def _default(info: FieldInfo) -> str:
    """Return a default as it would stand in a file."""
    if info.is_required():
        return "required"
    if info.default is None:
        return "none"
    if isinstance(info.default, tuple):
        return f"`[{', '.join(f'{entry:g}' for entry in info.default)}]`"
    if isinstance(info.default, float):
        return f"`{info.default:g}`"
    return "`{}`" if isinstance(info.default, dict) else f"`{quote(info.default)}`"


def _is_table(info: FieldInfo) -> bool:
    inner, _ = inner_type(info.annotation)
    return isinstance(inner, type) and issubclass(inner, BaseModel)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(generate(), encoding="utf-8")
