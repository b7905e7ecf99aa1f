"""What a folder and its steps have been done with, beside what is asked now."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from mmlt.experiments.commands import WORK_DIR, Later, Word, read_word
from mmlt.fileio.atomic_write import atomic_write
from mmlt.fileio.checkpoints import hash_file
from mmlt.fileio.json_files import read_json_object
from mmlt.fileio.json_schema import check_keys


def check_folder(path: Path, asked: str) -> None:
    """Refuse a folder that is another experiment's.

    Args:
        path: File in it that says whose it is.
        asked: What this experiment is.

    Raises:
        ValueError: It says something else.
    """
    held = path.read_text(encoding='utf-8').rstrip('\n') if path.is_file() else asked
    if _normal(held) != _normal(asked):
        raise ValueError(f'{path.parent} holds {held!r}, not {asked!r}: choose another --work-dir')


def bind_folder(path: Path, asked: str) -> None:
    """Make a folder an experiment's; see :func:`check_folder`."""
    check_folder(path, asked)
    with atomic_write(path, overwrite=True) as file:
        file.write_text(f'{asked}\n', encoding='utf-8')


def _normal(asked: str) -> list[list[str]]:
    """Without what means nothing: a path's ``./`` and last ``/``, the order of the options."""
    parts = re.split(r'\s(?=--)', asked)
    return sorted([str(Path(word)) for word in part.split()] for part in parts)


def has_record(stamp: Path) -> bool:
    """Whether a stamp is not of an older version, which compared nothing."""
    return stamp.read_text(encoding='utf-8').startswith('{')


def read_record(stamp: Path) -> dict:
    """The command and the inputs' hashes of a step that has been done.

    Raises:
        ValueError: The file is damaged.
    """
    record = read_json_object(stamp)
    check_keys(record, {'command': 'texts', 'inputs': 'object'}, str(stamp))
    check_keys(record['inputs'], dict.fromkeys(record['inputs'], 'text'), f'{stamp}: inputs')
    return record


def compare(
    held: dict, command: Sequence[Word], inputs: Sequence[Word], place: Callable[[str], str]
) -> tuple[str, str]:
    """What of a record is another than is asked; what is not known yet is not.

    Args:
        held: The record.
        command: Words that are asked now.
        inputs: Files that are asked now.
        place: Takes out of a word where things lie.

    Returns:
        What the user has changed, and what steps before have: a file of theirs. '' for nothing.
    """
    before, files = _placed(held, place)
    known = [_known(word, place) for word in command]
    now = [word.shell if text is None else text for word, text in zip(command, known)]
    if len(now) == len(before):  # what is known later is of steps before, and among the inputs
        now = [old if isinstance(w, Later) else new for w, old, new in zip(command, before, now)]
    if now != before:
        return difference(before, now), ''
    hashes = {_known(path, place): _hash_of(path) for path in inputs}
    changed = [name for name in files.keys() - hashes.keys() if not _is_made(name)]
    changed += [name for name, found in hashes.items() if found and files.get(name) != found]
    of_steps = [name for name in sorted(changed) if _is_made(name)]
    of_user = [name for name in sorted(changed) if not _is_made(name)]
    told = f'with another {of_user[0]} than is there now' if of_user else ''
    return told, of_steps[0] if of_steps else ''


def difference(before: Sequence[str], now: Sequence[str]) -> str:
    """Where two commands differ: from the first such word, with its option, to the last."""
    start = len(os.path.commonprefix([before, now]))
    end = len(os.path.commonprefix([before[start:][::-1], now[start:][::-1]]))
    while start and before[start - 1].startswith('--'):
        start -= 1
    old, new = (shlex.join(words[start : len(words) - end]) for words in (before, now))
    if old and new:
        return f'with {old!r}, not {new!r}'
    return f'with {old!r}, now without it' if old else f'without {new!r}'


def hash_once(path: str) -> str:
    """Hash of a file; several steps may read one checkpoint, and are compared more than once."""
    found = os.stat(path)
    return _hash_once(path, found.st_size, found.st_mtime_ns)


@cache
def _hash_once(path: str, size: int, mtime: int) -> str:
    return hash_file(path)


def _placed(held: dict, place: Callable[[str], str]) -> tuple[list[str], dict[str, str]]:
    files = {place(name): found for name, found in held['inputs'].items()}
    return [place(word) for word in held['command']], files


def _known(word: Word, place: Callable[[str], str]) -> str | None:
    try:
        return place(read_word(word))
    except FileNotFoundError:  # what is before it will be done first
        return None


def _hash_of(path: Word) -> str | None:
    try:
        return hash_once(read_word(path))
    except FileNotFoundError:
        return None


def _is_made(name: str) -> bool:
    """Whether steps have made a file: it is in the experiment's folder."""
    return name.startswith(f'{WORK_DIR}/')
