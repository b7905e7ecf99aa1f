"""Sampled average precision (SAP): by drawing balanced pools, or as its exact expectation."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mmlt.functional.checks import check_integer, check_retrieval
from mmlt.functional.retrieval._expected_precision import expected_precision
from mmlt.functional.retrieval._ranking import class_pools


class SampledAP(NamedTuple):
    """Mean and standard deviation (ddof=0) over the trials, each (C,) float64."""

    mean: np.ndarray
    std: np.ndarray


def sampled_average_precision(
    scores: np.ndarray,
    targets: np.ndarray,
    valid: np.ndarray | None = None,
    *,
    num_trials: int = 15,
    seed: int = 0,
    interpolated: bool = False,
) -> SampledAP:
    r"""Average AP over random balanced pools of each class.

    .. math::
        SAP(c) = \frac{1}{N} \sum_{i=1}^{N} AP(X_c \cup \hat X_{ci}), \qquad
        |\hat X_{ci}| = m = \min(|X_c|, |D \setminus X_c|)

    where :math:`\hat X_{ci}` are m negatives drawn without replacement. What is drawn are
    ranks of the sorted negatives, from a stream that depends on `seed` and the column c
    alone: neither the order of the rows nor the other classes change a result.

    Shapes: N samples, C classes.

    Args:
        scores: (N, C), higher = more confident, any range, -inf allowed ("never retrieved":
            such a positive adds 0), NaN not.
        targets: (N, C), bool or 0/1.
        valid: (N, C), bool or 0/1: the rows that belong to each class's pool. None = all.
        num_trials: pools drawn for each class, at least 1.
        seed: at least 0.
        interpolated: use AVA's interpolated AP, where the precision at a recall level is the
            best one at that level or beyond.

    Returns:
        SampledAP of two (C,) float64 arrays. NaN where a class has no positive in its pool. A
        class without a negative has m = 0: its AP is the share of positives retrieved.

    Raises:
        ValueError: on unequal shapes, a NaN score, a target that is not 0 or 1, a bad count.

    Reference:
        Zhang, Tokmakov, Hebert, Schmid, "A Study on Action Detection in the Wild", 2019,
        equations 3 and 4.

    Differs from reference:
        The paper asks for :math:`|X_c|` negatives, which a class with more positives than
        negatives has not: it gets all of them. Ties as in :func:`average_precision`.

    Example:
        >>> scores, targets = [[0.9], [0.8], [0.7], [0.6]], [[1], [0], [0], [0]]
        >>> sampled_average_precision(scores, targets)
        SampledAP(mean=array([1.]), std=array([0.]))
    """
    trials = average_precision_trials(
        scores, targets, valid, num_trials=num_trials, seed=seed, interpolated=interpolated
    )
    return SampledAP(trials.mean(axis=0), trials.std(axis=0))


def average_precision_trials(
    scores: np.ndarray,
    targets: np.ndarray,
    valid: np.ndarray | None = None,
    *,
    num_trials: int = 15,
    seed: int = 0,
    interpolated: bool = False,
) -> np.ndarray:
    r"""AP of each trial of :func:`sampled_average_precision`, :math:`AP(X_c \cup \hat X_{ci})`.

    Fewer trials are the first ones of more trials.

    Shapes: N samples, C classes, T trials.

    Args:
        scores: (N, C), as there.
        targets: (N, C), as there.
        valid: (N, C), as there.
        num_trials: T, at least 1.
        seed: at least 0.
        interpolated: as there.

    Returns:
        (T, C) float64; NaN where a class has no positive in its pool.

    Raises:
        ValueError: as there.

    Reference:
        Zhang, Tokmakov, Hebert, Schmid, "A Study on Action Detection in the Wild", 2019,
        equation 3.

    Differs from reference:
        As :func:`sampled_average_precision`.

    Example:
        >>> scores, targets = [[0.9], [0.8], [0.7], [0.6]], [[1], [0], [0], [0]]
        >>> average_precision_trials(scores, targets, num_trials=2).tolist()
        [[1.0], [1.0]]
    """
    scores, targets, valid = check_retrieval(scores, targets, valid)
    num_trials = check_integer('num_trials', num_trials, 1)
    seed = check_integer('seed', seed, 0)
    trials = np.full((num_trials, scores.shape[1]), np.nan)
    for index, pool in enumerate(class_pools(scores, targets, valid)):
        num_positives, num_negatives = len(pool.positives), pool.num_negatives
        if not num_positives:
            continue
        false_positives = pool.false_positives()
        num_drawn = min(num_positives, num_negatives)
        rng = np.random.default_rng([seed, index])
        for trial in range(num_trials):
            drawn = rng.choice(num_negatives, num_drawn, replace=False, shuffle=False)
            drawn_before = np.searchsorted(np.sort(drawn), false_positives, side='left')
            precision_sum = _precision_sum(drawn_before, interpolated)
            trials[trial, index] = precision_sum / num_positives
    return trials


def _precision_sum(false_positives: np.ndarray, interpolated: bool) -> float:
    """Sum the precision at the retrieved positives, or its monotone envelope."""
    ranks = np.arange(1, len(false_positives) + 1)
    precision = ranks / (ranks + false_positives)
    if interpolated:
        precision = np.maximum.accumulate(precision[::-1])
    return precision.sum()


def expected_sampled_average_precision(
    scores: np.ndarray, targets: np.ndarray, valid: np.ndarray | None = None
) -> np.ndarray:
    r"""The exact expectation of :func:`sampled_average_precision`: no noise and no seed.

    .. math::
        E[SAP(c)] = \frac{1}{P} \sum_{k=1}^{R} E\left[\frac{k}{k + H_k}\right], \qquad
        H_k \sim \mathrm{Hypergeometric}(M, f_k, m), \quad m = \min(P, M)

    for among the m negatives drawn of M, the number that rank before the k-th retrieved
    positive is hypergeometric with :math:`f_k` marked. Each expectation is a convergent of a
    continued fraction, enclosed between two bounds less than 1e-11 apart.

    Shapes: N samples, C classes; P positives, R of them retrieved, and M negatives of a class.

    Args:
        scores: (N, C), higher = more confident, any range, -inf allowed, NaN not.
        targets: (N, C), bool or 0/1.
        valid: (N, C), bool or 0/1: the rows that belong to each class's pool. None = all.

    Returns:
        (C,) float64 in [0, 1]; NaN where a class has no positive in its pool. A class without
        a negative has m = 0: the value is the share of positives retrieved.

    Raises:
        ValueError: on unequal shapes, a NaN score, a target that is not 0 or 1.

    Reference:
        Zhang, Tokmakov, Hebert, Schmid, "A Study on Action Detection in the Wild", 2019,
        equation 3 in the limit of infinitely many samples.

    Differs from reference:
        The limit instead of 15 samples; the non-interpolated AP only.

    Example:
        >>> scores, targets = [[0.9], [0.8], [0.7]], [[0], [1], [0]]
        >>> expected_sampled_average_precision(scores, targets).tolist()
        [0.75]
    """
    scores, targets, valid = check_retrieval(scores, targets, valid)
    result = np.full(scores.shape[1], np.nan)
    for index, pool in enumerate(class_pools(scores, targets, valid)):
        num_positives, num_negatives = len(pool.positives), pool.num_negatives
        if num_positives:
            precision = expected_precision(
                pool.false_positives(),
                num_drawn=min(num_positives, num_negatives),
                num_negatives=num_negatives,
            )
            result[index] = precision.sum() / num_positives
    return result
