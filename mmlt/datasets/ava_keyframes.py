"""Annotation rows gathered by keyframe and box, for all keyframes at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mmlt.functional import AVABoxes


class AVAKeyframes(NamedTuple):
    """K keyframes with B boxes in all; a box of several rows is one box with several labels.

    Keyframes and the boxes of each stand in the order in which their first rows do.

    Attributes:
        first_rows: (K,) the first row of each keyframe.
        box_starts: (K + 1,) keyframe k has the boxes box_starts[k] to box_starts[k + 1] - 1.
        box_rows: (B,) the first row of each box.
        row_boxes: (m,) the box of each used row.
    """

    first_rows: np.ndarray
    box_starts: np.ndarray
    box_rows: np.ndarray
    row_boxes: np.ndarray


def group_by_keyframe(boxes: AVABoxes, rows: np.ndarray) -> AVAKeyframes:
    """Gather rows of annotations by keyframe, and within it by equal corners.

    Args:
        boxes: The annotations.
        rows: (m,) ascending indices of the rows that are used.

    Returns:
        AVAKeyframes.
    """
    keys = (boxes.video_index[rows].astype(np.int64) << 32) + boxes.timestamps[rows]
    _, first, frames = np.unique(keys, return_index=True, return_inverse=True)
    place = np.empty(len(first), dtype=np.int64)
    place[np.argsort(first)] = np.arange(len(first))
    frames = place[frames.reshape(-1)]
    corners = boxes.boxes_xyxy_norm[rows]
    order = np.lexsort((*corners.T, frames))  # stable: the first row of a box comes first
    is_new = np.ones(len(order), dtype=bool)
    is_new[1:] = (frames[order[1:]] != frames[order[:-1]]) | (
        corners[order[1:]] != corners[order[:-1]]
    ).any(axis=1)
    box_rows = order[is_new]
    by_row = np.lexsort((box_rows, frames[box_rows]))
    rank = np.empty_like(by_row)
    rank[by_row] = np.arange(len(by_row))
    row_boxes = np.empty_like(order)
    row_boxes[order] = rank[np.cumsum(is_new) - 1]
    box_rows = box_rows[by_row]
    box_starts = np.searchsorted(frames[box_rows], np.arange(len(first) + 1))
    return AVAKeyframes(rows[np.sort(first)], box_starts, rows[box_rows], row_boxes)


def multi_hot_labels(keyframes: AVAKeyframes, columns: np.ndarray, num_columns: int) -> np.ndarray:
    """(B, num_columns) float32 with a 1 in the columns of each box's rows.

    Args:
        keyframes: Of m used rows and B boxes.
        columns: (m,) column of each used row.
        num_columns: Number of columns.
    """
    labels = np.zeros((len(keyframes.box_rows), num_columns), dtype=np.float32)
    labels[keyframes.row_boxes, columns] = 1.0
    return labels


def listed_labels(keyframes: AVAKeyframes, columns: np.ndarray) -> list[np.ndarray]:
    """The columns of each box's rows, in the order of the rows, B arrays."""
    order = np.argsort(keyframes.row_boxes, kind='stable')
    counts = np.bincount(keyframes.row_boxes, minlength=len(keyframes.box_rows))
    return np.split(columns[order].astype(np.int64), np.cumsum(counts)[:-1])
