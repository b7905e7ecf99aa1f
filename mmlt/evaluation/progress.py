"""A progress bar that work of a second never shows."""

from __future__ import annotations

import threading
from collections.abc import Callable

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

#: Work that is done sooner shows nothing, in seconds.
SHOW_AFTER_SEC = 2.0


class ProgressBar:
    """A bar on standard error that appears when the work has taken two seconds, and then goes.

    It writes nothing where standard error is no terminal, so logs and pipes stay as they are. In a
    distributed job make it on the main rank only.

    Args:
        total: Number of steps.
        console: Where to draw; None is standard error.
        make_timer: Called as ``threading.Timer`` is: seconds, and what to call after them.

    Example:
        >>> with ProgressBar(2) as bar:
        ...     bar.step('reading')
        ...     bar.step('matching')
    """

    def __init__(
        self,
        total: int,
        console: Console | None = None,
        make_timer: Callable = threading.Timer,
    ) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn('{task.description}', markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console or Console(stderr=True),
            transient=True,
            redirect_stdout=False,  # what is piped on must not end on the terminal
        )
        self._task = self._progress.add_task('', total=total)
        self._num_begun = 0
        self._is_open = self._is_shown = False
        self._lock = threading.Lock()  # the timer's thread against the one that does the work
        self._timer = make_timer(SHOW_AFTER_SEC, self._show)
        self._timer.daemon = True

    def __enter__(self) -> ProgressBar:
        """Start the clock."""
        self._is_open = True
        if self._progress.console.is_interactive:
            self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take the bar away, or see to it that it never appears."""
        with self._lock:
            self._is_open = False
            self._timer.cancel()
            if self._is_shown:
                self._progress.stop()

    def step(self, description: str) -> None:
        """Say what begins now; what began before is done."""
        self._progress.update(self._task, description=description, completed=self._num_begun)
        self._num_begun += 1

    def _show(self) -> None:
        with self._lock:
            if self._is_open:
                self._progress.start()
                self._is_shown = True
