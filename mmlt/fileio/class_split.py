"""Class splits as files: the groups of a run where training counts do not make them.

Every error of the reader names the file, the field and the value.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from mmlt.fileio.class_counts import check_whole_number, source_of
from mmlt.fileio.json_files import read_json_object, write_json
from mmlt.functional.checks import MAX_CLASS_ID

GROUPS = ('head', 'medium', 'tail')


class ClassSplit(NamedTuple):
    """A partition of the classes.

    Attributes:
        source: Where the split comes from, in words.
        groups: 'head' | 'medium' | 'tail' -> tuple of class ids; two-way splits have no 'medium'.
    """

    source: str
    groups: dict


def write_split(path: str | Path, split: ClassSplit, *, overwrite: bool = False) -> None:
    """Write split.json, the form in which :func:`read_split` reads a split."""
    groups = {group: list(split.groups[group]) for group in GROUPS if group in split.groups}
    write_json(path, {'source': split.source, **groups}, overwrite=overwrite)


def read_split(path: str | Path, class_ids: Iterable[int], *, min_id: int = 1) -> ClassSplit:
    """Read a split file ``{"source", "head": [ids], "medium": [ids], "tail": [ids]}``.

    Args:
        path: The file. 'medium' may be absent: a two-way split.
        class_ids: The classes to be split, each of which must occur exactly once.
        min_id: Lowest legal class id, as in :func:`mmlt.fileio.class_counts.read_class_counts`.

    Returns:
        The split.

    Raises:
        ValueError: A class left out, repeated or unknown; another layout.
    """
    content = read_json_object(path)
    groups: dict[str, tuple] = {}
    group_of: dict[int, str] = {}
    known = set(class_ids)
    for group in GROUPS:
        if group == 'medium' and group not in content:
            continue
        members = content.get(group)
        if not isinstance(members, list):
            raise ValueError(f'{path}: field {group} is not a list of class ids: {members!r:.80}')
        for index, value in enumerate(members):
            class_id = check_whole_number(
                value, f'{path}: {group}[{index}]', minimum=min_id, maximum=MAX_CLASS_ID
            )
            if class_id not in known:
                raise ValueError(f'{path}: {group}[{index}]: unknown class {class_id}')
            if class_id in group_of:
                raise ValueError(
                    f'{path}: {group}[{index}]: class {class_id} repeated, first in '
                    f'{group_of[class_id]}'
                )
            group_of[class_id] = group
        groups[group] = tuple(members)
    left_out = sorted(known - set(group_of))
    if left_out:
        raise ValueError(f'{path}: class {", ".join(map(str, left_out))} left out')
    return ClassSplit(source_of(content, path), groups)
