from __future__ import annotations

import base64

import cv2
import numpy as np
import pytest

from mmlt.visualization.thumbnails import Outline, crop_around, encode_thumbnail, jpeg_uri

ORANGE = (0, 140, 255)


def _decode(jpeg):
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)


def _is_near(image, color, tolerance=70):
    return (np.abs(image.astype(int) - np.array(color)) <= tolerance).all(axis=-1)


def _edges(mask):
    rows, columns = np.nonzero(mask)
    return [columns.min(), rows.min(), columns.max(), rows.max()]


def test_a_crop_is_a_square_of_one_and_a_half_times_the_longer_side():
    assert crop_around([0.4, 0.5, 0.5, 0.7], 1000, 1000) == (300, 450, 600, 750)
    assert crop_around([0.4, 0.5, 0.6, 0.6], 1000, 1000) == (350, 400, 650, 700)


@pytest.mark.parametrize(
    ('box', 'crop'),
    [
        ([0.0, 0.0, 0.1, 0.2], (0, 0, 300, 300)),  # pushed into the frame
        ([0.9, 0.8, 1.0, 1.0], (1700, 700, 2000, 1000)),
        ([0.45, 0.05, 0.55, 0.95], (500, 0, 1500, 1000)),  # as high as the frame, and square
        ([0.1, 0.4, 0.9, 0.8], (40, 0, 1960, 1000)),  # wider than the frame is high
        ([0.0, 0.0, 1.0, 1.0], (0, 0, 2000, 1000)),
        ([-0.5, -0.5, 2.0, 2.0], (0, 0, 2000, 1000)),  # a detector that does not clip
        ([0.5, 0.5, 0.5, 0.5], (968, 468, 1032, 532)),  # no area: as much as can be recognised
    ],
)
def test_a_crop_stays_in_the_frame(box, crop):
    found = crop_around(box, 2000, 1000)
    assert np.abs(np.subtract(found, crop)).max() <= 1


def test_a_frame_smaller_than_a_crop_is_shown_whole():
    assert crop_around([0.4, 0.4, 0.6, 0.6], 40, 30) == (5, 0, 35, 30)


def test_the_person_fills_two_thirds_with_the_box_around_him():
    frame = np.full((1000, 1000, 3), 200, np.uint8)
    frame[500:700, 400:500] = (200, 40, 40)  # who stands there
    box = [0.4, 0.5, 0.5, 0.7]
    image = _decode(encode_thumbnail(frame, [Outline(box, ORANGE)], around=box, quality=95))
    assert image.shape == (160, 160, 3)
    ends = np.array([53, 27, 107, 133])  # 100 to 200 and 50 to 250 of 300 px, to 160
    assert np.abs(_edges(_is_near(image, ORANGE)) - ends).max() <= 2
    inside = image[32:128, 58:102]
    assert np.abs(np.median(inside, axis=(0, 1)) - (200, 40, 40)).max() < 10
    assert (frame[0, 0] == 200).all() and (frame[600, 450] == (200, 40, 40)).all()  # left alone


def test_the_whole_keyframe_keeps_its_shape():
    frame = np.full((720, 1280, 3), 60, np.uint8)
    boxes = [Outline([0.0, 0.0, 0.4, 1.0], ORANGE), Outline([0.6, 0.0, 1.0, 1.0], (80, 175, 76))]
    image = _decode(encode_thumbnail(frame, boxes, height=90, quality=95))
    assert image.shape == (90, 160, 3)
    assert _edges(_is_near(image, ORANGE)) == [0, 0, 63, 89]
    assert _edges(_is_near(image, (80, 175, 76)))[2:] == [159, 89]  # seen at the frame's edge


def test_a_label_lies_in_the_box_and_within_the_picture():
    frame = np.full((200, 200, 3), 255, np.uint8)
    for box in ([0.2, 0.2, 0.8, 0.8], [0.9, 0.95, 1.0, 1.0]):
        plain, labelled = (
            _is_near(_decode(encode_thumbnail(frame, [Outline(box, ORANGE, text)])), ORANGE).sum()
            for text in ('', 'stand')
        )
        assert labelled - plain > 150
    foreign = encode_thumbnail(frame, [Outline(box, ORANGE, '動')])
    assert foreign == encode_thumbnail(frame, [Outline(box, ORANGE, '?')])


def test_a_lower_quality_is_smaller_and_a_lower_height_too():
    frame = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    whole = len(encode_thumbnail(frame, [], quality=70))
    assert len(encode_thumbnail(frame, [], quality=30)) < 0.7 * whole
    assert len(encode_thumbnail(frame, [], height=80)) < 0.5 * whole


def test_the_address_holds_the_image():
    jpeg = encode_thumbnail(np.zeros((20, 30, 3), np.uint8), [])
    start, content = jpeg_uri(jpeg).split(',')
    assert start == 'data:image/jpeg;base64'
    assert base64.b64decode(content) == jpeg


@pytest.mark.parametrize('around', [None, [0.3, 0.3, 0.6, 0.8]])
def test_of_two_boxes_in_one_place_both_are_seen(around):
    frame = np.full((400, 600, 3), 200, np.uint8)
    box, green = [0.3, 0.3, 0.6, 0.8], (80, 175, 76)
    both = [Outline(box, green), Outline(box, ORANGE)]
    image = _decode(encode_thumbnail(frame, both, around=around, quality=95))
    alone = _decode(encode_thumbnail(frame, both[:1], around=around, quality=95))
    assert _is_near(image, ORANGE).sum() > 50
    assert _is_near(image, green).sum() > _is_near(alone, green).sum() / 3
