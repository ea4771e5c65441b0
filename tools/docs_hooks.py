"""Fill the pages of the documentation site that follow from the program: commands, records, and the list of decisions.

mkdocs calls `on_page_markdown` for every page (mkdocs.yml names this file). A page that wants something generated has
a line `<!-- generated: NAME -->`.
"""

import ast
import inspect
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DECISION = re.compile(
    r"^##? (?P<number>\d+)\. (?P<title>.+)\n\n- Date: (?P<date>\S+)\n- Status: (?P<status>.+)$", re.MULTILINE
)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the marker lines of a page by what they name."""
    return re.sub(r"^<!-- generated: (\w+) -->$", lambda found: GENERATED[found[1]](), markdown, flags=re.MULTILINE)


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    cells = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells) + "\n"


# Commands


def command_line() -> str:
    """Return a section for each command, with its arguments and options."""
    import typer

    from bmi_app.cli.app import app

    return "\n".join(_sections(typer.main.get_command(app), ("bmi",)))


def _sections(command: Any, words: tuple[str, ...]) -> Iterator[str]:
    import typer

    children = getattr(command, "commands", {})
    if not children:
        yield f"## `{' '.join(words)}`\n"
        yield inspect.cleandoc(command.help or "") + "\n"
        context = typer.Context(command, info_name=words[-1])
        records = [parameter.get_help_record(context) for parameter in command.params]
        rows = [(f"`{record[0].strip()}`", " ".join(record[1].split())) for record in records if record]
        if rows:
            yield table(("argument or option", "meaning"), rows)
    for name, child in children.items():
        yield from _sections(child, (*words, name))


# Records


def records() -> str:
    """Return a table for each kind of record, with what its source says of each field."""
    from bmi_app.rt import records as module

    comments = _comments(inspect.getsource(module))
    parts = []
    for name, dtype in module.RECORDS.items():
        constant = next(key for key, value in vars(module).items() if value is dtype and key.isupper())
        said = comments.get(constant, {})
        parts.append(f"### {name}\n\n{said.get('', '')}\n")
        rows = [(f"`{field}`", f"`{dtype[field].str}`", said.get(field, "")) for field in dtype.names]
        parts.append(table(("field", "type", "meaning"), rows))
    return "\n".join(parts)


def codes() -> str:
    """Return a table for each enum of records, wherever it is defined."""
    import sys

    from bmi_app.rt import records as module

    kinds = [one for one in vars(module).values() if isinstance(one, type) and issubclass(one, Enum) and list(one)]
    homes = {kind.__module__ for kind in kinds if kind.__module__.startswith("bmi_app.")}
    for home in sorted(homes):  # those beside them, which records need not import
        kinds += [
            one
            for one in vars(sys.modules[home]).values()
            if isinstance(one, type) and issubclass(one, Enum) and one.__module__ == home and list(one)
        ]
    parts = []
    for kind in dict.fromkeys(kinds):
        if kind.__module__ not in homes:
            continue
        said = _comments(inspect.getsource(sys.modules[kind.__module__])).get(kind.__name__, {})
        parts.append(f"### {kind.__name__}\n\n{inspect.cleandoc(kind.__doc__ or '')}\n")
        rows = [
            (str(int(one.value)), f"`{one.name}`", said.get(one.name) or str(getattr(one, "words", ""))) for one in kind
        ]
        parts.append(table(("code", "name", "meaning"), rows))
    return "\n".join(parts)


def _comments(source: str) -> dict[str, dict[str, str]]:
    """Return, for each constant and class of a module, the comment above it (under "") and those beside its parts."""
    beside, above = {}, {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            alone = not token.line[: token.start[1]].strip()
            (above if alone else beside)[token.start[0]] = token.string.removeprefix("#").strip()
    said: dict[str, dict[str, str]] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef):
            parts = {
                part.targets[0].id: part
                for part in node.body
                if isinstance(part, ast.Assign) and isinstance(part.targets[0], ast.Name)
            }
            name = node.name
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            parts = {
                str(part.elts[0].value): part
                for part in ast.walk(node)
                if isinstance(part, ast.Tuple) and part.elts and isinstance(part.elts[0], ast.Constant)
            }
        else:
            continue
        said[name] = {
            key: _beside(beside, part.lineno, part.end_lineno or part.lineno)
            or (above.get(part.lineno - 1, "") if isinstance(node, ast.ClassDef) else "")
            for key, part in parts.items()
        }
        lines = []
        line = node.lineno - 1
        while line in above:
            lines.insert(0, above[line])
            line -= 1
        said[name][""] = " ".join(lines)
    return said


def _beside(comments: dict[int, str], first: int, last: int) -> str:
    return " ".join(comments[line] for line in range(first, last + 1) if line in comments)


# Decisions


def decisions() -> str:
    """Return a table of all decisions by their number."""
    rows = []
    folder = ROOT / "docs" / "decisions"
    for path in [*folder.glob("[0-9]*.md"), folder / "small.md"]:
        for found in DECISION.finditer(path.read_text(encoding="utf-8")):
            title = found["title"]
            anchor = "#" + _slug(f"{found['number']}. {title}") if path.name == "small.md" else ""
            row = (found["number"], f"[{title}]({path.name}{anchor})", found["date"], found["status"])
            rows.append((int(found["number"]), row))
    return table(("number", "decision", "date", "status"), [row for _, row in sorted(rows)])


def _slug(heading: str) -> str:
    from markdown.extensions.toc import slugify

    return str(slugify(heading.replace("`", ""), "-"))


GENERATED: dict[str, Callable[[], str]] = {
    "command_line": command_line,
    "records": records,
    "codes": codes,
    "decisions": decisions,
}
