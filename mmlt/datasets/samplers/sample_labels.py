"""Reading the labels of all samples of a dataset, without decoding anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from mmaction.evaluation import read_labelmap

from mmlt.functional.checks import check_zero_one

_LABEL_KEYS = ('gt_labels', 'gt_label', 'label')


class LabelledBoxes(NamedTuple):
    """Every label of every box (or sample, where there are no boxes) of a dataset.

    Attributes:
        samples: (K,) int64, index of the sample of each box, in the dataset's order.
        boxes: (K,) int64, its place in the sample; None for samples without boxes.
        label_boxes: (M,) int64 in [0, K), the box of each label, ascending.
        labels: (M,) int64, class ids.
        class_ids: range of all ids that the labels can hold.
    """

    samples: np.ndarray
    boxes: np.ndarray | None
    label_boxes: np.ndarray
    labels: np.ndarray
    class_ids: range


def read_labelled_boxes(dataset: Any) -> LabelledBoxes:
    """Read the labels of a dataset through ``get_data_info``, which opens no video.

    They are in ``gt_labels``, ``gt_label`` or ``label``. With ``gt_bboxes`` there is one entry for
    each box, else one for the sample: a class id (negative: none), several ids, or a multi-hot row.
    Floats, bools, and three or more integers that are all 0 or 1 are multi-hot. Column 0 of
    ``gt_labels`` is mmaction2's and no class. Where all rows of a dataset stand in one array
    ``targets`` (samples, columns), they are taken from there at once.

    Raises:
        ValueError: labels that are absent, of another layout or outside the dataset's
            ``num_classes``; names dataset, sample, field and value.
    """
    if not len(dataset):
        raise ValueError(f'{type(dataset).__name__} is empty: nothing to draw from')
    if not callable(getattr(dataset, 'get_data_info', None)):
        raise ValueError(
            f'{type(dataset).__name__} has no get_data_info: labels are read through that method '
            "of mmengine's datasets"
        )
    field = _find_field(dataset.get_data_info(0), f'{type(dataset).__name__}: sample 0')
    if _has_targets(dataset, field):
        label_boxes, labels = np.nonzero(check_zero_one('targets', dataset.targets))
        counts, width = np.ones(len(dataset), np.int64), dataset.targets.shape[1]
    else:
        counts, label_boxes, labels, width = _read_samples(dataset, field)
    first_id = int(field.key == 'gt_labels')
    is_class = labels >= first_id
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    end = max(_num_classes(dataset), width, labels.max(initial=-1) + 1)
    return LabelledBoxes(
        samples=np.repeat(np.arange(len(counts)), counts),
        boxes=np.arange(counts.sum()) - starts if field.of_boxes else None,
        label_boxes=label_boxes[is_class],
        labels=labels[is_class],
        class_ids=range(first_id, int(end)),
    )


def class_names(dataset: Any) -> dict[int, str]:
    """Names by class id, as far as the dataset's metainfo or AVA label map gives them."""
    inner = _innermost(dataset)
    names = (getattr(inner, 'metainfo', None) or {}).get('classes')
    if names:
        return dict(enumerate(names))
    label_file = getattr(inner, 'label_file', None)
    if not label_file or not Path(label_file).is_file():
        return {}
    with open(label_file, encoding='utf-8') as file:
        names = {entry['id']: entry['name'] for entry in read_labelmap(file)[0]}
    custom = getattr(inner, 'custom_classes', None)  # column i is class custom[i] of the map
    if custom is None:
        return names
    return {column: names[class_id] for column, class_id in enumerate(custom) if class_id in names}


class _Field(NamedTuple):
    """Where a sample has its labels, and whether they are those of boxes."""

    key: str
    of_boxes: bool


def _find_field(info: dict, where: str) -> _Field:
    for key in _LABEL_KEYS:
        if key in info:
            return _Field(key, 'gt_bboxes' in info)
    raise ValueError(f'{where} has none of {", ".join(_LABEL_KEYS)} but {", ".join(info)}')


