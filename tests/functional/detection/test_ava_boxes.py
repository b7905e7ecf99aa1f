from __future__ import annotations

import numpy as np
import pytest

from mmlt.functional import ava_boxes_from_arrays, ava_boxes_from_score_matrix


def test_from_arrays_by_hand():
    boxes = ava_boxes_from_arrays(['b', 'a', 'b'], [3, 2, 1], [[0, 0, 1, 1]] * 3, [7, 8, 9])
    assert boxes.video_names.tolist() == ['a', 'b']
    assert boxes.video_index.tolist() == [1, 0, 1]
    assert boxes.timestamps.tolist() == [3, 2, 1]
    assert boxes.labels.tolist() == [7, 8, 9]
    assert boxes.scores.tolist() == [1.0, 1.0, 1.0]
    empty = ava_boxes_from_arrays([], [], [], [], [])
    assert [len(field) for field in empty] == [0] * 6
    assert empty.boxes_xyxy_norm.shape == (0, 4)


def test_from_score_matrix_by_hand():
    boxes = ava_boxes_from_score_matrix(
        ['b', 'a'], [3, 2], [[0, 0, 1, 1], [0, 0, 0.5, 0.5]], [[0.1, 0.2], [0.3, 0.4]], [12, 5]
    )
    assert boxes.video_names[boxes.video_index].tolist() == ['b', 'b', 'a', 'a']
    assert boxes.timestamps.tolist() == [3, 3, 2, 2]
    assert boxes.boxes_xyxy_norm[:, 2].tolist() == [1.0, 1.0, 0.5, 0.5]
    assert boxes.labels.tolist() == [12, 5, 12, 5]
    assert boxes.scores.tolist() == [0.1, 0.2, 0.3, 0.4]
    empty = ava_boxes_from_score_matrix([], [], [], np.zeros((0, 2)), [1, 2])
    assert [len(field) for field in empty] == [0] * 6


def test_errors_of_the_builders():
    box = [[0, 0, 1, 1]]
    with pytest.raises(ValueError, match='labels has 2 rows where video_ids has 1'):
        ava_boxes_from_arrays(['a'], [1], box, [1, 2])
    with pytest.raises(ValueError, match=r'timestamps\[0\] is .*1.5.*: it must be a whole number'):
        ava_boxes_from_arrays(['a'], [1.5], box, [1])
    with pytest.raises(ValueError, match='timestamps has 1 rows where video_ids has 2'):
        ava_boxes_from_score_matrix(['a', 'b'], [1], box * 2, [[0.5], [0.5]], [3])
    with pytest.raises(ValueError, match=r'scores must have shape \(n, C\) with C = 3, got .*3, 2'):
        ava_boxes_from_score_matrix(['a'] * 2, [1, 2], box * 2, np.zeros((3, 2)), [1, 2, 3])
    for boxes in (np.zeros((4, 3)), np.zeros(4)):
        with pytest.raises(ValueError, match=r'boxes_xyxy_norm must have shape \(n, 4\), got'):
            ava_boxes_from_arrays(['a'] * 3, [1, 2, 3], boxes, [1, 1, 1])
    with pytest.raises(ValueError, match='class_ids holds 3 more than once'):
        ava_boxes_from_score_matrix(['a'], [1], box, [[0.5, 0.6]], [3, 3])
