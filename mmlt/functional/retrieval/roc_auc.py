"""Area under the ROC curve, per class."""

from __future__ import annotations

import numpy as np

from mmlt.functional.checks import check_retrieval
from mmlt.functional.retrieval._ranking import class_pools


def roc_auc(scores: np.ndarray, targets: np.ndarray, valid: np.ndarray | None = None) -> np.ndarray:
    r"""Area under the receiver operator characteristic, the Mann-Whitney statistic.

    .. math::
        AUC_c = \frac{1}{P M} \sum_{i \in X_c} \sum_{j \in D \setminus X_c}
            [s_i > s_j] + \tfrac{1}{2} [s_i = s_j]

    A tie counts one half, also between two scores of -inf.

    Shapes: N samples, C classes; P positives and M negatives of a class.

    Args:
        scores: (N, C), higher = more confident, any range, -inf allowed, NaN not.
        targets: (N, C), bool or 0/1.
        valid: (N, C), bool or 0/1: the rows that belong to each class's pool. None = all.

    Returns:
        (C,) float64 in [0, 1]; NaN where all or none of the pool are positive.

    Raises:
        ValueError: on unequal shapes, a NaN score, a target that is not 0 or 1.

    Reference:
        Zhang, Tokmakov, Hebert, Schmid, "A Study on Action Detection in the Wild", 2019,
        section 4.3; Mann and Whitney, 1947.

    Example:
        >>> roc_auc([[0.9], [0.5], [0.5], [0.1]], [[1], [1], [0], [0]]).tolist()
        [0.875]
    """
    scores, targets, valid = check_retrieval(scores, targets, valid)
    result = np.full(scores.shape[1], np.nan)
    for index, pool in enumerate(class_pools(scores, targets, valid)):
        num_pairs = len(pool.positives) * pool.num_negatives
        if num_pairs:
            not_below, above = pool.false_positives(), pool.false_positives(ties=False)
            wins_twice = 2 * len(above) * pool.num_negatives - int((not_below + above).sum())
            # A positive of -inf beats none, and shares its score with the negatives of -inf.
            wins_twice += (len(pool.positives) - len(above)) * pool.num_lost_negatives
            result[index] = wins_twice / (2 * num_pairs)
    return result
