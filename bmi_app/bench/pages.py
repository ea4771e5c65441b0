"""Write a table that a bench measured into a page of the documents, between two markers, with the command that made it.

    <!-- table: closed-loop -->
    ...
    <!-- end -->

The lines between them belong to the bench and are replaced; the lines around them are not touched.
"""

import os
import re
import shlex
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from bmi_app import small_files
from bmi_app.command_line import fail

Into = Annotated[
    Path | None,
    typer.Option(
        metavar="PAGE", help="write the table into this page, between `<!-- table: NAME -->` and `<!-- end -->`"
    ),
]
END = "<!-- end -->"
_NOT_TOLD = ("jobs", "as_json")  # they do not change what is measured


def marker(name: str) -> str:
    """Return the line that begins a table."""
    return f"<!-- table: {name} -->"


def replaced(page: str, name: str, content: str) -> str:
    """Return a page in which a table's content is another.

    Parameters
    ----------
    page
        The whole text.
    name
        Of the table.
    content
        What is to stand between its markers, in Markdown.

    Raises
    ------
    ValueError
        If the page does not have the table exactly once, or the table has no end; in one line.
    """
    begin = marker(name)
    lines = page.split("\n")
    at = [number for number, line in enumerate(lines) if line.strip() == begin]
    if len(at) != 1:
        raise ValueError(
            f"the line `{begin}` must stand in it once, followed by `{END}`; it stands there {len(at)} times"
        )
    for number in range(at[0] + 1, len(lines)):
        line = lines[number].strip()
        if line == END:
            return "\n".join([*lines[: at[0] + 1], *content.strip("\n").split("\n"), *lines[number:]])
        if re.fullmatch(marker(".*"), line):
            break
    raise ValueError(f"the line `{begin}` is not followed by a line `{END}` before the next table")


def check(path: Path | None, name: str) -> None:
    """Refuse a page that a table could not be written into, before anything is measured."""
    if path is not None:
        _changed(path.expanduser(), name, "")


def write(path: Path | None, name: str, context: typer.Context, table: str) -> None:
    """Write a table, and the command that is running, into a page; end with one line where that cannot be done.

    The page is exchanged as a whole: whoever reads it meanwhile sees the old one or the new one.
    """
    if path is None:
        return
    path = path.expanduser()
    page = _changed(path, name, f"    {command_line(context)}\n\n{table}")
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as folder:
            new = Path(folder) / path.name
            new.write_text(page, encoding="utf-8", newline="\n")
            os.chmod(new, os.stat(path).st_mode & 0o777)
            os.replace(new, path)
    except OSError as error:
        fail(f"--into {path}: {error.strerror}", code=1)


def _changed(path: Path, name: str, content: str) -> str:
    try:
        return replaced(small_files.read_text(path), name, content)
    except UnicodeDecodeError:
        fail(f"--into {path}: is not UTF-8")
    except ValueError as error:
        fail(f"--into {path}: {error}")
    except OSError as error:
        fail(f"--into {path}: {error.strerror}")


def command_line(context: typer.Context) -> str:
    """Return the command that is running, with what was given to it; a recording is told by its name only, since its folder differs between machines."""
    words: list[str] = []
    within: Any = context
    while within.parent is not None:
        words.insert(0, str(within.info_name))
        within = within.parent
    for parameter in context.command.params:
        name = str(parameter.name)
        source = context.get_parameter_source(name)
        if name in _NOT_TOLD or source is None or source.name != "COMMANDLINE":
            continue
        words.extend(_words(parameter, context.params[name]))
    return shlex.join(["bmi", *words])


def _words(parameter: Any, value: Any) -> list[str]:
    if parameter.param_type_name == "argument":
        return [Path(str(value)).name]
    option = max(parameter.opts, key=len)
    if isinstance(value, bool):
        return [option] if value else []
    values = value if isinstance(value, (list, tuple)) else [value]
    texts = [f"{one:g}" if isinstance(one, float) else str(getattr(one, "value", one)) for one in values]
    return [word for text in texts for word in (option, text)]
