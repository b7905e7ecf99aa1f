"""Progress of work: a bar that work of a second never shows, a count, steps with a log."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

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
#: So many lines of its log are shown of a step that has failed.
LINES_OF_FAILURE = 20


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


class CountedProgress:
    """How many of a number of like tasks are done: a bar on a terminal, elsewhere a line at times.

    Both go to standard error. Call it with (tasks done, tasks in all); the first call is told at
    once, later ones every ten seconds.

    Args:
        description: What is done.
        console: Where to tell it; None is standard error.
        clock: Seconds that pass, as ``time.monotonic`` tells them.

    Example:
        >>> with CountedProgress('drawing') as progress:
        ...     for done in range(1, 4):
        ...         progress(done, 3)
    """

    def __init__(
        self,
        description: str,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        console = console or Console(stderr=True)
        self._progress = Progress(
            TextColumn('{task.description}', markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_interactive,
        )
        self._task = self._progress.add_task(description, total=None)
        self._description, self._console = description, console
        self._clock, self._next_line = clock, -float('inf')

    def __enter__(self) -> CountedProgress:
        """Show the bar, where there is one."""
        if self._console.is_interactive:  # rich before 13.6 writes an empty line where it is not
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take the bar away."""
        if self._console.is_interactive:
            self._progress.stop()

    def __call__(self, done: int, total: int) -> None:
        """Say how far the work has come."""
        self._progress.update(self._task, completed=done, total=total)
        if self._console.is_interactive or self._clock() < self._next_line:
            return
        self._next_line = self._clock() + LINE_EVERY_SEC
        text = f'{self._description}: {done} of {total}'
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class StepError(Exception):
    """A step has failed: names it, the last line of its log, and the log."""


def run_step(name: str, log: Path, run: Callable[[], int]) -> None:
    """Run a step that prints into a log: one line tells its name and time, and the log.

    Args:
        name: What the step is called.
        log: The file; its folder is made.
        run: Does the step and returns its exit code. It appends to the log.

    Raises:
        StepError: The exit code is not 0; the end of the log has been printed.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    print(f'{name}: ', end='', flush=True)
    started = time.monotonic()
    code = run()
    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    passed = f'{minutes} min {seconds} s' if minutes else f'{seconds} s'
    if not code:
        print(f'{passed}, log: {log}', flush=True)
        return
    print(f'failed after {passed}', flush=True)
    lines = log.read_text(encoding='utf-8', errors='replace').splitlines() if log.exists() else []
    print('\n'.join([f'the end of {log}:', *lines[-LINES_OF_FAILURE:]]), file=sys.stderr)
    last = next((line for line in reversed(lines) if line.strip()), f'exit code {code}')
    raise StepError(f'{name} failed: {last.strip()} (log: {log})')
