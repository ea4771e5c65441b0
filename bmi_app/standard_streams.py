"""Bear standard streams that cannot be written: a full disk behind them, a reader that has gone, a stream that was closed.

What cannot be said on standard error is left unsaid: no session waits for words. What cannot be written to standard output was asked
for, so that the command fails, in one line.
"""

import errno
import os
import sys
from collections.abc import Iterable
from typing import Any, TextIO, cast


class UnwrittenError(Exception):
    """Tell that standard output could not be written; raised from the `OSError`."""


class _Stream:
    """Stand for a text stream; all but what can fail is the stream's own."""

    def __init__(self, stream: TextIO, *, must_be_said: bool) -> None:
        self._stream, self._must_be_said = stream, must_be_said

    def write(self, text: str) -> int:
        try:
            self._stream.write(text)
        except OSError as error:
            self._fail(error)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._fail(error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _fail(self, error: OSError) -> None:
        if self._must_be_said:
            raise UnwrittenError(f"standard output cannot be written: {error.strerror}") from error


def guard() -> None:
    """Put the guarded streams in place of the process's own."""
    for descriptor in range(3):  # a file that is opened must never become what a library prints its errors to
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stderr is None:  # print() would then write to standard output
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - as long as the process
    if sys.stdout is not None:
        sys.stdout = cast(TextIO, _Stream(sys.stdout, must_be_said=True))
    sys.stderr = cast(TextIO, _Stream(sys.stderr, must_be_said=False))


def finish(unwritten: UnwrittenError | None = None) -> int:
    """Write out what is left in standard output; say where that fails, and return the exit code: 0, or 1.

    A reader that has gone away, as `head` does, is not worth a word.
    """
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except UnwrittenError as error:
        unwritten = unwritten or error
    if unwritten is None:
        return 0
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)  # Python writes out once more when it ends
    os.close(nowhere)
    cause = unwritten.__cause__
    if not isinstance(cause, OSError) or cause.errno != errno.EPIPE:
        print(f"bmi: {unwritten}", file=sys.stderr)
    return 1
