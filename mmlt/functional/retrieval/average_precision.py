"""Average precision of a ranking, per class."""

from __future__ import annotations

import numpy as np

from mmlt.functional.checks import check_retrieval
from mmlt.functional.retrieval._ranking import class_pools


def average_precision(
    scores: np.ndarray, targets: np.ndarray, valid: np.ndarray | None = None
) -> np.ndarray:
    r"""Average the precision over the recall levels of each class.

    .. math::
        AP_c = \frac{1}{P} \sum_{k=1}^{R} \frac{k}{k + f_k}

    where :math:`f_k` counts the negatives scored at least as high as the k-th best positive:
    a positive ranks after every negative of the same score, so the order of the rows never
    matters. A score of -inf means "never retrieved": such a positive adds 0.

    Shapes: N samples, C classes; P positives of a class, R of them retrieved.

    Args:
        scores: (N, C), higher = more confident, any range, -inf allowed, NaN not.
        targets: (N, C), bool or 0/1.
        valid: (N, C), bool or 0/1: the rows that belong to each class's pool. None = all.

    Returns:
        (C,) float64 in [0, 1]; NaN where a class has no positive in its pool, 1 where it has
        no negative and every positive is retrieved.

    Raises:
        ValueError: on unequal shapes, a NaN score, a target that is not 0 or 1.

    Reference:
        Zhang, Tokmakov, Hebert, Schmid, "A Study on Action Detection in the Wild", 2019,
        section 4.1.

    Differs from reference:
        The paper leaves ties open. VideoLT's meter (Zhang et al., ICCV 2021) gives 0 where
        this gives NaN, and breaks ties by the sorting routine.

    Example:
        >>> average_precision([[0.9], [0.8], [0.7]], [[1], [0], [1]]).round(4).tolist()
        [0.8333]
    """
    scores, targets, valid = check_retrieval(scores, targets, valid)
    result = np.full(scores.shape[1], np.nan)
    for index, pool in enumerate(class_pools(scores, targets, valid)):
        if len(pool.positives):
            false_positives = pool.false_positives()
            ranks = np.arange(1, len(false_positives) + 1)
            result[index] = np.sum(ranks / (ranks + false_positives)) / len(pool.positives)
    return result