def _has_targets(dataset: Any, field: _Field) -> bool:
    targets = getattr(dataset, 'targets', None)
    return (
        isinstance(targets, np.ndarray)
        and targets.ndim == 2
        and len(targets) == len(dataset)
        and not field.of_boxes
        and np.shape(dataset.get_data_info(0)[field.key]) == targets.shape[1:]
    )


def _read_samples(dataset: Any, field: _Field) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Boxes of each sample; box and class id of each label; width of the multi-hot rows."""
    counts, label_boxes, labels, width, num_boxes = [], [], [], 0, 0
    name, size = type(dataset).__name__, _num_classes(dataset)
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        where = f'{name}: sample {index}'
        found = _find_field(info, where)
        if found != field:
            raise ValueError(f'{where} has {found}, sample 0 has {field}')
        value, where = info[field.key], f'{where}: {field.key}'
        rows = value if field.of_boxes else _one_row(value)
        if field.of_boxes and len(rows) != len(info['gt_bboxes']):
            raise ValueError(f'{where} has {len(rows)} rows for {len(info["gt_bboxes"])} gt_bboxes')
        row_of, ids, row_width = _labels_of_rows(rows, where)
        width = max(width, row_width)
        if size and max(row_width, ids.max(initial=-1) + 1) > size:
            raise ValueError(f'{where} is {value!r}: the dataset has num_classes={size}')
        counts.append(len(rows))
        label_boxes.append(row_of + num_boxes)
        labels.append(ids)
        num_boxes += len(rows)
    return np.array(counts), np.concatenate(label_boxes), np.concatenate(labels), width


def _one_row(value: Any) -> Any:
    return value[None] if isinstance(value, np.ndarray) else [value]


def _labels_of_rows(rows: Any, where: str) -> tuple[np.ndarray, np.ndarray, int]:
    """Row and class id of every label, and the width of a multi-hot row (0: there is none)."""
    if isinstance(rows, np.ndarray) and rows.ndim == 2 and rows.dtype.kind in 'fb':
        row_of, ids = np.nonzero(rows)  # the usual layout, all rows at once
        if not (rows[row_of, ids] == 1).all():
            raise ValueError(f'{where} is {rows!r}: a multi-hot row holds 0 and 1 only')
        return row_of, ids, rows.shape[1]
    found = [_labels_of_row(row, where) for row in rows]
    row_of = np.repeat(np.arange(len(found)), [len(ids) for ids, _ in found])
    ids = np.concatenate([*(ids for ids, _ in found), np.empty(0, np.int64)])
    return row_of, ids, max((width for _, width in found), default=0)


def _labels_of_row(row: Any, where: str) -> tuple[np.ndarray, int]:
    row = np.atleast_1d(row.numpy() if isinstance(row, torch.Tensor) else np.asarray(row))
    if row.size == 0:
        return np.empty(0, np.int64), 0
    if row.ndim != 1 or row.dtype.kind not in 'fbiu':
        raise ValueError(f'{where} is {row!r}: neither class ids nor a multi-hot row')
    is_zero_one = bool(((row == 0) | (row == 1)).all())
    if is_zero_one and (row.dtype.kind in 'fb' or len(row) > 2):
        return np.flatnonzero(row), len(row)
    if row.dtype.kind in 'fb':
        raise ValueError(f'{where} is {row!r}: a multi-hot row holds 0 and 1 only')
    ids = np.unique(row).astype(np.int64)
    return ids[ids >= 0], 0


def _innermost(dataset: Any) -> Any:
    """The first dataset inside the wrappers."""
    while True:
        inner = getattr(dataset, 'dataset', None) or getattr(dataset, 'datasets', None)
        if inner is None:
            return dataset
        dataset = inner[0] if isinstance(inner, (list, tuple)) else inner


def _num_classes(dataset: Any) -> int:
    """Columns that the dataset's labels have; 0 where it does not say."""
    inner = _innermost(dataset)
    if getattr(inner, 'num_classes', None):
        return int(inner.num_classes)
    return len((getattr(inner, 'metainfo', None) or {}).get('classes') or ())
