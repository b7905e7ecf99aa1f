from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from mmlt.functional import ava_boxes_from_arrays, match_scores
from mmlt.functional.detection import box_matches, keyframes

LEFT, RIGHT = (0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0)
INF = float('inf')


def _boxes(rows):
    columns = list(zip(*rows)) or [()] * 5
    return ava_boxes_from_arrays(*columns)


def _iou(a, b):
    width = max(min(a[2], b[2]) - max(a[0], b[0]), 0.0)
    height = max(min(a[3], b[3]) - max(a[1], b[1]), 0.0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height
    return width * height / union if union else 0.0


def _reference_greedy(found, truth, class_ids, excluded, threshold):
    """Walk down each class's detections: (pool, scores, targets, rejected (score, class) pairs)."""
    pool = sorted({(v, t, box) for v, t, box, _, _ in truth if (v, t) not in excluded})
    of_keyframe = defaultdict(list)
    for index, (video, time, box) in enumerate(pool):
        of_keyframe[video, time].append((index, box))
    scores = np.full((len(pool), len(class_ids)), -INF)
    rejected = []
    for column, class_id in enumerate(class_ids):
        taken = set()
        rows = sorted((row for row in found if row[3] == class_id), key=lambda row: -row[4])
        for video, time, box, _, score in rows:
            candidates = of_keyframe[video, time]
            if not candidates:
                continue
            index, best = max(candidates, key=lambda c: (_iou(box, c[1]), -c[0]))
            if _iou(box, best) >= threshold and index not in taken:
                taken.add(index)
                scores[index, column] = score
            else:
                rejected.append((score, column))
    targets = np.array(
        [
            [any(row[:3] == entry and row[3] == c for row in truth) for c in class_ids]
            for entry in pool
        ],
        dtype=bool,
    ).reshape(len(pool), len(class_ids))
    return scores, targets, rejected


def _random_case(rng):
    def rows(count, levels):
        result = []
        for _ in range(count):
            grid = rng.choice([3, 8])
            x, y = np.sort(rng.integers(0, grid + 1, (2, 2)), axis=1) / grid
            box = (float(x[0]), float(y[0]), float(x[1]), float(y[1]))
            key = str(rng.choice(['b', 'a'])), int(rng.integers(900, 904))
            result.append((*key, box, int(rng.integers(1, 5)), float(rng.integers(levels))))
        return result

    truth = rows(int(rng.integers(0, 25)), 1)
    found = rows(int(rng.integers(0, 120)), int(rng.choice([3, 10**6])))
    excluded = [('a', 901)] if rng.random() < 0.5 else []
    return found, truth, [4, 1, 3], excluded


def test_hand_computed():
    truth = _boxes([('a', 1, RIGHT, 1, 0), ('a', 1, LEFT, 2, 1), ('a', 1, RIGHT, 3, 0)])
    found = _boxes(
        [
            ('a', 1, RIGHT, 1, 0.6),
            ('a', 1, (0.5, 0.0, 0.9, 1.0), 1, 0.8),  # the same box, a better score
            ('a', 1, LEFT, 1, 0.3),  # a box without that label still gets the score
            ('a', 1, (0.25, 0.0, 0.75, 1.0), 2, 0.9),  # IoU 1/3 with both
        ]
    )
    scores, targets, valid = match_scores(found, truth, class_ids=[1, 2])
    # Rows by coordinates: LEFT, then RIGHT (once, although it has two rows of labels).
    assert scores.tolist() == [[0.3, -INF], [0.8, -INF]]
    assert targets.tolist() == [[False, True], [True, False]]
    assert valid.all() and valid.shape == (2, 2)


def test_pool_of_detections_by_hand():
    truth = _boxes([('a', 1, LEFT, 1, 0)])
    found = _boxes(
        [
            ('a', 1, RIGHT, 2, 0.5),  # unmatched
            ('a', 1, LEFT, 1, 0.6),  # duplicate
            ('a', 1, LEFT, 1, 0.8),  # matched
            ('a', 2, LEFT, 1, 0.9),  # a keyframe without an annotated box
            ('a', 1, LEFT, 3, 0.9),  # a class that is not asked for
        ]
    )
    scores, targets, valid = match_scores(found, truth, class_ids=[1, 2], pool='detections')
    assert scores.tolist() == [[0.8, -INF], [-INF, 0.5], [0.6, -INF]]
    assert targets.tolist() == [[True, False], [False, False], [False, False]]
    assert valid.tolist() == [[True, True], [False, True], [True, False]]


def test_float32_boxes_overlap_as_their_float64_values():
    rng = np.random.default_rng(21)
    corners = np.concatenate([rng.random((50, 2, 2)) / 4, 0.75 + rng.random((50, 2, 2)) / 4], 2)
    for box, other in corners.astype(np.float32):
        truth, found = (
            _boxes([('a', 1, (0, 0, 1, 1), 1, 0.5)])._replace(boxes_xyxy_norm=own[None])
            for own in (box, other)
        )
        threshold = _iou(other.tolist(), box.tolist())  # to the last bit
        matched = match_scores(found, truth, class_ids=[1], iou_threshold=threshold)
        assert matched.scores.tolist() == [[0.5]]


def test_no_second_choice_and_the_largest_overlap_wins():
    wide = (0.0, 0.0, 0.6, 1.0)
    truth = _boxes([('a', 1, LEFT, 1, 0), ('a', 1, wide, 1, 0)])
    found = _boxes([('a', 1, LEFT, 1, 0.9), ('a', 1, (0.0, 0.0, 0.45, 1.0), 1, 0.8)])
    assert match_scores(found, truth, class_ids=[1]).scores.tolist() == [[0.9], [-INF]]


@pytest.mark.parametrize('threshold', [0.5, 0.2])
def test_equals_reference_greedy(threshold):
    rng = np.random.default_rng(40)
    for _ in range(250):
        found, truth, class_ids, excluded = _random_case(rng)
        scores, targets, rejected = _reference_greedy(found, truth, class_ids, excluded, threshold)
        matched = match_scores(
            _boxes(found),
            _boxes(truth),
            class_ids=class_ids,
            excluded=excluded,
            iou_threshold=threshold,
        )
        assert np.array_equal(matched.scores, scores)
        assert np.array_equal(matched.targets, targets)
        assert matched.valid.all()
        larger = match_scores(
            _boxes(found),
            _boxes(truth),
            class_ids=class_ids,
            excluded=excluded,
            iou_threshold=threshold,
            pool='detections',
        )
        size = len(scores)
        assert np.array_equal(larger.scores[:size], scores)
        assert np.array_equal(larger.targets[:size], targets)
        assert not larger.targets[size:].any()
        rows, columns = np.nonzero(larger.valid[size:])
        assert rows.tolist() == list(range(len(rejected)))
        others = sorted(zip(larger.scores[size:][rows, columns].tolist(), columns.tolist()))
        assert others == sorted(rejected)


@pytest.mark.parametrize('pool', ['boxes', 'detections'])
@pytest.mark.parametrize('slot_bits', [1, 16])
def test_blocks_of_rows_and_boxes_that_share_a_slot(monkeypatch, pool, slot_bits):
    rng = np.random.default_rng(41)
    found, truth, class_ids, _ = _random_case(rng)
    expected = match_scores(_boxes(found), _boxes(truth), class_ids=class_ids, pool=pool)
    assert np.isfinite(expected.scores).any()
    monkeypatch.setattr(box_matches, '_SLOT_BITS', slot_bits)
    monkeypatch.setattr(keyframes, '_BLOCK', 7)
    matched = match_scores(_boxes(found), _boxes(truth), class_ids=class_ids, pool=pool)
    for field, expected_field in zip(matched, expected):
        assert np.array_equal(field, expected_field)


def test_class_by_class_or_box_by_box_is_the_same():
    rng = np.random.default_rng(43)
    corners = np.sort(rng.random((40, 2, 2)), axis=1).reshape(40, 4)
    boxes = [(str(rng.choice(['a', 'b'])), 1, tuple(box.tolist())) for box in corners]
    truth = _boxes([(*box, 1, 0) for box in boxes[::2]])
    scores = rng.random((40, 3))
    rows = [(*box, 1 + c, scores[i, c]) for i, box in enumerate(boxes) for c in range(3)]
    by_class = [rows[i * 3 + c] for c in range(3) for i in range(40)]
    expected = match_scores(_boxes(rows), truth, class_ids=[1, 2, 3])
    matched = match_scores(_boxes(by_class), truth, class_ids=[1, 2, 3])
    assert np.isfinite(expected.scores).all()
    assert np.array_equal(matched.scores, expected.scores)


def test_order_of_rows_does_not_matter():
    rng = np.random.default_rng(42)
    for _ in range(20):
        found, truth, class_ids, _ = _random_case(rng)
        expected = match_scores(_boxes(found), _boxes(truth), class_ids=class_ids)
        matched = match_scores(
            _boxes([found[i] for i in rng.permutation(len(found))]),
            _boxes([truth[i] for i in rng.permutation(len(truth))]),
            class_ids=class_ids,
        )
        for field, expected_field in zip(matched, expected):
            assert np.array_equal(field, expected_field)


def test_a_box_of_another_class_belongs_to_the_pool():
    truth = _boxes([('a', 1, LEFT, 9, 0), ('a', 1, RIGHT, 1, 0)])
    scores, targets, _ = match_scores(truth, truth, class_ids=[1])
    assert scores.tolist() == [[-INF], [0.0]]
    assert targets.tolist() == [[False], [True]]


def test_excluded_keyframes_are_dropped():
    truth = _boxes([('a', 1, LEFT, 1, 0), ('a', 2, LEFT, 1, 0), ('b', 1, LEFT, 1, 0)])
    matched = match_scores(truth, truth, class_ids=[1], excluded={('a', 1), ('b', 5)})
    assert matched.scores.tolist() == [[0.0], [0.0]]


def test_edges():
    truth, nothing = _boxes([('a', 1, LEFT, 1, 0)]), _boxes([])
    assert match_scores(nothing, truth, class_ids=[1]).scores.tolist() == [[-INF]]
    for pool in ('boxes', 'detections'):
        empty = match_scores(truth, nothing, class_ids=[1, 2], pool=pool)
        assert [field.shape for field in empty] == [(0, 2)] * 3
    # Two boxes without area do not match, even if they are the same.
    point = _boxes([('a', 1, (0.1, 0.1, 0.1, 0.1), 1, 0)])
    assert match_scores(point, point, class_ids=[1]).scores.tolist() == [[-INF]]


def test_errors():
    truth = _boxes([('a', 1, LEFT, 1, 0)])
    with pytest.raises(ValueError, match="pool must be one of 'boxes', 'detections', got 'all'"):
        match_scores(truth, truth, class_ids=[1], pool='all')
    with pytest.raises(ValueError, match='class_ids holds 1 more than once'):
        match_scores(truth, truth, class_ids=[1, 1])
    with pytest.raises(ValueError, match=r'ground_truth.scores\[0\] is nan'):
        match_scores(truth, truth._replace(scores=np.array([np.nan])), class_ids=[1])
    with pytest.raises(ValueError, match=r'iou_threshold must be in \(0, 1\], got 1.5'):
        match_scores(truth, truth, class_ids=[1], iou_threshold=1.5)
