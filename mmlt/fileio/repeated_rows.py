"""Rows of a file that stand in it twice, found without sorting it."""

from __future__ import annotations

import numpy as np

from mmlt.functional import AVABoxes
from mmlt.functional._keyframes import blocks

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio, odd
_SHIFT = np.uint64(29)


def repeated_rows(boxes: AVABoxes) -> np.ndarray:
    """Indices of the rows whose video, timestamp, box and label stand in an earlier row.

    A table has one slot for each of at least four times as many hashes as there are rows; only
    rows that share a slot are compared. 9 million rows take half a second, in any order.

    Shapes: n rows, r of them repeats.

    Args:
        boxes: n rows.

    Returns:
        (r,) ascending int64.
    """
    num_rows = len(boxes.labels)
    if num_rows < 2:
        return np.empty(0, dtype=np.int64)
    hashes = _hash_rows(boxes)
    bits = max(8, (4 * num_rows - 1).bit_length())
    slots = (hashes >> np.uint64(64 - bits)).astype(np.int64)
    first = np.empty(1 << bits, dtype=np.int32 if num_rows < 1 << 31 else np.int64)
    rows = np.arange(num_rows, dtype=first.dtype)
    first[slots[::-1]] = rows[::-1]  # of equal indices numpy keeps the last: the first row
    first_of_row = first[slots]
    shares = first_of_row != rows
    candidates = np.union1d(np.flatnonzero(shares), first_of_row[shares])
    return _repeats_among(boxes, candidates.astype(np.int64), hashes)


def _hash_rows(boxes: AVABoxes) -> np.ndarray:
    hashes = np.empty(len(boxes.labels), dtype=np.uint64)
    for block in blocks(len(hashes)):
        # + 0.0: minus zero equals zero, its bits do not
        corners = (boxes.boxes_xyxy_norm[block].astype(np.float64) + 0.0).view(np.uint64)
        value = boxes.video_index[block].astype(np.uint64)
        for column in (boxes.timestamps[block], boxes.labels[block], *corners.T):
            value = (value ^ (value >> _SHIFT) ^ column.astype(np.uint64)) * _MULTIPLIER
        hashes[block] = (value ^ (value >> _SHIFT)) * _MULTIPLIER
    return hashes


def _repeats_among(boxes: AVABoxes, rows: np.ndarray, hashes: np.ndarray) -> np.ndarray:
    order = rows[np.argsort(hashes[rows], kind='stable')]  # equal rows stand together, first first
    before, after = order[:-1], order[1:]
    is_same = hashes[before] == hashes[after]
    before, after = before[is_same], after[is_same]
    is_same = (boxes.boxes_xyxy_norm[before] == boxes.boxes_xyxy_norm[after]).all(axis=1)
    for column in (boxes.video_index, boxes.timestamps, boxes.labels):
        is_same &= column[before] == column[after]
    return np.sort(after[is_same])
