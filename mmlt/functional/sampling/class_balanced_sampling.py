"""Class-balanced sampling of multi-label data: how often a class is drawn, and what is drawn when.

Shapes: N candidates (boxes, or whole samples where there are no boxes), C classes, M memberships
(one for every label of every candidate), n_c members of class c.
"""

from __future__ import annotations

import numbers
from typing import NamedTuple

import numpy as np

from mmlt.functional.checks import check_choice, check_class_counts, check_integer

SAMPLING_MODES = ('uniform', 'sqrt', 'repeat_factor', 'duplicate')


class ClassMembers(NamedTuple):
    """The candidates of each class, class after class.

    Attributes:
        candidates: (M,) int64 indices of candidates; those of class c lie at offsets[c] up to
            offsets[c + 1], in ascending order.
        offsets: (C + 1,) int64.
        num_candidates: N.
    """

    candidates: np.ndarray
    offsets: np.ndarray
    num_candidates: int

    @property
    def counts(self) -> np.ndarray:
        """(C,) int64: n_c."""
        return np.diff(self.offsets)


def group_by_class(
    candidates: np.ndarray, classes: np.ndarray, *, num_candidates: int, num_classes: int
) -> ClassMembers:
    """List the candidates of each class.

    Args:
        candidates: (M,) integers in [0, N), one for every label of every candidate.
        classes: (M,) integers in [0, C), that label.
        num_candidates: N.
        num_classes: C.

    Returns:
        ClassMembers.

    Raises:
        ValueError: if the two differ in length or hold a value outside their range.

    Example:
        >>> members = group_by_class([0, 0, 1], [1, 0, 1], num_candidates=2, num_classes=2)
        >>> members.candidates.tolist(), members.counts.tolist()
        ([0, 0, 1], [1, 2])
    """
    pair = {'candidates': (candidates, num_candidates), 'classes': (classes, num_classes)}
    arrays = []
    for name, (values, size) in pair.items():
        values = np.asarray(values, dtype=np.int64)
        wrong = values[(values < 0) | (values >= size)]
        if wrong.size:
            raise ValueError(f'{name} holds {wrong[0]}: it must be in [0, {size})')
        arrays.append(values)
    candidates, classes = arrays
    if candidates.shape != classes.shape or candidates.ndim != 1:
        raise ValueError(
            f'candidates and classes must be (M,), got {candidates.shape} and {classes.shape}'
        )
    order = np.lexsort((candidates, classes))
    counts = np.bincount(classes, minlength=num_classes)
    return ClassMembers(candidates[order], np.append(0, np.cumsum(counts)), num_candidates)


def class_sampling_probs(class_counts: np.ndarray, *, mode: str) -> np.ndarray:
    r"""Probability with which each class is drawn before one of its members is.

    .. math::
        p_c = \frac{n_c^q}{\sum_k n_k^q}, \quad q = 0 \text{ (uniform)},\ 1/2 \text{ (sqrt)},
        \quad p_c = 0 \text{ where } n_c = 0

    Args:
        class_counts: (C,) members of each class, whole numbers >= 0, not all 0.
        mode: 'uniform' (class-balanced sampling, CBS) or 'sqrt' (square-root sampling, SRS).

    Returns:
        (C,) float64 that sums to 1.

    Raises:
        ValueError: on a bad count, an unknown mode, or if every class is empty.

    Reference:
        Kang et al., "Decoupling Representation and Classifier for Long-Tailed Recognition", ICLR
        2020, equation 1; Zhang et al., "VideoLT", ICCV 2021, section 5.1.

    Differs from reference:
        an empty class is never drawn; there p_c = 1/C for every class.

    Example:
        >>> class_sampling_probs([9, 1], mode='sqrt').tolist()
        [0.75, 0.25]
    """
    counts = check_class_counts(class_counts)
    check_choice('mode', mode, ('uniform', 'sqrt'))
    if not counts.any():
        raise ValueError('class_counts is 0 for every class: nothing to draw')
    weights = np.sqrt(counts) if mode == 'sqrt' else (counts > 0).astype(np.float64)
    return weights / weights.sum()


