from __future__ import annotations

import numpy as np
import pytest
import torch

from mmlt.evaluation.gather.blocks import merge_blocks
from mmlt.evaluation.gather.keyframes import (
    NO_KEYFRAMES,
    drop_repeats,
    keyframe_block,
    to_ava_boxes,
)


def _merge(blocks):
    return merge_blocks(blocks, NO_KEYFRAMES)


def _block(video_id, timestamp, num_boxes, value=0.0) -> dict:
    """Scores of box b and column s: value + b + s / 10."""
    boxes = np.tile(np.float32([0, 0, 0.5, 1]), (num_boxes, 1))
    scores = value + np.arange(num_boxes)[:, None] + np.arange(3) / 10
    return keyframe_block(video_id, timestamp, boxes, scores)


def test_merge_drop_repeats_and_rows_by_hand():
    merged = _merge([_block('b', 7, 2), _block('a', 9, 0), _block('b', 3, 1, 5), _block('a', 1, 1)])
    assert merged['video_ids'] == ['b', 'a', 'b', 'a']
    assert merged['num_boxes'].tolist() == [2, 0, 1, 1]
    sorted_block = drop_repeats(merged)
    assert sorted_block['video_ids'] == ['a', 'a', 'b', 'b']
    assert sorted_block['timestamps'].tolist() == [1, 9, 3, 7]
    assert sorted_block['num_boxes'].tolist() == [1, 0, 1, 2]
    rows = to_ava_boxes(sorted_block, [4, 80])
    assert [rows.video_names[i] for i in rows.video_index] == ['a'] * 2 + ['b'] * 6
    assert rows.timestamps.tolist() == [1, 1, 3, 3, 7, 7, 7, 7]
    assert rows.labels.tolist() == [4, 80] * 4
    np.testing.assert_array_equal(rows.scores, [0.1, 0.2, 5.1, 5.2, 0.1, 0.2, 1.1, 1.2])
    assert rows.boxes_xyxy_norm.shape == (8, 4)


def test_the_first_of_a_repeated_keyframe_is_kept():
    merged = _merge([_block('a', 1, 1, 0), _block('b', 1, 1, 1), _block('a', 1, 2, 7)])
    kept = drop_repeats(merged)
    assert kept['video_ids'] == ['a', 'b']
    np.testing.assert_array_equal(kept['scores'][:, 0], [0, 1])


def test_any_order_of_arrival_gives_the_same_block():
    blocks = [_block(video, t, n) for video, t, n in (('a', 1, 2), ('a', 2, 0), ('b', 1, 3))]
    first = drop_repeats(_merge(blocks))
    other = drop_repeats(_merge([blocks[2], _merge(blocks[:2]), blocks[0]]))
    assert first['video_ids'] == other['video_ids']
    for key in ('timestamps', 'num_boxes', 'boxes_xyxy_norm', 'scores'):
        np.testing.assert_array_equal(first[key], other[key])


def test_nothing_at_all():
    empty = drop_repeats(_merge([_merge([]), _merge([])]))
    rows = to_ava_boxes(empty, [1, 2])
    assert empty['video_ids'] == []
    assert rows.boxes_xyxy_norm.shape == (0, 4)
    assert len(rows.scores) == len(rows.labels) == 0


@pytest.mark.parametrize(
    ('dtype', 'kept'),
    [
        (torch.float64, np.float64),
        (torch.float32, np.float32),
        (torch.float16, np.float32),
        (torch.bfloat16, np.float32),
    ],
)
def test_scores_keep_their_precision(dtype, kept):
    scores = torch.rand(5, 3, generator=torch.Generator().manual_seed(0)).to(dtype)
    block = keyframe_block('v', 1, torch.tensor([[0.0, 0.0, 1.0, 1.0]] * 5), scores)
    assert block['scores'].dtype == kept
    np.testing.assert_array_equal(block['scores'], scores.double().numpy())
    rows = to_ava_boxes(block, [1, 2])
    np.testing.assert_array_equal(rows.scores.reshape(5, 2), scores[:, 1:].double().numpy())


@pytest.mark.parametrize(
    ('boxes', 'scores', 'message'),
    [
        (np.zeros((2, 5)), np.zeros((2, 3)), r'keyframe v,0904: bboxes has shape \(2, 5\), not'),
        (np.zeros((2, 4)), np.zeros((3, 3)), r'scores has shape \(3, 3\), not \(2, classes\)'),
        (np.zeros((2, 4)), np.zeros(2), r'scores has shape \(2,\), not \(2, classes\)'),
        (np.zeros((2, 4)), [[0, 0], [0, np.nan]], r'v,0904: scores of box 1 hold NaN'),
        ([[0, 0, 1, 1], [0.5, 0, 0.4, 1]], np.zeros((2, 3)), r'v,0904: box 1 is \[0\.5, 0\.0, 0'),
        ([[0, 0, np.inf, 1]], np.zeros((1, 3)), r'v,0904: box 0 is \[0\.0, 0\.0, inf'),
    ],
)
def test_errors_name_the_keyframe(boxes, scores, message):
    with pytest.raises(ValueError, match=message):
        keyframe_block('v', 904, boxes, scores)
