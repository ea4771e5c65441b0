"""Keep the window alive when one of its slots raises: PyQt ends the process otherwise."""

import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType


@contextmanager
def shown_faults(show: Callable[[str], object], interrupted: Callable[[], object]) -> Iterator[None]:
    """Show exceptions that no slot caught, write them to standard error, and go on.

    What is no `Exception` (Ctrl-C, an exit) is no fault: it is raised again at the end.

    Parameters
    ----------
    show : callable
        Given one line: what, and where.
    interrupted : callable
        Called at Ctrl-C in the terminal: it has to bring the event loop to its end.
    """
    ends: list[BaseException] = []

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not issubclass(kind, Exception):
            ends.append(error)
            interrupted()
            return
        traceback.print_exception(kind, error, trace)
        at = traceback.extract_tb(trace)
        where = f" ({Path(at[-1].filename).name}:{at[-1].lineno})" if at else ""
        show(f"A fault of the window; the session goes on. {kind.__name__}: {error}{where}")

    before = sys.excepthook
    sys.excepthook = hook
    try:
        yield
    finally:
        sys.excepthook = before
    if ends:
        raise ends[0]
