"""How well proposals fit annotated boxes: as they are, with x and y changed about, other seconds.

Shapes: n annotated boxes (each once, whatever its labels), m proposals.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mmlt.fileio.dataset_checks.loose_proposals import LooseProposals
from mmlt.functional import AVABoxes
from mmlt.functional.detection.box_overlap import pair_iou, pairs_of_same_key

IOU_THRESHOLD = 0.5
SWAPPED = [1, 0, 3, 2]
_BLOCK = 1 << 16  # annotated boxes


class AnnotatedBoxes(NamedTuple):
    """The boxes of a split, each once.

    Attributes:
        videos: (V,) names.
        keys: (n,) int64, video and second in one number.
        boxes: (n, 4) float64.
        rows: (n,) the first row of each.
        box_of_row: (rows,) the box of each row.
    """

    videos: np.ndarray
    keys: np.ndarray
    boxes: np.ndarray
    rows: np.ndarray
    box_of_row: np.ndarray


class Fit(NamedTuple):
    """How proposals fit the boxes of a split.

    Attributes:
        boxes: The annotated boxes.
        best_iou: (n,) with the best proposal of ``person_det_score_thr`` or more.
        best_iou_of_all: (n,) with the best proposal of any score.
    """

    boxes: AnnotatedBoxes
    best_iou: np.ndarray
    best_iou_of_all: np.ndarray


def annotated_boxes(boxes: AVABoxes) -> AnnotatedBoxes:
    """The boxes of some rows; rows of one keyframe with the same corners are one box."""
    keys = _keys(boxes.video_index, boxes.timestamps)
    corners = boxes.boxes_xyxy_norm
    order = np.lexsort((*corners.T, keys))
    is_new = np.ones(len(order), dtype=bool)
    is_new[1:] = keys[order[1:]] != keys[order[:-1]]
    is_new[1:] |= (corners[order[1:]] != corners[order[:-1]]).any(axis=1)
    rows = np.sort(np.minimum.reduceat(order, np.flatnonzero(is_new))) if len(order) else order
    first = np.minimum.reduceat(order, np.flatnonzero(is_new)) if len(order) else order
    box_of_row = np.empty(len(order), dtype=np.int64)
    box_of_row[order] = np.searchsorted(rows, first)[np.cumsum(is_new) - 1]
    return AnnotatedBoxes(boxes.video_names, keys[rows], corners[rows], rows, box_of_row)


def keyframes_of(boxes: AnnotatedBoxes, proposals: LooseProposals) -> np.ndarray:
    """(k,) the key of each keyframe of the proposals among the annotated; -1: another video."""
    place = {name: i for i, name in enumerate(boxes.videos.tolist())}
    names, index = np.unique(proposals.videos, return_inverse=True)
    at = np.array([place.get(name, -1) for name in names.tolist()], dtype=np.int64)
    video = at[index] if len(names) else np.empty(0, dtype=np.int64)
    return np.where(video < 0, -1, _keys(video, proposals.seconds))


def _keys(videos: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    return (videos.astype(np.int64) << 32) + seconds.astype(np.int64) + (1 << 31)


def best_ious(
    boxes: AnnotatedBoxes,
    proposals: LooseProposals,
    *,
    score_thr: float | None = None,
    shift: int = 0,
    swap: bool = False,
) -> np.ndarray:
    """(n,) the best IoU of each annotated box with a proposal of its keyframe; 0 without one.

    Args:
        boxes: The annotated boxes.
        proposals: The proposals.
        score_thr: Least score of those taken, or the best of the keyframe, as in mmaction2; None
            takes all.
        shift: Take the proposals of the keyframe so many seconds later.
        swap: Change x and y of the annotated boxes about.
    """
    keys = keyframes_of(boxes, proposals)[proposals.frames]
    taken = keys >= 0
    if score_thr is not None:
        best_score = np.full(len(proposals.videos), -np.inf)
        np.maximum.at(best_score, proposals.frames, proposals.scores)
        taken &= proposals.scores >= np.minimum(best_score, score_thr)[proposals.frames]
    rows = np.flatnonzero(taken)
    rows = rows[np.argsort(keys[rows], kind='stable')]
    keys, others = keys[rows], proposals.boxes[rows]
    own = boxes.boxes[:, SWAPPED] if swap else boxes.boxes
    best = np.zeros(len(own))
    for start in range(0, len(own), _BLOCK):
        block = slice(start, start + _BLOCK)
        row, other = pairs_of_same_key(boxes.keys[block] + shift, keys)
        np.maximum.at(best[block], row, pair_iou(own[block][row], others[other]))
    return best


def fit_of(boxes: AVABoxes, proposals: LooseProposals, score_thr: float) -> Fit:
    """The fit of proposals with the boxes of some rows."""
    each = annotated_boxes(boxes)
    everything = best_ious(each, proposals)
    return Fit(each, best_ious(each, proposals, score_thr=score_thr), everything)


def recall(best_iou: np.ndarray) -> float:
    """Share of the boxes with an IoU of at least .5; NaN without a box.

    Example:
        >>> recall(np.array([0.2, 0.5, 0.9, 0.0]))
        0.5
    """
    return float((best_iou >= IOU_THRESHOLD).mean()) if len(best_iou) else float('nan')


def class_recalls(fit: Fit, labels: np.ndarray) -> dict[int, float]:
    """Class id -> recall of its boxes, at the threshold."""
    found = fit.best_iou[fit.boxes.box_of_row] >= IOU_THRESHOLD
    return {int(i): float(found[labels == i].mean()) for i in np.unique(labels).tolist()}
