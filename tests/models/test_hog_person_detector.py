from __future__ import annotations

import cv2
import numpy as np
import pytest
from street_film import find_film

from mmlt.fileio.timed_video import frames_at
from mmlt.functional.detection.box_overlap import pair_iou
from mmlt.models.hog_person_detector import (
    HOGPersonDetector,
    suppress_overlaps,
    without_margin,
)

# The walkers in the frame that vtest.avi shows at 30 s, measured by eye on it: x1 y1 x2 y2, px.
WALKERS = np.array(
    [
        [187, 159, 219, 234],
        [244, 159, 269, 222],
        [298, 159, 322, 231],
        [313, 210, 344, 296],
        [582, 160, 611, 235],
        [619, 161, 643, 235],
    ],
    np.float64,
)


@pytest.fixture(scope='module')
def street():
    return next(frames_at(find_film(), [30.0]))


def test_the_walkers_of_a_street(street):
    """All six, in boxes as tight as a hand draws them; beside these at most two are a person."""
    found = HOGPersonDetector()(street)
    assert (np.diff(found[:, 4]) <= 0).all() and (found[:, 4] >= 0.5).all()
    persons = found[found[:, 4] > 0.7, :4] * [768, 576, 768, 576]
    first, second = (grid.ravel() for grid in np.indices((6, len(persons))))
    iou = pair_iou(WALKERS[first], persons[second]).reshape(6, -1)
    assert (iou.max(axis=1) > 0.5).all(), iou.max(axis=1)
    assert len(set(iou.argmax(axis=1).tolist())) == 6
    assert len(persons) <= 8
    heights = persons[iou.argmax(axis=1), 3] - persons[iou.argmax(axis=1), 1]
    ratios = heights / (WALKERS[:, 3] - WALKERS[:, 1])
    assert 0.9 < ratios.mean() < 1.15, ratios  # the window is a third higher


def test_the_threshold_leaves_the_others_as_they_are(street):
    every, some = HOGPersonDetector(0.5)(street), HOGPersonDetector(0.8)(street)
    assert 0 < len(some) < len(every)
    np.testing.assert_array_equal(some, every[: len(some)])
    assert some[-1, 4] >= 0.8 > every[len(some), 4]


def test_the_size_of_the_image_matters_little(street):
    """It is brought to one height: of a larger one the same persons."""
    large = cv2.resize(street, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC)
    one, other = HOGPersonDetector(0.8)(street), HOGPersonDetector(0.8)(large)
    distances = np.abs(one[:, None, :4] - other[:, :4]).max(axis=2)
    assert (distances.min(axis=1) < 0.03).sum() >= 6


def test_nobody():
    for shape in ((576, 768, 3), (90, 120, 3), (700, 200, 3)):
        assert HOGPersonDetector()(np.full(shape, 127, np.uint8)).shape == (0, 5)


def test_the_margin_of_the_window():
    """A person of 96 pixels fills the middle half of the window's width and 3/4 of its height."""
    boxes = without_margin(np.array([[0.0, 0, 64, 128], [10, 20, 32, 64]]))
    assert boxes.tolist() == [[16, 16, 48, 112], [18, 28, 34, 76]]


def test_suppression_by_hand():
    """B shares 8/10 of A; C lies in A, 1/10 of it; D shares 5/10, no more than half; E nothing."""
    boxes = np.array(
        [[0, 0, 10, 10], [2, 0, 12, 10], [4, 0, 5, 10], [-5, 0, 5, 10], [30, 0, 40, 9]]
    )
    scores = np.array([0.9, 0.8, 0.95, 0.7, 0.7])
    # C is best and takes A, B and D with it: it lies in them
    assert suppress_overlaps(boxes, scores).tolist() == [2, 4]
    scores[2] = 0.1
    assert suppress_overlaps(boxes, scores).tolist() == [0, 3, 4]
    assert suppress_overlaps(np.zeros((0, 4)), np.zeros(0)).tolist() == []


@pytest.mark.parametrize('score_thr', [0, 1, -0.2, float('nan')])
def test_thresholds_that_no_margin_has(score_thr):
    with pytest.raises(ValueError, match='score_thr must be within'):
        HOGPersonDetector(score_thr)


def test_an_opencv_without_it(monkeypatch):
    monkeypatch.delattr(cv2, 'HOGDescriptor')
    with pytest.raises(ImportError, match='install opencv-contrib-python.*--detector-config'):
        HOGPersonDetector()
