"""An experiment of several commands that may be killed and started again: each runs once."""

from __future__ import annotations

import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple, NoReturn

from mmlt.command_line import ToldError
from mmlt.experiments.commands import WORK_DIR, Later, Word, read_word, without_place
from mmlt.experiments.logged_command import run_command, run_into_log
from mmlt.experiments.step_records import compare, has_record, hash_once, read_record
from mmlt.fileio.json_files import write_json


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
        older: Stamp of the step before. Where that has no record, an older version has done it,
            which left no stamp of this step: its outputs alone say that it is done.
        is_cache: Its outputs, each in a folder of its own, may be deleted when the steps that
            read them are done.
    """

    name: str
    inputs: Sequence[Path | Later]
    outputs: Sequence[Path]
    command: Sequence[Word]
    stamp: Path
    log: Path | None = None
    remove: Path | None = None
    free_options: tuple[str, ...] = ()
    older: Path | None = None
    is_cache: bool = False

    def missing(self) -> Path | None:
        """The first of stamp and outputs that is not there; None: the step is done."""
        needed = self.outputs if self._is_of_older() else (self.stamp, *self.outputs)
        return next((path for path in needed if not path.exists()), None)

    def _is_of_older(self) -> bool:
        if self.older is None or self.stamp.exists() or not self.older.exists():
            return False
        return not has_record(self.older)

    def shell(self) -> str:
        """The command as it is typed."""
        words = (w.shell if isinstance(w, Later) else shlex.quote(str(w)) for w in self.command)
        line = ' '.join(words)
        return f'rm -rf {shlex.quote(str(self.remove))}\n{line}' if self.remove else line

    def deciding_words(self) -> list[Word]:
        """The command without the options that decide no result."""
        keys = tuple(f'{key}=' for key in self.free_options)
        return [word for word in self.command if not any(key in str(word) for key in keys)]


class StepError(ToldError):
    """A step has failed; it has been told.

    Args:
        message: Names the step.
        exit_code: Of its command.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message, exit_code if exit_code > 0 else 128 - exit_code)  # as a shell


class Steps:
    """Steps one after the other, those done before left out.

    Args:
        steps: In the order in which they run.
        folder: That of the experiment: it may be moved, and what changes in it is the steps' work,
            after which those that read it are done again. None: there is none.
    """

    def __init__(self, steps: Iterable[Step], folder: Path | None = None) -> None:
        self.steps = list(steps)
        self._place = partial(without_place, folder=folder)
        self._folder = str(folder)

    def check(self) -> None:
        """Refuse before anything runs.

        Raises:
            ValueError: A step has been done with another command or input.
        """
        for step in self.steps:
            self._why(step)

    def print_plan(self) -> None:
        """Print which steps are done, and the commands of the others as they can be typed."""
        self.check()
        for step in self.steps:
            why = self._why(step)
            if why is None:
                print(f'# {step.name}: done before')
            else:
                again = f' again, for {why}\n{shlex.join(_removal(step))}' if why else ''
                print(f'# {step.name}: to do{again}\n{step.shell()}')

    def run(self, part: slice = slice(None)) -> None:
        """Run what is not done; Ctrl-C and SIGTERM end the step that runs, and the process.

        Args:
            part: Of the steps.

        Raises:
            ValueError: A step has been done with another command or input.
            StepError: One has failed.
        """
        with _stopped_by_signals():
            self.check()
            for step in self.steps[part]:
                why = self._why(step)
                if why is None:
                    print(f'== {step.name}: done before', flush=True)
                    continue
                if why:
                    print(f'== {step.name}: once more, for {why}', flush=True)
                    subprocess.run(_removal(step), check=True)
                _run(step, self._place)

    def _why(self, step: Step) -> str | None:
        """Why a step is to do once more, '' where it has not been done; None: it is done."""
        of_steps = ''
        if step.stamp.exists() and has_record(step.stamp):
            held = read_record(step.stamp)
            found = compare(held, step.deciding_words(), step.inputs, self._place)
            told, of_steps = (text.replace(WORK_DIR, self._folder) for text in found)
            if of_steps and not self._is_redone_before(step):
                told = told or f'with another {of_steps} than is there now'
            if told:
                raise ValueError(
                    f'{step.name} was done {told}: choose another folder, or delete {step.stamp} '
                    'and what the step has left, to do it again'
                )
        if of_steps:
            return f'{of_steps} is another'
        missing = step.missing()
        if missing is None or self._is_spent(step):
            return None
        return f'{missing} is missing' if step.stamp.exists() else ''

    def _is_redone_before(self, step: Step) -> bool:
        """Whether a step before is being done again, or has been since."""
        stamps = [each.stamp for each in self.steps[: self.steps.index(step)]]
        since = step.stamp.stat().st_mtime_ns
        return any(not each.exists() or each.stat().st_mtime_ns > since for each in stamps)

    def _is_spent(self, step: Step) -> bool:
        """Whether what a cache lacks was for steps that are done."""
        if not step.is_cache or not step.stamp.exists():
            return False
        lost = [str(path.parent) for path in step.outputs if not path.exists()]
        others = ((s, f'{s.shell()} {s.inputs}') for s in self.steps if s is not step)
        readers = (s for s, text in others if any(x in text for x in lost))
        return all(each.missing() is None for each in readers)


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """SIGINT and SIGTERM end with a shell's exit code, no traceback, unless they are ignored."""

    def stop(number: int, _: object) -> None:
        sys.exit(128 + number)

    signals = (signal.SIGINT, signal.SIGTERM)
    heard = {each: signal.getsignal(each) for each in signals}
    heard = {each: before for each, before in heard.items() if before != signal.SIG_IGN}
    for each in heard:
        signal.signal(each, stop)
    try:
        yield
    finally:
        for each, before in heard.items():
            signal.signal(each, before)


def _removal(step: Step) -> list[str]:
    """Removes what a step has left, so that nothing is resumed; the stamp is the last to go."""
    made = (path.parent if step.is_cache else path for path in step.outputs)
    return ['rm', '-rf', '--', *map(str, (*made, step.stamp))]


def _run(step: Step, place: Callable[[str], str]) -> None:
    words = [read_word(word) for word in step.deciding_words()]
    record = {
        'command': [place(word) for word in words],
        'inputs': {place(path): hash_once(path) for path in map(read_word, step.inputs)},
    }
    if step.remove is not None and step.remove.exists():
        shutil.rmtree(step.remove)
    started, cpu_started = time.monotonic(), _cpu_seconds()
    command = [read_word(word) for word in step.command]
    if step.log is None:
        print(f'== {step.name}:', flush=True)
        code = run_command(command)
    else:
        for path in (step.log, *step.outputs):
            path.parent.mkdir(parents=True, exist_ok=True)
        code = run_into_log(step.name, command, step.log)
    if code:
        _fail(step, 'failed', code, is_told=step.log is None and code > 0)
    for path in step.outputs:
        if not path.exists():
            _fail(step, f'has left no {path}', 1)
    record['seconds'] = round(time.monotonic() - started, 1)
    record['cpu_seconds'] = round(_cpu_seconds() - cpu_started, 1)
    write_json(step.stamp, record, overwrite=True)


def _fail(step: Step, what: str, code: int, is_told: bool = False) -> NoReturn:
    """A tool whose output is shown has told why it has failed."""
    where = f', log: {step.log}' if step.log else ''
    if not is_told:
        print(f'error: {step.name} {what}{where}', file=sys.stderr, flush=True)
    raise StepError(f'{step.name} {what}', code)


def _cpu_seconds() -> float:
    """Of all processes that have been started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
