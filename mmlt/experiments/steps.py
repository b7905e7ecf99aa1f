"""An experiment of several commands that may be killed and started again: each runs once."""

from __future__ import annotations

import json
import os
import resource
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from mmlt.command_line import ToldError
from mmlt.experiments.commands import Later, Word, without_place
from mmlt.experiments.logged_command import run_into_log
from mmlt.fileio.atomic_write import atomic_write
from mmlt.fileio.checkpoints import hash_file


class Step(NamedTuple):
    """A command of an experiment.

    It is done when its stamp and all its outputs are there. The stamp is written when the command
    has ended well, so whatever was killed runs again; it holds the command and the inputs' hashes,
    and a step that was done with others is refused, not taken for this one.

    Attributes:
        name: What the step is called.
        inputs: Files that decide the result.
        outputs: Files that it leaves.
        command: Its words.
        stamp: File that says that it is done. One without a record (of an older version) is
            compared with nothing.
        log: File to which its output is appended; None: it is short, and shown.
        remove: Folder to empty first, of what a stopped command has left there.
        free_options: Keys, or ends of keys, of options KEY=VALUE that decide no result.
    """

    name: str
    inputs: Sequence[Path | Later]
    outputs: Sequence[Path]
    command: Sequence[Word]
    stamp: Path
    log: Path | None = None
    remove: Path | None = None
    free_options: tuple[str, ...] = ()

    def missing(self) -> Path | None:
        """The first of stamp and outputs that is not there; None: the step is done."""
        return next((path for path in (self.stamp, *self.outputs) if not path.exists()), None)

    def words(self) -> list[str]:
        """The command; raises FileNotFoundError where a step before it has not been done."""
        return [word.read() if isinstance(word, Later) else str(word) for word in self.command]

    def shell(self) -> str:
        """The command as it is typed."""
        words = (w.shell if isinstance(w, Later) else shlex.quote(str(w)) for w in self.command)
        line = ' '.join(words)
        return f'rm -rf {shlex.quote(str(self.remove))}\n{line}' if self.remove else line

    def record(self) -> dict:
        """What its result depends on; raises FileNotFoundError where that is not there yet."""
        command = [without_place(word) for word in self.words()]
        keys = tuple(f'{key}=' for key in self.free_options)
        command = [word for word in command if not any(key in word for key in keys)]
        files = [path.read() if isinstance(path, Later) else str(path) for path in self.inputs]
        return {'command': command, 'inputs': {without_place(path): _hash(path) for path in files}}


class StepError(ToldError):
    """A step has failed: its error, or the end of its log, has been shown.

    Args:
        message: Names the step.
        code: Exit code of its command.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message, code if code > 0 else 128 - code)  # as a shell tells a signal


class Steps:
    """Steps one after the other, those done before left out.

    Args:
        steps: In the order in which they run.
    """

    def __init__(self, steps: Iterable[Step]) -> None:
        self.steps = list(steps)

    def check(self) -> None:
        """Refuse before anything runs.

        Raises:
            ValueError: A step has been done with another command or input.
        """
        for step in self.steps:
            if step.missing() is None:
                _check_record(step)

    def print_plan(self) -> None:
        """Print which steps are done, and the commands of the others as they can be typed."""
        self.check()
        for step in self.steps:
            missing = step.missing()
            if missing is None:
                print(f'# {step.name}: done before')
            else:
                again = f' again, for {missing} is missing' if step.stamp.exists() else ''
                print(f'# {step.name}: to do{again}\n{step.shell()}')

    def run(self) -> None:
        """Run what is not done.

        Raises:
            ValueError: A step has been done with another command or input.
            StepError: One has failed.
        """
        self.check()
        for step in self.steps:
            missing = step.missing()
            if missing is None:
                _check_record(step)  # once more: what is before it may have been done since
                print(f'== {step.name}: done before', flush=True)
                continue
            if step.stamp.exists():
                print(f'== {step.name}: once more, for {missing} is missing', flush=True)
                step.stamp.unlink()
            _run(step)


def check_folder(path: Path, asked: str) -> None:
    """Refuse a folder that is another experiment's.

    Args:
        path: File in it that says whose it is.
        asked: What this experiment is.

    Raises:
        ValueError: It says something else.
    """
    held = path.read_text(encoding='utf-8').rstrip('\n') if path.is_file() else asked
    if held != asked:
        raise ValueError(f'{path.parent} holds {held!r}, not {asked!r}: choose another --work-dir')


def bind_folder(path: Path, asked: str) -> None:
    """Make a folder an experiment's; see :func:`check_folder`."""
    check_folder(path, asked)
    with atomic_write(path, overwrite=True) as file:
        file.write_text(f'{asked}\n', encoding='utf-8')


def _check_record(step: Step) -> None:
    text = step.stamp.read_text(encoding='utf-8')
    if not text.startswith('{'):
        return
    held = json.loads(text)
    try:
        asked = step.record()
    except FileNotFoundError:  # what is before it will be done again first
        return
    differs = _difference(held, asked)
    if differs:
        raise ValueError(
            f'{step.name} was done {differs}: choose another folder, or delete {step.stamp} '
            'and what the step has left, to do it again'
        )


def _difference(held: dict, asked: dict) -> str:
    """What of a record is another than what is asked; '' where nothing is."""
    before, now = held['command'], asked['command']
    if before != now:
        old = shlex.join(word for word in before if word not in now)
        new = shlex.join(word for word in now if word not in before)
        if old and new:
            return f'with {old!r}, not {new!r}'
        if old:
            return f'with {old!r}, now without it'
        return f'without {new!r}' if new else f'with {shlex.join(before)!r}, not in that order'
    names = sorted(held['inputs'].keys() | asked['inputs'].keys())
    changed = [name for name in names if held['inputs'].get(name) != asked['inputs'].get(name)]
    return f'with another {changed[0]} than is there now' if changed else ''


def _run(step: Step) -> None:
    record, command = step.record(), step.words()
    if step.remove is not None and step.remove.exists():
        shutil.rmtree(step.remove)
    started, cpu_started = time.monotonic(), _cpu_seconds()
    if step.log is None:
        print(f'== {step.name}:', flush=True)
        code = subprocess.run(command).returncode
    else:
        for path in (step.log, *step.outputs):
            path.parent.mkdir(parents=True, exist_ok=True)
        code = run_into_log(step.name, command, step.log)
    if code:
        raise StepError(f'{step.name} failed', code)
    for path in step.outputs:
        if not path.exists():
            print(f'error: {step.name} has left no {path}', file=sys.stderr)
            raise StepError(f'{step.name} has left no {path}', 1)
    record['seconds'] = round(time.monotonic() - started, 1)
    record['cpu_seconds'] = round(_cpu_seconds() - cpu_started, 1)
    with atomic_write(step.stamp, overwrite=True) as file:
        file.write_text(json.dumps(record, indent=1) + '\n', encoding='utf-8')


def _hash(path: str) -> str:
    found = os.stat(path)
    return _hash_once(path, found.st_size, found.st_mtime_ns)


@cache
def _hash_once(path: str, size: int, mtime: int) -> str:
    """Several steps may read one checkpoint, and are compared more than once."""
    return hash_file(path)


def _cpu_seconds() -> float:
    """Of all processes that have been started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
