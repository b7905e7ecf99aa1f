"""Keyframes on which no proposal is scored well enough to be a person."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np

_MANY = 0.1  # of the keyframes


def low_scores(
    proposals: Mapping[str, np.ndarray], keys: Iterable[str], path: Any, score_thr: float
) -> tuple[str | None, bool]:
    """Count the keyframes whose proposals all lie below the threshold, which mmaction2 lowers.

    Args:
        proposals: See :func:`check_proposals`.
        keys: Keyframes.
        path: The proposal file.
        score_thr: ``person_det_score_thr`` of the dataset.

    Returns:
        A sentence, None without such a keyframe; whether they are more than AVA's own files have.
    """
    found = [proposals[key] for key in keys if key in proposals]
    low = sum(not reaches(boxes, score_thr) for boxes in found)
    sentence = (
        f'{path}: on {low} of {len(found)} keyframes no proposal reaches person_det_score_thr='
        f'{score_thr}; each keeps its best one alone'
    )
    return (sentence if low else None), low > _MANY * len(found)


def without_person(
    proposals: Mapping[str, np.ndarray],
    keys: Collection[str],
    path: Any,
    score_thr: float,
    *,
    is_tested: bool,
) -> str | None:
    """Say how many keyframes keep no person where the threshold is not lowered.

    Args:
        proposals: See :func:`check_proposals`.
        keys: Keyframes.
        path: The proposal file.
        score_thr: ``person_det_score_thr`` of the dataset.
        is_tested: Whether they are tested, without a person, or left out of training.

    Raises:
        ValueError: Not one keeps a person.
    """
    gone = [key for key in keys if not reaches(proposals.get(key), score_thr)]
    if not gone:
        return None
    what = 'tested without a person' if is_tested else 'left out of training'
    sentence = (
        f'{path}: on {len(gone)} of {len(keys)} keyframes (the first: {gone[0]!r}) no proposal '
        f'reaches person_det_score_thr={score_thr}: {what}'
    )
    if len(gone) == len(keys):
        raise ValueError(sentence)
    return sentence


def reaches(boxes: np.ndarray | None, score_thr: float) -> bool:
    """Whether one of the (m, 4) or (m, 5) boxes has no score, or one of at least the threshold."""
    if boxes is None:
        return False
    return boxes.shape[1] == 4 or bool(boxes[:, 4].max() >= score_thr)
