"""AVA's frame-AP under the rules of mmaction2 or of ActivityNet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from mmlt.functional.checks import check_choice, check_class_ids, check_integer, check_iou_threshold
from mmlt.functional.detection._ava_protocols import (
    EvaluatedRows,
    mmaction2_class_order,
    mmaction2_rows,
    official_rows,
)
from mmlt.functional.detection._score_keys import (
    cells_of_keys,
    first_of_cells,
    scores_of_keys,
    sorted_keys,
)
from mmlt.functional.detection.ava_boxes import AVABoxes
from mmlt.functional.detection.box_overlap import first_best_pairs, pair_iou, pairs_of_same_key
from mmlt.functional.detection.keyframes import (
    best_first_by_keyframe,
    blocks,
    check_ava_boxes,
    keyframe_keys,
)

# Cells up to which a table of them (one byte each) is quicker than a search and fits in memory.
_MAX_TABLE = 1 << 27


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

    Which one a number comes from: AVA's challenge and papers that evaluate with its script,
    'official'; mmaction2's logs and model zoo, 'mmaction2'; PySlowFast's logs, the rules of
    'official' with capacity=None. Say which beside a number: one SlowFast run on one video has
    .28379 ('mmaction2', and 'official' without capacity) and .28002 ('official').

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
            or y1 > y2, fields of unequal length; with 'mmaction2' also if no ground truth is
            left of `class_ids`.

    Reference:
        mmaction2 1.2.0, ``mmaction.evaluation.functional.ava_utils.ava_eval``; ActivityNet,
        ``Evaluation/get_ava_performance.py``.

    Differs from reference:
        'mmaction2': none, bit for bit on one machine. 'official': the script counts detections
        on keyframes without ground truth as false, and leaves rows of one keyframe with equal
        scores in a heap's order, here in file order.

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
    is_mmaction2 = protocol == 'mmaction2'
    if is_mmaction2:
        rows, dtype = mmaction2_rows(detections, ground_truth, keys, ids), np.float32
    else:
        rows = official_rows(detections, ground_truth, keys, ids, capacity)
        dtype = np.float64
    num_cells = len(ids) * rows.num_places
    cells, positions = _true_positives(detections, ground_truth, rows, dtype, iou_threshold)
    score_keys = sorted_keys(rows.detection_cells, detections.scores, dtype, num_cells)
    is_true = np.zeros(len(score_keys), dtype=bool)
    is_true[first_of_cells(score_keys, cells) + positions] = True
    bounds = first_of_cells(score_keys, rows.num_places * np.arange(len(ids) + 1))
    # mmaction2 never hears of a class that was not detected.
    undetected = np.nan if is_mmaction2 else 0.0
    num_gt = rows.num_ground_truth
    per_class = np.where(num_gt > 0, undetected, np.nan)
    is_detected = bounds[1:] > bounds[:-1]
    for index in np.flatnonzero(is_detected & (num_gt > 0)):
        of_class = slice(bounds[index], bounds[index + 1])
        scores = scores_of_keys(score_keys[of_class], dtype)
        per_class[index] = _interpolated_average_precision(scores, is_true[of_class], num_gt[index])
    if is_mmaction2:
        first_places = cells_of_keys(score_keys[bounds[:-1][is_detected]]) % rows.num_places
        order = mmaction2_class_order(detections, keys, ids, rows.run_places, first_places)
    else:
        order = list(range(len(ids)))
    return FrameAP(per_class, _mean_of_defined(per_class[order]))


def _true_positives(
    detections: AVABoxes,
    ground_truth: AVABoxes,
    rows: EvaluatedRows,
    dtype: np.dtype,
    iou_threshold: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Find the best-scored detection that lands on each ground-truth box.

    Returns:
        The true detections' cells, and their positions within the cell by descending score.
    """
    cells, scores, corners = _beside_ground_truth(detections, rows, dtype)
    order = best_first_by_keyframe(cells, scores)
    cells, corners = cells[order], corners[order]
    boxes = np.flatnonzero(rows.ground_truth_cells >= 0)
    gt_order = best_first_by_keyframe(rows.ground_truth_cells[boxes], ground_truth.scores[boxes])
    boxes = boxes[gt_order]
    gt_cells = rows.ground_truth_cells[boxes]
    gt_corners = ground_truth.boxes_xyxy_norm[boxes].astype(dtype, copy=False)
    hit_by = np.full(len(boxes), -1)
    for block in reversed(list(blocks(len(cells)))):
        detection, box = pairs_of_same_key(cells[block], gt_cells)
        iou = pair_iou(corners[block][detection], gt_corners[box])
        best = first_best_pairs(detection, iou)
        best = best[iou[best] >= iou_threshold][::-1]
        # Of several detections the last one assigned stays, here the best-scored.
        hit_by[box[best]] = block.start + detection[best]
    is_true = hit_by[hit_by >= 0]
    return cells[is_true], is_true - np.searchsorted(cells, cells[is_true])


def _beside_ground_truth(
    detections: AVABoxes, rows: EvaluatedRows, dtype: np.dtype
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return cell, score and corners of the detections in a cell that holds ground truth.

    They are a twentieth of a detector's rows. Only they can be true, and the others of their
    cell are among them.
    """
    gt_cells = rows.ground_truth_cells[rows.ground_truth_cells >= 0]
    num_cells = len(rows.num_ground_truth) * rows.num_places
    has_box = np.zeros(num_cells + 1 if num_cells < _MAX_TABLE else 0, dtype=bool)
    if len(has_box):
        has_box[gt_cells] = True  # the last entry, at which the cell -1 looks, stays False
    parts = [(np.zeros(0, np.int64), np.zeros(0), np.zeros((0, 4), dtype))]
    for block in blocks(len(rows.detection_cells)):
        cells = rows.detection_cells[block]
        beside = np.flatnonzero(has_box[cells] if len(has_box) else np.isin(cells, gt_cells))
        corners = detections.boxes_xyxy_norm[block][beside].astype(dtype, copy=False)
        parts.append((cells[beside], detections.scores[block][beside], corners))
    return tuple(np.concatenate(part) for part in zip(*parts))


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


def _mean_of_defined(per_class: np.ndarray) -> float:
    is_defined = ~np.isnan(per_class)
    return float(np.nanmean(per_class)) if is_defined.any() else float('nan')
