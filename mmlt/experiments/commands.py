"""The commands of an experiment's steps: tools of this checkout, words that are known later."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Union

_PACKAGE = Path(__file__).resolve().parents[1]
#: Where tools and configs lie: the checkout, or what `mim install` has put beside the package.
ROOT = next(
    (path for path in (_PACKAGE.parent, _PACKAGE / '.mim') if (path / 'tools/train.py').is_file()),
    _PACKAGE.parent,
)
#: Stands for the experiment's folder in what is recorded of its steps.
WORK_DIR = 'WORK_DIR'
#: mmengine's --cfg-options drop spaces and take the others for lists.
_NOT_PLAIN = re.compile(r'[\s,\'"()\[\]]')


class Later(NamedTuple):
    """A word of a command that is known when the steps before have been done.

    Attributes:
        read: Gives the word, or raises FileNotFoundError.
        shell: What gives it in a shell.
    """

    read: Callable[[], str]
    shell: str

    def after(self, text: str) -> Later:
        """The word with a text in front."""
        return Later(lambda: text + self.read(), shlex.quote(text) + self.shell)


Word = Union[str, Path, int, Later]


def read_word(word: Word) -> str:
    """A word as text; raises FileNotFoundError where it is not known yet."""
    return word.read() if isinstance(word, Later) else str(word)


def python() -> str:
    """The interpreter of the steps: $PYTHON, or the one that runs this."""
    return os.environ.get('PYTHON') or sys.executable


def tool(name: str, *arguments: Word) -> list[Word]:
    """The command of a tool, in one process."""
    return [python(), ROOT / 'tools' / name, *arguments]


def ranks_tool(name: str, *arguments: Word) -> list[Word]:
    """The command of a script that starts ranks."""
    return ['env', f'PYTHON={python()}', ROOT / 'tools' / name, *arguments]


def last_checkpoint(folder: Path) -> Later:
    """The last checkpoint of a training."""
    path = folder / 'last_checkpoint'
    return Later(lambda: path.read_text().strip(), f'"$(cat {shlex.quote(str(path))})"')


def check_plain_path(what: str, path: object) -> None:
    """Refuse a path that mmengine's --cfg-options would change.

    Raises:
        ValueError: Names it.
    """
    if _NOT_PLAIN.search(str(path)):
        raise ValueError(f'{what} must be without spaces, commas, quotes and brackets: {path}')


def whole_number(what: str, text: str | None, at_least: int = 0) -> int | None:
    """The number that an option gives; None where it is not given.

    Raises:
        ValueError: It is none, or too small.
    """
    if text is None:
        return None
    least = f', at least {at_least}' if at_least else ''
    if not re.fullmatch('[0-9]+', text) or int(text) < at_least:
        raise ValueError(f'{what} must be a whole number{least}, not {text!r}')
    return int(text)


def without_place(word: str, folder: Path | None = None) -> str:
    """A word without where things lie: they may move.

    Args:
        word: Of a command.
        folder: That of the experiment, which may be moved as checkout and interpreter may.
    """
    interpreter = {python(): 'python', f'PYTHON={python()}': 'PYTHON=python'}.get(word)
    if interpreter:
        return interpreter
    if folder is not None:
        forms = {str(folder), os.path.abspath(folder), os.path.realpath(folder)}
        found = '|'.join(map(re.escape, {*forms, os.path.relpath(folder)} - {'.'}))
        word = re.sub(rf'(^|=)({found})(?=/|$)', rf'\1{WORK_DIR}', word)
    return word.replace(f'{ROOT}/', '')  # the interpreter may lie in it
