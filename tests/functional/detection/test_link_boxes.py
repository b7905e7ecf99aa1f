from __future__ import annotations

import numpy as np
import pytest

from mmlt.functional import link_boxes


def _box(x, y=0, width=10, height=20):
    return [x, y, x + width, y + height]


def _same_tracks(one, other):
    """Whether two ids a box part the boxes alike, whatever the numbers."""
    pairs = set(zip(one.tolist(), other.tolist()))
    return len(pairs) == len(set(one.tolist())) == len(set(other.tolist()))


def test_hand_computed():
    """IoU of boxes of width 10 shifted by d is (10 - d) / (10 + d): 3 -> 7/13, 6 -> 1/4."""
    seconds = [0, 0, 1, 1, 2]
    boxes = [_box(0), _box(100), _box(3), _box(106), _box(6)]
    assert link_boxes(seconds, boxes, iou_threshold=0.5).tolist() == [0, 1, 0, 2, 0]
    assert link_boxes(seconds, boxes, iou_threshold=0.25).tolist() == [0, 1, 0, 1, 0]
    assert link_boxes(seconds, boxes, iou_threshold=0.54).tolist() == [0, 1, 2, 3, 4]  # 7/13 = .538


def test_the_best_pair_goes_first_and_each_box_to_one_track():
    """Tracks at 0 and 4, boxes at 3 and 30: 4 -> 3 (9/11) before 0 -> 3 (7/13), which is lost."""
    found = link_boxes([0, 0, 1, 1], [_box(0), _box(4), _box(3), _box(30)], iou_threshold=0.3)
    assert found.tolist() == [0, 1, 1, 2]
    # two boxes at one place: one goes on, the other begins
    assert link_boxes([0, 1, 1], [_box(0), _box(0), _box(0)]).tolist() == [0, 0, 1]


def test_a_second_choice_is_taken():
    """4 takes 3; 0 has no other than 5 (5/15 = 1/3)."""
    found = link_boxes([0, 0, 1, 1], [_box(0), _box(4), _box(3), _box(5)], iou_threshold=0.3)
    # 4 -> 3 and 4 -> 5 are both 9/11: of equal pairs the earliest
    assert found.tolist() == [0, 1, 1, 0]


def test_boxes_are_compared_where_they_have_been_carried_to():
    """Two walkers who pass one another, each into the place where the other one was."""
    seconds, boxes = [0, 0, 1, 1], [_box(0), _box(20), _box(0), _box(20)]
    assert link_boxes(seconds, boxes).tolist() == [0, 1, 0, 1]
    carried = [[_box(19), _box(1), _box(-20), _box(40)]]
    assert link_boxes(seconds, boxes, carried).tolist() == [0, 1, 1, 0]


def test_gaps():
    """Away for one second: found again only where it was carried on for two."""
    seconds, boxes = [0, 2], [_box(0), _box(12)]
    carried = np.array([[_box(6), _box(18)], [_box(12), _box(24)]], np.float64)
    assert link_boxes(seconds, boxes, carried[:1]).tolist() == [0, 1]
    assert link_boxes(seconds, boxes, carried).tolist() == [0, 0]
    carried[1, 0] = np.nan  # lost on the way
    assert link_boxes(seconds, boxes, carried).tolist() == [0, 1]
    # a box of the second between takes the track on, and hides the older place
    assert link_boxes([0, 1, 2], [_box(0), _box(0), _box(30)]).tolist() == [0, 0, 1]


def test_permutation_and_scale_change_no_track():
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 60, (90, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(10, 30, (90, 2))], axis=1)
    seconds = rng.integers(5, 25, 90)
    carried = boxes + rng.normal(0, 5, (2, 90, 4))
    whole = link_boxes(seconds, boxes, carried, iou_threshold=0.2)
    assert 10 < whole.max() < 85
    order = rng.permutation(90)
    assert (
        link_boxes(seconds[order], boxes[order], carried[:, order], iou_threshold=0.2)
        == whole[order]
    ).all()
    scaled = link_boxes(seconds + 900, boxes / 7, carried / 7, iou_threshold=0.2)
    assert _same_tracks(scaled, whole)


def test_one_box_of_a_track_a_second_and_ids_from_0():
    rng = np.random.default_rng(1)
    boxes = np.array([_box(x) for x in rng.uniform(0, 40, 60)])
    seconds = np.sort(rng.integers(0, 12, 60))
    found = link_boxes(seconds, boxes, iou_threshold=0.1)
    assert len(set(zip(seconds.tolist(), found.tolist()))) == 60
    first = [int(np.flatnonzero(found == track)[0]) for track in range(found.max() + 1)]
    assert (np.diff(seconds[first]) >= 0).all()


def test_nothing():
    assert link_boxes([], []).tolist() == []
    assert link_boxes([3], [_box(0)]).tolist() == [0]
    # a box without area overlaps nothing
    assert link_boxes([0, 1], [[0, 0, 0, 0]] * 2).tolist() == [0, 1]


@pytest.mark.parametrize(
    ('arguments', 'options', 'message'),
    [
        (([0], [_box(0), _box(1)]), {}, r'shapes \(n,\) and \(n, 4\), got \(1,\) and \(2, 4\)'),
        (([0], [[0, 0, 1]]), {}, r'got \(1,\) and \(1, 3\)'),
        (([0.5], [_box(0)]), {}, 'seconds must be whole, got 0.5'),
        (([0], [[5, 0, 1, 2]]), {}, r'x1 <= x2 and y1 <= y2, got \[5.0, 0.0, 1.0, 2.0\]'),
        (([0], [[0, 0, np.nan, 2]]), {}, r'boxes_xyxy must be finite'),
        (([0], [_box(0)], [_box(0)]), {}, r'carried must have shape \(g, 1, 4\).*got \(1, 4\)'),
        (([0], [_box(0)], np.zeros((0, 1, 4))), {}, r'g >= 1, got \(0, 1, 4\)'),
        (([0], [_box(0)]), {'iou_threshold': 0}, 'iou_threshold must be above 0'),
        (([0], [_box(0)]), {'iou_threshold': 1.5}, 'iou_threshold.*1.5'),
    ],
)
def test_errors(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        link_boxes(*arguments, **options)
