"""A count that moves while a command works, on stderr, and only where somebody looks at it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_EVERY = 500  # a redraw costs more than a record


@contextmanager
def counting(what: str) -> Iterator[Callable[[int], None]]:
    """Lend a function that shows how many are done."""
    if not sys.stderr.isatty():
        yield lambda _done: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description} {task.completed:,.0f}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None)

        def show(done: int) -> None:
            if done % _EVERY == 0:
                progress.update(task, completed=done)

        yield show
