from __future__ import annotations

import pytest

from mmlt.evaluation.coverage import (
    count_keyframes,
    has_evaluated_box,
    low_coverage_warning,
)
from mmlt.functional import ava_boxes_from_arrays


def _boxes(*keyframes):
    videos, timestamps = zip(*keyframes)
    boxes = [[0.0, 0.0, 1.0, 1.0]] * len(keyframes)
    return ava_boxes_from_arrays(videos, timestamps, boxes, [1] * len(keyframes))


def test_rows_in_any_order():
    boxes = _boxes(('a', 1), ('a', 1), ('b', 1), ('b', 2), ('a', 1))
    counts = count_keyframes(boxes, boxes)
    assert list(counts.values()) == [3, 3, 2, 2]


def test_counts_by_hand():
    # b,1 is detected but excluded, c,9 and a,7 are not annotated; so one of a,1 a,2 d,5 is left.
    truth = _boxes(('a', 1), ('a', 1), ('a', 2), ('b', 1), ('d', 5))
    detections = _boxes(('a', 1), ('a', 7), ('b', 1), ('c', 9))
    assert count_keyframes(detections, truth, {('b', 1)}) == {
        'num_keyframes': 3,
        'num_keyframes_detected': 1,
        'num_videos': 2,
        'num_videos_detected': 1,
    }


@pytest.mark.parametrize(
    ('class_ids', 'excluded', 'expected'),
    [
        ([1], (), True),
        ([2], (), False),
        ([1], {('a', 1)}, True),
        ([1], {('a', 1), ('b', 2)}, False),
        ([1], {('a', 2), ('b', 1)}, True),
    ],
)
def test_whether_a_class_has_an_evaluated_box(class_ids, excluded, expected):
    assert has_evaluated_box(_boxes(('a', 1), ('b', 2)), class_ids, excluded) is expected


@pytest.mark.parametrize(('detected', 'is_told'), [(24_999, True), (25_000, False)])
def test_less_than_half_is_told(detected, is_told):
    counts = {'num_keyframes': 50_000, 'num_keyframes_detected': detected}
    videos = {'num_videos': 64, 'num_videos_detected': 1}
    told = low_coverage_warning({**counts, **videos}, 'd.csv')
    sentence = 'd.csv: the detections cover 24,999 of 50,000 annotated keyframes, 1 of 64 videos'
    assert told == (sentence if is_told else None)


def test_older_metrics_tell_nothing():
    assert low_coverage_warning({'num_keyframes': 9}, 'run') is None
