"""AVA's own small files: the label map and the list of excluded keyframes.

Every reader raises a ``ValueError`` that names the file, the line, and the value. The class counts
and splits, files of ours, are in :mod:`mmlt.evaluation.class_files` and can be had from here too.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmlt.evaluation.class_files import (
    ClassCounts,
    ClassSplit,
    count_training_boxes,
    read_class_counts,
    read_split,
    write_class_counts,
)
from mmlt.functional import AVABoxes

__all__ = [
    'ClassCounts',
    'ClassSplit',
    'count_training_boxes',
    'read_class_counts',
    'read_excluded_timestamps',
    'read_label_map',
    'read_split',
    'unknown_label_warning',
    'write_class_counts',
]

_TOKEN = re.compile(
    r"""(?P<skip>[\s,;]+|\#[^\n]*)
      | (?P<open>(?:item|label)\s*:?\s*\{)
      | (?P<close>\})
      | (?P<key>\w+)\s*:\s*(?P<value>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|[^\s{}"',;]+)""",
    re.VERBOSE,
)


def read_label_map(path: str | Path) -> dict[int, str]:
    """Read an AVA label map (``.pbtxt``), in either of AVA's layouts and any indentation.

    Args:
        path: A file of ``item { name: "..." id: n }`` or ``label { name: ... label_id: n }``.

    Returns:
        Class id -> name, in the order of the ids.

    Raises:
        ValueError: Anything else in the file; a missing, repeated or non-positive id; a missing
            or repeated name; no class at all.
    """
    text = Path(path).read_text(encoding='utf-8')
    label_map: dict[int, str] = {}
    entry, position, start = None, 0, ''
    while position < len(text):
        token = _TOKEN.match(text, position)
        where = f'{path}, line {text.count(chr(10), 0, position) + 1}'
        if token is None:
            rest = text[position:].splitlines()[0]
            raise ValueError(f'{where}: not part of a label map: {rest!r}')
        position = token.end()
        if token['open']:
            if entry is not None:
                raise ValueError(f'{where}: an item starts inside another one')
            entry, start = {}, where
        elif token['close']:
            _add_class(label_map, entry, where)
            entry = None
        elif token['key']:
            if entry is None:
                raise ValueError(f'{where}: field {token["key"]!r} outside of an item')
            if token['key'] in entry:
                raise ValueError(f'{where}: field {token["key"]!r} repeated in one item')
            entry[token['key']] = token['value']
    if entry is not None:
        raise ValueError(f'{start}: the item that starts here is not closed')
    if not label_map:
        raise ValueError(f'{path}: an empty label map')
    return dict(sorted(label_map.items()))


def _add_class(label_map: dict[int, str], entry: dict | None, where: str) -> None:
    if entry is None:
        raise ValueError(f"{where}: '}}' without an item")
    value = entry.get('label_id', entry.get('id'))
    if value is None:
        raise ValueError(f'{where}: the item that ends here has no id: {entry}')
    if not re.fullmatch(r'\+?\d+', value) or int(value) < 1:
        raise ValueError(f'{where}: id of the item that ends here: {value!r}, not an integer >= 1')
    name = entry.get('name', '')
    if name[:1] not in ('"', "'") or len(name) < 3:
        raise ValueError(f'{where}: the item that ends here (id {value}) has no quoted name')
    name = re.sub(r'\\(.)', r'\1', name[1:-1])
    if int(value) in label_map:
        raise ValueError(f'{where}: id {value} repeated')
    if name in label_map.values():
        raise ValueError(f'{where}: name {name!r} repeated')
    label_map[int(value)] = name


def read_excluded_timestamps(path: str | Path) -> frozenset[tuple[str, int]]:
    """Read AVA's list of excluded keyframes, lines of ``video_id,timestamp``.

    Args:
        path: The file. Empty lines are passed over.

    Returns:
        The set of (video id, timestamp in s).

    Raises:
        ValueError: A line with another number of columns, or a timestamp that is no integer.
    """
    excluded = set()
    with open(path, newline='', encoding='utf-8') as file:
        reader = csv.reader(file)
        for row in reader:
            if not row:
                continue
            where = f'{path}, line {reader.line_num}'
            if len(row) != 2 or not row[0]:
                raise ValueError(f'{where}: expected video_id,timestamp, got {",".join(row)!r}')
            if not re.fullmatch(r'\s*\d+\s*', row[1]):
                raise ValueError(f'{where}: timestamp {row[1]!r} is not a whole number of seconds')
            excluded.add((row[0], int(row[1])))
    return frozenset(excluded)


def unknown_label_warning(boxes: AVABoxes, label_map: Mapping[int, str], path: Any) -> str | None:
    """Say in one sentence how many rows of an evaluation file are outside the label map.

    Returns:
        The sentence, or None if there is nothing to say.
    """
    known = np.isin(boxes.labels, list(label_map))
    if known.all():
        return None
    ids = np.unique(boxes.labels[~known]).tolist()
    listed = ', '.join(map(str, ids[:10])) + (', ...' if len(ids) > 10 else '')
    return (
        f'{path}: {int((~known).sum())} of {len(known)} rows carry a class id outside the label '
        f'map and are skipped (ids {listed})'
    )
