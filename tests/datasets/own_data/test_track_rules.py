from __future__ import annotations

import numpy as np
import pytest

from mmlt.datasets.own_data.track_rules import (
    TRACK_LABELS,
    TrackRules,
    label_by_rule,
    track_travels,
)


def _box(x, y, height=0.2):
    """A box with the middle of its feet at (x, y); all in heights of a square frame."""
    return [x - height / 6, y - height, x + height / 6, y]


def _labels(seconds, boxes, person_ids, **options):
    found = label_by_rule(seconds, boxes, person_ids, **{'aspect_ratio': 1.0, **options})
    return [[TRACK_LABELS[column] for column in np.flatnonzero(row)] for row in found]


@pytest.mark.parametrize(
    ('step', 'expected'),
    [
        ((0, 0), ['standing']),
        ((0.029, 0.029), ['standing']),  # .145 heights of .2 a second
        ((0.031, 0), ['walking right']),
        ((-0.031, 0), ['walking left']),
        ((0, 0.031), ['walking toward']),
        ((0, -0.031), ['walking away']),
        ((0.1, -0.05), ['walking right', 'walking away']),
        ((-0.1, 0.05), ['walking left', 'walking toward']),
    ],
)
def test_motion_by_hand(step, expected):
    boxes = [_box(0.5 + k * step[0], 0.5 + k * step[1]) for k in range(3)]
    assert _labels([4, 5, 6], boxes, [9] * 3) == [[*expected, 'alone']] * 3


def test_speed_is_in_box_heights():
    """The same step is a walk of one who is far off, none of one who is near."""
    for height, expected in ((0.1, 'walking right'), (0.4, 'standing')):
        boxes = [_box(0.3 + 0.02 * k, 0.6, height) for k in range(2)]
        assert _labels([0, 1], boxes, [0, 0])[0][0] == expected


def test_the_width_of_the_frame_counts():
    """Steps of .02 of the width: .1 heights a second in a square frame, .2 in one twice as wide."""
    boxes = [_box(0.3 + 0.02 * k, 0.6) for k in range(2)]
    assert _labels([0, 1], boxes, [0, 0])[0][0] == 'standing'
    assert _labels([0, 1], boxes, [0, 0], aspect_ratio=2.0)[0][0] == 'walking right'


def test_a_slope_over_the_window():
    """Stands, then walks: x = 0, 0, 0, .1, .2. Least squares over 3 seconds: 0, 0, .05, .1, .1."""
    boxes = [_box(0.3 + max(0, k - 2) * 0.1, 0.6) for k in range(5)]
    seconds, person_ids = np.arange(5), np.zeros(5)
    for min_speed, count in ((0.24, 3), (0.26, 2), (0.49, 2), (0.51, 0)):
        rules = TrackRules(min_speed=min_speed)
        found = _labels(seconds, boxes, person_ids, rules=rules)
        assert sum(labels[0] == 'walking right' for labels in found) == count
    # a missing second: its neighbours are one second apart no more
    found = _labels(seconds[[0, 2, 3]], np.array(boxes)[[0, 2, 3]], person_ids[:3])
    assert found == [['alone'], ['walking right', 'alone'], ['walking right', 'alone']]


def test_one_box_has_no_motion():
    assert _labels([3, 3], [_box(0.2, 0.5), _box(0.8, 0.5)], [0, 1]) == [['alone']] * 2
    assert label_by_rule([], np.zeros((0, 4)), [], aspect_ratio=1.0).shape == (0, 7)


def test_beside():
    """Feet .6 mean heights apart at most across, .2 along, in the same second."""
    near, far = ['beside another person'], ['alone']
    for dx, dy, expected in ((0.119, 0.039, near), (0.121, 0, far), (0, 0.041, far)):
        boxes = [_box(0.5, 0.5), _box(0.5 + dx, 0.5 + dy), _box(0.5, 0.5)]
        assert _labels([0, 0, 1], boxes, [0, 1, 2]) == [expected, expected, far]
    # of .2 and .1: .15 is the mean, .09 near
    for dx, expected in ((0.089, near), (0.091, far)):
        boxes = [_box(0.5, 0.5), _box(0.5 + dx, 0.5, 0.1)]
        assert _labels([0, 0], boxes, [0, 1]) == [expected] * 2


def test_order_and_ids_change_nothing():
    rng = np.random.default_rng(0)
    boxes = np.array([_box(*rng.uniform(0.2, 0.8, 2)) for _ in range(40)])
    seconds, person_ids = rng.integers(0, 8, 40), rng.integers(0, 5, 40)
    whole = label_by_rule(seconds, boxes, person_ids, aspect_ratio=1.5)
    assert whole[:, 1:].any(axis=0).all()
    order = rng.permutation(40)
    moved = label_by_rule(
        seconds[order] + 900, boxes[order], 7 - person_ids[order], aspect_ratio=1.5
    )
    assert (moved == whole[order]).all()


def test_travel_by_hand():
    """Feet at (.2, .4), (.5, .4), (.2, .8): .3 and .4 make .5, of mean height .2."""
    boxes = [_box(0.2, 0.4), _box(0.5, 0.4), _box(0.2, 0.8), _box(0.9, 0.9)]
    travels = track_travels(boxes, [3, 3, 3, 4], aspect_ratio=1.0)
    np.testing.assert_allclose(travels, [2.5, 2.5, 2.5, 0])
