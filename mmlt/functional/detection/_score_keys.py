"""One sortable number a detection: by class, then keyframe, then descending score."""

from __future__ import annotations

import numpy as np

from mmlt.functional.detection.keyframes import blocks

_PART_BITS = 8


def sorted_keys(
    cells: np.ndarray, scores: np.ndarray, dtype: np.dtype, num_cells: int
) -> np.ndarray:
    """Sort the rows by cell, then by descending score, without moving anything but their keys.

    Keys are laid out by the upper bits of their cells, then each part is sorted: as detections
    come keyframe by keyframe, it is nearly sorted already, which makes a merge sort quick.

    Shapes: n rows, of which k have a cell.

    Args:
        cells: (n,) integers in [0, num_cells), -1 = left out.
        scores: (n,), no NaN.
        dtype: float32 or float64, the precision of the scores that the keys hold.
        num_cells: number of cells.

    Returns:
        (k,) keys; :func:`scores_of_keys` and :func:`first_of_cells` read them.
    """
    shift = max(int(num_cells).bit_length() - _PART_BITS, 0)
    counts = np.zeros(1 << _PART_BITS, dtype=np.int64)
    for block in blocks(len(cells)):
        part = cells[block] >> shift
        counts += np.bincount(part[part >= 0], minlength=len(counts))
    keys = np.empty(counts.sum(), dtype=_key_type(dtype, num_cells))
    free = np.cumsum(counts) - counts
    for block in blocks(len(cells)):
        _append(keys, free, cells[block], scores[block], shift)
    for part in np.split(keys, free[:-1]):
        part.sort(kind='stable')
    return keys


def _append(
    keys: np.ndarray, free: np.ndarray, cells: np.ndarray, scores: np.ndarray, shift: int
) -> None:
    """Write the keys of some rows, each where its part of `keys` is still free."""
    is_kept = cells >= 0
    if not is_kept.all():
        cells, scores = cells[is_kept], scores[is_kept]
    part = (cells >> shift).astype(np.uint8)
    order = np.argsort(part, kind='stable')
    new = np.empty(len(cells), dtype=keys.dtype)
    _fill(new, cells, scores)
    new = new[order]
    counts = np.bincount(part, minlength=len(free))
    start = 0
    for index in np.flatnonzero(counts):
        count = counts[index]
        keys[free[index] : free[index] + count] = new[start : start + count]
        start += count
    free += counts


def scores_of_keys(keys: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return the scores, of the given precision, that the keys hold."""
    if keys.dtype == np.complex128:
        with np.errstate(over='ignore'):
            return (-keys.imag).astype(dtype, copy=False)
    return _descending(keys.astype(np.int32)).view(np.float32)


def first_of_cells(keys: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Return the index of the first key of each cell, or where it would stand."""
    lowest = np.empty(len(cells), dtype=keys.dtype)
    _fill(lowest, cells, np.full(len(cells), np.inf))
    return np.searchsorted(keys, lowest)


def cells_of_keys(keys: np.ndarray) -> np.ndarray:
    """Return the cell of each key, int64."""
    return keys.real.astype(np.int64) if keys.dtype == np.complex128 else keys >> 32


def _key_type(dtype: np.dtype, num_cells: int) -> type:
    # Integers hold 31 bits of cell and a float32; they sort many times faster than complex
    # numbers, which compare by real, then by imaginary part and hold any cell and score.
    return np.int64 if dtype == np.float32 and num_cells < 1 << 31 else np.complex128


def _fill(keys: np.ndarray, cells: np.ndarray, scores: np.ndarray) -> None:
    if keys.dtype == np.complex128:
        keys.real, keys.imag = cells, -scores
        return
    np.left_shift(cells, 32, out=keys, dtype=np.int64)
    with np.errstate(over='ignore'):
        # -0 comes after 0 here: whichever comes first, what reads the scores finds them equal.
        bits = scores.astype(np.float32).view(np.int32)
    keys |= _descending(bits).view(np.uint32)


def _descending(bits: np.ndarray) -> np.ndarray:
    """Turn a float32's bits into ones that, unsigned, sort by descending value; and back."""
    return bits ^ (~(bits >> 31) & np.int32(0x7FFFFFFF))
