"""Which rows AVA's two evaluation protocols count, and in which order they visit keyframes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from mmlt.functional.detection.ava_boxes import AVABoxes
from mmlt.functional.detection.keyframes import (
    KeyframeKeys,
    best_first_by_keyframe,
    blocks,
    cell_numbers,
    class_indices,
    look_up,
    order_of_appearance,
)

# Rows whose keyframes are cut to capacity at a time.
_CHUNK = 1 << 19


class EvaluatedRows(NamedTuple):
    """Cell (class index * num_places + place of the keyframe) of each row, -1 = left out.

    Keyframes take their places in the order in which the protocol visits them; run_places holds
    the place of each run of detections, -1 = not visited. num_ground_truth is what recall
    divides by, for each class.
    """

    detection_cells: np.ndarray
    ground_truth_cells: np.ndarray
    num_places: int
    run_places: np.ndarray
    num_ground_truth: np.ndarray


def mmaction2_rows(
    detections: AVABoxes, ground_truth: AVABoxes, keys: KeyframeKeys, class_ids: np.ndarray
) -> EvaluatedRows:
    """Select as ``mmaction.evaluation.functional.ava_utils.ava_eval`` does."""
    gt_classes = class_indices(ground_truth.labels, class_ids)
    is_listed = gt_classes >= 0
    if not is_listed.any():
        raise ValueError(
            "ground_truth has no box of class_ids: protocol 'mmaction2' is undefined without one"
        )
    # Counted before the exclusions: their boxes stay in the divisor and cannot be found.
    num_gt = np.bincount(gt_classes[is_listed], minlength=len(class_ids))
    frames, place = order_of_appearance(keys.ground_truth[is_listed])
    place[np.isin(frames, keys.excluded)] = -1
    gt_places = look_up(keys.ground_truth, frames, place)
    run_places = look_up(keys.detection_runs, frames, place)
    cells = _detection_cells(detections, keys, class_ids, run_places, len(frames))
    gt_cells = cell_numbers(ground_truth.labels, class_ids, gt_places.__getitem__, len(frames))
    return EvaluatedRows(cells, gt_cells, len(frames), run_places, num_gt)


def _detection_cells(
    detections: AVABoxes,
    keys: KeyframeKeys,
    class_ids: np.ndarray,
    run_places: np.ndarray,
    num_places: int,
) -> np.ndarray:
    return cell_numbers(
        detections.labels,
        class_ids,
        lambda rows: keys.of_detections(run_places, rows),
        num_places,
    )


def mmaction2_class_order(
    detections: AVABoxes,
    keys: KeyframeKeys,
    class_ids: np.ndarray,
    run_places: np.ndarray,
    first_places: np.ndarray,
) -> list[int]:
    """Return the indices of the detected classes in the order in which ava_eval averages them.

    Args:
        detections: as evaluated.
        keys: of the detections.
        class_ids: (C,).
        run_places: place of the keyframe of each run of detections.
        first_places: place of the first keyframe on which each detected class was detected.

    Returns:
        By keyframe; of the classes new on one, in the order of a Python set that was filled
        with the labels by descending score.
    """
    index_of_label = {label: index for index, label in enumerate(class_ids.tolist())}
    ends = keys.detection_run_ends
    starts = ends - keys.detection_run_lengths
    order: dict[int, None] = {}
    for place in np.unique(first_places):
        runs = np.flatnonzero(run_places == place)
        rows = np.concatenate([np.arange(starts[run], ends[run]) for run in runs])
        best_first = np.argsort(-detections.scores[rows], kind='stable')
        labels = detections.labels[rows[best_first]].tolist()
        for label in set(label for label in labels if label in index_of_label):
            order.setdefault(index_of_label[label])
    return list(order)


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
    run_starts = keys.detection_run_ends - keys.detection_run_lengths
    has_row = np.zeros(0, dtype=bool)
    if len(run_starts):
        classes = class_indices(detections.labels, class_ids)
        has_row = np.maximum.reduceat(classes, run_starts) >= 0
        del classes
    frames, place = order_of_appearance(keys.detection_runs[has_row])
    place[~np.isin(frames, annotated)] = -1
    run_places = look_up(keys.detection_runs, frames, place)
    cells = _detection_cells(detections, keys, class_ids, run_places, len(frames))
    gt_places = look_up(keys.ground_truth, frames, place)
    gt_places[gt_classes < 0] = -1
    gt_cells = cell_numbers(ground_truth.labels, class_ids, gt_places.__getitem__, len(frames))
    if capacity is not None:
        for rows in _whole_keyframes(cells, len(frames)):
            _drop_beyond_capacity(cells, rows, len(frames), detections, capacity)
    for block in blocks(len(cells)):
        x1, y1, x2, y2 = detections.boxes_xyxy_norm[block].T
        cells[block][(x1 == x2) | (y1 == y2)] = -1
    return EvaluatedRows(cells, gt_cells, len(frames), run_places, num_gt)


def _whole_keyframes(cells: np.ndarray, num_places: int) -> Iterator[np.ndarray]:
    """Yield the rows that have a cell, by place, so many whole keyframes at a time."""
    places = np.full(len(cells), -1, dtype=np.int32)
    for block in blocks(len(cells)):
        is_in = cells[block] >= 0
        np.remainder(cells[block], max(num_places, 1), out=places[block], where=is_in)
    # Rows that are left out may stand anywhere: they are counted to the keyframe before them.
    filled = np.maximum.accumulate(places)
    is_sorted = bool(((filled == places) | (places < 0)).all())
    order = None if is_sorted else np.argsort(places, kind='stable')
    places = filled if is_sorted else places
    del filled
    # Not np.bincount, which would copy the places to 64 bits.
    every_place = np.arange(num_places, dtype=np.int32)
    ends = np.searchsorted(places, every_place, side='right', sorter=order)
    del places
    start = 0
    while num_places and start < ends[-1]:
        # The last keyframe that ends within the chunk, or one that is longer than a chunk.
        within = np.searchsorted(ends, start + _CHUNK, side='right') - 1
        stop = ends[max(within, np.searchsorted(ends, start, side='right'))]
        rows = np.arange(start, stop) if order is None else order[start:stop]
        yield rows[cells[rows] >= 0]
        start = stop


def _drop_beyond_capacity(
    cells: np.ndarray, rows: np.ndarray, num_places: int, detections: AVABoxes, capacity: int
) -> None:
    """Set to -1 the cell of each of `rows` that is not among the best-scored of its keyframe.

    The official reader keeps a heap of `capacity` rows and admits a row to a full heap only if
    it beats the lowest score. So of the rows at the border score it sees those that came
    among the first `capacity` rows at or above that score, and of these it keeps the largest
    in the order of (class id, y1, x1, y2, x2).

    Args:
        cells: (n,), changed in place.
        rows: indices of whole keyframes, by place, then in the order of the file.
        num_places: number of keyframes.
        detections: n rows.
        capacity: rows to keep of a keyframe.
    """
    places, scores = cells[rows] % num_places, detections.scores[rows]
    by_score = best_first_by_keyframe(places, scores)
    is_border = _position_in_group(places) == capacity - 1  # by_score leaves places as they are
    if not is_border.any():
        return
    border_of_place = np.full(int(places.max()) + 1, -np.inf)
    border_of_place[places[is_border]] = scores[by_score[is_border]]
    border = border_of_place[places]
    cells[rows[scores < border]] = -1
    num_above = np.bincount(places[scores > border], minlength=len(border_of_place))

    is_candidate = scores >= border
    rows, places, is_tied = (x[is_candidate] for x in (rows, places, scores == border))
    came_in_time = _position_in_group(places) < capacity
    cells[rows[is_tied & ~came_in_time]] = -1
    tied, places = rows[is_tied & came_in_time], places[is_tied & came_in_time]
    x1, y1, x2, y2 = detections.boxes_xyxy_norm[tied].T
    largest_first = np.lexsort((-x2, -y2, -x1, -y1, -detections.labels[tied], places))
    is_over = _position_in_group(places) >= capacity - num_above[places]
    cells[tied[largest_first[is_over]]] = -1


def _position_in_group(sorted_groups: np.ndarray) -> np.ndarray:
    """0, 1, 2, ... within each run of equal values."""
    if not len(sorted_groups):
        return np.zeros(0, dtype=np.int64)
    is_start = np.ones(len(sorted_groups), dtype=bool)
    is_start[1:] = sorted_groups[1:] != sorted_groups[:-1]
    starts = np.flatnonzero(is_start)
    return np.arange(len(sorted_groups)) - np.repeat(
        starts, np.diff(starts, append=len(sorted_groups))
    )
