"""A command whose output is in a log, told in one line."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

#: So many lines of its log are shown of a step that has failed.
LINES_OF_FAILURE = 20
#: A terminal is told so often how far a step is, in seconds.
TELL_EVERY_SEC = 2
#: A command that has been told to end is killed after so long; a launcher's ranks have 30.
SECONDS_TO_END = 45
_PROGRESS = re.compile(r'((?:Epoch|Iter)\([a-z]+\)) +(\[[^a-z]*\])(?: .*?( loss: [0-9.]+))?')


def run_into_log(name: str, command: Sequence[str], log: Path) -> int:
    """Run a command whose output goes into a log.

    One line tells its time and its log; where it fails, the end of the log follows on standard
    error. A terminal is told its time, and how far a training or test is, while it runs. Whatever
    interrupts the wait ends the command too.

    Args:
        name: What the line calls it.
        command: Its words.
        log: The file to append to.

    Returns:
        The exit code, negative where a signal has ended it.
    """
    print(f'== {name}: ', end='', flush=True)
    started, code, is_shown = time.monotonic(), None, False

    def tell() -> None:
        nonlocal is_shown
        if sys.stdout.isatty():
            is_shown = True
            _tell(f'{name}: {_passed(started)}  {_how_far(log)}')

    try:
        with open(log, 'a', encoding='utf-8') as file:
            where = dict(stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)
            code = run_command(command, tell, **where)
    finally:
        if is_shown:
            _tell(f'{name}: ')
        if code == 0:
            print(f'{_passed(started)}, log: {log}', flush=True)
        else:
            print(f'not finished after {_passed(started)}', flush=True)
        if code:
            lines = [f'the end of {log}:', *_tail(log)[-LINES_OF_FAILURE:]]
            print('\n'.join(lines), file=sys.stderr)
    return code


def run_command(
    command: Sequence[str], on_wait: Callable[[], None] = lambda: None, **where: Any
) -> int:
    """Run a command; whatever interrupts the wait ends it too.

    Args:
        command: Its words.
        on_wait: Called every two seconds.
        where: Its standard streams, as ``subprocess.Popen`` takes them.

    Returns:
        The exit code, negative where a signal has ended it.
    """
    process = None
    try:
        with _signals_held():
            process = subprocess.Popen(command, **where)
        while True:
            try:
                return process.wait(timeout=TELL_EVERY_SEC)
            except subprocess.TimeoutExpired:
                on_wait()
    except BaseException:
        if process is not None:
            _end(process)
        raise


@contextmanager
def _signals_held() -> Iterator[None]:
    """A signal that ends this process waits: of a command just begun nobody would know.

    Its handler waits, not the signal: another thread may take that, and a command inherit it.
    """
    came: list[int] = []
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    handlers = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in handlers:
        signal.signal(number, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    for number in came:
        signal.raise_signal(number)


def _end(process: subprocess.Popen) -> None:
    """End a command; torch's launcher, told by SIGTERM, ends its ranks."""
    process.terminate()
    try:
        process.wait(timeout=SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tell(text: str) -> None:
    """In place of the line that a terminal shows."""
    print(f'\r\x1b[K== {text}', end='', flush=True)


def _how_far(log: Path) -> str:
    """Where a training or test is, of the last line that says so."""
    found = (_PROGRESS.search(line) for line in reversed(_tail(log)))
    return next((' '.join(m.group(1, 2)) + (m.group(3) or '') for m in found if m), '')


def _tail(log: Path) -> list[str]:
    """The last lines of a log, which may be long."""
    with open(log, 'rb') as file:
        file.seek(max(0, file.seek(0, 2) - 20_000))
        return file.read().decode('utf-8', errors='replace').splitlines()


def _passed(started: float) -> str:
    minutes, seconds = divmod(int(time.monotonic() - started), 60)
    return f'{minutes} min {seconds} s' if minutes else f'{seconds} s'
