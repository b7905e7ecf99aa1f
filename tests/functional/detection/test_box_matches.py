from __future__ import annotations

import numpy as np
import pytest

from mmlt.functional import ava_boxes_from_arrays, match_scores
from mmlt.functional.detection.box_matches import match_boxes, winners

LEFT, RIGHT, BELOW = (0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0), (0.0, 0.5, 0.5, 1.0)


def _boxes(*rows):
    return ava_boxes_from_arrays(*zip(*rows))


def test_each_detection_has_its_box_and_class():
    truth = _boxes(
        ('b', 902, LEFT, 12),
        ('a', 903, RIGHT, 11),
        ('a', 903, LEFT, 12),
        ('a', 903, RIGHT, 12),  # a second label of the second box of the pool
        ('a', 904, LEFT, 11),  # on an excluded keyframe
    )
    found = _boxes(
        ('a', 903, RIGHT, 12, 0.9),
        ('a', 903, LEFT, 11, 0.8),
        ('a', 903, LEFT, 13, 0.7),  # of no class
        ('a', 903, BELOW, 11, 0.6),  # half of LEFT: just enough
        ('a', 904, LEFT, 11, 0.5),
        ('b', 902, RIGHT, 12, 0.4),  # touches nothing
        ('c', 902, LEFT, 12, 0.3),  # where nothing is annotated
    )
    matches = match_boxes(found, truth, class_ids=[11, 12], excluded=[('a', 904)])
    assert matches.ids.tolist() == [11, 12]
    assert matches.pool_rows.tolist() == [2, 1, 0]  # a: LEFT, RIGHT; b: LEFT
    assert matches.targets.tolist() == [[False, True], [True, True], [False, True]]
    assert matches.cells.tolist() == [1 * 2 + 1, 0, -1, 0, -1, -1, -1]
    assert matches.is_near().tolist() == [True] * 4 + [False, True, False]


@pytest.mark.parametrize('seed', range(3))
def test_the_best_of_each_cell_is_the_score_of_match_scores(seed):
    rng = np.random.default_rng(seed)

    def some(count):
        corners = np.sort(rng.integers(0, 5, (count, 2, 2)) / 4, axis=1).reshape(-1, 4)
        videos, seconds = rng.choice(list('ab'), count), rng.integers(902, 904, count)
        return videos, seconds, corners, rng.integers(1, 4, count), rng.random(count)

    found, truth = (ava_boxes_from_arrays(*some(count)) for count in (200, 20))
    options = dict(class_ids=[1, 2, 3], excluded=[('a', 902)])
    matches, expected = (match(found, truth, **options) for match in (match_boxes, match_scores))
    matched = np.flatnonzero(matches.cells >= 0)
    best = matched[winners(matches.cells[matched], found.scores[matched])]
    scores = np.full(matches.targets.size, -np.inf)
    scores[matches.cells[best]] = found.scores[best]
    assert len(np.unique(matches.cells[best])) == len(best) > 5
    np.testing.assert_array_equal(scores.reshape(-1, 3), expected.scores)
    np.testing.assert_array_equal(matches.targets, expected.targets)


def test_of_equal_scores_the_first_wins():
    assert winners(np.array([7, 3, 7, 3]), np.array([0.5, 0.1, 0.5, 0.2])).tolist() == [3, 0]


def test_without_detections_the_pool_is_there():
    truth = _boxes(('a', 902, LEFT, 1))
    nothing = ava_boxes_from_arrays([], [], np.zeros((0, 4)), [], [])
    matches = match_boxes(nothing, truth, class_ids=[1])
    assert matches.pool_rows.tolist() == [0] and matches.cells.tolist() == []
    assert matches.is_near().tolist() == []
