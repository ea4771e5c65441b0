"""Find the line of every key of a TOML text, which no TOML reader of Python tells."""

import re
from collections.abc import Iterator

_TOKEN = re.compile(
    r"""
      (?P<comment>\#[^\n]*)
    | (?P<text>\"{3}(?:\\.|[^\\])*?\"{3,5} | '{3}.*?'{3,5} | "(?:\\.|[^"\\\n])*" | '[^'\n]*')
    | (?P<open>[\[{])
    | (?P<close>[\]}])
    | (?P<newline>\n)
    | (?P<other>[^\#"'\[\]{}\n]+ | ["'])
    """,
    re.VERBOSE | re.DOTALL,
)
_PART = re.compile(r"""\s*(?:"(?P<basic>(?:\\.|[^"\\])*)"|'(?P<literal>[^']*)'|(?P<bare>[A-Za-z0-9_-]+))\s*(?:\.|$)""")


def find_key_lines(text: str) -> dict[str, int]:
    """Return the line, from 1, of each table and key of a valid TOML text, by dotted path.

    A key inside an inline table or array has no entry of its own; `line_of` answers with that of the key that holds it.
    """
    lines: dict[str, int] = {}
    table: tuple[str, ...] = ()
    counts: dict[str, int] = {}  # entries so far of each array of tables
    for line, statement in _statements(text):
        if statement.startswith("["):
            repeated = statement.startswith("[[")
            inner = statement.strip("[] \t")
            table = ()
            parts = _split_key(inner)
            for part in parts[:-1]:
                table = _enter(table, part, counts)
            path = ".".join((*table, parts[-1]))
            if repeated:
                counts[path] = counts.get(path, 0) + 1
                lines.setdefault(path, line)
            table = _enter(table, parts[-1], counts)
            lines.setdefault(".".join(table), line)
        else:
            lines.setdefault(".".join((*table, *_split_key(statement))), line)
    return lines


def line_of(key: str, lines: dict[str, int]) -> int | None:
    """Return the line of a key, else that of the nearest table that holds it, else None."""
    while key:
        if key in lines:
            return lines[key]
        key = key.rpartition(".")[0]
    return None


def _enter(table: tuple[str, ...], part: str, counts: dict[str, int]) -> tuple[str, ...]:
    """Return the path of `part` in `table`; in an array of tables, that of its last entry."""
    path = (*table, part)
    entries = counts.get(".".join(path), 0)
    return (*path, str(entries - 1)) if entries else path


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield each table header and each key, with the line on which it begins."""
    line, depth, begun_on, statement, in_value = 1, 0, 1, "", False
    for match in _TOKEN.finditer(f"{text}\n"):
        token = match[0]
        if match.lastgroup == "newline" and depth == 0:
            if statement.strip():
                yield begun_on, statement.strip()
            statement, in_value = "", False
        elif match.lastgroup != "comment" and not in_value:
            if not statement.strip():
                begun_on = line
            before, equals, _ = token.partition("=") if match.lastgroup == "other" else (token, "", "")
            statement += before
            in_value = bool(equals)
        # Brackets of a header close on its line; those of a value may run over many.
        depth += (match.lastgroup == "open") - (match.lastgroup == "close")
        line += token.count("\n")


def _split_key(key: str) -> list[str]:
    """Return the parts of a dotted key, without quotes."""
    return [match["basic"] or match["literal"] or match["bare"] or "" for match in _PART.finditer(key)]
