"""Whether the labels of the datasets fit the head that they go through."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmlt.fileio.clip_lists import highest_label
from mmlt.fileio.label_map import read_label_map

_PARTS = ('train', 'val', 'test')
_CLIP_LISTS = ('VideoDataset', 'RawframeDataset')


def check_labels(
    datasets: Mapping[str, Any], names: list[str], head: str, config: Mapping[str, Any]
) -> None:
    """All that goes through one head must mean the same by its columns, and have one.

    Args:
        datasets: Name -> entry of the config's ``datasets``.
        names: Those that use the head.
        head: Its name.
        config: Its config.

    Raises:
        ValueError: Two label maps or numbers of classes; a list of clips that is empty, or has a
            label that the head has no column for.
    """
    first: dict[str, tuple[str, Any]] = {}
    for name in names:
        for part in _PARTS:
            where, dataset = f'datasets.{name}.{part}', _innermost(datasets[name].get(part) or {})
            _check_clip_labels(where, dataset, head, config.get('num_classes'))
            for key, value in _labels_of(dataset).items():
                place, other = first.setdefault(key, (where, value))
                if value != other:
                    raise ValueError(
                        f'{where} and {place} go through head {head!r} with different label maps: '
                        f'{_difference(key, value, other)}'
                    )


def _innermost(dataset: Mapping) -> Mapping:
    """Below wrappers such as RepeatDataset."""
    inner = dataset.get('dataset')
    return _innermost(inner) if isinstance(inner, Mapping) else dataset


def _check_clip_labels(where: str, dataset: Mapping, head: str, num_classes: Any) -> None:
    is_list = str(dataset.get('type')).rpartition('.')[2] in _CLIP_LISTS
    path = dataset.get('ann_file')
    if not is_list or not path or not Path(path).is_file():
        return
    if not Path(path).read_bytes().strip():
        raise ValueError(f'{where}: {path} is empty, it lists no clip')
    if not isinstance(num_classes, int):
        return
    highest = highest_label(path, dataset.get('delimiter', ' '))
    if highest is not None and highest >= num_classes:
        raise ValueError(
            f'{where}: {path} has label {highest}, and head {head!r} has num_classes={num_classes} '
            f'(labels 0 to {num_classes - 1})'
        )


def _labels_of(dataset: Mapping) -> dict[str, Any]:
    """What a dataset's config says of its label columns."""
    labels = {key: dataset[key] for key in ('num_classes',) if key in dataset}
    if 'custom_classes' in dataset:
        labels['custom_classes'] = list(dataset['custom_classes'] or [])
    label_file = dataset.get('label_file')
    if label_file and Path(label_file).is_file():
        labels['label_file'] = read_label_map(label_file)
    return labels


def _difference(key: str, value: Any, other: Any) -> str:
    if key != 'label_file':
        return f'{key} is {value!r} and {other!r}'
    ids = sorted(i for i in {*value, *other} if value.get(i) != other.get(i))
    return f'class {ids[0]} is {value.get(ids[0])!r} and {other.get(ids[0])!r}'
