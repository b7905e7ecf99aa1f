from __future__ import annotations

import cv2
import numpy as np

from mmlt.datasets.own_data.median_flow import carry_boxes, median_flow

SIZE = (240, 320)  # height, width
rng = np.random.default_rng(0)
GROUND = cv2.GaussianBlur(rng.integers(60, 120, SIZE).astype(np.uint8), (0, 0), 2)
PERSON = cv2.GaussianBlur(rng.integers(0, 255, (80, 40)).astype(np.uint8), (0, 0), 1.5)


def _image(x, y, scale=1.0):
    """A textured patch, whose upper left corner is at (x, y), on a textured ground."""
    move = np.array([[scale, 0, x], [0, scale, y]])
    size = SIZE[::-1]
    there = cv2.warpAffine(np.full_like(PERSON, 255), move, size, flags=cv2.INTER_NEAREST)
    return np.where(there > 0, cv2.warpAffine(PERSON, move, size), GROUND)


def _box(x, y, scale=1.0):
    return [x, y, x + 40 * scale, y + 80 * scale]


def test_a_box_goes_where_its_inside_goes():
    boxes = np.array([_box(100, 60), [10, 10, 60, 60]], np.float64)
    moved = median_flow(_image(100, 60), _image(103.5, 58.25), boxes)
    np.testing.assert_allclose(moved, [_box(103.5, 58.25), [10, 10, 60, 60]], atol=0.2)


def test_a_box_grows_with_its_inside():
    """About its centre, (120, 100): by a tenth it is 44 x 88 there."""
    moved = median_flow(_image(100, 60), _image(98, 56, 1.1), np.array([_box(100, 60)], np.float64))
    np.testing.assert_allclose(moved, [[98, 56, 142, 144]], atol=0.6)


def test_part_of_the_ground_in_the_box_does_not_hold_it():
    """The box is a third wider than what moves in it: the median is of the moving part."""
    moved = median_flow(
        _image(100, 60), _image(104, 60), np.array([[95, 60, 148, 140]], np.float64)
    )
    np.testing.assert_allclose(moved[0, [0, 1]], [99, 60], atol=0.6)


def test_lost_boxes():
    """Nothing of it is in the next image; or it was lost before; or there is nothing to follow."""
    noise = np.random.default_rng(1).integers(0, 255, SIZE).astype(np.uint8)
    boxes = np.array([_box(100, 60), [np.nan] * 4], np.float64)
    assert np.isnan(median_flow(_image(100, 60), noise, boxes)).all()
    assert median_flow(GROUND, GROUND, np.zeros((0, 4))).shape == (0, 4)
    # beyond the image no point can be followed
    assert np.isnan(median_flow(GROUND, GROUND, np.array([[400.0, 10, 440, 90]]))).all()


def test_boxes_are_carried_from_keyframe_to_keyframe():
    """Two frames a second: 4 px a frame; a box of second 7 and one, standing, of second 8."""
    images = [(7 + k // 2 if k % 2 == 0 else None, _image(40 + 4 * k, 60)) for k in range(7)]
    height, width = SIZE
    norm = np.array([width, height, width, height])
    ground = [200, 10, 250, 60]
    boxes = np.array([_box(40, 60), ground]) / norm
    carried = carry_boxes(images, np.array([7, 8]), boxes, max_gap=2) * norm
    np.testing.assert_allclose(carried[:, 0], [_box(48, 60), _box(56, 60)], atol=0.5)
    np.testing.assert_allclose(carried[:, 1], [ground, ground], atol=0.2)


def test_the_end_of_the_video_loses_them():
    images = [(0, _image(40, 60)), (1, _image(44, 60))]
    boxes = np.array([_box(40, 60), _box(44, 60)]) / [320, 240, 320, 240]
    carried = carry_boxes(images, np.array([0, 1]), boxes, max_gap=2)
    assert np.isfinite(carried).all(axis=2).tolist() == [[True, False], [False, False]]
