"""Boxes on whole seconds, in fractions of the frame."""

from __future__ import annotations

import numpy as np
import pytest

from mmlt.datasets.own_data.annotated_media import ImageRule, MediaFinder
from mmlt.datasets.own_data.keyframe_boxes import KeyframeBox, keyframe_boxes
from mmlt.fileio.annotation_formats.annotated_box import AnnotatedBox
from mmlt.fileio.video_table import VideoEntry, VideoTable


def _box(time_sec=3.0, corners=(80, 90, 160, 180), labels=('walk',), person='1', **changes):
    box = AnnotatedBox(
        'f: a', 'street.mp4', time_sec, None, corners, 'pixels', tuple(labels), person
    )
    return box._replace(**changes)


def _convert(*boxes, start=0, round_seconds=False, num_frames=95, **options):
    videos = {
        'street': VideoEntry('street.mp4', 0, num_frames, 800, 600),
        'film_1': VideoEntry('film.mp4', 0, 260, 800, 600),
        'film_2': VideoEntry('film.mp4', 26, 95, 800, 600),
        'wide': VideoEntry('wide.mp4', 0, 95, 800, 600, 1.25),
    }
    table = VideoTable('.', 10, start, None, videos)
    finder = MediaFinder(table, ImageRule(), rounds=round_seconds)
    return keyframe_boxes(boxes, finder, **options)


def test_by_hand():
    boxes, remarks = _convert(_box(time_sec=3.04), start=900)
    assert boxes == [KeyframeBox('f: a', 'street', 903, (0.1, 0.15, 0.2, 0.3), ('walk',), '1')]
    assert remarks == []


def test_fractions_stay():
    (box,), _ = _convert(_box(corners=(0.1, 0.2, 0.3, 0.4), unit='fractions'))
    assert box.corners == (0.1, 0.2, 0.3, 0.4)


def test_labels_of_one_box_come_together_in_order():
    boxes, remarks = _convert(
        _box(time_sec=5), _box(labels=['sit']), _box(), _box(labels=['walk'], where='f: b')
    )
    assert [(box.second, box.labels) for box in boxes] == [(3, ('sit', 'walk')), (5, ('walk',))]
    assert remarks == ['1 box with a label that stands there already, once kept: f: b']


def test_a_box_without_a_label_is_left_out_and_told():
    boxes, remarks = _convert(_box(), _box(labels=(), where='f: b'))
    assert len(boxes) == 1
    assert remarks == ['1 box without a label left out: a row of AVA has one: f: b']


@pytest.mark.parametrize(('time_sec', 'second'), [(3.3, 3), (2.51, 3), (8.8, 9)])
def test_times_between_seconds(time_sec, second):
    message = f"f: a: 'street.mp4' at {time_sec} s is {time_sec} s of 'street'.*--round-seconds"
    with pytest.raises(ValueError, match=message):
        _convert(_box(time_sec=time_sec))
    (box,), remarks = _convert(_box(time_sec=time_sec), round_seconds=True)
    assert box.second == second
    far = f'{abs(time_sec - second):.3f} s'
    assert remarks == [f'1 box moved to the nearest whole second (by at most {far}): f: a']


@pytest.mark.parametrize(
    ('time_sec', 'video_id', 'second'),
    [(25.3, 'film_1', 25), (25.7, 'film_2', 0), (26.3, 'film_2', 0), (35.2, 'film_2', 9)],
)
def test_a_box_between_two_parts_of_a_film_goes_to_the_nearer_one(time_sec, video_id, second):
    (box,), _ = _convert(_box(time_sec=time_sec, media='film.mp4'), round_seconds=True)
    assert (box.video_id, box.second) == (video_id, second)


def test_the_last_half_second_has_no_keyframe():
    late = _box(time_sec=9.8, where='f: b')
    boxes, remarks = _convert(_box(), late, num_frames=100, round_seconds=True)
    assert [box.second for box in boxes] == [3]
    assert remarks == [
        '1 box in the last half second of a video, left out: it has no such second: f: b'
    ]
    with pytest.raises(ValueError, match="f: b: .* would be second 10 of 'street'"):
        _convert(late._replace(time_sec=10.0), num_frames=100, round_seconds=True)


