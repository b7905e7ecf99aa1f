"""Progress on standard error, by rich: work that takes long, and how many tasks are done."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

#: Work that is done sooner shows nothing, in seconds.
SHOW_AFTER_SEC = 2.0
#: Where there is no terminal a line tells a count about so often, in seconds.
LINE_EVERY_SEC = 10.0


@contextmanager
def status(text: str, total: int | None = None, console: Console | None = None) -> Iterator:
    """Show on a terminal that work goes on, when it has taken two seconds; elsewhere nothing.

    In a distributed job call it on the main rank only.

    Args:
        text: What is done.
        total: Number of its parts; None shows no bar.
        console: Where to show it; None is standard error.

    Yields:
        What to call when a part is done.

    Example:
        >>> with status('resampling', 2) as advance:
        ...     advance()
        ...     advance()
    """
    console = console or Console(stderr=True)
    columns = [SpinnerColumn(), TextColumn('{task.description}', markup=False)]
    columns += [] if total is None else [BarColumn(), MofNCompleteColumn()]
    how = dict(console=console, transient=True, redirect_stdout=False)  # stdout may be piped on
    progress = Progress(*columns, TimeElapsedColumn(), **how)
    task = progress.add_task(text, total=total)
    timer = threading.Timer(SHOW_AFTER_SEC, progress.start)
    timer.daemon = True
    if not console.is_interactive:
        yield lambda: None
        return
    timer.start()
    try:
        yield lambda: progress.advance(task)
    finally:
        timer.cancel()
        timer.join()  # it may be showing it just now
        progress.stop()


@contextmanager
def count(text: str, console: Console | None = None) -> Iterator[Callable[[int, int], None]]:
    """Tell how many of a number of like tasks are done: a bar on a terminal, elsewhere lines.

    Of the lines one is written at once, others every ten seconds.

    Args:
        text: What is done.
        console: Where to tell it; None is standard error.

    Yields:
        What to call with (tasks done, tasks in all).

    Example:
        >>> with count('drawing') as tell:
        ...     for done in range(1, 4):
        ...         tell(done, 3)
    """
    console = console or Console(stderr=True)
    if console.is_interactive:
        columns = TextColumn('{task.description}', markup=False), BarColumn(), MofNCompleteColumn()
        with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
            task = progress.add_task(text, total=None)
            yield lambda done, total: progress.update(task, completed=done, total=total)
        return
    next_line = -float('inf')

    def tell(done: int, total: int) -> None:
        nonlocal next_line
        if time.monotonic() >= next_line:
            next_line = time.monotonic() + LINE_EVERY_SEC
            told = f'{text}: {done} of {total}'
            console.print(told, markup=False, highlight=False, soft_wrap=True)

    yield tell


@contextmanager
def rank_progress(text: str, total: int, rank: int, world_size: int) -> Iterator:
    """Show how far rank 0 has come with its share of the work; the other ranks show nothing.

    Args:
        text: What the share is of.
        total: Number of its parts.
        rank: Of this process.
        world_size: Number of ranks.

    Yields:
        What to call with the number of parts that have been done since.
    """
    columns = TextColumn('{task.description}', markup=False), BarColumn(), MofNCompleteColumn()
    console = Console(stderr=True, quiet=rank != 0)
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        share = f' (rank 0 of {world_size})' if world_size > 1 else ''
        task = progress.add_task(f'{text}{share}', total=total)
        yield lambda number=1: progress.advance(task, number)
