"""Class counts, and the splits into head, medium and tail that follow from them or from AP."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mmlt.functional.checks import check_class_ap, check_class_counts, check_integer, check_zero_one


class HeadMediumTail(NamedTuple):
    """Ascending indices of the classes of each group, int64."""

    head: np.ndarray
    medium: np.ndarray
    tail: np.ndarray


class HeadTail(NamedTuple):
    """Ascending indices of the classes of each group, int64."""

    head: np.ndarray
    tail: np.ndarray


def count_classes(targets: np.ndarray) -> np.ndarray:
    r"""Count the samples that carry each class.

    .. math::
        n_c = \sum_i y_{ic}

    Shapes: N samples, C classes.

    Args:
        targets: (N, C), bool or 0/1; a sample may carry several classes or none.

    Returns:
        (C,) int64.

    Raises:
        ValueError: if targets is not (N, C) or holds anything but 0 and 1.

    Example:
        >>> count_classes([[1, 0], [1, 1], [0, 0]]).tolist()
        [2, 1]
    """
    return check_zero_one('targets', targets).sum(axis=0, dtype=np.int64)


def split_head_medium_tail(
    class_counts: np.ndarray, *, head_min: int, tail_max: int
) -> HeadMediumTail:
    r"""Split classes by their number of training samples.

    .. math::
        head = \{c : n_c > h\}, \quad tail = \{c : n_c \le t\}, \quad
        medium = \{c : t < n_c \le h\}

    AVA's groups are h = 10000, t = 999; VideoLT's h = 500, t = 100.

    Shapes: C classes.

    Args:
        class_counts: (C,) training samples of each class, whole numbers >= 0.
        head_min: h, samples; a head class has more.
        tail_max: t <= h, samples; a tail class has at most as many.

    Returns:
        HeadMediumTail of index arrays; a group may be empty.

    Raises:
        ValueError: on a count that is no whole number >= 0, or tail_max > head_min.

    Reference:
        Arnab et al., "Beyond Transfer Learning: Co-finetuning for Action Localisation", 2022
        (AVA); Zhang et al., "VideoLT: Large-scale Long-tailed Video Recognition", ICCV 2021.

    Example:
        >>> split_head_medium_tail([501, 500, 101, 100], head_min=500, tail_max=100)
        HeadMediumTail(head=array([0]), medium=array([1, 2]), tail=array([3]))
    """
    counts = check_class_counts(class_counts)
    head_min = check_integer('head_min', head_min, 0)
    tail_max = check_integer('tail_max', tail_max, 0)
    if tail_max > head_min:
        raise ValueError(f'tail_max is {tail_max}: it must not exceed head_min, {head_min}')
    is_head, is_tail = counts > head_min, counts <= tail_max
    return HeadMediumTail(
        head=np.flatnonzero(is_head),
        medium=np.flatnonzero(~is_head & ~is_tail),
        tail=np.flatnonzero(is_tail),
    )


def split_by_train_test_ap(train_ap: np.ndarray, test_ap: np.ndarray) -> HeadTail:
    r"""Split classes by whether a first model is better on test data than on training data.

    .. math::
        tail = \{c : AP^{train}_c < AP^{test}_c\}, \quad head = \text{all others}

    Shapes: C classes.

    Args:
        train_ap: (C,) AP of each class on the training set, fractions in [0, 1].
        test_ap: (C,) AP of each class on held-out data, fractions in [0, 1].

    Returns:
        HeadTail of index arrays, neither empty.

    Raises:
        ValueError: on unequal lengths, a NaN or a value outside [0, 1], or if every class
            falls on one side.

    Reference:
        Zhang, Tokmakov, Hebert, Schmid, "A Study on Action Detection in the Wild", 2019,
        section 5.

    Example:
        >>> split_by_train_test_ap([0.9, 0.1], [0.5, 0.2])
        HeadTail(head=array([0]), tail=array([1]))
    """
    train_ap = check_class_ap('train_ap', train_ap)
    test_ap = check_class_ap('test_ap', test_ap)
    if train_ap.shape != test_ap.shape:
        raise ValueError(
            f'train_ap has {len(train_ap)} classes and test_ap {len(test_ap)}: '
            'both must have one value for each class'
        )
    is_tail = train_ap < test_ap
    if is_tail.all() or not is_tail.any():
        empty = 'head' if is_tail.all() else 'tail'
        raise ValueError(
            f'the split by train_ap < test_ap leaves the {empty} empty; '
            'split by training counts instead, with split_head_medium_tail'
        )
    return HeadTail(head=np.flatnonzero(~is_tail), tail=np.flatnonzero(is_tail))
