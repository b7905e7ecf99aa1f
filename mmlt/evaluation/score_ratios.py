"""Whether detections were thresholded or rounded before they were evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

# More than what a detector's own scores give: float32 scores hardly ever tie.
_MAX_MISSING = 0.01
_MAX_TIED = 0.05


def score_ratios(scores: np.ndarray) -> dict[str, float]:
    """How many scores of the annotated boxes are absent, and how many are tied.

    A detector scores each of its boxes for every class. So where an annotated box has a score for
    some classes and none for others, a threshold took them; and where many boxes have exactly the
    same score for a class, rounding did. Both spoil the ranks that SAP and ROC-AUC look at;
    frame-AP moves little until a class has no detection left. Boxes that were not found at all have
    no score without any threshold.

    Args:
        scores: (N, C) scores of the annotated boxes, -inf where a class has no detection.

    Returns:
        Shares in [0, 1], 0 of nothing. ``no_score_ratio``: cells without a score.
        ``missing_score_ratio``: the same, among the boxes with a score for any class.
        ``tied_score_ratio``: scores that another box has for the same class too, among all.
    """
    has_score = scores > -np.inf
    of_found_boxes = has_score[has_score.any(axis=1)]
    ranked = np.sort(scores, axis=0)
    is_tie = (ranked[1:] == ranked[:-1]) & (ranked[1:] > -np.inf)
    is_tied = np.zeros(scores.shape, dtype=bool)
    is_tied[1:] |= is_tie
    is_tied[:-1] |= is_tie
    return {
        'no_score_ratio': _share(~has_score, has_score.size),
        'missing_score_ratio': _share(~of_found_boxes, of_found_boxes.size),
        'tied_score_ratio': _share(is_tied, has_score.sum()),
    }


def _share(cells: np.ndarray, total: int) -> float:
    return int(cells.sum()) / int(total) if total else 0.0


def changed_scores_warning(metrics: Mapping, name: Any) -> str | None:
    """Say in one sentence that the detections look thresholded or rounded.

    Args:
        metrics: The content of ``metrics.json``; one without the ratios, as older versions wrote
            it, gives None.
        name: Where the detections were read from, or what the run is called.

    Returns:
        The sentence, or None where they do not.
    """
    missing, tied = metrics.get('missing_score_ratio', 0), metrics.get('tied_score_ratio', 0)
    found = []
    if missing > _MAX_MISSING:
        found.append(f'{100 * missing:.0f}% of the scores of detected boxes are absent')
    if tied > _MAX_TIED:
        found.append(f'{100 * tied:.0f}% of the scores are tied')
    if not found:
        return None
    return (
        f'{name}: {" and ".join(found)}; if the file was thresholded or rounded, SAP and ROC-AUC '
        'do not stand, nor frame-AP where a class lost all of its detections'
    )
