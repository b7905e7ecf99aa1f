"""From detections to one score for each annotated box and class: the pool of SAP."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from mmlt.functional.checks import check_choice, check_class_ids, check_iou_threshold
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


class MatchedScores(NamedTuple):
    """scores (N, C) float64, targets (N, C) bool and valid (N, C) bool over class_ids."""

    scores: np.ndarray
    targets: np.ndarray
    valid: np.ndarray


def match_scores(
    detections: AVABoxes,
    ground_truth: AVABoxes,
    *,
    class_ids: Iterable[int],
    excluded: Iterable[tuple[str, int]] | None = None,
    iou_threshold: float = 0.5,
    pool: str = 'boxes',
) -> MatchedScores:
    r"""Give each annotated person box the score of the detection matched to it, per class.

    The pool D is the distinct annotated boxes (video, timestamp, coordinates) on the keyframes
    that are not excluded, whatever their labels: a row whose label is not among `class_ids`
    still puts its box there. Detections of class c, best first, each go to the box of D on
    their keyframe with the largest IoU, if that reaches the threshold; there is no second
    choice, and a later detection of the same box is a duplicate. So

    .. math::
        s_{bc} = \max \{ s_d : d \text{ of class } c,\ b = \arg\max_{b'} IoU(d, b'),\
            IoU(d, b) \ge t \}

    and -inf where no detection was matched. Between boxes of equal IoU the one that comes first
    in D is taken; IoU is computed in float64, and is no match where both boxes have no area.

    Shapes: N rows, C classes.

    Args:
        detections: boxes with scores, one row for each class scored. Those on keyframes without
            an annotated box are ignored.
        ground_truth: annotated boxes, one row for each label.
        class_ids: C distinct ids, the columns of the result.
        excluded: (video_id, timestamp in whole seconds) of keyframes to leave out.
        iou_threshold: t in (0, 1].
        pool: 'boxes', or 'detections' to append every unmatched and duplicate detection as a
            row of its own, a negative that is valid for its class alone. Memory grows with
            their number times C.

    Returns:
        MatchedScores. The rows of D come first, by video name, timestamp, x1, y1, x2, y2; then,
        with pool='detections', the others in the order of `detections`. valid is True
        throughout in the rows of D.

    Raises:
        ValueError: on an unknown pool, repeated class ids, a NaN score, a box with x1 > x2 or
            y1 > y2, fields of unequal length.

    Reference:
        Zhang, Tokmakov, Hebert, Schmid, "A Study on Action Detection in the Wild", 2019,
        section 4.2.

    Differs from reference:
        The paper does not say how detections and boxes are matched.

    Example:
        >>> from mmlt.functional import ava_boxes_from_arrays
        >>> box = [[0.1, 0.1, 0.5, 0.9]]
        >>> truth = ava_boxes_from_arrays(['a'], [902], box, [12])
        >>> found = ava_boxes_from_arrays(['a'], [902], box, [12], [0.75])
        >>> matched = match_scores(found, truth, class_ids=[11, 12])
        >>> matched.scores.tolist(), matched.targets.tolist()
        ([[-inf, 0.75]], [[False, True]])
    """
    ids = check_class_ids(class_ids)
    check_choice('pool', pool, ('boxes', 'detections'))
    iou_threshold = check_iou_threshold(iou_threshold)
    check_ava_boxes('detections', detections)
    check_ava_boxes('ground_truth', ground_truth)
    keys = keyframe_keys(detections, ground_truth, excluded)
    is_evaluated = ~np.isin(keys.ground_truth, keys.excluded)
    box_keys, boxes, targets = _pool(
        keys.ground_truth[is_evaluated],
        ground_truth.boxes_xyxy_norm[is_evaluated].astype(np.float64, copy=False),
        class_indices(ground_truth.labels[is_evaluated], ids),
        len(ids),
    )
    cells = _matched_cells(detections, keys, ids, box_keys, boxes, iou_threshold)
    scores = np.full(targets.shape, -np.inf)
    for block in blocks(len(cells)):
        is_matched = cells[block] >= 0
        of_block = cells[block][is_matched], detections.scores[block][is_matched]
        np.maximum.at(scores.reshape(-1), *of_block)
    result = MatchedScores(scores, targets, np.ones_like(targets))
    if pool == 'detections':
        # Those on keyframes without a box of the pool are ignored.
        is_near = keys.of_detections(np.isin(keys.detection_runs, box_keys))
        classes = np.where(is_near, class_indices(detections.labels, ids), -1)
        is_other = classes >= 0
        matched = np.flatnonzero(cells >= 0)
        is_other[matched[_winners(cells[matched], detections.scores[matched])]] = False
        result = _append(result, classes[is_other], detections.scores[is_other])
    return result


def _pool(
    keys: np.ndarray, boxes: np.ndarray, classes: np.ndarray, num_classes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return keyframe, corners and (N, C) targets of the distinct boxes, in their order."""
    x1, y1, x2, y2 = boxes.T
    order = np.lexsort((y2, x2, y1, x1, keys))
    keys, boxes, classes = keys[order], boxes[order], classes[order]
    is_new = np.ones(len(keys), dtype=bool)
    is_new[1:] = (keys[1:] != keys[:-1]) | (boxes[1:] != boxes[:-1]).any(axis=1)
    targets = np.zeros((int(is_new.sum()), num_classes), dtype=bool)
    is_listed = classes >= 0
    targets[(np.cumsum(is_new) - 1)[is_listed], classes[is_listed]] = True
    return keys[is_new], boxes[is_new], targets


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


def _winners(cells: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the best-scored entry of each cell, the first one of several."""
    order = np.lexsort((-scores, cells))
    _, first = np.unique(cells[order], return_index=True)
    return order[first]


def _append(matched: MatchedScores, classes: np.ndarray, scores: np.ndarray) -> MatchedScores:
    """Append one row for each other detection: a negative, valid for its class alone."""
    rows, num_classes = np.arange(len(classes)), matched.scores.shape[1]
    other_scores = np.full((len(rows), num_classes), -np.inf)
    other_scores[rows, classes] = scores
    nowhere = np.zeros((len(rows), num_classes), dtype=bool)
    other_valid = nowhere.copy()
    other_valid[rows, classes] = True
    return MatchedScores(
        np.concatenate([matched.scores, other_scores]),
        np.concatenate([matched.targets, nowhere]),
        np.concatenate([matched.valid, other_valid]),
    )
