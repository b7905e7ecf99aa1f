"""Boxes carried along with what moves in them, from frame to frame, by optical flow."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

_GRID = 10  # points along each side of a box
_MIN_POINTS = 8  # as many must be followed, or the box is lost
_MAX_ERROR = 10.0  # median forward-backward error, px, of a box that is not lost
_FLOW = dict(winSize=(9, 9), maxLevel=3, criteria=(3, 20, 0.03))


def median_flow(previous: np.ndarray, current: np.ndarray, boxes_xyxy: np.ndarray) -> np.ndarray:
    r"""Move boxes with the median of the optical flow in them.

    Points on a grid in each box are followed to the next image and back (Lucas-Kanade with
    pyramids). How far from its start a point ends, its forward-backward error, tells how well it
    was followed: the better half of a box's points moves it, by the median of their displacements,
    and scales it about its centre by the median ratio of the distances between pairs of points.

    Args:
        previous: (H, W) uint8.
        current: The same size, a moment later.
        boxes_xyxy: (n, 4), px; NaN: a box that is lost already.

    Returns:
        (n, 4) float64; NaN where a box is lost: too few points are followed, or with a median error
        of more than 10 px.

    Reference:
        Kalal, Mikolajczyk and Matas, "Forward-Backward Error: Automatic Detection of Tracking
        Failures", ICPR 2010, sections 2 and 3. **Differs from reference**: points are judged by
        that error alone, not by normalised cross-correlation too.
    """
    moved = np.full((len(boxes_xyxy), 4), np.nan)
    rows = np.flatnonzero(np.isfinite(boxes_xyxy).all(axis=1))
    if not len(rows):
        return moved
    points = _grid_points(boxes_xyxy[rows])
    flat = points.reshape(-1, 1, 2).astype(np.float32)
    there, is_there, _ = cv2.calcOpticalFlowPyrLK(previous, current, flat, None, **_FLOW)
    back, is_back, _ = cv2.calcOpticalFlowPyrLK(current, previous, there, None, **_FLOW)
    errors = np.linalg.norm((back - flat).astype(np.float64), axis=-1).reshape(points.shape[:2])
    errors[(is_there * is_back).reshape(errors.shape) == 0] = np.inf
    there = there.astype(np.float64).reshape(points.shape)
    for row, start, end, error in zip(rows, points, there, errors):
        moved[row] = _move_box(boxes_xyxy[row], start, end, error)
    return moved


def _grid_points(boxes_xyxy: np.ndarray) -> np.ndarray:
    """(n, 100, 2) points within each box, evenly."""
    places = (np.arange(_GRID) + 0.5) / _GRID
    grid = np.stack(np.meshgrid(places, places), axis=-1).reshape(-1, 2)
    return boxes_xyxy[:, None, :2] + grid * (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2])[:, None]


def _move_box(box: np.ndarray, start: np.ndarray, end: np.ndarray, error: np.ndarray) -> np.ndarray:
    followed = np.isfinite(error)
    if followed.sum() < _MIN_POINTS or np.median(error[followed]) > _MAX_ERROR:
        return np.full(4, np.nan)
    good = error <= np.median(error[followed])
    start, end = start[good], end[good]
    shift = np.median(end - start, axis=0)
    first, second = np.triu_indices(len(start), 1)
    before = np.linalg.norm(start[first] - start[second], axis=1)
    scale = np.median(np.linalg.norm(end[first] - end[second], axis=1) / before)
    centre, half = (box[:2] + box[2:]) / 2 + shift, scale * (box[2:] - box[:2]) / 2
    return np.concatenate([centre - half, centre + half])


def carry_boxes(
    images: Iterable[tuple[int | None, np.ndarray]],
    seconds: np.ndarray,
    boxes_xyxy_norm: np.ndarray,
    *,
    max_gap: int,
) -> np.ndarray:
    """Where each box of a keyframe is one, two, ... keyframes later, by :func:`median_flow`.

    Args:
        images: Frames in the order of time, (H, W) uint8 of one size, each with the second that
            begins with it, None if none does.
        seconds: (n,) whole numbers, of each box.
        boxes_xyxy_norm: (n, 4), fractions of the image.
        max_gap: g, how many keyframes a box is carried on.

    Returns:
        (g, n, 4) fractions, row j of j + 1 seconds later; NaN where a box is lost or the video has
        ended; see :func:`mmlt.functional.link_boxes`.
    """
    carried = np.full((max_gap, len(seconds), 4), np.nan)
    rows = np.zeros(0, np.int64)  # of the boxes under way
    places = np.zeros((0, 4))
    before = None
    for second, image in images:
        size = np.tile(image.shape[::-1], 2)
        if len(rows):
            places = median_flow(before, image, places * size) / size
        if second is not None:
            gaps = second - seconds[rows]
            carried[gaps - 1, rows] = places
            stays = gaps < max_gap
            new = np.flatnonzero(seconds == second)
            rows = np.concatenate([rows[stays], new])
            places = np.concatenate([places[stays], boxes_xyxy_norm[new]])
        before = image
    return carried
