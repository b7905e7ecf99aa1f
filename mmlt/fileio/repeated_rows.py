"""Rows of a file that stand in it twice, found without sorting it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mmlt.functional import AVABoxes
from mmlt.functional.detection.box_overlap import box_hashes

_MULTIPLIER = 0x2545F4914F6CDD1D  # odd
_CHUNK = 1 << 15  # rows: they, and a table of so many slots, stay in a core's cache
_TABLE_BITS = 18


def repeated_rows(boxes: AVABoxes) -> np.ndarray:
    """Indices of the rows whose video, timestamp, box and label stand in an earlier row.

    Equal rows are of one keyframe, so some whole keyframes are looked at at a time. A table has a
    slot for each of many hashes; only rows that share a slot are compared.

    Shapes: n rows, r of them repeats.

    Args:
        boxes: n rows.

    Returns:
        (r,) ascending int64.
    """
    table = np.empty(1 << _TABLE_BITS, dtype=np.int32)
    found = [_repeats_among(boxes, rows, table) for rows in _whole_keyframes(boxes)]
    return np.sort(np.concatenate([np.empty(0, dtype=np.int64), *found]))


def _whole_keyframes(boxes: AVABoxes) -> Iterator[slice | np.ndarray]:
    """Rows of whole keyframes, ascending in each, some tens of thousands at a time."""
    num_rows = len(boxes.labels)
    is_new = np.ones(num_rows, dtype=bool)
    is_new[1:] = boxes.video_index[1:] != boxes.video_index[:-1]
    is_new[1:] |= boxes.timestamps[1:] != boxes.timestamps[:-1]
    starts = np.flatnonzero(is_new)
    if not num_rows:
        return
    keys = _keyframe_keys(boxes, starts)
    rows = None
    if len(np.unique(keys)) < len(starts):  # bring the runs of a keyframe together
        keys = np.repeat(keys, np.diff(starts, append=num_rows))
        rows = np.argsort(keys, kind='stable')
        starts = np.flatnonzero(np.diff(keys[rows], prepend=keys[rows[0]] - 1))
    bounds = starts[np.searchsorted(starts, np.arange(0, num_rows, _CHUNK), side='right') - 1]
    bounds = np.append(np.unique(bounds), num_rows)
    for start, stop in zip(bounds.tolist(), bounds[1:].tolist()):
        yield slice(start, stop) if rows is None else rows[start:stop]


def _keyframe_keys(boxes: AVABoxes, rows: slice | np.ndarray) -> np.ndarray:
    return (boxes.video_index[rows].astype(np.int64) << 32) + boxes.timestamps[rows]


def _hash_rows(boxes: AVABoxes, rows: slice | np.ndarray) -> np.ndarray:
    keys = _keyframe_keys(boxes, rows) + boxes.labels[rows].astype(np.int64) * _MULTIPLIER
    return box_hashes(keys, boxes.boxes_xyxy_norm[rows].astype(np.float64, copy=False))


def _repeats_among(boxes: AVABoxes, rows: slice | np.ndarray, table: np.ndarray) -> np.ndarray:
    """The repeats among the rows of some whole keyframes."""
    hashes = _hash_rows(boxes, rows)
    slots = (hashes >> np.uint64(64 - _TABLE_BITS)).astype(np.int64)
    own = np.arange(len(slots), dtype=table.dtype)
    table[slots] = own  # one row of each slot stays there, whichever
    kept = table[slots]
    is_shared = kept != own
    is_shared[kept[is_shared]] = True
    shared = np.flatnonzero(is_shared)
    order = shared[np.argsort(hashes[shared], kind='stable')]
    is_same_hash = hashes[order[1:]] == hashes[order[:-1]]
    if not is_same_hash.any():
        return np.empty(0, dtype=np.int64)
    columns = (boxes.video_index, boxes.timestamps, boxes.labels, *boxes.boxes_xyxy_norm.T)
    columns = tuple(column[rows] for column in columns)
    is_repeat = _equals_the_one_before(order, columns)
    if (is_repeat != is_same_hash).any():  # a hash of two rows
        order = shared[np.lexsort([column[shared] for column in columns])]
        is_repeat = _equals_the_one_before(order, columns)
    repeats = order[1:][is_repeat]
    return repeats + rows.start if isinstance(rows, slice) else rows[repeats]


def _equals_the_one_before(order: np.ndarray, columns: tuple[np.ndarray, ...]) -> np.ndarray:
    is_equal = np.ones(max(len(order) - 1, 0), dtype=bool)
    for column in columns:
        is_equal &= column[order[1:]] == column[order[:-1]]
    return is_equal
