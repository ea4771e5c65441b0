"""Hold a protocol's text while it is edited key by key; comments and order stay as they were written."""

from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, InlineTable, Table

ABSENT = object()  # the file leaves a key to its default


class ProtocolDocument:
    """Read and change keys by their dotted path, list entries by index: `blocks.0.duration_s`.

    Raises
    ------
    ValueError
        If the text is not valid TOML; the message says where.
    """

    def __init__(self, text: str) -> None:
        try:
            self._document = tomlkit.parse(text)
        except TOMLKitError as error:
            raise ValueError(str(error)) from error

    @property
    def text(self) -> str:
        """Return the file's text."""
        return tomlkit.dumps(self._document)

    def get(self, key: str) -> Any:
        """Return a plain value, or ABSENT."""
        found: Any = self._document
        for part in key.split("."):
            if isinstance(found, list):
                if not part.isdigit() or int(part) >= len(found):
                    return ABSENT
                found = found[int(part)]
            elif isinstance(found, dict) and part in found:
                found = found[part]
            else:
                return ABSENT
        return found.unwrap() if hasattr(found, "unwrap") else found

    def count(self, key: str) -> int:
        """Return how many entries a list has."""
        entries = self.get(key)
        return len(entries) if isinstance(entries, list) else 0

    def set(self, key: str, value: Any) -> None:
        """Write a value; tables that are missing are made."""
        *path, last = key.split(".")
        table = self._table(path)
        if isinstance(value, str) and "\n" in value and "\r" not in value and '"""' not in value and "\\" not in value:
            value = tomlkit.string(value, multiline=True)  # read in the file as in the form
        if isinstance(table, InlineTable) or last in table:
            table[last] = value
        else:
            _append(table, last, value)
            self._document = tomlkit.parse(self.text)  # what was inserted in the middle is known only by its text

    def unset(self, key: str) -> None:
        """Leave a key to its default."""
        *path, last = key.split(".")
        if self.get(key) is not ABSENT:
            del self._table(path)[last]

    def rename(self, table: str, old: str, new: str) -> None:
        """Give a key of a table another name, at its place."""
        entries = {(new if name == old else name): value for name, value in self.get(table).items()}
        for name in self.get(table):
            self.unset(f"{table}.{name}")
        for name, value in entries.items():
            self.set(f"{table}.{name}", value)

    def add_entry(self, key: str, values: dict[str, Any]) -> None:
        """Append a table to a list of tables."""
        if key not in self._document:
            self._document.append(key, tomlkit.aot())
        table = tomlkit.table()
        for name, value in values.items():
            table.append(name, value)
        entries: Any = self._document[key]
        if isinstance(entries, AoT):
            if len(entries):
                _end_with_blank_line(entries[-1])
            table.add(tomlkit.nl())
        entries.append(table if isinstance(entries, AoT) else values)

    def remove_entry(self, key: str, index: int) -> None:
        """Remove a table from a list of tables."""
        entries: Any = self._document[key]
        del entries[index]
        if not len(entries):
            del self._document[key]

    def move_entry(self, key: str, index: int, to: int) -> None:
        """Put a table of a list of tables at another place."""
        entries: Any = self._document[key]
        entry = entries[index]
        del entries[index]
        entries.insert(to, entry)

    def _table(self, path: list[str]) -> Any:
        found: Any = self._document
        for part in path:
            if isinstance(found, list):
                found = found[int(part)]
                continue
            if part not in found:
                # Of `[axes.y]` only the last part has a header of its own.
                is_last = part == path[-1]
                found.append(part, tomlkit.table(is_super_table=not is_last))
            found = found[part]
        return found


def _append(table: Any, key: str, value: Any) -> None:
    """Write a new key below the last one of its table, before the blank line and the comment of what follows."""
    body = (table.value if isinstance(table, Table) else table).body
    last = max((at for at, (name, _) in enumerate(body) if name is not None), default=None)
    if isinstance(table, Table) and last is not None and last + 1 < len(body):
        before = body[last][0]
        assert before is not None
        table.value._insert_after(before, key, value)
    else:
        table.append(key, value)


def _end_with_blank_line(table: Any) -> None:
    if not table.as_string().endswith("\n\n"):
        table.add(tomlkit.nl())
