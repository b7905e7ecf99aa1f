from __future__ import annotations

import math

import pytest

from mmlt.evaluation.groups import (
    empty_groups,
    empty_groups_warning,
    group_classes,
    mean_of,
    number_or_none,
    summarise_group,
)
from mmlt.fileio.class_counts import ClassCounts
from mmlt.fileio.class_split import ClassSplit

COUNTS = ClassCounts('by hand', 'boxes', {3: 'a', 7: 'b', 9: 'c'}, {3: 5, 7: 50, 9: 500})


def test_groups_by_counts_hold_class_ids():
    groups = group_classes([3, 7, 9], COUNTS, None, head_min=100, tail_max=10)
    assert groups == {'head': [9], 'medium': [7], 'tail': [3]}


def test_a_split_comes_first_and_nothing_is_guessed():
    split = ClassSplit('by eye', {'head': (3,), 'tail': (7, 9)})
    assert group_classes([3, 7, 9], COUNTS, split, head_min=100, tail_max=10) == split.groups
    assert group_classes([3, 7, 9], None, None, head_min=100, tail_max=10) == {}


@pytest.mark.parametrize('unit', ['boxes', 'videos'])
def test_empty_groups_are_said_with_what_to_set(unit):
    limits = dict(head_min=10_000, tail_max=999, unit=unit)
    assert empty_groups({'head': [1], 'medium': [2], 'tail': [3]}, [9, 5, 1], **limits) is None
    counts = [1_500_001, 0, 2_000_000, 1_500_000]
    assert empty_groups({'head': [1], 'medium': [], 'tail': []}, counts, **limits) == (
        f'no class is in medium or tail: head has more than 10,000 training {unit}, tail at most '
        '999, and the classes have 0 to 2,000,000, 1,500,000.5 in the middle; set head_min and '
        'tail_max (--head-min, --tail-max) to what these data hold'
    )
    two_way = empty_groups({'head': [], 'tail': [1]}, [7], head_min=9, tail_max=9, unit=unit)
    assert two_way == (
        f'no class is in head: head has more than 9 training {unit}, tail at most 9, and the '
        'classes have 7 to 7, 7 in the middle; set tail_max (--tail-max) to what these data hold'
    )


def test_empty_groups_of_an_evaluation():
    """Over the evaluated classes alone, and only where counts and thresholds make the groups."""
    options = dict(train_counts=COUNTS, split=None, head_min=100, tail_max=10)
    assert empty_groups_warning([3, 7, 9], **options, protocol='official') is None
    assert empty_groups_warning([9, 3], **options) == (
        'no class is in medium: head has more than 100 training boxes, tail at most 10, and the '
        'classes have 5 to 500, 252.5 in the middle; set head_min and tail_max (--head-min, '
        '--tail-max) to what these data hold'
    )
    videos = {**options, 'train_counts': COUNTS._replace(unit='videos')}
    assert ' training videos, ' in empty_groups_warning([9, 3], **videos)
    split = ClassSplit('by eye', {'head': (3,), 'medium': (), 'tail': (9,)})
    assert empty_groups_warning([9, 3], **{**options, 'split': split}) is None
    assert empty_groups_warning([9, 3], **{**options, 'train_counts': None}) is None


def test_means_are_over_the_defined_values():
    per_class = {
        'a': {'group': 'tail', 'AP': 0.25},
        'b': {'group': 'tail', 'AP': None},
        'c': {'group': 'head', 'AP': 1.0},
    }
    assert summarise_group(per_class, 'tail', {'mAP': 'AP'}) == {'num_classes': 2, 'mAP': 0.25}
    assert summarise_group(per_class, 'medium', {'mAP': 'AP'}) == {'num_classes': 0, 'mAP': None}
    assert mean_of(per_class.values(), 'AP') == 0.625
    assert number_or_none(math.nan) is None
    assert number_or_none(0.5) == 0.5
