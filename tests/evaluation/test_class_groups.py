from __future__ import annotations

import math

from mmlt.evaluation.class_groups import (
    group_classes,
    mean_of,
    number_or_none,
    summarise_group,
)
from mmlt.functional.class_files import ClassCounts, ClassSplit

COUNTS = ClassCounts('by hand', 'boxes', {3: 'a', 7: 'b', 9: 'c'}, {3: 5, 7: 50, 9: 500})


def test_groups_by_counts_hold_class_ids():
    groups = group_classes([3, 7, 9], COUNTS, None, head_min=100, tail_max=10)
    assert groups == {'head': [9], 'medium': [7], 'tail': [3]}


def test_a_split_comes_first_and_nothing_is_guessed():
    split = ClassSplit('by eye', {'head': (3,), 'tail': (7, 9)})
    assert group_classes([3, 7, 9], COUNTS, split, head_min=100, tail_max=10) == split.groups
    assert group_classes([3, 7, 9], None, None, head_min=100, tail_max=10) == {}


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
