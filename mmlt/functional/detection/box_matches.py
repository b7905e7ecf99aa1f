"""Which annotated box each detection belongs to: what SAP's scores are taken from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from mmlt.functional.checks import check_class_ids, check_iou_threshold
from mmlt.functional.detection.ava_boxes import AVABoxes
from mmlt.functional.detection.box_overlap import (
    box_hashes,
    first_best_pairs,
    pair_iou,
    pairs_of_same_key,
)
from mmlt.functional.detection.keyframes import (
    KeyframeKeys,
    blocks,
    check_ava_boxes,
    class_indices,
    keyframe_keys,
)

_SLOT_BITS = 16  # of a table in which the rows of one box meet


class BoxMatches(NamedTuple):
    """The pool of annotated boxes, and where the detections meet it.

    Shapes: N boxes of the pool, C classes, n detections.

    Attributes:
        ids: (C,) class ids.
        pool_rows: (N,) a row of the ground truth that holds each box.
        targets: (N, C) bool, which labels a box has.
        cells: (n,) box * C + class of each detection, -1 where it meets no box, or is of no class.
        keys: Of keyframes.
    """

    ids: np.ndarray
    pool_rows: np.ndarray
    targets: np.ndarray
    cells: np.ndarray
    keys: KeyframeKeys

    def is_near(self) -> np.ndarray:
        """(n,) bool: whether a detection is on a keyframe that has a box of the pool."""
        pool_keys = self.keys.ground_truth[self.pool_rows]
        return self.keys.of_detections(np.isin(self.keys.detection_runs, pool_keys))


def match_boxes(
    detections: AVABoxes,
    ground_truth: AVABoxes,
    *,
    class_ids: Iterable[int],
    excluded: Iterable[tuple[str, int]] | None = None,
    iou_threshold: float = 0.5,
) -> BoxMatches:
    """Find the annotated box of each detection, whatever the labels of that box.

    See :func:`mmlt.functional.match_scores` for the rule, the arguments and what is refused. The
    boxes of the pool stand by video name, timestamp, x1, y1, x2, y2.

    Example:
        >>> from mmlt.functional import ava_boxes_from_arrays
        >>> boxes = [[0.1, 0.1, 0.5, 0.9], [0.5, 0.1, 0.9, 0.9]]
        >>> truth = ava_boxes_from_arrays(['a'] * 2, [902] * 2, boxes, [12, 11])
        >>> found = ava_boxes_from_arrays(['a'], [902], boxes[1:], [12], [0.75])
        >>> match_boxes(found, truth, class_ids=[11, 12]).cells.tolist()  # box 1, class 12
        [3]
    """
    ids = check_class_ids(class_ids)
    iou_threshold = check_iou_threshold(iou_threshold)
    check_ava_boxes('detections', detections)
    check_ava_boxes('ground_truth', ground_truth)
    keys = keyframe_keys(detections, ground_truth, excluded)
    evaluated = np.flatnonzero(~np.isin(keys.ground_truth, keys.excluded))
    boxes = ground_truth.boxes_xyxy_norm[evaluated].astype(np.float64, copy=False)
    first_rows, targets = _pool(
        keys.ground_truth[evaluated],
        boxes,
        class_indices(ground_truth.labels[evaluated], ids),
        len(ids),
    )
    pool_rows = evaluated[first_rows]
    pool = keys.ground_truth[pool_rows], boxes[first_rows]
    cells = _matched_cells(detections, keys, ids, *pool, iou_threshold)
    return BoxMatches(ids, pool_rows, targets, cells, keys)


def winners(cells: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The best-scored entry of each cell, the first one of several, in the order of the cells."""
    order = np.lexsort((-scores, cells))
    _, first = np.unique(cells[order], return_index=True)
    return order[first]


def _pool(
    keys: np.ndarray, boxes: np.ndarray, classes: np.ndarray, num_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the first row and the (N, C) targets of the distinct boxes, in their order."""
    x1, y1, x2, y2 = boxes.T
    order = np.lexsort((y2, x2, y1, x1, keys))
    keys, boxes, classes = keys[order], boxes[order], classes[order]
    is_new = np.ones(len(keys), dtype=bool)
    is_new[1:] = (keys[1:] != keys[:-1]) | (boxes[1:] != boxes[:-1]).any(axis=1)
    targets = np.zeros((int(is_new.sum()), num_classes), dtype=bool)
    is_listed = classes >= 0
    targets[(np.cumsum(is_new) - 1)[is_listed], classes[is_listed]] = True
    return order[is_new], targets


def _matched_cells(
    detections: AVABoxes,
    keys: KeyframeKeys,
    class_ids: np.ndarray,
    box_keys: np.ndarray,
    boxes: np.ndarray,
    iou_threshold: float,
) -> np.ndarray:
    """(n,) index of the matched box * C + class of each detection, -1 where there is none."""
    cells = np.full(len(detections.labels), -1, dtype=np.int64)
    for block in blocks(len(cells)):
        corners = detections.boxes_xyxy_norm[block].astype(np.float64, copy=False)
        row_keys = keys.of_detections(keys.detection_runs, block)
        twin = _twins(row_keys, corners)
        distinct = np.flatnonzero(twin == np.arange(len(twin)))
        detection, box = pairs_of_same_key(row_keys[distinct], box_keys)
        iou = pair_iou(corners[distinct[detection]], boxes[box])
        best = first_best_pairs(detection, iou)
        best = best[iou[best] >= iou_threshold]
        box_of_row = np.full(len(twin), -1, dtype=np.int64)
        box_of_row[distinct[detection[best]]] = box[best]
        box_of_row = box_of_row[twin]
        classes = class_indices(detections.labels[block], class_ids)
        is_matched = (box_of_row >= 0) & (classes >= 0)
        cells[block][is_matched] = (box_of_row * len(class_ids) + classes)[is_matched]
    return cells


def _twins(keys: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """A row of the same keyframe and box for each row, one and the same for nearly all of them.

    One box stands in a row for each class: it is matched once. Equal rows share a slot of a table,
    which keeps one of them; a row that shares its slot with another box is its own twin.
    """
    slots = (box_hashes(keys, corners) >> np.uint64(64 - _SLOT_BITS)).astype(np.int64)
    rows = np.arange(len(keys))
    table = np.empty(1 << _SLOT_BITS, dtype=np.int64)
    table[slots] = rows
    twin = table[slots]
    is_twin = keys == keys[twin]
    for own, other in zip(corners.T, corners.take(twin, axis=0).T):
        is_twin &= own == other
    return np.where(is_twin, twin, rows)
