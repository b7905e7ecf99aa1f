"""Class ids that stay what they are when more annotations come later."""

from __future__ import annotations

import re
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
    ids = {int(name): name for name in new if _is_id(name)}
    if are_ids(known) and len(ids) == len(new):
        return dict(sorted({**known, **ids}.items()))
    start = max(known, default=0) + 1
    return {**dict(sorted(known.items())), **dict(enumerate(new, start=start))}


def similar_names(names: Iterable[str]) -> list[str]:
    """A sentence for each group of classes that may be meant to be one.

    Example:
        >>> similar_names(['walk', 'sit down', 'Walk', 'sit_down', 'run'])
        ["the classes 'walk', 'Walk' differ in case, blanks or dashes alone: are they one?", \
"the classes 'sit down', 'sit_down' differ in case, blanks or dashes alone: are they one?"]
    """
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(re.sub(r'[\s_-]+', ' ', name.casefold()).strip(), []).append(repr(name))
    alike = [', '.join(group) for group in groups.values() if len(group) > 1]
    why = 'differ in case, blanks or dashes alone: are they one?'
    return [f'the classes {group} {why}' for group in alike]


def are_ids(classes: Mapping[int, str]) -> bool:
    """Whether each class is called by its id, as where nobody has given names."""
    return all(name == str(class_id) for class_id, name in classes.items())


def _is_id(name: str) -> bool:
    return name.isascii() and name.isdecimal() and name == str(int(name)) and int(name) > 0
