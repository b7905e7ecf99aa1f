"""Groups, epochs, batch size and k by how much there is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmlt.datasets.own_data.training_plan import plan_groups, plan_schedule, plan_topk
from mmlt.functional import split_head_medium_tail


@pytest.mark.parametrize(
    ('counts', 'sizes'),
    [
        ([90, 50, 30, 9, 4, 1], (2, 2, 2)),
        ([90, 4], (1, 0, 1)),
        ([90, 90, 90, 4], (3, 0, 1)),
        ([90, 4, 4, 4], (1, 0, 3)),
        ([90, 50, 4, 0, 0, 0], (1, 1, 4)),
    ],
)
def test_groups_by_hand(counts, sizes):
    groups = plan_groups(counts)
    split = split_head_medium_tail(counts, head_min=groups.head_min, tail_max=groups.tail_max)
    assert tuple(map(len, split)) == sizes
    names = [groups.of(count) for count in counts]
    assert tuple(map(names.count, ('head', 'medium', 'tail'))) == sizes


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30).filter(any))
def test_neither_head_nor_tail_is_empty_where_counts_differ(counts):
    groups = plan_groups(counts)
    split = split_head_medium_tail(counts, head_min=groups.head_min, tail_max=groups.tail_max)
    assert len(split.head)
    if len({count for count in counts if count}) > 1:
        assert len(split.tail)


@pytest.mark.parametrize(
    ('num_keyframes', 'schedule'),
    [(1, (100, 2)), (26, (100, 2)), (150, (100, 15)), (1000, (20, 16)), (1_000_000, (10, 16))],
)
def test_schedule(num_keyframes, schedule):
    assert plan_schedule(num_keyframes, 16) == schedule


@pytest.mark.parametrize(
    ('num_classes', 'topk'), [(1, (1,)), (3, (1,)), (4, (3,)), (5, (3,)), (6, (3, 5)), (80, (3, 5))]
)
def test_topk(num_classes, topk):
    assert plan_topk(num_classes) == topk
