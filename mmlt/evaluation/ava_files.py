"""AVA's label map, and what is odd about files that are evaluated together.

The list of excluded keyframes is read by :func:`mmlt.functional.read_excluded_timestamps`; class
counts and splits, files of ours, are in :mod:`mmlt.functional.class_files`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmlt.functional import AVABoxes
from mmlt.functional._text_files import read_text

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
        ValueError: Anything else in the file, or text that is not UTF-8; a missing, repeated or
            non-positive id; a missing or repeated name; no class at all.
    """
    text = read_text(path)
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
        raise ValueError(
            f'{where}: the item that ends here (id {value}) has no quoted name: {entry}'
        )
    name = re.sub(r'\\(.)', r'\1', name[1:-1])
    if int(value) in label_map:
        raise ValueError(f'{where}: id {value} repeated')
    if name in label_map.values():
        raise ValueError(f'{where}: name {name!r} repeated')
    label_map[int(value)] = name


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


def unmatched_exclusions_warning(
    boxes: AVABoxes, excluded: Iterable[tuple[str, int]] | None, path: Any
) -> str | None:
    """Say in one sentence that a list of excluded keyframes can exclude nothing.

    AVA's own annotations have no box on the keyframes of AVA's list, so what is asked is whether
    the list and the annotations have a video in common.

    Args:
        boxes: The annotated boxes.
        excluded: (video id, timestamp) pairs.
        path: Where they were read from.

    Returns:
        The sentence, or None where they share a video, or nothing is excluded.
    """
    videos = {video for video, _ in excluded or ()}
    if not videos or not videos.isdisjoint(boxes.video_names.tolist()):
        return None
    return f'{path}: excludes nothing; none of its {len(videos)} videos is annotated'
