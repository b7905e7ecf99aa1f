"""Rows of a file that stand in it twice, found without sorting it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mmlt.functional import AVABoxes
from mmlt.functional.detection._keyframes import blocks

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio, odd
_SHIFT = np.uint64(29)
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
    hashes = _hash_rows(boxes)
    found = [np.empty(0, dtype=np.int64)]
    table = np.empty(1 << _TABLE_BITS, dtype=np.int32)
    for rows in _whole_keyframes(boxes):
        for indices in _pairs_of_one_hash(hashes[rows], table):
            found.append(indices + rows.start if isinstance(rows, slice) else rows[indices])
    return _repeats_among(boxes, np.unique(np.concatenate(found)), hashes)


def _hash_rows(boxes: AVABoxes) -> np.ndarray:
    hashes = np.empty(len(boxes.labels), dtype=np.uint64)
    for block in blocks(len(hashes)):
        # + 0.0: minus zero equals zero, its bits do not
        corners = (boxes.boxes_xyxy_norm[block].astype(np.float64) + 0.0).view(np.uint64)
        value = np.full(len(corners), _MULTIPLIER)
        columns = (boxes.video_index, boxes.timestamps, boxes.labels)
        for column in (*(c[block].astype(np.uint64) for c in columns), *corners.T):
            value = (value ^ column) * _MULTIPLIER
            value ^= value >> _SHIFT
        hashes[block] = value * _MULTIPLIER
    return hashes


def _whole_keyframes(boxes: AVABoxes) -> Iterator[slice | np.ndarray]:
    """Rows of whole keyframes, some tens of thousands at a time."""
    num_rows = len(boxes.labels)
    if not num_rows:
        return
    keys = (boxes.video_index.astype(np.int64) << 32) + boxes.timestamps
    starts = np.flatnonzero(np.insert(keys[1:] != keys[:-1], 0, True))
    order = np.argsort(keys[starts], kind='stable')
    is_once = len(np.unique(keys[starts])) == len(starts)
    if not is_once:  # bring the runs of a keyframe together
        lengths = np.diff(starts, append=num_rows)[order]
        offsets = np.arange(num_rows) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        rows = np.repeat(starts[order], lengths) + offsets
        keys = keys[rows]
        starts = np.flatnonzero(np.insert(keys[1:] != keys[:-1], 0, True))
    bounds = starts[np.searchsorted(starts, np.arange(0, num_rows, _CHUNK), side='right') - 1]
    bounds = np.append(np.unique(bounds), num_rows)
    for start, stop in zip(bounds.tolist(), bounds[1:].tolist()):
        yield slice(start, stop) if is_once else rows[start:stop]


def _pairs_of_one_hash(hashes: np.ndarray, table: np.ndarray) -> Iterator[np.ndarray]:
    """Indices that have a hash which another one has too."""
    rest = np.arange(len(hashes), dtype=table.dtype)
    shift = 64 - _TABLE_BITS
    while len(rest) > 1:
        slots = ((hashes[rest] >> np.uint64(shift)) & np.uint64(len(table) - 1)).astype(np.int64)
        table[slots] = rest  # one index of each slot stays there, whichever; it is done with
        kept = table[slots]
        is_other = kept != rest
        rest, kept = rest[is_other], kept[is_other]
        is_same = hashes[rest] == hashes[kept]
        yield rest[is_same].astype(np.int64)
        yield kept[is_same].astype(np.int64)
        rest = rest[~is_same]
        shift = (shift - 7) % (64 - _TABLE_BITS)


def _repeats_among(boxes: AVABoxes, rows: np.ndarray, hashes: np.ndarray) -> np.ndarray:
    """The repeats among ascending rows, each of which shares its hash with another."""
    columns = (boxes.video_index, boxes.timestamps, boxes.labels, *boxes.boxes_xyxy_norm.T)
    order = rows[np.argsort(hashes[rows], kind='stable')]
    is_repeat = _equals_the_one_before(order, columns)
    if (is_repeat != (hashes[order[1:]] == hashes[order[:-1]])).any():  # a hash of two rows
        order = rows[np.lexsort([column[rows] for column in columns])]
        is_repeat = _equals_the_one_before(order, columns)
    return np.sort(order[1:][is_repeat])


def _equals_the_one_before(order: np.ndarray, columns: tuple[np.ndarray, ...]) -> np.ndarray:
    is_equal = np.ones(max(len(order) - 1, 0), dtype=bool)
    for column in columns:
        is_equal &= column[order[1:]] == column[order[:-1]]
    return is_equal
