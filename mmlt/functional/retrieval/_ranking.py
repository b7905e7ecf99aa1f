"""From scores to ranks: what AP, SAP and ROC-AUC have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

_COLUMNS_AT_ONCE = 32
_ROWS_AT_ONCE = 1024


class ClassScores(NamedTuple):
    """The pool of one class: its P positives and its M negatives, each sorted ascending."""

    positives: np.ndarray
    negatives: np.ndarray

    def false_positives(self) -> np.ndarray:
        """f_k, k = 1..R: the negatives scored at least as high as the k-th best positive.

        R counts the retrieved positives: one of -inf was never retrieved and has no rank.
        """
        best_first = _retrieved_best_first(self.positives)
        return _count_not_below(self.negatives, best_first)


class ClassRanks(NamedTuple):
    """What a ranking says of one class: P, and f_k for each of its R retrieved positives."""

    num_positives: int
    false_positives: np.ndarray


def sorted_class_scores(
    scores: np.ndarray, targets: np.ndarray, valid: np.ndarray | None
) -> Iterator[ClassScores]:
    """Yield the pools of the C classes of checked (N, C) arrays, in order."""
    for class_scores, is_positive, is_valid in _columns(scores, targets, valid):
        is_negative = ~is_positive
        if is_valid is not None:
            is_positive = is_positive & is_valid
            is_negative &= is_valid
        yield ClassScores(np.sort(class_scores[is_positive]), np.sort(class_scores[is_negative]))


def class_ranks(
    scores: np.ndarray, targets: np.ndarray, valid: np.ndarray | None
) -> Iterator[ClassRanks]:
    """Yield what AP needs of each class: as ``sorted_class_scores``, without its negatives.

    To take a rare class's negatives out of the pool costs as much as to sort it. So the pool is
    sorted whole, where it lies, and the positives are subtracted from the counts.
    """
    for pool, is_positive, is_valid in _columns(scores, targets, valid):
        if is_valid is not None:
            pool, is_positive = pool[is_valid], is_positive[is_valid]
        positives = np.sort(pool[is_positive])
        best_first = _retrieved_best_first(positives)
        if len(best_first):
            pool.sort()
        num_before = _count_not_below(pool, best_first) - _count_not_below(positives, best_first)
        yield ClassRanks(len(positives), num_before)


def _retrieved_best_first(positives: np.ndarray) -> np.ndarray:
    num_lost = np.searchsorted(positives, -np.inf, side='right')
    return positives[num_lost:][::-1]


def _count_not_below(ascending: np.ndarray, values: np.ndarray) -> np.ndarray:
    return len(ascending) - np.searchsorted(ascending, values, side='left')


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
    buffers = [np.empty((width, len(scores)), dtype=matrix.dtype) for matrix in matrices]
    for first in range(0, scores.shape[1], _COLUMNS_AT_ONCE):
        for matrix, buffer in zip(matrices, buffers):
            columns = matrix[:, first : first + _COLUMNS_AT_ONCE]
            for row in range(0, len(scores), _ROWS_AT_ONCE):
                tile = columns[row : row + _ROWS_AT_ONCE].T
                buffer[: len(tile), row : row + _ROWS_AT_ONCE] = tile
        for index in range(min(_COLUMNS_AT_ONCE, scores.shape[1] - first)):
            rows = [buffer[index] for buffer in buffers]
            yield rows[0], rows[1], rows[2] if valid is not None else None
