"""How proposals fit annotated boxes, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mmlt.fileio.dataset_checks.loose_proposals import loose_proposals
from mmlt.fileio.dataset_checks.overlap import (
    annotated_boxes,
    best_ious,
    class_recalls,
    fit_of,
    recall,
)
from mmlt.functional import ava_boxes_from_arrays

LEFT, RIGHT, TALL = [0.0, 0.0, 0.2, 0.4], [0.6, 0.0, 0.8, 0.4], [0.0, 0.0, 0.2, 0.8]


def _rows():
    """Two boxes on second 3, the first with two labels; one on second 4; another video."""
    videos, seconds = ['a', 'a', 'a', 'a', 'b'], [3, 3, 3, 4, 3]
    corners = [LEFT, LEFT, RIGHT, TALL, LEFT]
    return ava_boxes_from_arrays(videos, seconds, corners, [1, 2, 1, 2, 3])


def _proposals(**keyframes):
    content = {key.replace('_', ',', 1): np.array(value) for key, value in keyframes.items()}
    return loose_proposals(content, 'p.pkl')


def test_boxes_are_counted_once_whatever_their_labels():
    boxes = annotated_boxes(_rows())
    assert boxes.rows.tolist() == [0, 2, 3, 4]
    assert boxes.box_of_row.tolist() == [0, 0, 1, 2, 3]
    assert boxes.boxes.tolist() == [LEFT, RIGHT, TALL, LEFT]


def test_best_iou_is_that_of_the_same_keyframe():
    """TALL holds LEFT, which is half of it; RIGHT has no neighbour; b has no proposal."""
    proposals = _proposals(a_0003=[[*TALL, 0.9], [*LEFT, 0.2]], a_0004=[[*TALL, 0.9]])
    boxes = annotated_boxes(_rows())
    assert best_ious(boxes, proposals).tolist() == pytest.approx([1.0, 0.0, 1.0, 0.0])
    strict = best_ious(boxes, proposals, score_thr=0.5)
    assert strict.tolist() == pytest.approx([0.5, 0.0, 1.0, 0.0])


def test_the_best_proposal_of_a_keyframe_stays_below_the_threshold():
    proposals = _proposals(a_0003=[[*TALL, 0.3], [*LEFT, 0.2]])
    best = best_ious(annotated_boxes(_rows()), proposals, score_thr=0.5)
    assert best.tolist() == pytest.approx([0.5, 0.0, 0.0, 0.0])


def test_shifted_and_swapped():
    later = _proposals(a_0004=[[*LEFT, 1], [*RIGHT, 1]], a_0005=[[*TALL, 1]], b_0004=[[*LEFT, 1]])
    boxes = annotated_boxes(_rows())
    assert best_ious(boxes, later, shift=1).tolist() == [1.0] * 4
    swapped = _proposals(a_0003=[[0.0, 0.0, 0.4, 0.2, 1], [0.0, 0.6, 0.4, 0.8, 1]])
    assert best_ious(boxes, swapped, swap=True).tolist() == [1.0, 1.0, 0.0, 0.0]
    # as they are: .2 x .2 in common of .08 + .08 - .04
    assert best_ious(boxes, swapped).tolist() == pytest.approx([1 / 3, 0.0, 0.0, 0.0])


def test_recall_of_classes_counts_rows():
    """Class 1: LEFT is found, RIGHT is not; class 2: LEFT and TALL are; class 3: another video."""
    proposals = _proposals(a_0003=[[*LEFT, 1]], a_0004=[[*TALL, 1]])
    rows = _rows()
    fit = fit_of(rows, proposals, 0.9)
    assert class_recalls(fit, rows.labels) == {1: 0.5, 2: 1.0, 3: 0.0}
    assert recall(fit.best_iou) == 0.5
    assert np.isnan(recall(np.empty(0)))


def test_order_of_rows_and_proposals_does_not_matter():
    rng = np.random.default_rng(0)
    corners = np.sort(rng.random((40, 2, 2)), axis=1).reshape(40, 4)
    seconds = rng.integers(0, 5, 40)
    order = rng.permutation(40)
    content = {f'v,{s:04d}': np.column_stack([corners[:6] + 0.01, np.ones(6)]) for s in range(5)}
    content = {key: np.clip(value, 0, 1) for key, value in content.items()}
    results = []
    for rows, keys in ((np.arange(40), list(content)), (order, list(content)[::-1])):
        boxes = ava_boxes_from_arrays(['v'] * 40, seconds[rows], corners[rows], np.ones(40))
        proposals = loose_proposals({key: content[key] for key in keys}, 'p.pkl')
        best = best_ious(annotated_boxes(boxes), proposals)
        results.append(best[np.argsort(rows)])
    assert np.array_equal(*results)
