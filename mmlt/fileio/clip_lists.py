"""mmaction2's lists of clips with their labels, and of the names of these."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from mmlt.fileio.class_counts import ClassCounts, count_labels
from mmlt.functional.detection.fields import name_fault
from mmlt.functional.detection.text_files import read_fields, read_lines

_LABEL = re.compile(r'[0-9]{1,6}')


def count_training_clips(path: str | Path, class_names: Sequence[str] | None = None) -> ClassCounts:
    """Count the clips of each class in a list that mmaction2's ``VideoDataset`` reads.

    A clip counts once for each of its labels.

    Args:
        path: Lines of ``path label``, or ``path label label ...``; empty ones are passed over.
        class_names: Names of the classes, from class 0. None: the classes up to the highest label
            of the file, each called by its id.

    Returns:
        The counts by class id from 0, of unit 'clips'; 0 for a class that does not occur.

    Raises:
        ValueError: A line without a label; a label that is no whole number of at least 0, stands
            twice in a line or has no name; an empty file. Names file, line and value.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / 'train.txt'
        >>> _ = path.write_text('a.mp4 0\\nb.mp4 2 0\\n')
        >>> count_training_clips(path).counts
        {0: 2, 1: 0, 2: 1}
    """
    found: list[int] = []
    for where, labels in _read_labels(path):
        for label in labels:
            if class_names is not None and label >= len(class_names):
                raise ValueError(
                    f'{where}: label {label} is not among the {len(class_names)} class names, '
                    f'0 to {len(class_names) - 1}'
                )
        found += labels
    if not found:
        raise ValueError(f'{path}: an empty list of clips')
    if class_names is None:
        class_names = [str(index) for index in range(max(found) + 1)]
    names = dict(enumerate(class_names))
    return count_labels(found, names, f'clips of {Path(path).name}', 'clips')


def highest_label(path: str | Path, delimiter: str = ' ') -> int | None:
    """The highest label at the end of a line of a list, quickly; other faults are not looked for.

    Args:
        path: Lines of ``path label`` or ``path num_frames label``.
        delimiter: Between them.

    Returns:
        None where no line ends with a label.
    """
    fields = (line.strip().rpartition(delimiter)[2] for line in read_lines(path))
    return max((int(each) for each in fields if _LABEL.fullmatch(each)), default=None)


def _read_labels(path: str | Path) -> Iterator[tuple[str, list[int]]]:
    """Where each clip stands, and its labels."""
    for number, (clip, *fields) in read_fields(path):
        where = f'{path}, line {number}'
        if not fields:
            raise ValueError(f'{where}: no label behind the path: {clip!r}')
        for field in fields:
            if not _LABEL.fullmatch(field):
                raise ValueError(
                    f'{where}: label {field!r:.80} is not a whole number of at least 0, or more '
                    'than 999999'
                )
        labels = [int(field) for field in fields]
        if len(set(labels)) < len(labels):
            raise ValueError(f'{where}: a label stands twice: {" ".join(fields)!r}')
        yield where, labels


def read_class_names(path: str | Path) -> list[str]:
    """Read a label list as mmaction2 has them: one class name a line, the first is class 0.

    Raises:
        ValueError: Text that is not UTF-8, an empty line before the last name, a control character
            in a name, a repeated name, no name at all.
    """
    names = [line.strip(' \t') for line in read_lines(path)]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise ValueError(f'{path}: an empty label list')
    line_of: dict[str, int] = {}
    for line, name in enumerate(names, start=1):
        if not name:
            raise ValueError(f'{path}, line {line}: empty, where class {line - 1} has its name')
        fault = name_fault(name)
        if fault:
            raise ValueError(f'{path}, line {line}: name {name!r:.200}: {fault}')
        if name in line_of:
            raise ValueError(
                f'{path}, line {line}: name {name!r} repeated, first in {line_of[name]}'
            )
        line_of[name] = line
    return names
