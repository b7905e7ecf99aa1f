"""Hit at k of samples, and the same class by class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmlt.functional.checks import check_integer, check_retrieval

_PAIRS_AT_ONCE = 1024


def top_k_accuracy(scores: np.ndarray, targets: np.ndarray, *, k: int) -> float:
    r"""Share of the samples with a true class among their k best-scored classes (hit at k).

    .. math::
        acc@k = \frac{1}{|L|} \sum_{i \in L} [\min_{c \in Y_i} r_{ic} \le k], \quad
        r_{ic} = 1 + |\{d \notin Y_i : s_{id} \ge s_{ic}\}| + |\{d \in Y_i : s_{id} > s_{ic}\}|

    where :math:`L` are the samples with a true class and :math:`Y_i` the true classes of sample
    i. A true class ranks after every false class of the same score, as in
    :func:`average_precision`, so neither the order of the classes nor that of the samples
    matters, and a constant scorer hits nothing until k exceeds the number of false classes.
    A score of -inf means "never retrieved": such a true class is no hit at any k.

    Shapes: N samples, C classes.

    Args:
        scores: (N, C), higher = more confident, any range, -inf allowed, NaN not.
        targets: (N, C), bool or 0/1, one or several classes a sample. A sample without any is
            left out: nothing in it could be hit.
        k: At least 1. With k >= C every sample with a retrieved true class is a hit.

    Returns:
        A fraction in [0, 1]; NaN where no sample has a true class.

    Raises:
        ValueError: on unequal shapes, a NaN score, a target that is not 0 or 1, k < 1.

    Reference:
        Zhang et al., "VideoLT: Large-scale Long-tailed Video Recognition", ICCV 2021, section 5
        (Acc@1 and Acc@5).

    Differs from reference:
        VideoLT's meter returns percent and breaks ties by the sorting routine.

    Example:
        >>> scores, targets = [[0.5, 0.3, 0.2], [0.4, 0.4, 0.2]], [[1, 0, 0], [1, 0, 0]]
        >>> top_k_accuracy(scores, targets, k=1)  # the second sample's class shares its score
        0.5
    """
    samples, _, ranks = _true_class_ranks(scores, targets)
    k = check_integer('k', k, 1)
    if not len(samples):
        return float('nan')
    return len(np.unique(samples[ranks <= k])) / len(np.unique(samples))


def average_top_k_error(
    scores: np.ndarray, targets: np.ndarray, *, ks: Sequence[int] = (1, 5)
) -> float:
    r"""Mean of the top-k errors, by default of top-1 and top-5: what the Kinetics challenge ranks.

    .. math::
        \frac{1}{|K|} \sum_{k \in K} (1 - acc@k)

    with :func:`top_k_accuracy`, whose rule for equal scores holds here too.

    Shapes: N samples, C classes.

    Args:
        scores: (N, C), higher = more confident, any range, -inf allowed, NaN not.
        targets: (N, C), bool or 0/1, one or several classes a sample. A sample without any is
            left out.
        ks: K, each at least 1.

    Returns:
        A fraction in [0, 1]; NaN where no sample has a true class.

    Raises:
        ValueError: as :func:`top_k_accuracy`, and where ``ks`` is empty.

    Reference:
        Report on a three-branch solution to the 2019 ActivityNet challenge (CVPR 2019), section 4:
        "average of top-1 and top-5 error rate".

    Example:
        >>> average_top_k_error([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]], [[1, 0, 0], [0, 1, 0]])
        0.25
    """
    if not len(ks):
        raise ValueError(f'ks must name at least one k, got {ks!r}')
    return float(np.mean([1 - top_k_accuracy(scores, targets, k=k) for k in ks]))


def top_k_recall(scores: np.ndarray, targets: np.ndarray, *, k: int) -> np.ndarray:
    r"""Share of each class's samples that have that very class among their k best-scored ones.

    .. math::
        recall@k_c = \frac{1}{|\{i : c \in Y_i\}|} \sum_{i : c \in Y_i} [r_{ic} \le k]

    with the ranks :math:`r_{ic}` of :func:`top_k_accuracy`. For single labels and k = 1 this is
    the accuracy of each class, and its mean the mean class accuracy.

    Shapes: N samples, C classes.

    Args:
        scores: (N, C), higher = more confident, any range, -inf allowed, NaN not.
        targets: (N, C), bool or 0/1, one or several classes a sample, or none.
        k: At least 1.

    Returns:
        (C,) float64 in [0, 1]; NaN where a class has no sample.

    Raises:
        ValueError: on unequal shapes, a NaN score, a target that is not 0 or 1, k < 1.

    Example:
        >>> scores, targets = [[0.5, 0.3, 0.2], [0.3, 0.2, 0.5]], [[1, 1, 0], [1, 0, 0]]
        >>> top_k_recall(scores, targets, k=1).tolist()
        [0.5, 0.0, nan]
    """
    _, classes, ranks = _true_class_ranks(scores, targets)
    k = check_integer('k', k, 1)
    num_classes = np.shape(scores)[1]
    num_samples = np.bincount(classes, minlength=num_classes)
    num_hits = np.bincount(classes[ranks <= k], minlength=num_classes)
    return num_hits / np.where(num_samples, num_samples, np.nan)


def _true_class_ranks(
    scores: np.ndarray, targets: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sample, class and rank among its sample's classes of each 1 in targets, (n,) each."""
    scores, targets, _ = check_retrieval(scores, targets, None)
    samples, classes = np.nonzero(targets)
    ranks = np.empty(len(samples))
    for start in range(0, len(samples), _PAIRS_AT_ONCE):
        pairs = slice(start, start + _PAIRS_AT_ONCE)
        rows, own = scores[samples[pairs]], scores[samples[pairs], classes[pairs]]
        is_before = rows >= own[:, None]
        # Among the true classes only those with a higher score come before.
        is_before &= (rows > own[:, None]) | ~targets[samples[pairs]]
        ranks[pairs] = np.where(own > -np.inf, 1 + is_before.sum(axis=1), np.inf)
    return samples, classes, ranks
