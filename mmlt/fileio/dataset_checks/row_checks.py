"""Mistakes in the usable rows of one file of annotations."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mmlt.fileio.box_checks import is_outside
from mmlt.fileio.dataset_checks.annotation_rows import AnnotatedRows
from mmlt.fileio.dataset_checks.finding import MAX_PLACES, Finding, find
from mmlt.fileio.dataset_checks.settings import SplitSettings
from mmlt.fileio.repeated_rows import repeated_rows

_WIDE = 1.25  # times as wide as tall, in pixels
_MANY = 0.7  # of the boxes
_LIKELY_ASPECT = 16 / 9  # of a frame whose size is not known


def row_findings(
    rows: AnnotatedRows, split: SplitSettings, label_map: Mapping[int, str] | None
) -> list[Finding]:
    """What is wrong with rows on their own, the order that of the columns."""
    findings = [*rows.findings]
    if not len(rows.boxes.labels):
        return [*findings, find('no_rows', rows.path)]
    corners = rows.boxes.boxes_xyxy_norm
    findings += rows.find('pixel_boxes', np.flatnonzero(is_outside(corners)))
    findings += rows.find('zero_area', np.flatnonzero(_areas(corners) <= 0))
    findings += _label_findings(rows, split, label_map)
    findings += rows.find('repeated_rows', repeated_rows(rows.boxes))
    if rows.has_persons:
        findings += rows.find('person_twice', _persons_twice(rows))
    else:
        findings.append(find('no_person_ids', rows.path, [rows.place(0)], count=len(corners)))
    return findings


def _label_findings(
    rows: AnnotatedRows, split: SplitSettings, label_map: Mapping[int, str] | None
) -> list[Finding]:
    labels = rows.boxes.labels
    findings = rows.find('low_class_ids', np.flatnonzero(labels < 1))
    numbers = dict(num_classes=split.num_classes, highest=split.num_classes - 1)
    above = np.zeros(len(labels), dtype=bool)
    if split.custom_classes is None:
        above = labels >= split.num_classes
        findings += rows.find('class_outside_columns', np.flatnonzero(above), **numbers)
    if label_map is not None:
        known = np.isin(labels, list(label_map)) | (labels < 1) | above
        if split.custom_classes is not None:
            known |= ~np.isin(labels, split.custom_classes)
        findings += rows.find('class_outside_map', np.flatnonzero(~known))
    return findings


def _areas(corners: np.ndarray) -> np.ndarray:
    return (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])


def _persons_twice(rows: AnnotatedRows) -> np.ndarray:
    """The first row of each second box of a person on a keyframe."""
    boxes = rows.boxes
    persons = np.unique(boxes.scores, return_inverse=True)[1].astype(np.int64)
    keys = (boxes.video_index.astype(np.int64) << 32) + boxes.timestamps
    keys = np.unique(keys, return_inverse=True)[1].astype(np.int64) * (persons.max() + 1) + persons
    order = np.lexsort((*boxes.boxes_xyxy_norm.T, keys))
    is_same = keys[order[1:]] == keys[order[:-1]]
    corners = boxes.boxes_xyxy_norm[order]
    is_other_box = (corners[1:] != corners[:-1]).any(axis=1)
    return np.sort(order[1:][is_same & is_other_box])


def wide_boxes(rows: AnnotatedRows, aspects: Mapping[str, float] | None = None) -> list[Finding]:
    """That most boxes are wider than tall, as people are not.

    Args:
        rows: Of a file.
        aspects: Video id -> width / height of its frames, where known.
    """
    boxes = rows.boxes
    corners = boxes.boxes_xyxy_norm
    if is_outside(corners).any():
        return []
    names = boxes.video_names.tolist()
    aspect = np.array([(aspects or {}).get(name, _LIKELY_ASPECT) for name in names])
    sizes = corners[:, 2:] - corners[:, :2]
    has_area = (sizes > 0).all(axis=1)
    ratios = (sizes[:, 0] * aspect[boxes.video_index])[has_area] / sizes[has_area, 1]
    share = float((ratios > _WIDE).mean()) if len(ratios) else 0.0
    if share <= _MANY:
        return []
    places = [rows.place(int(row)) for row in np.flatnonzero(has_area)[ratios > _WIDE][:MAX_PLACES]]
    count = int((ratios > _WIDE).sum())
    middle = float(np.median(ratios))
    return [find('wide_boxes', rows.path, places, count=count, share=share, ratio=middle)]


def count_rows(rows: AnnotatedRows, split: SplitSettings) -> dict[int, int]:
    """Class id -> rows, of each class that has a column of scores."""
    labels = rows.boxes.labels
    if split.custom_classes is None:
        labels = labels[(labels > 0) & (labels < split.num_classes)]
    else:
        labels = labels[np.isin(labels, split.custom_classes)]
    ids, counts = np.unique(labels, return_counts=True)
    return dict(zip(ids.tolist(), counts.tolist()))
