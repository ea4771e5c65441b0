"""Show on standard error how much of a long computation is done."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def bar(what: str, total: int | None = None) -> Iterator[Callable[[int], object]]:
    """Show a bar where somebody sees it, a terminal or a notebook, and give what tells it how much is done."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    is_seen = console.is_terminal or console.is_jupyter
    with Progress(console=console, transient=True, disable=not is_seen) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, completed=done)
