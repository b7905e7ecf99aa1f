"""From scores to ranks: what AP, SAP and ROC-AUC have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

_COLUMNS_AT_ONCE = 32
_ROWS_AT_ONCE = 1024
# Bins from the highest score to the lowest: positive floats sort as their bits do, negative ones
# the other way round. Bin b is at place _DESCENDING[b].
_DESCENDING = np.r_[(1 << 15) - 1 : -1 : -1, 1 << 15 : 1 << 16]
# Below so many scores, or scores a positive, sorting all of them is as quick.
_MIN_COUNTED = 1 << 14
_MIN_COUNTED_PER_POSITIVE = 16


class ClassPool(NamedTuple):
    """The pool of one class: P positives, R of them retrieved, and its negatives.

    A positive of -inf was never retrieved and has no rank. Of the rest only those scores are kept,
    and sorted, that stand near a retrieved positive.

    positives: (P,) ascending.
    near: scores of the pool, positives included, ascending.
    num_beyond: (R,) for the k-th best positive, the scores that are higher and not in `near`.
    num_negatives: M.
    num_lost_negatives: those of -inf.
    """

    positives: np.ndarray
    near: np.ndarray
    num_beyond: np.ndarray
    num_negatives: int
    num_lost_negatives: int

    def false_positives(self, *, ties: bool = True) -> np.ndarray:
        """f_k, k = 1..R: the negatives scored higher than the k-th best positive, or as high."""
        best_first = _retrieved_best_first(self.positives)
        side = 'left' if ties else 'right'
        num_before = self.num_beyond + _count_above(self.near, best_first, side)
        return num_before - _count_above(self.positives, best_first, side)


def class_pools(
    scores: np.ndarray, targets: np.ndarray, valid: np.ndarray | None
) -> Iterator[ClassPool]:
    """Yield the pools of the C classes of checked (N, C) arrays, in order."""
    for pool, is_positive, is_valid in _columns(scores, targets, valid):
        if is_valid is not None:
            pool, is_positive = pool[is_valid], is_positive[is_valid]
        positives = np.sort(pool[is_positive])
        best_first = _retrieved_best_first(positives)
        num_lost = int(np.count_nonzero(pool == -np.inf)) - (len(positives) - len(best_first))
        near, num_beyond = _sorted_near(pool, best_first)
        yield ClassPool(positives, near, num_beyond, len(pool) - len(positives), num_lost)


def _retrieved_best_first(positives: np.ndarray) -> np.ndarray:
    num_lost = np.searchsorted(positives, -np.inf, side='right')
    return positives[num_lost:][::-1]


def _count_above(ascending: np.ndarray, values: np.ndarray, side: str) -> np.ndarray:
    return len(ascending) - np.searchsorted(ascending, values, side=side)


def _sorted_near(pool: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sort what shares a bin with one of `values`; count for each value what lies in bins above.

    Counting the bins takes a fraction of the time of sorting the pool, and the pool of a rare
    class needs no other order. The pool may be changed.
    """
    if not len(values):
        return pool[:0], np.zeros(0, dtype=np.intp)
    if len(pool) < max(_MIN_COUNTED, _MIN_COUNTED_PER_POSITIVE * len(values)):
        pool.sort()
        return pool, np.zeros(len(values), dtype=np.intp)
    bins_of_pool, bins = _bins(pool), _bins(values)
    counts = np.bincount(bins_of_pool, minlength=len(_DESCENDING))
    is_near = np.zeros(len(counts), dtype=bool)
    is_near[bins] = True
    near = pool.compress(is_near.take(bins_of_pool))
    near.sort()
    counts[bins] = 0
    return near, np.cumsum(counts[_DESCENDING])[_DESCENDING[bins]]


def _bins(scores: np.ndarray) -> np.ndarray:
    """The upper half of each score's bits as a float32; -0 counts as 0.

    Rounding keeps the order, so equal scores share a bin and no score is in one above a higher's.
    """
    with np.errstate(over='ignore'):
        rounded = scores.astype(np.float32)
    rounded += 0
    return (rounded.view(np.uint32) >> 16).astype(np.intp)


def _columns(
    scores: np.ndarray, targets: np.ndarray, valid: np.ndarray | None
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
    """Yield each class's scores, targets and pool as contiguous (N,) buffers.

    They are free to be changed, and hold another class after the next step.
    """
    matrices = [matrix for matrix in (scores, targets, valid) if matrix is not None]
    width = min(_COLUMNS_AT_ONCE, scores.shape[1])
    # Sorting a strided column is slow and a transposed copy of the whole would double the memory:
    # a few columns at a time are laid out, in tiles that stay in a CPU's cache.
    # float16 as float32: numpy 2.4 leaves some of them out of order where a CPU has AVX-512.
    dtypes = [np.promote_types(scores.dtype, np.float32), bool, bool]
    buffers = [np.empty((width, len(scores)), dtype) for _, dtype in zip(matrices, dtypes)]
    for first in range(0, scores.shape[1], _COLUMNS_AT_ONCE):
        for matrix, buffer in zip(matrices, buffers):
            columns = matrix[:, first : first + _COLUMNS_AT_ONCE]
            for row in range(0, len(scores), _ROWS_AT_ONCE):
                tile = columns[row : row + _ROWS_AT_ONCE].T
                buffer[: len(tile), row : row + _ROWS_AT_ONCE] = tile
        for index in range(min(_COLUMNS_AT_ONCE, scores.shape[1] - first)):
            rows = [buffer[index] for buffer in buffers]
            yield rows[0], rows[1], rows[2] if valid is not None else None