def test_pixels_of_a_video_that_players_stretch():
    drawn = _box(media='wide.mp4', corners=(100, 60, 1000, 300))  # VIA shows 1000 x 600
    (box,), _ = _convert(drawn)
    assert box.corners == (0.1, 0.1, 1, 0.5)
    (row,), _ = _convert(_box(None, (80, 60, 800, 300), media='wide', timestamp=3))
    assert row.corners == (0.1, 0.1, 1, 0.5)  # of frames, as they are stored


@pytest.mark.parametrize('time_sec', [-1, 10, 9.6, 500])
def test_outside_of_the_video(time_sec):
    with pytest.raises(ValueError, match="of 'street', which has the seconds 900 to 909"):
        _convert(_box(time_sec=time_sec), round_seconds=True, start=900)


@pytest.mark.parametrize(
    ('corners', 'inside'),
    [
        ((-1, 0, 801.5, 600), (0, 0, 1, 1)),
        ((80, -1.4, 160, 60), (0.1, 0, 0.2, 0.1)),
    ],
)
def test_a_little_over_the_edge_is_cut_and_told(corners, inside):
    (box,), remarks = _convert(_box(corners=corners))
    assert box.corners == pytest.approx(inside)
    assert remarks == ['1 box cut at the edge of the frame (over it by rounding): f: a']


@pytest.mark.parametrize(
    'corners', [(-3, 0, 10, 10), (0, 0, 803, 10), (0, -3, 10, 10), (0, 590, 10, 603)]
)
def test_beyond_the_frame(corners):
    with pytest.raises(ValueError, match=r'f: a: the box .* \(pixels\) is not inside of the frame'):
        _convert(_box(corners=corners))


@pytest.mark.parametrize('corners', [(5, 5, 5, 9), (5, 9, 8, 9), (800.5, 5, 801, 9)])
def test_no_area(corners):
    with pytest.raises(ValueError, match='f: a: the box .* has no area'):
        _convert(_box(corners=corners))


def test_two_boxes_of_a_person():
    other = _box(corners=(81, 90, 160, 180), where='f: b')
    with pytest.raises(ValueError, match="f: b: person '1' has two boxes on second 3 .*: f: a"):
        _convert(_box(), other)
    assert len(_convert(_box(), other._replace(person='2'))[0]) == 2
    assert len(_convert(_box(person=None), other._replace(person=None))[0]) == 2  # of one time


def test_two_boxes_of_a_person_rounded_onto_a_second():
    times = _box(time_sec=2.8), _box(time_sec=3.2, corners=(81, 90, 160, 180), where='f: b')
    with pytest.raises(ValueError, match="f: b: person '1' has two boxes"):
        _convert(*times, round_seconds=True)
    unnamed = [box._replace(person=None) for box in times]
    with pytest.raises(ValueError, match='f: b: rounded to second 3 .* another time, f: a'):
        _convert(*unnamed, round_seconds=True)
    apart = unnamed[1]._replace(corners=(400, 90, 480, 180))
    assert len(_convert(unnamed[0], apart, round_seconds=True)[0]) == 2


def test_unknown_media():
    unknown = _box(media='other.mp4', where='f: b')
    with pytest.raises(ValueError, match="f: b: 'other.mp4' is no prepared video"):
        _convert(_box(), unknown)
    boxes, remarks = _convert(_box(), unknown, ignore_unknown=True)
    assert len(boxes) == 1
    assert remarks == ['1 box of no prepared video left out: f: b']


def test_order_does_not_matter():
    rng = np.random.default_rng(0)
    boxes = [
        _box(time_sec=t, person=str(p), corners=(p, t, p + 9, t + 9))
        for t in range(9)
        for p in (1, 2)
    ]
    found, _ = _convert(*boxes)
    shuffled, _ = _convert(*(boxes[i] for i in rng.permutation(len(boxes))))
    assert sorted(shuffled) == sorted(found)
    assert [box.second for box in shuffled] == [box.second for box in found]
