"""AVA's label map, and what is odd about files that are evaluated together.

The list of excluded keyframes is read by :func:`mmlt.functional.read_excluded_timestamps`; class
counts and splits, files of ours, by :mod:`mmlt.fileio.class_counts` and ``class_split``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmlt.functional import AVABoxes
from mmlt.functional.detection.fields import name_fault
from mmlt.functional.detection.keyframes import class_indices
from mmlt.functional.detection.text_files import line_number, read_text

_TOKEN = re.compile(
    r"""(?P<skip>[ \t\r\n,;]+|\#[^\r\n]*)
      | (?P<open>(?:item|label)[ \t\r\n]*:?[ \t\r\n]*\{)
      | (?P<close>\})
      | (?P<key>[a-z_]+)[ \t]*:[ \t\r\n]*
        (?P<value>"(?:\\.|[^"\\\r\n])*"|'(?:\\.|[^'\\\r\n])*'|[A-Za-z0-9_.+-]+)""",
    re.VERBOSE,
)
_ID = re.compile(r'\+?[0-9]{1,6}')
_ESCAPE = re.compile(r'\\(.)')


def read_label_map(path: str | Path) -> dict[int, str]:
    """Read an AVA label map (``.pbtxt``), in either of AVA's layouts and any indentation.

    Args:
        path: A file of ``item { name: "..." id: n }`` or ``label { name: ... label_id: n }``,
            UTF-8, with or without a byte-order mark. ``#`` starts a comment, commas and semicolons
            may separate the fields, ``\\"``, ``\\'`` and ``\\\\`` in a name stand for what follows.

    Returns:
        Class id -> name, in the order of the ids.

    Raises:
        ValueError: Anything else in the file, or text that is not UTF-8; a missing or repeated id,
            or one that is not 1 to 999999; a missing or repeated name; no class at all. Names file
            and line.
    """
    return {class_id: entry['name'] for class_id, entry in _read_classes(path).items()}


def read_label_types(path: str | Path) -> dict[int, str]:
    """The ``label_type`` of each class: PERSON_MOVEMENT, OBJECT_MANIPULATION, PERSON_INTERACTION.

    Args:
        path: AVA's list of all 80 classes (``ava_action_list_v2.2.pbtxt``); the maps for the
            evaluation have no types.

    Returns:
        Class id -> type, in the order of the ids.

    Raises:
        ValueError: A class without a type, or see :func:`read_label_map`.
    """
    types = {}
    for class_id, entry in _read_classes(path).items():
        if 'label_type' not in entry:
            raise ValueError(
                f'{path}: class {class_id} ({entry["name"]}) has no label_type; '
                'ava_action_list_v2.2.pbtxt, the list of all 80 classes, has one for each'
            )
        types[class_id] = entry['label_type']
    return types


def _read_classes(path: str | Path) -> dict[int, dict[str, str]]:
    """Class id -> fields, in the order of the ids; the name is what its quotes stand for."""
    text = read_text(path)
    classes: dict[int, dict[str, str]] = {}
    entry, position, line, start = None, 0, 1, ''
    while position < len(text):
        token = _TOKEN.match(text, position)
        where = f'{path}, line {line}'
        if token is None:
            rest = re.split('[\r\n]', text[position:], maxsplit=1)[0]
            raise ValueError(f'{where}: not part of a label map: {rest!r:.80}')
        position, line = token.end(), line + line_number(token[0], len(token[0])) - 1
        if token['open']:
            if entry is not None:
                raise ValueError(f'{where}: an item starts inside another one')
            entry, start = {}, where
        elif token['close']:
            _add_class(classes, entry, where)
            entry = None
        elif token['key']:
            _add_field(entry, token['key'], token['value'], where)
    if entry is not None:
        raise ValueError(f'{start}: the item that starts here is not closed')
    if not classes:
        raise ValueError(f'{path}: an empty label map')
    return dict(sorted(classes.items()))


def _add_field(entry: dict | None, key: str, value: str, where: str) -> None:
    if entry is None:
        raise ValueError(f'{where}: field {key!r} outside of an item')
    if key in entry:
        raise ValueError(f'{where}: field {key!r} repeated in one item')
    entry[key] = value


def _add_class(classes: dict[int, dict], entry: dict | None, where: str) -> None:
    if entry is None:
        raise ValueError(f"{where}: '}}' without an item")
    ids = [entry[key] for key in ('id', 'label_id') if key in entry]
    if len(ids) != 1:
        many = 'two ids' if ids else 'no id'
        raise ValueError(f'{where}: the item that ends here has {many}: {entry}')
    value = ids[0]
    if not _ID.fullmatch(value) or int(value) < 1:
        raise ValueError(
            f'{where}: id of the item that ends here: {value!r:.80}, not an integer >= 1 of at '
            'most 6 digits'
        )
    class_id, name = int(value), _unquoted(entry.get('name', ''), value, where)
    if class_id in classes:
        raise ValueError(f'{where}: id {value} repeated')
    if any(name == other['name'] for other in classes.values()):
        raise ValueError(f'{where}: name {name!r} repeated')
    classes[class_id] = {**entry, 'name': name}


def _unquoted(text: str, class_id: str, where: str) -> str:
    """The name that a quoted field stands for."""
    if text[:1] not in ('"', "'") or len(text) < 3:
        raise ValueError(
            f'{where}: the item that ends here (id {class_id}) has no quoted name: {text!r}'
        )
    unknown = set(_ESCAPE.findall(text)) - set('\\"\'')
    if unknown:
        raise ValueError(f'{where}: {min(unknown)!r} behind a backslash in the name {text}')
    name = _ESCAPE.sub(r'\1', text[1:-1])
    fault = name_fault(name)
    if fault:
        raise ValueError(f'{where}: name {name!r}: {fault}')
    return name


def select_classes(
    label_map: Mapping[int, str], custom_classes: Sequence[int], path: Any
) -> dict[int, str]:
    """The part of a label map that ``custom_classes`` names, in the order of the ids.

    Args:
        label_map: Class id -> name.
        custom_classes: Class ids, in any order.
        path: Where the label map was read from.

    Raises:
        ValueError: A class that is not in the label map, or twice in the list; no class.

    Example:
        >>> select_classes({1: 'sit', 2: 'fly', 4: 'run'}, [4, 1], 'map.pbtxt')
        {1: 'sit', 4: 'run'}
    """
    for class_id in custom_classes:
        if class_id not in label_map:
            raise ValueError(f'custom_classes: class {class_id} is not in {path}')
    if len(set(custom_classes)) < len(custom_classes) or not custom_classes:
        raise ValueError(f'custom_classes: empty, or a class repeated: {list(custom_classes)}')
    return {class_id: label_map[class_id] for class_id in sorted(custom_classes)}


def unknown_label_warning(boxes: AVABoxes, label_map: Mapping[int, str], path: Any) -> str | None:
    """Say in one sentence how many rows of an evaluation file are outside the label map.

    Returns:
        The sentence, or None if there is nothing to say.
    """
    known = class_indices(boxes.labels, np.array(list(label_map))) >= 0
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
