"""Class weights by the effective number of samples."""

from __future__ import annotations

import numpy as np

from mmlt.functional.checks import check_positive_counts, check_real


def class_balanced_weights(class_counts: np.ndarray, *, beta: float = 0.9999) -> np.ndarray:
    r"""Weight each class by the inverse of its effective number of samples.

    .. math::
        E_c = \frac{1 - \beta^{n_c}}{1 - \beta}, \qquad
        w_c = C \, \frac{1 / E_c}{\sum_j 1 / E_j}

    From no weighting (:math:`\beta = 0`) to the inverse frequency (:math:`\beta \to 1`).

    Args:
        class_counts: (C,) training samples n_c of each class, whole numbers >= 1.
        beta: In [0, 1).

    Returns:
        (C,) float64 weights that sum to C.

    Raises:
        ValueError: A count that is not a whole number >= 1; beta outside [0, 1).

    Reference:
        Cui et al., "Class-Balanced Loss Based on Effective Number of Samples", CVPR 2019,
        sections 3 and 4: effective number of samples, weights normalised to sum to C.

    Differs from reference:
        A class without samples, for which the formula divides by zero, is an error.

    Example:
        >>> class_balanced_weights([1, 2], beta=0.5).round(6).tolist()
        [1.2, 0.8]
    """
    counts = check_positive_counts(class_counts)
    beta = check_real('beta', beta, 0, 1)
    if beta == 1:
        raise ValueError('beta must be below 1: its limit there is the inverse frequency')
    if beta == 0:
        return np.ones(len(counts))
    # 1 - beta^n by expm1: near beta = 1 the difference of the two would lose most of its digits.
    inverse = -1 / np.expm1(counts * np.log(beta))
    return inverse * (len(counts) / inverse.sum())
