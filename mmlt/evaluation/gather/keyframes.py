"""Dense detections of keyframes, boxes x classes, in the form in which ranks exchange them.

Shapes: K keyframes, N boxes in all, S score columns. A block is a plain dict of arrays:
``video_ids`` (list of K str), ``timestamps`` (K,) int64, ``num_boxes`` (K,) int64, and, keyframe
after keyframe, ``boxes_xyxy_norm`` (N, 4) and ``scores`` (N, S). 81 columns of float32 take 324
bytes a box, where rows of a CSV would take thousands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmlt.evaluation.gather.blocks import to_float_array
from mmlt.functional import AVABoxes, ava_boxes_from_score_matrix

#: A block without keyframes.
NO_KEYFRAMES = {
    'video_ids': [],
    'timestamps': np.zeros(0, dtype=np.int64),
    'num_boxes': np.zeros(0, dtype=np.int64),
    'boxes_xyxy_norm': np.zeros((0, 4)),
    'scores': np.zeros((0, 0)),
}


def keyframe_block(video_id: str, timestamp: int, boxes_xyxy_norm: Any, scores: Any) -> dict:
    """Make the block of one keyframe; checks shapes and values.

    Args:
        video_id: Video id.
        timestamp: Timestamp in s.
        boxes_xyxy_norm: (N, 4) fractions of the frame, array or tensor.
        scores: (N, S) confidences, array or tensor.

    Returns:
        The block; float64 stays float64, any other type becomes float32, which holds it exactly.

    Raises:
        ValueError: Other shapes, a NaN score, a box that is not finite or has x1 > x2 or y1 > y2.
    """
    where = f'keyframe {video_id},{int(timestamp):04d}'
    boxes, scores = to_float_array(boxes_xyxy_norm), to_float_array(scores)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f'{where}: bboxes has shape {boxes.shape}, not (N, 4)')
    if scores.ndim != 2 or len(scores) != len(boxes):
        raise ValueError(f'{where}: scores has shape {scores.shape}, not ({len(boxes)}, classes)')
    wrong = np.flatnonzero(np.isnan(scores).any(1))
    if len(wrong):
        raise ValueError(f'{where}: scores of box {wrong[0]} hold NaN')
    wrong = np.flatnonzero(~np.isfinite(boxes).all(1) | (boxes[:, :2] > boxes[:, 2:]).any(1))
    if len(wrong):
        raise ValueError(
            f'{where}: box {wrong[0]} is {boxes[wrong[0]].tolist()}, not x1, y1, x2, y2'
        )
    return {
        'video_ids': [str(video_id)],
        'timestamps': np.array([timestamp], dtype=np.int64),
        'num_boxes': np.array([len(boxes)], dtype=np.int64),
        'boxes_xyxy_norm': boxes,
        'scores': scores,
    }


def drop_repeats(block: dict) -> dict:
    """Sort the keyframes by video and time, and keep the first of those that came twice.

    A sampler that pads its shards delivers a few keyframes twice; sorting makes the result the
    same on any number of ranks.
    """
    videos = np.unique(np.asarray(block['video_ids'], dtype=str), return_inverse=True)[1]
    order = np.lexsort((block['timestamps'], videos.reshape(-1)))  # stable: first come, first
    keys = np.stack([videos.reshape(-1), block['timestamps']], axis=1)[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = (keys[1:] != keys[:-1]).any(1)
    kept = order[first]
    num_boxes = block['num_boxes'][kept]
    starts = (np.cumsum(block['num_boxes']) - block['num_boxes'])[kept]
    offsets = np.arange(num_boxes.sum()) - np.repeat(np.cumsum(num_boxes) - num_boxes, num_boxes)
    rows = np.repeat(starts, num_boxes) + offsets
    return {
        'video_ids': [block['video_ids'][i] for i in kept],
        'timestamps': block['timestamps'][kept],
        'num_boxes': num_boxes,
        'boxes_xyxy_norm': block['boxes_xyxy_norm'][rows],
        'scores': block['scores'][rows],
    }


def to_ava_boxes(block: dict, class_ids: Sequence[int]) -> AVABoxes:
    """One row for each box and class.

    Args:
        block: Keyframes with S score columns, of which the first is unused (mmaction2's habit).
        class_ids: (S - 1,) class id of each other column.

    Returns:
        The rows, box after box and within a box in the order of the columns.
    """
    return ava_boxes_from_score_matrix(
        np.repeat(np.asarray(block['video_ids'], dtype=str), block['num_boxes']),
        np.repeat(block['timestamps'], block['num_boxes']),
        block['boxes_xyxy_norm'],
        block['scores'][:, 1:],
        class_ids,
    )
