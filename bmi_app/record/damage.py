"""Say what is wrong with a recording, or why one cannot be written."""

from dataclasses import dataclass, field


class JournalError(Exception):
    """Say in one line which file could not be written or read, and why."""


@dataclass(frozen=True)
class Damage:
    """Describe the first place in a file from which on nothing can be trusted.

    Attributes
    ----------
    file : str
        Name inside the session folder.
    batch : int
        Index of the first batch that is lost; -1 for the header of a stream, and for files without batches.
    byte : int
        Offset in the file at which it begins.
    what : str
        What was found.
    last_tick : int
        The last tick of this file that can still be read; -1 when there is none.
    whole_through : int, optional
        The last tick of which nothing is missing in this file; None where that was not looked into.
    """

    file: str
    batch: int
    byte: int
    what: str
    last_tick: int = -1
    whole_through: int | None = field(default=None, compare=False)

    @property
    def is_missing(self) -> bool:
        """Tell whether there is no such file."""
        return self.what == "is missing"

    def __str__(self) -> str:
        place = f"batch {self.batch}, byte {self.byte}" if self.batch >= 0 else f"byte {self.byte}"
        return f"{self.file}: {place}: {self.what}; readable up to tick {self.last_tick}"
