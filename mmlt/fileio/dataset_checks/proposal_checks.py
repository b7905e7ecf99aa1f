"""Mistakes that show where proposals meet annotated boxes."""

from __future__ import annotations

import numpy as np

from mmlt.fileio.dataset_checks.annotation_rows import AnnotatedRows
from mmlt.fileio.dataset_checks.finding import MAX_PLACES, Finding, find
from mmlt.fileio.dataset_checks.loose_proposals import LooseProposals
from mmlt.fileio.dataset_checks.overlap import (
    SWAPPED,
    Fit,
    best_ious,
    keyframes_of,
    recall,
)
from mmlt.fileio.dataset_checks.settings import SplitSettings

_LOW_RECALL = 0.5
_MANY_LOW = 0.1  # of the keyframes, as in mmlt.fileio.person_checks
_SHIFTS = (-3, -2, -1, 1, 2, 3)
_SHIFT_GAIN = 0.1  # of the recall: people move little in a second
_SWAP_GAIN = 0.3
_FEW_BOXES = 10  # fewer prove nothing


def proposal_findings(
    rows: AnnotatedRows, split: SplitSettings, proposals: LooseProposals, fit: Fit
) -> list[Finding]:
    """What is wrong with the proposals of a split, seen from its annotations.

    Args:
        rows: Those of the split; ``fit`` was made of them.
        split: Its settings.
        proposals: The file, its boxes in fractions.
        fit: How they fit.
    """
    keys, first = np.unique(fit.boxes.keys, return_index=True)
    proposed = np.unique(keyframes_of(fit.boxes, proposals))
    has_none = ~np.isin(keys, proposed)
    if has_none.all():
        shown = (
            f"'{proposals.videos[0]},{proposals.seconds[0]:04d}'"
            if len(proposals.videos)
            else 'nothing'
        )
        asked = repr(_keyframe(rows, int(fit.boxes.rows[0])))
        names = dict(ann_file=rows.path, shown=shown, asked=asked)
        return [find('no_keyframe_proposed', proposals.path, **names)]
    lacking = np.sort(fit.boxes.rows[first[has_none]])
    findings = _at_rows('no_proposal', rows, lacking)
    findings += _low_scores(rows, split, proposals, keys[~has_none])
    if proposals.in_pixels:
        return findings
    return findings + _misfit(rows, split, proposals, fit)


def _keyframe(rows: AnnotatedRows, row: int) -> str:
    boxes = rows.boxes
    return f'{boxes.video_names[boxes.video_index[row]]},{boxes.timestamps[row]:04d}'


def _at_rows(kind: str, rows: AnnotatedRows, which: np.ndarray) -> list[Finding]:
    if not len(which):
        return []
    places = [(rows.place(int(r))[0], _keyframe(rows, int(r))) for r in which[:MAX_PLACES]]
    return [find(kind, rows.path, places, count=len(which))]


def _low_scores(
    rows: AnnotatedRows, split: SplitSettings, proposals: LooseProposals, keys: np.ndarray
) -> list[Finding]:
    """More keyframes than AVA's own files have on which no proposal reaches the threshold."""
    boxes = rows.boxes
    best = np.zeros(len(proposals.videos))
    np.maximum.at(best, proposals.frames, proposals.scores)
    known = {}
    videos = {name: i for i, name in enumerate(boxes.video_names.tolist())}
    annotated = set(zip(boxes.video_index.tolist(), boxes.timestamps.tolist()))
    for video, second, score in zip(
        proposals.videos.tolist(), proposals.seconds.tolist(), best.tolist()
    ):
        if (videos.get(video, -1), second) in annotated:
            known[f'{video},{second:04d}'] = score
    low = [key for key, score in known.items() if score < split.person_det_score_thr]
    if len(low) <= _MANY_LOW * len(keys):
        return []
    many = f'{len(low):,} of {len(known):,}'
    places = [(None, f'{key!r}: {known[key]:g}') for key in low[:MAX_PLACES]]
    details = dict(thr=split.person_det_score_thr, many=many)
    return [find('low_scores', proposals.path, places, count=len(low), **details)]


def _misfit(
    rows: AnnotatedRows, split: SplitSettings, proposals: LooseProposals, fit: Fit
) -> list[Finding]:
    """Swapped axes, shifted seconds, or a low recall: the first that explains the boxes."""
    as_is = recall(fit.best_iou_of_all)
    many = len(fit.boxes.boxes) >= _FEW_BOXES
    swapped = recall(best_ious(fit.boxes, proposals, swap=True))
    if many and swapped >= as_is + _SWAP_GAIN and swapped >= 2 * as_is:
        which, file = _which_is_swapped(rows, proposals, fit)
        places = [rows.place(0)] if file == rows.path else [(None, _first_box(proposals))]
        numbers = dict(as_is=as_is, swapped=swapped, which=which)
        return [find('swapped_axes', file, places, count=len(fit.boxes.boxes), **numbers)]
    shifted = {s: recall(best_ious(fit.boxes, proposals, shift=s)) for s in _SHIFTS}
    shift = max(_SHIFTS, key=lambda s: (shifted[s], -abs(s)))
    if many and shifted[shift] > as_is + _SHIFT_GAIN:
        numbers = dict(as_is=as_is, shifted=shifted[shift], shift=shift, ann_file=rows.path)
        return [find('shifted_seconds', proposals.path, **numbers)]
    if not fit.best_iou_of_all.any():
        return [find('no_overlap', proposals.path, ann_file=rows.path)]
    return _low_recall(rows, split, proposals, fit)


def _first_box(proposals: LooseProposals) -> str:
    frame = proposals.frames[0]
    values = ', '.join(f'{value:g}' for value in proposals.boxes[0].tolist())
    return f"'{proposals.videos[frame]},{proposals.seconds[frame]:04d}': [{values}]"


def _which_is_swapped(rows: AnnotatedRows, proposals: LooseProposals, fit: Fit) -> tuple[str, str]:
    """Of two the one whose boxes are the wider, as people are not; its name and file."""
    ratios = [
        float(np.median(sizes[:, 0] / np.maximum(sizes[:, 1], 1e-9)))
        for sizes in (
            corners[:, 2:] - corners[:, :2] for corners in (fit.boxes.boxes, proposals.boxes)
        )
    ]
    if ratios[0] >= ratios[1]:
        return 'the annotations', rows.path
    return 'the proposals', proposals.path


def _low_recall(
    rows: AnnotatedRows, split: SplitSettings, proposals: LooseProposals, fit: Fit
) -> list[Finding]:
    for best, scores in (
        (fit.best_iou_of_all, ', of any score'),
        (fit.best_iou, f', score >= {split.person_det_score_thr:g}'),
    ):
        if recall(best) < _LOW_RECALL:
            missed = fit.boxes.rows[best < 0.5]
            places = [rows.place(int(row)) for row in missed[:MAX_PLACES]]
            details = dict(recall=recall(best), ann_file=rows.path, scores=scores)
            return [find('low_recall', proposals.path, places, count=len(missed), **details)]
    return []


def swap_columns(boxes: np.ndarray) -> np.ndarray:
    """Boxes with x and y changed about, (n, 4 or 5).

    Example:
        >>> swap_columns(np.array([[0.1, 0.2, 0.3, 0.4, 1.0]])).tolist()
        [[0.2, 0.1, 0.4, 0.3, 1.0]]
    """
    return np.concatenate([boxes[:, SWAPPED], boxes[:, 4:]], axis=1)