def class_repeat_factors(
    class_counts: np.ndarray, num_candidates: int, *, threshold: float
) -> np.ndarray:
    r"""How often a class should be repeated so that it has a share of about sqrt(t f_c).

    .. math::
        r_c = \max\left(1, \sqrt{t / f_c}\right), \quad f_c = n_c / N

    Args:
        class_counts: (C,) members of each class, whole numbers >= 0.
        num_candidates: N >= 1.
        threshold: t in [0, 1], a share of the candidates; classes below it are repeated. 0: none.

    Returns:
        (C,) float64 >= 1; 1 for an empty class, which has nothing to repeat.

    Raises:
        ValueError: on a bad count, N or threshold.

    Reference:
        Gupta, Dollar, Girshick, "LVIS: A Dataset for Large Vocabulary Instance Segmentation", CVPR
        2019, appendix B.

    Differs from reference:
        f_c is a share of the candidates, which may be boxes; there of the images.

    Example:
        >>> class_repeat_factors([50, 1], 100, threshold=0.25).tolist()
        [1.0, 5.0]
    """
    counts = check_class_counts(class_counts)
    num_candidates = check_integer('num_candidates', num_candidates, 1)
    if not isinstance(threshold, numbers.Real) or not 0 <= threshold <= 1:
        raise ValueError(f'threshold must be a share in [0, 1], got {threshold!r}')
    shares = np.where(counts > 0, counts, num_candidates) / num_candidates
    return np.maximum(1.0, np.sqrt(threshold / shares))


def expected_draws(
    members: ClassMembers, *, mode: str, repeat_threshold: float | None = None
) -> np.ndarray:
    r"""Expected number of draws of each candidate in an epoch of natural length.

    .. math::
        e_i = N \sum_{c \ni i} p_c / n_c \text{ (uniform, sqrt)}, \quad
        e_i = \max_{c \ni i} r_c \text{ (repeat\_factor)}, \quad
        e_i = \sum_{c \ni i} n_{max} / n_c \text{ (duplicate)}

    Args:
        members: See :func:`group_by_class`.
        mode: 'uniform' | 'sqrt' | 'repeat_factor' | 'duplicate'.
        repeat_threshold: t of :func:`class_repeat_factors`, for mode 'repeat_factor'.

    Returns:
        (N,) float64; the sum is the natural length.

    Raises:
        ValueError: on an unknown mode, no member at all, or a bad or missing threshold.

    Reference:
        :func:`class_sampling_probs`, :func:`class_repeat_factors`; 'duplicate': Zhang, Tokmakov,
        Hebert, Schmid, "A Study on Action Detection in the Wild", 2019, section 5.2.

    Differs from reference:
        a candidate without labels (factor 0 here) is repeated once by LVIS.

    Example:
        >>> members = group_by_class([0, 1, 1], [0, 0, 1], num_candidates=2, num_classes=2)
        >>> expected_draws(members, mode='duplicate').tolist()
        [1.0, 3.0]
    """
    check_choice('mode', mode, SAMPLING_MODES)
    counts, num = members.counts, members.num_candidates
    if not counts.any():
        raise ValueError('no candidate is a member of a class: nothing to draw')
    if repeat_threshold is not None and mode != 'repeat_factor':
        raise ValueError(
            f"repeat_threshold is for mode 'repeat_factor', got {repeat_threshold!r} with mode "
            f'{mode!r}'
        )
    if mode == 'repeat_factor':
        if repeat_threshold is None:
            raise ValueError("mode 'repeat_factor' needs repeat_threshold, a share such as 0.001")
        factors = np.zeros(num)
        class_factors = class_repeat_factors(counts, num, threshold=repeat_threshold)
        np.maximum.at(factors, members.candidates, np.repeat(class_factors, counts))
        return factors
    if mode == 'duplicate':
        class_weights = counts.max() / np.maximum(counts, 1)
    else:
        class_weights = num * class_sampling_probs(counts, mode=mode) / np.maximum(counts, 1)
    return np.bincount(members.candidates, weights=np.repeat(class_weights, counts), minlength=num)


def class_counts_of_draws(members: ClassMembers, num_draws: np.ndarray) -> np.ndarray:
    r"""How often each class occurs among the draws, under whatever class they were made.

    .. math::
        m_c = \sum_{i \in c} d_i

    Args:
        members: See :func:`group_by_class`.
        num_draws: (N,) d, draws of each candidate, e.g. those of :func:`expected_draws`.

    Returns:
        (C,) float64.

    Raises:
        ValueError: if num_draws is not (N,).

    Example:
        >>> members = group_by_class([0, 1, 1], [0, 0, 1], num_candidates=2, num_classes=2)
        >>> class_counts_of_draws(members, [1, 3]).tolist()
        [4.0, 3.0]
    """
    num_draws = np.asarray(num_draws, dtype=np.float64)
    if num_draws.shape != (members.num_candidates,):
        raise ValueError(
            f'num_draws must have shape ({members.num_candidates},), got {num_draws.shape}'
        )
    classes = np.repeat(np.arange(len(members.counts)), members.counts)
    return np.bincount(
        classes, weights=num_draws[members.candidates], minlength=len(members.counts)
    )
