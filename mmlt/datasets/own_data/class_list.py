"""Class ids that stay what they are when more annotations come later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from mmlt.fileio.annotation_formats.annotated_box import some
from mmlt.fileio.label_map import read_label_map
from mmlt.functional.detection.fields import name_fault
from mmlt.functional.detection.text_files import read_lines


def read_class_file(path: str | Path) -> dict[int, str]:
    """Class id -> name, of a label map (``.pbtxt``) or a text file with a name a line, from id 1.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: No class, or a name twice; names file and line.
    """
    if Path(path).suffix == '.pbtxt':
        return read_label_map(path)
    classes: dict[int, str] = {}
    for number, line in enumerate(read_lines(path), start=1):
        name = line.strip()
        if not name:
            continue
        if name_fault(name) or name in classes.values():
            raise ValueError(f'{path}, line {number}: {name!r}: {name_fault(name) or "twice"}')
        classes[len(classes) + 1] = name
    if not classes:
        raise ValueError(f'{path}: no class; a name a line is due')
    return classes


def number_classes(
    names: Iterable[str], *, fixed: Mapping[int, str] | None, known: Mapping[int, str] | None
) -> dict[int, str]:
    """Give each class its id.

    Args:
        names: The labels that boxes have.
        fixed: Class id -> name that must do, as of ``--classes``; None: there is no such list.
        known: Those of an earlier import: they keep their ids, and new ones come behind them.

    Returns:
        Class id -> name, in the order of the ids. Of a first import without a list: in the order of
        the alphabet; whole numbers are ids themselves.

    Raises:
        ValueError: A label is not in the list.

    Example:
        >>> number_classes(['walk', 'sit'], fixed=None, known=None)
        {1: 'sit', 2: 'walk'}
        >>> number_classes(['run', 'sit'], fixed=None, known={1: 'sit', 2: 'walk'})
        {1: 'sit', 2: 'walk', 3: 'run'}
    """
    names = sorted(set(names), key=lambda name: (name.casefold(), name))
    if fixed is not None:
        missing = [repr(name) for name in names if name not in fixed.values()]
        if missing:
            raise ValueError(f'--classes: labels that are not in the list: {some(missing)}')
        return dict(fixed)
    known = dict(known or {})
    new = [name for name in names if name not in known.values()]
    if not known and all(name.isdecimal() and int(name) > 0 for name in names):
        return {int(name): name for name in sorted(names, key=int)}
    start = max(known, default=0) + 1
    return dict(sorted({**known, **dict(enumerate(new, start=start))}.items()))
