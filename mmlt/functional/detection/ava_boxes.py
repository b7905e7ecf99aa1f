"""Labelled boxes on keyframes, in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from mmlt.functional.checks import check_class_ids, check_columns


class AVABoxes(NamedTuple):
    """n rows: one box on one keyframe with one label; V videos.

    Attributes:
        video_index: (n,) int32 in [0, V).
        video_names: (V,) str.
        timestamps: (n,) int32, seconds.
        boxes_xyxy_norm: (n, 4) float64, x1 y1 x2 y2 as fractions of the frame's size.
        labels: (n,) int32, class ids.
        scores: (n,) float64; of ground truth, the person id.
    """

    video_index: np.ndarray
    video_names: np.ndarray
    timestamps: np.ndarray
    boxes_xyxy_norm: np.ndarray
    labels: np.ndarray
    scores: np.ndarray


def take_rows(boxes: AVABoxes, rows: np.ndarray | slice) -> AVABoxes:
    """Some of the rows, and all video names.

    Example:
        >>> boxes = ava_boxes_from_arrays(['a', 'b'], [902, 903], [[0, 0, 1, 1]] * 2, [12, 80])
        >>> take_rows(boxes, slice(1, 2)).labels.tolist()
        [80]
    """
    index, names, *columns = boxes
    return AVABoxes(index[rows], names, *(column[rows] for column in columns))


def ava_boxes_from_arrays(
    video_ids: Sequence[str],
    timestamps: np.ndarray,
    boxes_xyxy_norm: np.ndarray,
    labels: np.ndarray,
    scores: np.ndarray | None = None,
) -> AVABoxes:
    """Build AVABoxes from one entry a row; videos are numbered in alphabetical order.

    Shapes: n rows.

    Args:
        video_ids: (n,) str.
        timestamps: (n,) whole seconds.
        boxes_xyxy_norm: (n, 4), x1 y1 x2 y2 as fractions of the frame's size.
        labels: (n,) class ids.
        scores: (n,), higher = more confident; None = all 1.

    Returns:
        AVABoxes with the rows in the order given.

    Raises:
        ValueError: if lengths or the shape of the boxes are wrong, or a timestamp or label is not
            a whole number.

    Example:
        >>> ava_boxes_from_arrays(['a'], [902], [[0, 0, 1, 1]], [12]).scores.tolist()
        [1.0]
    """
    names, video_index = _number_names(np.asarray(video_ids, dtype=np.str_).reshape(-1))
    num_rows = len(video_index)
    boxes = check_columns('boxes_xyxy_norm', boxes_xyxy_norm, 4, '(n, 4)')
    scores = np.ones(num_rows) if scores is None else np.asarray(scores, dtype=np.float64)
    result = AVABoxes(
        video_index,
        names,
        _as_int32('timestamps', timestamps),
        boxes,
        _as_int32('labels', labels),
        scores,
    )
    for name in ('timestamps', 'boxes_xyxy_norm', 'labels', 'scores'):
        if len(getattr(result, name)) != num_rows:
            raise ValueError(
                f'{name} has {len(getattr(result, name))} rows where video_ids has {num_rows}'
            )
    return result


def ava_boxes_from_score_matrix(
    video_ids: Sequence[str],
    timestamps: np.ndarray,
    boxes_xyxy_norm: np.ndarray,
    scores: np.ndarray,
    class_ids: Iterable[int],
) -> AVABoxes:
    """Build AVABoxes from boxes that are scored for every class, as a detector's head gives.

    Shapes: n boxes, C classes.

    Args:
        video_ids: (n,) str.
        timestamps: (n,) whole seconds.
        boxes_xyxy_norm: (n, 4), x1 y1 x2 y2 as fractions of the frame's size.
        scores: (n, C), higher = more confident.
        class_ids: C distinct class ids, one for each column.

    Returns:
        AVABoxes of n * C rows: the C classes of the first box, then those of the second.

    Raises:
        ValueError: if lengths or shapes are wrong, or a timestamp is not a whole number.

    Example:
        >>> boxes = [[0.1, 0.1, 0.4, 0.9]]
        >>> rows = ava_boxes_from_score_matrix(['a'], [902], boxes, [[0.7, 0.2]], [1, 12])
        >>> rows.labels.tolist(), rows.scores.tolist()
        ([1, 12], [0.7, 0.2])
    """
    class_ids = check_class_ids(class_ids)
    num_classes = len(class_ids)
    scores = check_columns('scores', scores, num_classes, f'(n, C) with C = {num_classes}')
    one_class = ava_boxes_from_arrays(
        video_ids, timestamps, boxes_xyxy_norm, np.zeros(len(scores), np.int32)
    )
    return AVABoxes(
        np.repeat(one_class.video_index, num_classes),
        one_class.video_names,
        np.repeat(one_class.timestamps, num_classes),
        np.repeat(one_class.boxes_xyxy_norm, num_classes, axis=0),
        np.tile(class_ids.astype(np.int32), len(scores)),
        scores.reshape(-1),
    )


def _number_names(names: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct names, sorted, and each row's index among them, int32."""
    # Rows come video by video: only the first of each run is sorted.
    is_new = np.ones(len(names), dtype=bool)
    is_new[1:] = names[1:] != names[:-1]
    starts = np.flatnonzero(is_new)
    distinct, index = np.unique(names[starts], return_inverse=True)
    lengths = np.diff(starts, append=len(names))
    return distinct, np.repeat(index.reshape(-1).astype(np.int32), lengths)


def _as_int32(name: str, values: np.ndarray) -> np.ndarray:
    values = np.asarray(values).reshape(-1)
    whole = values.astype(np.int32, copy=False)
    if (whole != values).any():
        index = int(np.flatnonzero(whole != values)[0])
        raise ValueError(f'{name}[{index}] is {values[index]!r}: it must be a whole number')
    return whole
