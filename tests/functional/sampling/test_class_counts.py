from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmlt.functional import count_classes, split_by_train_test_ap, split_head_medium_tail

DATA = Path(__file__).parents[2] / 'data'


def test_count_by_hand():
    counts = count_classes([[1, 0, 1], [1, 0, 0]])
    assert counts.tolist() == [2, 0, 1]
    assert counts.dtype == np.int64
    assert count_classes(np.zeros((0, 2), bool)).tolist() == [0, 0]


def test_split_by_counts_at_the_borders():
    head, medium, tail = split_head_medium_tail(
        [10_001, 10_000, 1000, 999, 0], head_min=10_000, tail_max=999
    )
    assert head.tolist() == [0]
    assert medium.tolist() == [1, 2]
    assert tail.tolist() == [3, 4]


def test_split_without_a_middle():
    head, medium, tail = split_head_medium_tail([6, 5], head_min=5, tail_max=5)
    assert (head.tolist(), medium.tolist(), tail.tolist()) == ([0], [], [1])


def test_equals_videolt_groups():
    recorded = np.load(DATA / 'videolt_class_counts.npz')
    split = split_head_medium_tail(recorded['counts'], head_min=500, tail_max=100)
    assert [len(group) for group in split] == [47, 617, 340]
    for name in ('head', 'medium', 'tail'):
        assert np.array_equal(getattr(split, name), np.sort(recorded[f'idx_{name}']))


def test_split_by_ap():
    head, tail = split_by_train_test_ap([0.9, 0.3, 0.1, 0.2], [0.5, 0.3, 0.2, 0.1])
    # Equal APs are not a sign of underfitting.
    assert head.tolist() == [0, 1, 3]
    assert tail.tolist() == [2]


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda: count_classes([[0, 2]]), r'targets\[0, 1\] is 2'),
        (lambda: count_classes([0, 1]), r'targets must have shape \(N, C\), got shape \(2,\)'),
        (
            lambda: split_head_medium_tail([5, -1], head_min=3, tail_max=1),
            r'class_counts\[1\] is -1: it must be a whole number',
        ),
        (
            lambda: split_head_medium_tail([5, 1.5], head_min=3, tail_max=1),
            r'class_counts\[1\] is 1.5',
        ),
        (
            lambda: split_head_medium_tail([np.nan, 1.0], head_min=3, tail_max=1),
            r'class_counts\[0\] is nan',
        ),
        (
            lambda: split_head_medium_tail([5, 1e300], head_min=3, tail_max=1),
            r'class_counts\[1\] is 1e\+300: it must be a whole number >= 0, at most 2\*\*53',
        ),
        (
            lambda: split_head_medium_tail(np.array([2**63], np.uint64), head_min=3, tail_max=1),
            r'class_counts\[0\] is 9223372036854775808',
        ),
        (lambda: split_head_medium_tail([], head_min=3, tail_max=1), r'got shape \(0,\)'),
        (
            lambda: split_head_medium_tail([5], head_min=3, tail_max=4),
            'tail_max is 4: it must not exceed head_min, 3',
        ),
        (lambda: split_head_medium_tail([5], head_min=3.5, tail_max=1), 'head_min must be'),
        (lambda: split_by_train_test_ap([0.5, np.nan], [0.1, 0.2]), r'train_ap\[1\] is nan'),
        (lambda: split_by_train_test_ap([0.5, 0.5], [0.1, 40.0]), r'test_ap\[1\] is 40.0'),
        (lambda: split_by_train_test_ap([0.5], [0.1, 0.2]), 'train_ap has 1 classes and test_ap 2'),
        (lambda: split_by_train_test_ap([], []), r'train_ap must have shape \(C,\)'),
        (
            lambda: split_by_train_test_ap([0.5, 0.5], [0.1, 0.2]),
            'leaves the tail empty; split by training counts instead, with split_head_medium_tail',
        ),
        (lambda: split_by_train_test_ap([0.1], [0.2]), 'leaves the head empty'),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
