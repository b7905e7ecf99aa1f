"""AVA's frame-AP under the rules of mmaction2 or of ActivityNet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from ._ava_protocols import EvaluatedRows, mmaction2_rows, official_rows
from ._box_overlap import first_best_pairs, pair_iou, pairs_of_same_key
from ._checks import check_choice, check_class_ids, check_integer, check_iou_threshold
from ._keyframes import best_first_by_keyframe, check_ava_boxes, keyframe_keys
from .ava_boxes import AVABoxes


class FrameAP(NamedTuple):
    """per_class (C,) float64 in the order of class_ids, NaN = not evaluated; mean of the rest."""

    per_class: np.ndarray
    mean: float


def frame_average_precision(
    detections: AVABoxes,
    ground_truth: AVABoxes,
    *,
    class_ids: Iterable[int],
    excluded: Iterable[tuple[str, int]] | None = None,
    protocol: str = 'mmaction2',
    capacity: int | None = 50,
    iou_threshold: float = 0.5,
) -> FrameAP:
    r"""Interpolated AP of the detections of each class, over all keyframes.

    .. math::
        AP_c = \sum_i (r_i - r_{i-1}) \max_{j \ge i} p_j

    over the detections of class c by descending score, with recall :math:`r_i = TP_i / G_c`,
    precision :math:`p_i = TP_i / i` and :math:`G_c` ground-truth boxes. A detection looks at
    the ground-truth box of its keyframe and class with the largest IoU, and at no other; it is
    true if that IoU reaches the threshold and no better-scored detection took the box.

    ========================  ==============================  ==============================
    what                      'mmaction2'                     'official' (ActivityNet)
    ========================  ==============================  ==============================
    ground truth, detections  not evaluated (NaN)             AP 0
    on none of the keyframes
    no ground truth           not evaluated (NaN)             not evaluated (NaN)
    rows of a keyframe        all                             the `capacity` best-scored
                                                              among `class_ids`
    excluded keyframes        boxes still count in G_c        boxes do not count
    detections on keyframes   ignored                         ignored here; false in
    without ground truth                                      ActivityNet's script
    detection without area    false                           ignored
    scores and boxes          float32, areas too              float64
    order of keyframes        as in the ground truth          as in the detections
    (matters for ties only)
    ========================  ==============================  ==============================

    Both drop rows of classes outside `class_ids` first and ignore detections on keyframes
    without ground truth of these classes; where two ground-truth boxes overlap a detection
    alike they prefer the larger 8th column (the person id); numpy's unstable argsort,
    reversed, orders equal scores of one class.

    Shapes: C classes.

    Args:
        detections: boxes with scores, one row for each class scored.
        ground_truth: annotated boxes, one row for each label.
        class_ids: C distinct ids, the classes to evaluate.
        excluded: (video_id, timestamp in whole seconds) of keyframes to leave out.
        protocol: 'mmaction2' or 'official'.
        capacity: rows kept of a keyframe, at least 1, None = all; only 'official' has one.
        iou_threshold: in (0, 1].

    Returns:
        FrameAP of per_class (C,) float64 in [0, 1], NaN as in the table, and the mean over the
        classes that are not NaN (NaN if all are).

    Raises:
        ValueError: on an unknown protocol, repeated class ids, a NaN score, a box with x1 > x2
            or y1 > y2, fields of unequal length.

    Reference:
        mmaction2 1.2.0, ``mmaction.evaluation.functional.ava_utils.ava_eval``; ActivityNet,
        ``Evaluation/get_ava_performance.py``.

    Differs from reference:
        'mmaction2': none for a class, bit for bit on one machine; the mean sums in the order of
        class_ids instead of a Python set's, which can change its last bit. 'official': the
        script counts detections on keyframes without ground truth as false, and leaves rows of
        one keyframe with equal scores in a heap's order, here in file order.

    Example:
        >>> from mmlt.functional import ava_boxes_from_arrays
        >>> truth = ava_boxes_from_arrays(['a'], [902], [[0.1, 0.1, 0.5, 0.9]], [12])
        >>> frame_average_precision(truth, truth, class_ids=[11, 12])
        FrameAP(per_class=array([nan,  1.]), mean=1.0)
    """
    ids = check_class_ids(class_ids)
    check_choice('protocol', protocol, ('mmaction2', 'official'))
    if capacity is not None:
        capacity = check_integer('capacity', capacity, 1)
    iou_threshold = check_iou_threshold(iou_threshold)
    check_ava_boxes('detections', detections)
    check_ava_boxes('ground_truth', ground_truth)
    keys = keyframe_keys(detections, ground_truth, excluded)
    if protocol == 'mmaction2':
        rows, dtype = mmaction2_rows(detections, ground_truth, keys, ids), np.float32
    else:
        rows = official_rows(detections, ground_truth, keys, ids, capacity)
        dtype = np.float64
    # mmaction2 never hears of a class that was not detected.
    undetected = np.nan if protocol == 'mmaction2' else 0.0
    per_class = np.full(len(ids), np.nan)
    by_class = _rows_by_class(detections, ground_truth, rows)
    for index, (detection_rows, gt_rows) in enumerate(by_class):
        num_gt = rows.num_ground_truth[index]
        if num_gt == 0:
            continue
        if not len(detection_rows):
            per_class[index] = undetected
            continue
        pairs = pairs_of_same_key(
            rows.detection_frames[detection_rows], rows.ground_truth_frames[gt_rows]
        )
        iou = pair_iou(
            detections.boxes_xyxy_norm[detection_rows[pairs[0]]].astype(dtype, copy=False),
            ground_truth.boxes_xyxy_norm[gt_rows[pairs[1]]].astype(dtype, copy=False),
        )
        is_true = _true_positives(len(detection_rows), pairs, iou, iou_threshold)
        scores = detections.scores[detection_rows].astype(dtype, copy=False)
        per_class[index] = _interpolated_average_precision(scores, is_true, num_gt)
    is_evaluated = ~np.isnan(per_class)
    mean = float(np.nanmean(per_class)) if is_evaluated.any() else float('nan')
    return FrameAP(per_class, mean)


def _rows_by_class(
    detections: AVABoxes, ground_truth: AVABoxes, rows: EvaluatedRows
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield each class's detections and boxes, by keyframe, then by descending score."""
    num_classes = len(rows.num_ground_truth)
    sides = (
        (detections.scores, rows.detection_classes, rows.detection_frames),
        (ground_truth.scores, rows.ground_truth_classes, rows.ground_truth_frames),
    )
    # The stable sort of small integers is a radix sort: linear, and it keeps the file order.
    orders = [np.argsort(classes, kind='stable') for _, classes, _ in sides]
    bounds = [
        np.cumsum(np.bincount(classes + 1, minlength=num_classes + 1)) for _, classes, _ in sides
    ]
    for index in range(num_classes):
        result = []
        for (scores, _, frames), order, ends in zip(sides, orders, bounds):
            of_class = order[ends[index] : ends[index + 1]]
            best_first = best_first_by_keyframe(frames[of_class], scores[of_class])
            result.append(of_class[best_first])
        yield result[0], result[1]


