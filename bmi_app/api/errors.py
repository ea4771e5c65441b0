"""Say in words what a caller can mend."""

from protocols.problems import OVERRIDE_FILE, ProtocolError


class BmiError(Exception):
    """Tell in one line a mistake what is wrong, where, and what would be right.

    Attributes
    ----------
    lines : list of str
        One for each mistake.
    """

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = list(lines)


def in_words(error: Exception) -> BmiError:
    """Return what a deeper layer tells as an error of Python's front door, which knows no options of a command."""
    if isinstance(error, ProtocolError):
        lines = [str(problem) for problem in error.problems]
    else:
        lines = list(getattr(error, "lines", ())) or [str(error)]
    return BmiError(*(line.removeprefix(f"{OVERRIDE_FILE}: ") for line in lines))
