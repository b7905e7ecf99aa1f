from __future__ import annotations

import numpy as np
import pytest

from mmlt.evaluation.bootstrap import (
    bootstrap_over_videos,
    draw_over_videos,
    interval_of,
    resample_videos,
)
from mmlt.functional import ava_boxes_from_arrays

BOX = (0.1, 0.1, 0.5, 0.9)


def _boxes(rows):
    """AVABoxes of (video, timestamp, label, score) rows."""
    videos, timestamps, labels, scores = zip(*rows)
    return ava_boxes_from_arrays(videos, timestamps, [BOX] * len(rows), labels, scores)


GROUND_TRUTH = _boxes([('a', 1, 1, 1), ('b', 1, 1, 1), ('b', 2, 2, 1), ('c', 1, 2, 1)])
DETECTIONS = _boxes([('c', 1, 2, 0.3), ('b', 2, 2, 0.2), ('x', 1, 1, 0.9), ('a', 1, 1, 0.1)])


def _rows(boxes):
    names = [boxes.video_names[i] for i in boxes.video_index]
    return list(zip(names, boxes.timestamps.tolist(), boxes.labels.tolist()))


class FixedDraw:
    """A generator that always draws the same videos."""

    def __init__(self, *places):
        self.places = places

    def integers(self, high, size):
        assert (high, size) == (3, len(self.places))
        return np.array(self.places)


def test_a_video_drawn_twice_counts_twice_and_keeps_its_rows_together():
    detections, ground_truth, excluded = resample_videos(
        DETECTIONS, GROUND_TRUTH, frozenset({('b', 2), ('a', 9)}), FixedDraw(1, 2, 1)
    )
    first, second = '000000 b', '000002 b'
    assert _rows(ground_truth) == [
        (first, 1, 1),
        (first, 2, 2),
        ('000001 c', 1, 2),
        (second, 1, 1),
        (second, 2, 2),
    ]
    assert _rows(detections) == [(first, 2, 2), ('000001 c', 1, 2), (second, 2, 2)]
    assert detections.scores.tolist() == [0.2, 0.3, 0.2]
    assert excluded == {(first, 2), (second, 2)}


def test_standard_error_of_a_mean_over_videos():
    """Against the closed form: the bootstrap's variance of a mean of n values is s^2 / n."""
    rng = np.random.default_rng(1)
    value_of = {f'v{i:02d}': rng.normal() for i in range(40)}
    ground_truth = _boxes([(name, 1, 1, value) for name, value in value_of.items()])
    result = bootstrap_over_videos(
        lambda detections, gt, excluded: {'mean': gt.scores.mean()},
        ground_truth,
        ground_truth,
        num_resamples=4000,
    )['mean']
    values = np.array(list(value_of.values()))
    expected = values.std() / np.sqrt(len(values))
    assert result['value'] == pytest.approx(values.mean())
    assert result['se'] == pytest.approx(expected, rel=0.06)  # 5 standard errors of an SE
    assert result['low'] == pytest.approx(values.mean() - 1.96 * expected, abs=0.25 * expected)
    assert result['high'] == pytest.approx(values.mean() + 1.96 * expected, abs=0.25 * expected)


def test_the_same_seed_gives_the_same_intervals():
    def count(detections, ground_truth, excluded):
        return {'rows': len(ground_truth.labels), 'excluded': len(excluded)}

    args = (count, DETECTIONS, GROUND_TRUTH, frozenset({('b', 2)}))
    first, again, other = (
        bootstrap_over_videos(*args, num_resamples=50, seed=s) for s in (3, 3, 4)
    )
    assert first == again and first != other
    assert first['rows']['value'] == 4 and first['excluded']['value'] == 1


def test_two_runs_meet_the_same_resamples():
    """Their detections differ in videos and number; the draws come from the ground truth alone."""

    def seen(detections, ground_truth, excluded):
        names = [str(name).split()[1] for name in ground_truth.video_names]
        return {'videos': sum(ord(name) * 3**place for place, name in enumerate(names))}

    other = _boxes([('b', 1, 1, 0.5)])
    first, second = (draw_over_videos(seen, d, GROUND_TRUTH) for d in (DETECTIONS, other))
    np.testing.assert_array_equal(first['videos'], second['videos'])
    assert len(set(first['videos'])) > 10


def test_interval_by_hand():
    """Of 0, 1, ..., 40 the 2.5th and the 97.5th percentile are 1 and 39."""
    interval = interval_of(np.append(np.arange(41.0), np.nan))
    assert (interval['low'], interval['high']) == (pytest.approx(1), pytest.approx(39))
    assert interval['se'] == pytest.approx(np.sqrt(41 * 42 / 12))  # of 0..n-1: n (n + 1) / 12
    with pytest.raises(ValueError, match='undefined in all but 1 of the resamples'):
        interval_of(np.array([1.0, np.nan]))


def test_a_number_that_is_hardly_ever_defined_is_left_out():
    """Of its 11 evaluations, all videos and 10 draws, 'once' is defined in the first draw alone."""
    calls = iter(range(11))

    def evaluate(*_):
        call = next(calls)
        numbers = {'never': np.nan, 'once': 0.5 if call == 1 else np.nan, 'always': 0.25}
        if call < 3:  # with all videos, and in two draws
            numbers['twice'] = 0.5
        return numbers

    result = bootstrap_over_videos(evaluate, DETECTIONS, GROUND_TRUTH, num_resamples=10)
    assert result == {
        'always': {'value': 0.25, 'se': 0, 'low': 0.25, 'high': 0.25},
        'twice': {'value': 0.5, 'se': 0, 'low': 0.5, 'high': 0.5},
    }


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(num_resamples=1), 'num_resamples must be at least 2, got 1'),
        (dict(level=1.0), 'level must lie between 0 and 1, got 1.0'),
    ],
)
def test_errors(options, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_over_videos(lambda *_: {}, DETECTIONS, GROUND_TRUTH, **options)
