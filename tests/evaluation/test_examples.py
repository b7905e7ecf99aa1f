from __future__ import annotations

import math

import numpy as np
import pytest

from mmlt.evaluation import examples as module
from mmlt.evaluation.ava import evaluate_ava
from mmlt.evaluation.examples import (
    HIT,
    LOW_SCORE,
    NOBODY,
    OTHER_LABELS,
    REPEAT,
    UNDETECTED,
    WRONG_LABEL,
    find_examples,
)
from mmlt.functional import ava_boxes_from_arrays, match_scores
from mmlt.functional.detection.ava_boxes import take_rows

LEFT, RIGHT = (0.0, 0.0, 0.4, 1.0), (0.5, 0.0, 1.0, 1.0)
NEAR_LEFT = (0.0, 0.0, 0.4, 0.9)  # IoU 0.9
MIDDLE = (0.3, 0.0, 0.7, 1.0)  # meets nobody: IoU 0.14 and 0.29
NAMES = {1: 'sit', 2: 'fly'}


def _boxes(*rows):
    return ava_boxes_from_arrays(*zip(*rows))


def _find(found, truth, names=('sit',), excluded=()):
    metrics = evaluate_ava(found, truth, NAMES, excluded=excluded, num_trials=1)
    return find_examples(metrics, found, truth, names, excluded)


def _told(examples):
    """(verdict, video, second, score) of each."""
    return [(each.verdict, *each[1:3], each.score) for each in examples]


@pytest.fixture
def world():
    """Detections and ground truth with one of each verdict about 'sit'."""
    truth = _boxes(
        ('a', 902, LEFT, 1, 0), ('a', 902, LEFT, 2, 0), ('a', 902, RIGHT, 2, 1),
        ('b', 902, LEFT, 1, 2), ('c', 902, LEFT, 1, 3), ('d', 902, LEFT, 1, 4),
        ('e', 902, LEFT, 1, 5),
    )  # fmt: skip
    found = _boxes(
        ('a', 902, NEAR_LEFT, 1, 0.9), ('a', 902, NEAR_LEFT, 2, 0.95),  # a hit
        ('a', 902, LEFT, 1, 0.8),  # the same person again
        ('a', 902, RIGHT, 1, 0.7), ('a', 902, RIGHT, 2, 0.1),  # he flies
        ('b', 902, LEFT, 1, 0.6),  # a hit
        ('c', 902, LEFT, 1, 0.2), ('c', 902, LEFT, 2, 0.5),  # scored low
        ('d', 902, LEFT, 2, 0.4),  # never scored for sitting
        ('e', 902, MIDDLE, 1, 0.3),  # nobody; and the one who sits there is missed
        ('f', 902, LEFT, 1, 1.0),  # on a keyframe without annotations: not evaluated
    )  # fmt: skip
    return found, truth


def test_each_verdict_by_hand(world):
    sit = _find(*world)['sit']
    assert _told(sit.hits) == [
        (HIT, 'a', 902, 0.9), (HIT, 'b', 902, 0.6), (HIT, 'c', 902, 0.2)]  # fmt: skip
    misses = _told(sit.misses)
    assert [miss[:2] for miss in misses] == [(OTHER_LABELS, 'd'), (UNDETECTED, 'e')]
    assert all(math.isnan(miss[3]) for miss in misses)
    assert _told(sit.false_alarms) == [
        (REPEAT, 'a', 902, 0.8), (WRONG_LABEL, 'a', 902, 0.7), (NOBODY, 'e', 902, 0.3)]  # fmt: skip


def test_what_is_known_of_each_person(world):
    sit = _find(*world)['sit']
    hit, (other, undetected) = sit.hits[0], sit.misses
    assert hit.annotated_ids == (1, 2)
    assert hit.best_scores == ((2, 0.95), (1, 0.9))  # of that very box, not of the repeat's
    assert hit.detected_box.tolist() == list(NEAR_LEFT)
    assert hit.annotated_box.tolist() == list(LEFT)
    assert other.best_scores == ((2, 0.4),) and other.detected_box.tolist() == list(LEFT)
    assert undetected.detected_box is None and undetected.best_scores == ()
    _, wrong, nobody = sit.false_alarms
    assert wrong.annotated_ids == (2,) and wrong.annotated_box.tolist() == list(RIGHT)
    assert wrong.best_scores == ((1, 0.7), (2, 0.1))
    assert nobody.annotated_box is None and nobody.annotated_ids == ()
    assert nobody.detected_box.tolist() == list(MIDDLE)


def test_an_annotated_label_that_is_not_evaluated_is_told_too(world):
    found, truth = world
    more = _boxes(('b', 902, LEFT, 77, 2))
    both = ava_boxes_from_arrays(
        *(
            np.concatenate([np.asarray(own), np.asarray(other)])
            for own, other in zip(_columns(truth), _columns(more))
        )
    )
    assert _find(found, both)['sit'].hits[1].annotated_ids == (1, 77)


def _columns(boxes):
    return boxes.video_names[boxes.video_index], *boxes[2:]


