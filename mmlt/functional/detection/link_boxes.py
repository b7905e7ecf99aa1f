"""Boxes of one keyframe after the other, linked to tracks."""

from __future__ import annotations

import numpy as np

from mmlt.functional.checks import check_real
from mmlt.functional.detection.box_overlap import pair_iou


def link_boxes(
    seconds: np.ndarray,
    boxes_xyxy: np.ndarray,
    carried: np.ndarray | None = None,
    *,
    iou_threshold: float = 0.3,
) -> np.ndarray:
    r"""Link the boxes of a video's keyframes to tracks, by intersection over union.

    Second by second each track is extended by at most one box, and each box extends at most one
    track: of all pairs of a track and a box whose IoU reaches the threshold the best one is linked,
    then the best one of those left. A track is where its last box has been carried to since. What
    extends no track begins one.

    Shapes: n boxes, g seconds that a track may be away, and one more.

    Args:
        seconds: (n,) whole numbers, in any order.
        boxes_xyxy: (n, 4), x1 <= x2 and y1 <= y2, in any unit.
        carried: (g, n, 4): row j says where each box is expected j + 1 seconds later; NaN: it has
            been lost. None: g = 1, every box stays where it is.
        iou_threshold: The least IoU of a link, within (0, 1].

    Returns:
        (n,) int64 track ids from 0, ascending by the second in which a track begins, within it by
        x1, y1, x2, y2.

    Raises:
        ValueError: Shapes that do not fit, seconds that are not whole, boxes that are not finite or
            inside out, a threshold outside of (0, 1].

    Reference:
        Bochinski et al., "High-Speed Tracking-by-Detection Without Using Image Information", AVSS
        2017: the IoU tracker. **Differs from reference**: its tracks take a box each in turn, here
        the best pair goes first; and boxes may be carried along before they are compared, for
        between keyframes a second apart a walker leaves his own box.

    Example:
        >>> boxes = [[0, 0, 10, 20], [50, 0, 60, 20], [1, 0, 11, 20]]
        >>> link_boxes([7, 7, 8], boxes).tolist()
        [0, 1, 0]
        >>> carried = [[[30, 0, 40, 20], [2, 0, 12, 20], [1, 0, 11, 20]]]
        >>> link_boxes([7, 7, 8], boxes, carried).tolist()
        [0, 1, 1]
    """
    seconds, boxes_xyxy, carried = _checked(seconds, boxes_xyxy, carried)
    check_real('iou_threshold', iou_threshold, 0, 1)
    if iou_threshold == 0:
        raise ValueError('iou_threshold must be above 0: boxes apart would be linked')
    order = np.lexsort((*boxes_xyxy.T[::-1], seconds))
    track_ids = np.full(len(seconds), -1, np.int64)
    last: list[int] = []  # the last box of each track
    for second in np.unique(seconds):
        rows = order[seconds[order] == second]
        gaps = second - seconds[last] if last else np.zeros(0, np.int64)
        tracks = np.flatnonzero(gaps <= len(carried))
        places = carried[gaps[tracks] - 1, np.array(last, np.int64)[tracks]]
        for track, row in _best_pairs(places, boxes_xyxy[rows], iou_threshold):
            track_ids[rows[row]] = tracks[track]
            last[tracks[track]] = rows[row]
        for row in rows[track_ids[rows] < 0]:
            track_ids[row] = len(last)
            last.append(row)
    return track_ids


def _best_pairs(
    places: np.ndarray, boxes_xyxy: np.ndarray, iou_threshold: float
) -> list[tuple[int, int]]:
    """One-to-one pairs (place, box), the best one taken first; of equal ones the earliest."""
    first, second = (grid.ravel() for grid in np.indices((len(places), len(boxes_xyxy))))
    iou = pair_iou(places[first], boxes_xyxy[second])  # NaN has no overlap
    pairs: list[tuple[int, int]] = []
    free_places, free_boxes = set(first.tolist()), set(second.tolist())
    for pair in np.argsort(-iou, kind='stable'):
        if iou[pair] < iou_threshold:
            break
        place, box = int(first[pair]), int(second[pair])
        if place in free_places and box in free_boxes:
            free_places.remove(place)
            free_boxes.remove(box)
            pairs.append((place, box))
    return pairs


def _checked(
    seconds: np.ndarray, boxes_xyxy: np.ndarray, carried: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    seconds, boxes_xyxy = np.asarray(seconds), np.asarray(boxes_xyxy, np.float64)
    if not len(boxes_xyxy):
        boxes_xyxy = boxes_xyxy.reshape(-1, 4)
    if seconds.ndim != 1 or boxes_xyxy.shape != (len(seconds), 4):
        raise ValueError(
            'seconds and boxes_xyxy must have shapes (n,) and (n, 4), got '
            f'{seconds.shape} and {boxes_xyxy.shape}'
        )
    whole = seconds.astype(np.int64)
    if not np.array_equal(whole, seconds):
        raise ValueError(f'seconds must be whole, got {seconds[whole != seconds][0]}')
    good = np.isfinite(boxes_xyxy).all(axis=1)
    good &= (boxes_xyxy[:, :2] <= boxes_xyxy[:, 2:]).all(axis=1)
    if not good.all():
        raise ValueError(
            'boxes_xyxy must be finite with x1 <= x2 and y1 <= y2, got '
            f'{boxes_xyxy[~good][0].tolist()}'
        )
    carried = boxes_xyxy[None] if carried is None else np.asarray(carried, np.float64)
    if carried.ndim != 3 or carried.shape[1:] != boxes_xyxy.shape or not len(carried):
        raise ValueError(
            f'carried must have shape (g, {len(boxes_xyxy)}, 4), g >= 1, got {carried.shape}'
        )
    return whole, boxes_xyxy, carried
