"""Mistakes in AVA-format data that give a plausible number in silence, found before they do.

Every check is a pure function of what was read. It returns its finding as a sentence, or None
(those of rows are in :mod:`mmlt.fileio.box_checks`); :func:`check_annotations`,
:func:`check_detections` and :func:`check_proposals` collect them as :class:`Findings`. Who builds a
dataset or judges a file raises the errors; an evaluation that runs inside a training says them and
goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from mmlt.fileio.box_checks import low_class_ids, outside_ratio, pixel_boxes, repeats_warning
from mmlt.fileio.keyframe_match import boxes_meet, listed, match_videos
from mmlt.fileio.person_checks import low_scores
from mmlt.functional import AVABoxes
from mmlt.functional.detection.box_overlap import pair_iou

_MAX_OUTSIDE = 0.01  # of detections: a few among millions, where a detector does not clip its boxes


class Findings(NamedTuple):
    """What was found in a file, a sentence each.

    Attributes:
        errors: What makes every number that rests on the file wrong.
        warnings: What may be meant, and has to be said.
    """

    errors: list[str]
    warnings: list[str]

    def raise_errors(self) -> None:
        """Raise a ValueError of all errors, if there is one."""
        if self.errors:
            raise ValueError('\n'.join(self.errors))


def _findings(errors: Iterable[str | None], warnings: Iterable[str | None]) -> Findings:
    return Findings([e for e in errors if e], [w for w in warnings if w])


def check_annotations(boxes: AVABoxes, path: Any, *, is_evaluated: bool = True) -> Findings:
    """Check annotated boxes on their own.

    Args:
        boxes: The annotations of a split.
        path: Where they were read from.
        is_evaluated: Whether detections are judged by them, so that a repeat counts again.

    Returns:
        Errors: boxes in pixels, class ids below 1. Warnings: rows that repeat another one.
    """
    errors = [pixel_boxes(boxes, path), low_class_ids(boxes, path)]
    return _findings(errors, [repeats_warning(boxes, path, counts=is_evaluated)])


def check_detections(
    detections: AVABoxes,
    ground_truth: AVABoxes,
    excluded: Iterable[tuple[str, int]] | None = None,
    *,
    path: Any,
    ground_truth_path: Any,
) -> Findings:
    """Check detections against the annotations that they are judged by.

    Args:
        detections: Of any class and score.
        ground_truth: The annotated boxes.
        excluded: (video id, timestamp) of the keyframes to leave out.
        path: Where the detections come from: a file, or words.
        ground_truth_path: Where the annotated boxes were read from.

    Returns:
        Errors: boxes in pixels (more than one in a hundred), class ids below 1, no keyframe in
        common, no detection that overlaps an annotated box. Warnings: fewer boxes far outside of
        the frame, videos without a detection, rows that repeat another.
    """
    outside = pixel_boxes(detections, path)
    is_in_pixels = outside is not None and outside_ratio(detections) > _MAX_OUTSIDE
    errors = [outside if is_in_pixels else None, low_class_ids(detections, path)]
    detected, silent, hint = match_videos(detections, ground_truth, excluded)
    if silent and not len(detections.labels):
        errors.append(f'{path}: no detection at all')
    elif silent and not detected:
        seconds = (
            f'seconds {boxes.timestamps.min()} to {boxes.timestamps.max()}'
            for boxes in (detections, ground_truth)
        )
        errors.append(
            f'{path}: none of its keyframes ({next(seconds)}) is in {ground_truth_path} '
            f'({next(seconds)}); is it another split, or are the seconds shifted?{hint}'
        )
    elif detected and not any(errors) and not boxes_meet(detections, ground_truth):
        errors.append(
            f'{path}: not one of its boxes overlaps an annotated box of its keyframe in '
            f'{ground_truth_path}; are both x1, y1, x2, y2 in fractions of the same frame?'
        )
    warnings = [None if is_in_pixels else outside, repeats_warning(detections, path)]
    if detected and silent:
        total = len(detected) + len(silent)
        has = 'has' if len(silent) == 1 else 'have'
        warnings.append(
            f'{path}: {len(silent)} of {total} videos {has} no detection on an annotated keyframe: '
            f'{listed(silent)}{hint}'
        )
    return _findings(errors, warnings)


def check_proposals(
    proposals: Mapping[str, np.ndarray],
    boxes_of_keyframe: Mapping[str, np.ndarray],
    *,
    path: Any,
    ann_file: Any,
    score_thr: float = 0.0,
) -> Findings:
    """Check proposals against the annotated boxes of the same keyframes.

    Args:
        proposals: Keyframe ``'video,0902'`` -> (m, 4) or (m, 5) boxes, as
            :func:`mmlt.fileio.proposals.read_proposals` gives them.
        boxes_of_keyframe: Keyframe -> (k, 4) annotated boxes.
        path: The proposal file.
        ann_file: The annotations.
        score_thr: ``person_det_score_thr`` of the dataset.

    Returns:
        Errors: no keyframe has a proposal, no proposal overlaps an annotated box. Warnings:
        keyframes without a proposal; many with none that reaches the threshold.
    """
    keys = list(boxes_of_keyframe)
    missing = [key for key in keys if key not in proposals]
    if keys and len(missing) == len(keys):
        shown = repr(next(iter(proposals))) if proposals else 'nothing'
        return Findings(
            [
                f'{path}: no keyframe of {ann_file} has a proposal: the file holds {shown}, '
                f'the annotations {keys[0]!r}'
            ],
            [],
        )
    found = (key for key in keys if key in proposals)
    if keys and not any(_overlap(proposals[key][:, :4], boxes_of_keyframe[key]) for key in found):
        return Findings(
            [
                f'{path}: not one of its boxes overlaps an annotated box of its keyframe in '
                f'{ann_file}; are both x1, y1, x2, y2 in fractions of the same frame?'
            ],
            [],
        )
    warnings = []
    if missing:
        warnings.append(
            f'{path}: no proposal for {len(missing)} of {len(keys)} keyframes (the first: '
            f'{missing[0]!r}); each gets one box as large as the frame'
        )
    sentence, is_many = low_scores(proposals, keys, path, score_thr)
    warnings.append(sentence if is_many else None)
    return _findings([], warnings)


def _overlap(boxes: np.ndarray, other_boxes: np.ndarray) -> bool:
    i, j = np.indices((len(boxes), len(other_boxes))).reshape(2, -1)
    return bool((pair_iou(boxes[i], other_boxes[j]) > 0).any())


def missing_files(paths: Mapping[str, str], exists: Callable[[str], bool], what: str) -> str | None:
    """Say in one line which videos lack a file; one question a video.

    Args:
        paths: Video id -> the file that must be there.
        exists: Whether a file is there.
        what: What the file is, for the message.
    """
    lacking = {video: path for video, path in paths.items() if not exists(path)}
    if not lacking:
        return None
    first = next(iter(lacking.values()))
    return (
        f'{len(lacking)} of {len(paths)} videos lack {what}: {listed(list(lacking))}; the first '
        f'is {first}: are data_prefix and filename_tmpl right, and the videos there to their end?'
    )


def unused_columns(num_classes: int, highest: int, path: Any) -> str | None:
    """Say that score columns belong to no class, as when ``num_classes`` was left at AVA's 81.

    Args:
        num_classes: Score columns, column 0 (unused) included.
        highest: The highest class id that the annotations or the label map hold.
        path: The label map, or the annotations.
    """
    if num_classes <= highest + 1:
        return None
    return (
        f'{path}: the highest class id is {highest}, so num_classes={num_classes} leaves '
        f'{num_classes - 1 - highest} columns without a class; num_classes={highest + 1} (ids and '
        "mmaction2's unused column 0) is meant, in the dataset, the head and the metric?"
    )
