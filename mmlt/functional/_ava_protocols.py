"""Which rows AVA's two evaluation protocols count, and in which order they visit keyframes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ._keyframes import (
    KeyframeKeys,
    best_first_by_keyframe,
    class_indices,
    look_up,
    order_of_appearance,
)
from .ava_boxes import AVABoxes


class EvaluatedRows(NamedTuple):
    """Class and keyframe of each row (class -1: the row is left out) and the count to divide by.

    Keyframes are numbered in the order in which the protocol visits them.
    """

    detection_classes: np.ndarray
    detection_frames: np.ndarray
    ground_truth_classes: np.ndarray
    ground_truth_frames: np.ndarray
    num_ground_truth: np.ndarray


def mmaction2_rows(
    detections: AVABoxes, ground_truth: AVABoxes, keys: KeyframeKeys, class_ids: np.ndarray
) -> EvaluatedRows:
    """Select as ``mmaction.evaluation.functional.ava_utils.ava_eval`` does."""
    gt_classes = class_indices(ground_truth.labels, class_ids)
    is_listed = gt_classes >= 0
    # Counted before the exclusions: their boxes stay in the divisor and cannot be found.
    num_gt = np.bincount(gt_classes[is_listed], minlength=len(class_ids))
    frames, place = order_of_appearance(keys.ground_truth[is_listed])
    place[np.isin(frames, keys.excluded)] = -1
    gt_frames = look_up(keys.ground_truth, frames, place)
    gt_classes[gt_frames < 0] = -1
    classes = class_indices(detections.labels, class_ids)
    frames_of_rows = keys.of_detections(look_up(keys.detection_runs, frames, place))
    classes[frames_of_rows < 0] = -1
    return EvaluatedRows(classes, frames_of_rows, gt_classes, gt_frames, num_gt)


def official_rows(
    detections: AVABoxes,
    ground_truth: AVABoxes,
    keys: KeyframeKeys,
    class_ids: np.ndarray,
    capacity: int | None,
) -> EvaluatedRows:
    """Select as ActivityNet's ``get_ava_performance.py`` does, on annotated keyframes alone."""
    gt_classes = class_indices(ground_truth.labels, class_ids)
    gt_classes[np.isin(keys.ground_truth, keys.excluded)] = -1
    annotated = np.unique(keys.ground_truth[gt_classes >= 0])
    num_gt = np.bincount(gt_classes[gt_classes >= 0], minlength=len(class_ids))
    classes = class_indices(detections.labels, class_ids)
    run_starts = np.cumsum(keys.detection_run_lengths) - keys.detection_run_lengths
    has_row = np.zeros(0, dtype=bool)
    if len(run_starts):
        has_row = np.maximum.reduceat(classes, run_starts) >= 0
    frames, place = order_of_appearance(keys.detection_runs[has_row])
    place[~np.isin(frames, annotated)] = -1
    frames_of_rows = keys.of_detections(look_up(keys.detection_runs, frames, place))
    classes[frames_of_rows < 0] = -1
    gt_frames = look_up(keys.ground_truth, frames, place)
    gt_classes[gt_frames < 0] = -1
    if capacity is not None:
        _drop_beyond_capacity(classes, frames_of_rows, detections, capacity)
    corners = detections.boxes_xyxy_norm
    classes[(corners[:, 0] == corners[:, 2]) | (corners[:, 1] == corners[:, 3])] = -1
    return EvaluatedRows(classes, frames_of_rows, gt_classes, gt_frames, num_gt)


def _drop_beyond_capacity(
    classes: np.ndarray, frames: np.ndarray, detections: AVABoxes, capacity: int
) -> None:
    """Set to -1 the class of every row that is not among the best-scored of its keyframe.

    The official reader keeps a heap of `capacity` rows and admits a row to a full heap only if
    it beats the lowest score. So of the rows at the border score it sees those that came
    among the first `capacity` rows at or above that score, and of these it keeps the largest
    in the order of (class id, y1, x1, y2, x2).
    """
    rows = np.flatnonzero(classes >= 0)
    count = np.bincount(frames[rows], minlength=1)
    rows = rows[count[frames[rows]] > capacity]
    if not len(rows):
        return
    by_score = rows[best_first_by_keyframe(frames[rows], detections.scores[rows])]
    border = np.full(len(count), -np.inf)
    is_border = _position_in_group(frames[by_score]) == capacity - 1
    border[frames[by_score[is_border]]] = detections.scores[by_score[is_border]]

    scores, border_of_row = detections.scores[rows], border[frames[rows]]
    classes[rows[scores < border_of_row]] = -1
    num_above = np.bincount(frames[rows[scores > border_of_row]], minlength=len(count))
    candidates = rows[scores >= border_of_row]
    candidates = candidates[np.argsort(frames[candidates], kind='stable')]
    came_in_time = _position_in_group(frames[candidates]) < capacity
    is_tied = detections.scores[candidates] == border[frames[candidates]]
    classes[candidates[is_tied & ~came_in_time]] = -1
    tied = candidates[is_tied & came_in_time]
    x1, y1, x2, y2 = detections.boxes_xyxy_norm[tied].T
    largest_first = np.lexsort((-x2, -y2, -x1, -y1, -detections.labels[tied], frames[tied]))
    tied = tied[largest_first]
    is_over = _position_in_group(frames[tied]) >= capacity - num_above[frames[tied]]
    classes[tied[is_over]] = -1


def _position_in_group(sorted_groups: np.ndarray) -> np.ndarray:
    """0, 1, 2, ... within each run of equal values."""
    first = np.searchsorted(sorted_groups, sorted_groups, side='left')
    return np.arange(len(sorted_groups)) - first
