"""From scores to ranks: what AP, SAP and ROC-AUC have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

_COLUMNS_AT_ONCE = 32


class ClassScores(NamedTuple):
    """The pool of one class: its P positives and its M negatives, each sorted ascending."""

    positives: np.ndarray
    negatives: np.ndarray

    def false_positives(self) -> np.ndarray:
        """f_k, k = 1..R: the negatives scored at least as high as the k-th best positive.

        R counts the retrieved positives: one of -inf was never retrieved and has no rank.
        """
        num_lost = np.searchsorted(self.positives, -np.inf, side='right')
        best_first = self.positives[num_lost:][::-1]
        return len(self.negatives) - np.searchsorted(self.negatives, best_first, side='left')


def sorted_class_scores(
    scores: np.ndarray, targets: np.ndarray, valid: np.ndarray | None
) -> Iterator[ClassScores]:
    """Yield the pools of the C classes of checked (N, C) arrays, in order."""
    num_classes = scores.shape[1]
    for start in range(0, num_classes, _COLUMNS_AT_ONCE):
        # A few columns at a time are laid out contiguously: sorting a strided column is
        # slow, and a copy of the whole matrix would double the memory.
        columns = slice(start, start + _COLUMNS_AT_ONCE)
        block_scores = np.ascontiguousarray(scores[:, columns].T)
        block_targets = np.ascontiguousarray(targets[:, columns].T)
        block_valid = None if valid is None else np.ascontiguousarray(valid[:, columns].T)
        for index, (class_scores, is_positive) in enumerate(zip(block_scores, block_targets)):
            is_negative = ~is_positive
            if block_valid is not None:
                is_positive = is_positive & block_valid[index]
                is_negative &= block_valid[index]
            yield ClassScores(
                np.sort(class_scores[is_positive]), np.sort(class_scores[is_negative])
            )
