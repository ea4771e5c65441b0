"""Name what is wrong in a protocol file, where, and what would be right."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

OVERRIDE_FILE = "--set"  # stands where a file name would, for a mistake made on the command line


@dataclass(frozen=True)
class Problem:
    """Describe one mistake.

    Attributes
    ----------
    file
        The file in which the mistake stands, or `--set` for an override.
    key
        Dotted path of the key, with list entries by index (`blocks.0.duration_s`); empty for the file as a whole.
    line
        Line in the file, from 1, where it can be told.
    message
        What is wrong; what is allowed.
    """

    file: str
    key: str
    line: int | None
    message: str

    def in_window(self) -> str:
        """Write the problem without the name of an option of the command line: `key.path: message (line 3)`."""
        line = f" (line {self.line})" if self.line is not None and self.file != OVERRIDE_FILE else ""
        return f"{': '.join(part for part in (self.key, self.message) if part)}{line}"

    def __str__(self) -> str:
        """Write the problem as `file:line: key.path: message`."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (place, self.key, self.message) if part)


class ProtocolError(Exception):
    """Refuse a protocol, with every mistake that was found in it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: list[Problem] = list(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True)
class Finding:
    """Describe one mistake before it is known in which file and line it stands.

    Attributes
    ----------
    key
        Dotted path of the key.
    message
        What is wrong; what is allowed.
    because
        Other keys on which the finding rests. It is dropped when one of them is itself wrong, since the values that
        stand in for wrong ones would make it a false alarm.
    """

    key: str
    message: str
    because: tuple[str, ...] = ()


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Return `"; did you mean 'x'?"` for the allowed name that is most like `name`, or nothing."""
    near = difflib.get_close_matches(name, list(allowed), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def listing(names: Iterable[str]) -> str:
    """Quote and join names for a message."""
    return ", ".join(repr(name) for name in names) or "none"


def covers(key: str, other: str) -> bool:
    """Tell whether one of two dotted paths is the other, or holds it."""
    return key == other or key.startswith(f"{other}.") or other.startswith(f"{key}.")