def test_the_lower_half_of_the_boxes_are_the_misses():
    """Lowest first; with a box more in the upper half where their number is odd."""
    truth = _boxes(*((f'v{i}', 902, LEFT, 1, i) for i in range(5)))
    found = _boxes(*((f'v{i}', 902, LEFT, 1, i / 10) for i in range(5)))
    sit = _find(found, truth)['sit']
    assert _told(sit.hits) == [(HIT, f'v{i}', 902, i / 10) for i in (4, 3, 2)]
    assert _told(sit.misses) == [(LOW_SCORE, f'v{i}', 902, i / 10) for i in (0, 1)]
    assert sit.false_alarms == []


def test_at_most_four_of_a_kind_and_ties_by_video():
    truth = _boxes(*((f'v{i:02}', 902, LEFT, 1, i) for i in range(20)))
    found = _boxes(
        *((f'v{i:02}', 902, LEFT, 1, 0.5) for i in reversed(range(20))),
        *((f'v{i:02}', 902, RIGHT, 1, 0.5) for i in reversed(range(20))),
    )
    sit = _find(found, truth)['sit']
    first_four = [f'v{i:02}' for i in range(4)]
    assert [each.video_id for each in sit.hits] == first_four
    assert [each.video_id for each in sit.misses] == ['v10', 'v11', 'v12', 'v13']
    assert [each.video_id for each in sit.false_alarms] == first_four


def test_one_person_is_not_shown_four_times():
    """Person 1 walks through video v: his best second is shown, then others of other people."""
    steps = [(0.02 * i, 0.0, 0.02 * i + 0.1, 0.5) for i in range(0, 40, 5)]
    truth = [('v', 902 + i, box, 1, 1) for i, box in enumerate(steps)]
    truth += [('w', 902, LEFT, 1, 2), *((f'x{i}', 902, LEFT, 1, 3) for i in range(11))]
    scores = [*np.linspace(0.99, 0.9, len(steps)), 0.8, *[0.1] * 11]
    found = [(*row[:4], score) for row, score in zip(truth, scores)]
    sit = _find(_boxes(*found), _boxes(*truth))['sit']
    assert [(each.video_id, each.timestamp) for each in sit.hits] == [
        ('v', 902), ('v', 903), ('w', 902), ('x0', 902)]  # fmt: skip
    ids_unknown = take_rows(_boxes(*truth), slice(None))._replace(scores=np.ones(len(truth)))
    sit = _find(_boxes(*found), ids_unknown)['sit']
    assert [each.video_id for each in sit.hits] == ['v'] * 4


def test_excluded_keyframes_are_left_out(world):
    sit = _find(*world, excluded=[('a', 902), ('d', 902)])['sit']
    shown = [each.video_id for kind in sit for each in kind]
    assert sorted(shown) == ['b', 'c', 'e', 'e']


def test_other_annotations_than_those_of_the_run_are_refused(world):
    found, truth = world
    metrics = evaluate_ava(found, truth, NAMES, num_trials=1)
    with pytest.raises(ValueError, match=r'sit has 4 evaluated boxes here and 5 in metrics\.json'):
        find_examples(metrics, found, truth, ['sit'], [('b', 902)])


def test_without_any_detection_all_is_missed(world):
    truth = world[1]
    metrics = evaluate_ava(*world, NAMES, num_trials=1)
    nothing = take_rows(world[0], slice(0, 0))
    sit = find_examples(metrics, nothing, truth, ['sit'])['sit']
    assert sit.hits == sit.false_alarms == []
    assert [each.verdict for each in sit.misses] == [UNDETECTED] * 4


@pytest.mark.parametrize('seed', range(4))
def test_the_scores_are_those_of_the_evaluation(seed, monkeypatch):
    """Reference: the scores that match_scores gives each box, whose ranks are sampled AP."""
    monkeypatch.setattr(module, 'MOST_EXAMPLES', 10**6)
    rng = np.random.default_rng(seed)

    def some(count):
        corners = np.sort(rng.integers(0, 5, (count, 2, 2)) / 4, axis=1).reshape(-1, 4)
        videos, seconds = rng.choice(list('ab'), count), rng.integers(902, 906, count)
        return videos, seconds, corners, rng.integers(1, 3, count), rng.random(count)

    found, truth = (ava_boxes_from_arrays(*some(count)) for count in (300, 40))
    excluded = [('a', 902)]
    options = dict(class_ids=[1, 2], excluded=excluded)
    matched = match_scores(found, truth, **options)
    with_others = match_scores(found, truth, pool='detections', **options)
    sit, fly = _find(found, truth, ('sit', 'fly'), excluded).values()
    for column, examples in enumerate((sit, fly)):
        own = matched.scores[matched.targets[:, column], column]
        shown = [each.score for each in examples.hits + examples.misses]
        assert sorted(np.nan_to_num(shown, nan=-np.inf)) == sorted(own)
        # every other detection of the class: those that took another person's box, and the rest
        is_other = with_others.valid[:, column] & ~with_others.targets[:, column]
        others = with_others.scores[is_other, column]
        alarms = [each.score for each in examples.false_alarms]
        assert sorted(alarms) == sorted(others[others > -np.inf]) and len(alarms) > 20
        assert alarms == sorted(alarms, reverse=True)
