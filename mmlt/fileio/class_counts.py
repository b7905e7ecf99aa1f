"""Class counts as files, the form in which they reach losses and metrics.

Every reader raises a ``ValueError`` that names the file, the line or field, and the value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mmlt.fileio.json_files import read_json_object, write_json
from mmlt.functional import read_ava_csv
from mmlt.functional.checks import MAX_CLASS_ID, MAX_COUNT
from mmlt.functional.detection.ava_csv import check_labels

#: Class counts that ship with the package, by the name that stands for them.
BUILTIN_COUNTS = {
    'ava_v2.2': Path(__file__).parent.parent / 'resources' / 'ava_v2.2_train_counts.json'
}


class ClassCounts(NamedTuple):
    """How often each class occurs in training.

    Attributes:
        source: Where the counts come from, in words.
        unit: What was counted, e.g. 'boxes'.
        names: Class id -> name.
        counts: Class id -> count.
    """

    source: str
    unit: str
    names: dict
    counts: dict


def count_training_boxes(
    path: str | Path,
    label_map: Mapping[int, str],
    *,
    excluded: Iterable[tuple[str, int]] | None = None,
) -> ClassCounts:
    """Count the label rows of each class in a training annotation file of AVA.

    Args:
        path: The annotations (CSV).
        label_map: Class id -> name.
        excluded: (video id, timestamp) of keyframes to leave out.

    Returns:
        The counts, 0 for a class that does not occur.

    Raises:
        ValueError: A class id outside the label map; names file, line and value.
    """
    boxes = read_ava_csv(path)
    message = (
        'is not in the label map; count with a label map that holds every class of the annotations '
        '(tools/data/count_classes.py) and evaluate with those counts'
    )
    check_labels(path, boxes, label_map, message)
    keep = np.ones(len(boxes.labels), dtype=bool)
    skipped = set(excluded or ())
    if skipped:
        names = [boxes.video_names[i] for i in boxes.video_index]
        keep[:] = [key not in skipped for key in zip(names, boxes.timestamps.tolist())]
    source = f'label rows of {Path(path).name}'
    return count_labels(boxes.labels[keep].tolist(), label_map, source, 'boxes')


def count_labels(
    labels: Iterable[int], names: Mapping[int, str], source: str, unit: str
) -> ClassCounts:
    """Count how often each of the named classes occurs; 0 for one that does not.

    Example:
        >>> count_labels([2, 0, 2], {0: 'sit', 1: 'fly', 2: 'run'}, 'a list', 'clips').counts
        {0: 1, 1: 0, 2: 2}
    """
    counter = Counter(labels)
    counts = {class_id: counter[class_id] for class_id in names}
    return ClassCounts(source, unit, dict(names), counts)


def write_class_counts(path: str | Path, counts: ClassCounts, *, overwrite: bool = False) -> None:
    """Write counts.json, the form in which class counts reach losses, samplers and metrics."""
    classes = [
        {'id': class_id, 'name': counts.names[class_id], 'count': count}
        for class_id, count in counts.counts.items()
    ]
    content = {'source': counts.source, 'unit': counts.unit, 'classes': classes}
    write_json(path, content, overwrite=overwrite)


def read_class_counts(
    path: str | Path, label_map: Mapping[int, str] | None = None, *, min_id: int = 1
) -> ClassCounts:
    """Read counts.json, or the counts that ship with the package.

    Args:
        path: A file as :func:`write_class_counts` writes it, or a key of ``BUILTIN_COUNTS``
            ('ava_v2.2': Arnab et al. 2022, Table 9).
        label_map: Class id -> name. Each of its classes must have a count, under the same name;
            the file may hold more.
        min_id: Lowest legal class id: 1 for AVA, 0 for classifiers, whose score columns are meant.

    Returns:
        The counts, of the label map's classes alone where one is given.

    Raises:
        FileNotFoundError: There is no such file, nor counts of this name.
        ValueError: Another layout, a bad or repeated entry, a class without count, or a class
            that has another name than in the label map.
    """
    path = BUILTIN_COUNTS.get(str(path), path)
    try:
        content = read_json_object(path)
    except FileNotFoundError as error:
        shipped = ', '.join(BUILTIN_COUNTS)
        raise FileNotFoundError(f'{error}; the counts that ship with mmlt: {shipped}') from None
    classes = content.get('classes')
    if not isinstance(classes, list):
        raise ValueError(f'{path}: field classes is not a list: {classes!r:.80}')
    names: dict[int, str] = {}
    counts: dict[int, int] = {}
    for index, entry in enumerate(classes):
        where = f'{path}: classes[{index}]'
        if not isinstance(entry, dict):
            raise ValueError(f'{where} is not an object: {entry!r:.80}')
        class_id = check_whole_number(
            entry.get('id'), f'{where}.id', minimum=min_id, maximum=MAX_CLASS_ID
        )
        if class_id in counts:
            raise ValueError(f'{where}.id: class {class_id} repeated')
        if not isinstance(entry.get('name'), str):
            raise ValueError(f'{where}.name: {entry.get("name")!r:.80} is not a string')
        names[class_id] = entry['name']
        counts[class_id] = check_whole_number(
            entry.get('count'), f'{where}.count', minimum=0, maximum=MAX_COUNT
        )
    source, unit = source_of(content, path), _text(content, 'unit', 'boxes', path)
    if label_map is not None:
        _check_names(path, names, label_map)
        names = dict(label_map)
        counts = {class_id: counts[class_id] for class_id in label_map}
    return ClassCounts(source, unit, names, counts)


def _check_names(path: Any, names: Mapping[int, str], label_map: Mapping[int, str]) -> None:
    missing = [
        f'{class_id} ({name})' for class_id, name in label_map.items() if class_id not in names
    ]
    if missing:
        raise ValueError(
            f'{path}: no count for class {", ".join(missing)}; to count your own: python '
            'tools/data/count_classes.py TRAIN.csv --label-map MAP.pbtxt --out counts.json'
        )
    for class_id, name in label_map.items():
        if names[class_id] != name:
            raise ValueError(
                f'{path}: class {class_id} is called {names[class_id]!r} here and {name!r} in the '
                'label map'
            )


def _text(content: dict, field: str, default: str, path: Any) -> str:
    value = content.get(field)
    if not isinstance(value, (str, type(None))):
        raise ValueError(f'{path}: field {field} is not a string: {value!r:.80}')
    return value or default


def source_of(content: dict, path: str | Path) -> str:
    """The field ``source`` of counts or a split; the name of the file where it has none."""
    return _text(content, 'source', Path(path).name, path)


def check_whole_number(value: Any, where: str, *, minimum: int, maximum: int) -> int:
    """The value, if it is an integer in the range; ``where`` opens the message of the error."""
    if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
        raise ValueError(f'{where}: {value!r:.80} is not an integer >= {minimum}, <= {maximum}')
    return value
