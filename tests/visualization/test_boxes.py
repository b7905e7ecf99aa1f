from __future__ import annotations

import numpy as np
import pytest

from mmlt.functional import AVABoxes
from mmlt.visualization.boxes import (
    DETECTION_COLOR,
    GROUND_TRUTH_COLOR,
    Person,
    draw_keyframe,
    group_persons,
)

LABELS = {1: 'stand', 2: 'carry/hold (an object)', 3: 'swim'}
LEFT, RIGHT = [0.0, 0.25, 0.25, 0.75], [0.5, 0.25, 0.75, 0.75]


def _boxes(rows, video_names=('a', 'b')):
    videos, timestamps, boxes, labels, scores = zip(*rows)
    return AVABoxes(
        np.array(videos, np.int32),
        np.array(video_names),
        np.array(timestamps, np.int32),
        np.array(boxes, np.float64),
        np.array(labels, np.int32),
        np.array(scores, np.float64),
    )


def _mask(image, color):
    """Pixels of exactly that color."""
    return (image == np.array(color)).all(axis=-1)


def _person(box, *labels):
    return Person(np.array(box), labels)


def test_rows_of_one_box_become_one_person_with_its_best_labels_first():
    boxes = _boxes([
        (0, 902, LEFT, 1, 0.4), (0, 902, RIGHT, 2, 0.9), (0, 902, LEFT, 3, 0.8),
        (0, 903, LEFT, 1, 0.7), (1, 902, LEFT, 1, 0.6), (0, 902, LEFT, 2, 0.8),
    ])  # fmt: skip
    persons = group_persons(boxes, 'a')
    assert sorted(persons) == [902, 903]
    assert [person.box_xyxy_norm.tolist() for person in persons[902]] == [RIGHT, LEFT]
    assert persons[902][1].labels == ((2, 0.8), (3, 0.8), (1, 0.4))
    assert persons[903][0].labels == ((1, 0.7),)


def test_labels_under_the_score_and_beyond_the_top_are_dropped():
    boxes = _boxes([
        (0, 902, LEFT, 1, 0.3), (0, 902, LEFT, 2, 0.5), (0, 902, LEFT, 3, 0.6),
        (0, 903, RIGHT, 3, 0.29),
    ])  # fmt: skip
    persons = group_persons(boxes, 'a', min_score=0.3, top=2)
    assert [person.labels for person in persons.pop(902)] == [((3, 0.6), (2, 0.5))]
    assert persons == {}
    assert len(group_persons(boxes, 'a', min_score=0.3)[902][0].labels) == 3


def test_a_video_without_boxes_is_named():
    with pytest.raises(ValueError, match="no box of 'c'; there are videos a, b"):
        group_persons(_boxes([(0, 1, LEFT, 1, 0.5)]), 'c')


def test_a_box_is_drawn_where_it_is():
    frame = np.full((480, 640, 3), 255, np.uint8)
    image = draw_keyframe(frame, [_person([0.25, 0.25, 0.75, 0.75])], [], LABELS)
    rows, columns = np.nonzero(_mask(image, DETECTION_COLOR))
    edges = [columns.min(), rows.min(), columns.max(), rows.max()]
    np.testing.assert_allclose(edges, [0.25 * 639, 0.25 * 479, 0.75 * 639, 0.75 * 479], atol=2)
    assert not _mask(image, DETECTION_COLOR)[200:280, 300:340].any()  # only its outline
    assert (frame == 255).all()  # the argument is left alone


def test_labels_lie_on_a_filled_ground_within_the_frame():
    frame = np.full((480, 640, 3), 255, np.uint8)
    for box in ([0.9, 0.95, 1.0, 1.0], [0.0, 0.0, 0.1, 0.05], [1.0, 1.0, 1.0, 1.0]):
        person = _person(box, (2, 0.9), (1, 0.8), (3, 0.7))
        image = draw_keyframe(frame, [person], [], LABELS)
        ground = _mask(image, DETECTION_COLOR).sum()
        text = (image < 60).all(axis=-1).sum()
        assert ground > 2500 and text > 250


def test_labels_of_a_small_box_stand_beside_it():
    """He is still seen, and so is his neighbour: the labels are over nobody."""
    frame = np.full((480, 640, 3), 255, np.uint8)
    boxes = [0.4, 0.4, 0.45, 0.55], [0.47, 0.4, 0.52, 0.55]
    frame[192:264, 256:288] = frame[192:264, 301:333] = (200, 40, 40)
    found = [_person(box, (1, 0.5), (2, 0.4)) for box in boxes]
    image = draw_keyframe(frame, found, [_person(boxes[0], (1, 1.0), (2, 1.0))], LABELS)
    for left in (256, 301):
        inside = image[196:260, left + 4 : left + 28]
        assert _mask(inside, (200, 40, 40)).mean() > 0.95
    assert _mask(image[:190], DETECTION_COLOR).sum() > 1000
    assert _mask(image[266:], GROUND_TRUTH_COLOR).sum() > 500
    # every letter can be read: no label is over another
    letters = (image < 60).all(axis=-1).sum()
    alone = [draw_keyframe(frame, [person], [], LABELS) for person in found]
    alone.append(draw_keyframe(frame, [], [_person(boxes[0], (1, 1.0), (2, 1.0))], LABELS))
    apart = sum((each < 60).all(axis=-1).sum() for each in alone)
    assert abs(int(letters) - int(apart)) < 20


def test_labels_of_a_small_box_stay_in_the_frame():
    frame = np.full((480, 640, 3), 255, np.uint8)
    expected = None
    for x, y in ((0.0, 0.0), (0.95, 0.0), (0.0, 0.9), (0.95, 0.9), (0.5, 0.5)):
        person = _person([x, y, x + 0.05, y + 0.1], (1, 0.5), (2, 0.4))
        letters = (draw_keyframe(frame, [person], [], LABELS) < 60).all(axis=-1).sum()
        expected = expected or letters
        assert letters == expected > 200


def test_ground_truth_is_green_and_below():
    frame = np.full((480, 640, 3), 255, np.uint8)
    person = _person([0.25, 0.25, 0.75, 0.75], (1, 0.5))
    both = draw_keyframe(frame, [person], [person], LABELS)
    orange = np.nonzero(_mask(both, DETECTION_COLOR)[:, 170:200])[0]
    green = np.nonzero(_mask(both, GROUND_TRUTH_COLOR)[:, 170:200])[0]
    assert orange.size and green.size
    assert np.median(orange) < 240 < np.median(green)


def test_a_small_frame_is_enlarged_until_labels_fit():
    frame = np.zeros((64, 96, 3), np.uint8)
    assert draw_keyframe(frame, [], [], LABELS).shape == (512, 768, 3)
    assert draw_keyframe(frame, [], [], LABELS, scale=1).shape == (64, 96, 3)
    assert draw_keyframe(np.zeros((480, 500, 3), np.uint8), [], [], {}).shape == (480, 500, 3)


def test_an_unknown_class_and_foreign_letters_are_drawn():
    frame = np.full((480, 640, 3), 255, np.uint8)
    person = _person(LEFT, (99, 0.5), (1, 0.4))
    unknown = draw_keyframe(frame, [person], [], {1: '動作'})
    known = draw_keyframe(frame, [person], [], {1: '??', 99: 'class 99'})
    assert (unknown == known).all()
