"""From detections to one score for each annotated box and class: the pool of SAP."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from mmlt.functional.checks import check_choice
from mmlt.functional.detection.ava_boxes import AVABoxes
from mmlt.functional.detection.box_matches import match_boxes, winners
from mmlt.functional.detection.keyframes import blocks, class_indices


class MatchedScores(NamedTuple):
    """scores (N, C) float64, targets (N, C) bool and valid (N, C) bool over class_ids."""

    scores: np.ndarray
    targets: np.ndarray
    valid: np.ndarray


def match_scores(
    detections: AVABoxes,
    ground_truth: AVABoxes,
    *,
    class_ids: Iterable[int],
    excluded: Iterable[tuple[str, int]] | None = None,
    iou_threshold: float = 0.5,
    pool: str = 'boxes',
) -> MatchedScores:
    r"""Give each annotated person box the score of the detection matched to it, per class.

    The pool D is the distinct annotated boxes (video, timestamp, coordinates) on the keyframes
    that are not excluded, whatever their labels: a row whose label is not among `class_ids`
    still puts its box there. Detections of class c, best first, each go to the box of D on
    their keyframe with the largest IoU, if that reaches the threshold; there is no second
    choice, and a later detection of the same box is a duplicate. So

    .. math::
        s_{bc} = \max \{ s_d : d \text{ of class } c,\ b = \arg\max_{b'} IoU(d, b'),\
            IoU(d, b) \ge t \}

    and -inf where no detection was matched. Between boxes of equal IoU the one that comes first
    in D is taken; IoU is computed in float64, and is no match where both boxes have no area.

    Shapes: N rows, C classes.

    Args:
        detections: boxes with scores, one row for each class scored. Those on keyframes without
            an annotated box are ignored.
        ground_truth: annotated boxes, one row for each label.
        class_ids: C distinct ids, the columns of the result.
        excluded: (video_id, timestamp in whole seconds) of keyframes to leave out.
        iou_threshold: t in (0, 1].
        pool: 'boxes', or 'detections' to append every unmatched and duplicate detection as a
            row of its own, a negative that is valid for its class alone. Memory grows with
            their number times C.

    Returns:
        MatchedScores. The rows of D come first, by video name, timestamp, x1, y1, x2, y2; then,
        with pool='detections', the others in the order of `detections`. valid is True
        throughout in the rows of D.

    Raises:
        ValueError: on an unknown pool, repeated class ids, a NaN score, a box with x1 > x2 or
            y1 > y2, fields of unequal length.

    Reference:
        Zhang, Tokmakov, Hebert, Schmid, "A Study on Action Detection in the Wild", 2019,
        section 4.2.

    Differs from reference:
        The paper does not say how detections and boxes are matched.

    Example:
        >>> from mmlt.functional import ava_boxes_from_arrays
        >>> box = [[0.1, 0.1, 0.5, 0.9]]
        >>> truth = ava_boxes_from_arrays(['a'], [902], box, [12])
        >>> found = ava_boxes_from_arrays(['a'], [902], box, [12], [0.75])
        >>> matched = match_scores(found, truth, class_ids=[11, 12])
        >>> matched.scores.tolist(), matched.targets.tolist()
        ([[-inf, 0.75]], [[False, True]])
    """
    check_choice('pool', pool, ('boxes', 'detections'))
    matches = match_boxes(
        detections,
        ground_truth,
        class_ids=class_ids,
        excluded=excluded,
        iou_threshold=iou_threshold,
    )
    cells, targets = matches.cells, matches.targets
    scores = np.full(targets.shape, -np.inf)
    for block in blocks(len(cells)):
        is_matched = cells[block] >= 0
        of_block = cells[block][is_matched], detections.scores[block][is_matched]
        np.maximum.at(scores.reshape(-1), *of_block)
    result = MatchedScores(scores, targets, np.ones_like(targets))
    if pool == 'detections':
        classes = np.where(matches.is_near(), class_indices(detections.labels, matches.ids), -1)
        is_other = classes >= 0
        matched = np.flatnonzero(cells >= 0)
        is_other[matched[winners(cells[matched], detections.scores[matched])]] = False
        result = _append(result, classes[is_other], detections.scores[is_other])
    return result


def _append(matched: MatchedScores, classes: np.ndarray, scores: np.ndarray) -> MatchedScores:
    """Append one row for each other detection: a negative, valid for its class alone."""
    rows, num_classes = np.arange(len(classes)), matched.scores.shape[1]
    other_scores = np.full((len(rows), num_classes), -np.inf)
    other_scores[rows, classes] = scores
    nowhere = np.zeros((len(rows), num_classes), dtype=bool)
    other_valid = nowhere.copy()
    other_valid[rows, classes] = True
    return MatchedScores(
        np.concatenate([matched.scores, other_scores]),
        np.concatenate([matched.targets, nowhere]),
        np.concatenate([matched.valid, other_valid]),
    )