def _true_positives(
    num_detections: int,
    pairs: tuple[np.ndarray, np.ndarray],
    iou: np.ndarray,
    iou_threshold: float,
) -> np.ndarray:
    """(n,) bool: the first detection, by score, that lands on each ground-truth box."""
    detection, box = pairs
    best = first_best_pairs(detection, iou)
    best = best[iou[best] >= iou_threshold]
    _, first = np.unique(box[best], return_index=True)
    is_true = np.zeros(num_detections, dtype=bool)
    is_true[detection[best[first]]] = True
    return is_true


def _interpolated_average_precision(
    scores: np.ndarray, is_true: np.ndarray, num_ground_truth: int
) -> float:
    """Area under the monotone precision envelope, in mmaction2's order of operations."""
    # Not stable on purpose: the reference orders equal scores by this very call.
    ranks = np.flatnonzero(is_true[np.argsort(scores)[::-1]]) + 1
    num_true = np.arange(1, len(ranks) + 1)
    # Between two true positives precision only falls, so the envelope needs no other rank.
    envelope = np.maximum.accumulate((num_true / ranks)[::-1])[::-1]
    recall = num_true / num_ground_truth
    terms = np.diff(recall, prepend=0.0) * envelope
    if len(ranks) < num_ground_truth:
        # The step to recall 1 adds 0, but one more term changes how numpy groups the sum.
        terms = np.append(terms, 0.0)
    return np.sum(terms)
