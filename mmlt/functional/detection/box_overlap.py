"""Overlap between boxes of the same keyframe, for all keyframes at once."""

from __future__ import annotations

import numpy as np

# Irrational, so that boxes on a grid of decimals have a sum of their own.
_WEIGHTS = (1.0, 2**0.5, 3**0.5, 5**0.5)
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio, odd


def box_hashes(keys: np.ndarray, boxes_xyxy: np.ndarray) -> np.ndarray:
    """A number for each row that equal keys and corners share, and others hardly ever.

    Args:
        keys: (n,) int64.
        boxes_xyxy: (n, 4) float64, finite.

    Returns:
        (n,) uint64; its highest bits number the slots of a table.
    """
    with np.errstate(over='ignore', invalid='ignore'):
        # + 0.0: minus zero equals zero, its bits do not
        total = sum(corner * weight for corner, weight in zip(boxes_xyxy.T, _WEIGHTS)) + 0.0
    return (total.view(np.uint64) ^ keys.view(np.uint64) * _MULTIPLIER) * _MULTIPLIER


def pairs_of_same_key(
    keys: np.ndarray, sorted_other_keys: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pair each row with every row of the other set that has its key.

    Shapes: n rows, m other rows, p pairs.

    Args:
        keys: (n,), in any order.
        sorted_other_keys: (m,), ascending.

    Returns:
        (p,) row and (p,) other row, grouped by row, other rows ascending within a group.
    """
    first = np.searchsorted(sorted_other_keys, keys, side='left')
    count = np.searchsorted(sorted_other_keys, keys, side='right') - first
    rows = np.repeat(np.arange(len(keys)), count)
    group_start = np.cumsum(count) - count
    return rows, np.arange(len(rows)) + np.repeat(first - group_start, count)


def pair_iou(boxes_xyxy: np.ndarray, other_boxes_xyxy: np.ndarray) -> np.ndarray:
    """Intersection over union, pair by pair; 0 where neither box has an area.

    Lengths and areas keep the precision of the boxes, the rest is float64: with float32 boxes
    that mixture is the one of mmaction2, bit for bit.

    Shapes: p pairs.

    Args:
        boxes_xyxy: (p, 4), x1 <= x2 and y1 <= y2.
        other_boxes_xyxy: (p, 4).

    Returns:
        (p,) float64.
    """
    ax1, ay1, ax2, ay2 = boxes_xyxy.T
    bx1, by1, bx2, by2 = other_boxes_xyxy.T
    width = (np.minimum(ax2, bx2) - np.maximum(ax1, bx1)).astype(np.float64)
    height = (np.minimum(ay2, by2) - np.maximum(ay1, by1)).astype(np.float64)
    intersection = np.maximum(width, 0.0) * np.maximum(height, 0.0)
    areas = (ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1)
    with np.errstate(divide='ignore', invalid='ignore'):
        iou = intersection / (areas - intersection)
    # 0/0. np.argmax would prefer it to every number, to no effect: only a detection without
    # area can meet it, and that detection overlaps nothing else either.
    iou[np.isnan(iou)] = 0.0
    return iou


def first_best_pairs(rows: np.ndarray, quality: np.ndarray) -> np.ndarray:
    """Return the first of each row's best pairs, as indices into the p pairs.

    Args:
        rows: (p,), pairs of one row stand together.
        quality: (p,), no NaN.

    Returns:
        One index for each row that occurs, in the order of `rows`.
    """
    starts = _starts(rows)
    if not len(starts):
        return starts
    best = np.maximum.reduceat(quality, starts)
    is_best = quality == np.repeat(best, np.diff(starts, append=len(rows)))
    best_pairs = np.flatnonzero(is_best)
    return best_pairs[_starts(rows[best_pairs])]


def _starts(rows: np.ndarray) -> np.ndarray:
    is_start = np.ones(len(rows), dtype=bool)
    is_start[1:] = rows[1:] != rows[:-1]
    return np.flatnonzero(is_start)
