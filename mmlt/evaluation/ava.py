"""Judging AVA detections class by class: frame-AP, sampled AP and ROC-AUC in one dictionary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mmlt.evaluation.coverage import count_keyframes, count_persons, detected_classes
from mmlt.evaluation.groups import (
    class_rows,
    group_classes,
    mean_of,
    number_or_none,
    summarise_group,
)
from mmlt.evaluation.runs.tasks import DETECTION
from mmlt.evaluation.score_ratios import score_ratios
from mmlt.fileio.class_counts import ClassCounts
from mmlt.fileio.class_split import ClassSplit
from mmlt.functional import (
    AVABoxes,
    FrameAP,
    MatchedScores,
    expected_sampled_average_precision,
    frame_average_precision,
    match_scores,
    roc_auc,
    sampled_average_precision,
)
from mmlt.functional.detection.ava_boxes import take_rows


def evaluate_ava(
    detections: AVABoxes,
    ground_truth: AVABoxes,
    label_map: Mapping[int, str],
    *,
    excluded: Iterable[tuple[str, int]] | None = None,
    protocol: str = 'mmaction2',
    capacity: int | None = 50,
    train_counts: ClassCounts | None = None,
    split: ClassSplit | None = None,
    head_min: int = 10_000,
    tail_max: int = 999,
    num_trials: int = 15,
    seed: int = 0,
    pool: str = 'boxes',
    iou_threshold: float = 0.5,
) -> dict:
    """Evaluate detections over the classes of a label map.

    Args:
        detections: Every detection, without score threshold or rounding.
        ground_truth: The annotated boxes. Rows whose label is not in the label map add their
            person to the pool of SAP and ROC-AUC and are nothing to any class.
        label_map: Class id -> name; the classes that are evaluated.
        excluded: (video id, timestamp) of the keyframes to leave out.
        protocol: 'mmaction2' or 'official', see :func:`mmlt.functional.frame_average_precision`.
        capacity: Best-scored rows kept of a keyframe ('official' only); None keeps all.
        train_counts: Training counts of every class; they make the groups where ``split`` is None.
        split: The groups.
        head_min: A class with more training boxes is in the head.
        tail_max: A class with at most so many is in the tail.
        num_trials: Trials of the sampled form of SAP.
        seed: Seed of the sampled form.
        pool: 'boxes' or 'detections', see :func:`mmlt.functional.match_scores`.
        iou_threshold: Least IoU of a match.

    Returns:
        The content of ``metrics.json``: plain Python values, fractions in [0, 1], None where a
        value is undefined (a class without ground truth). Means are over the defined values.
        ``undetected_classes`` are those with boxes and without a detection on any evaluated
        keyframe: 'mmaction2' leaves them out of ``frame_mAP``, which is the mean of
        ``num_classes_averaged`` classes; ``frame_mAP_undetected_as_zero`` counts them as 0.
        See :func:`mmlt.evaluation.score_ratios.score_ratios` for three keys and
        :func:`mmlt.evaluation.coverage.count_keyframes` for four.

    Raises:
        ValueError: No annotated box of an evaluated class is left, or a bad argument.
    """
    class_ids = sorted(label_map)
    excluded = frozenset(excluded or ())
    options = dict(class_ids=class_ids, excluded=excluded, iou_threshold=iou_threshold)
    matched = match_scores(detections, ground_truth, pool=pool, **options)
    num_boxes = np.asarray(matched.targets).astype(np.int64).sum(0)
    if not num_boxes.any():
        raise ValueError(
            'ground_truth: no box of a class of the label map lies on an evaluated keyframe'
        )
    frame_ap = frame_average_precision(
        detections, ground_truth, protocol=protocol, capacity=capacity, **options
    )
    columns = {'AP': frame_ap.per_class, **_ranked_columns(matched, num_trials, seed)}
    groups = group_classes(class_ids, train_counts, split, head_min, tail_max)
    per_class = class_rows(label_map, num_boxes, train_counts, groups, columns, DETECTION.count_key)
    is_detected = detected_classes(detections, ground_truth, class_ids, excluded)
    undetected = [label_map[class_ids[i]] for i in np.flatnonzero((num_boxes > 0) & ~is_detected)]
    num_persons = count_persons(ground_truth, excluded)
    return {
        'protocol': protocol,
        'capacity': capacity if protocol == 'official' else None,
        **_overall(frame_ap, per_class, num_boxes, undetected),
        **count_keyframes(detections, ground_truth, excluded),
        'num_boxes': num_persons,
        'pool': pool,
        'num_trials': num_trials,
        'seed': seed,
        **_origin_of_groups(train_counts, split, head_min, tail_max),
        **score_ratios(matched.scores[:num_persons]),
        'groups': {group: _summarise_group(per_class, group, undetected) for group in groups},
        'per_class': per_class,
    }


def _ranked_columns(matched: MatchedScores, num_trials: int, seed: int) -> dict[str, np.ndarray]:
    """What the ranks of the matched scores give for each class."""
    sampled = sampled_average_precision(*matched, num_trials=num_trials, seed=seed)
    exact = expected_sampled_average_precision(*matched)
    return {
        'SAP': exact,
        'SAP_std': sampled.std,
        'SAP_sampled': sampled.mean,
        'AUC': roc_auc(*matched),
    }


def _overall(
    frame_ap: FrameAP,
    per_class: Mapping[str, Mapping],
    num_boxes: np.ndarray,
    undetected: Sequence[str],
) -> dict:
    """The means over all classes, and how many classes they are of."""
    return {
        'frame_mAP': number_or_none(frame_ap.mean),
        'frame_mAP_undetected_as_zero': _mean_with_zeros(per_class, undetected),
        'num_classes_with_boxes': int((num_boxes > 0).sum()),
        'num_classes_averaged': int((~np.isnan(frame_ap.per_class)).sum()),
        'undetected_classes': undetected,
        'mSAP': mean_of(per_class.values(), 'SAP'),
        'mAUC': mean_of(per_class.values(), 'AUC'),
        'mSAP_sampled': mean_of(per_class.values(), 'SAP_sampled'),
    }


def _origin_of_groups(
    train_counts: ClassCounts | None, split: ClassSplit | None, head_min: int, tail_max: int
) -> dict[str, str | int | None]:
    is_by_count = train_counts is not None and split is None
    return {
        'train_counts_source': train_counts.source if train_counts else None,
        'split_source': split.source if split else None,
        'head_min': head_min if is_by_count else None,
        'tail_max': tail_max if is_by_count else None,
    }


def _mean_with_zeros(per_class: Mapping[str, Mapping], undetected: Sequence[str]) -> float | None:
    """Mean frame-AP of the classes with evaluated boxes, 0 for those that were never detected."""
    rows = {name: row for name, row in per_class.items() if row['num_boxes']}
    return mean_of([{'AP': 0.0} if name in undetected else row for name, row in rows.items()], 'AP')


def _summarise_group(
    per_class: Mapping[str, dict], group: str, undetected: Sequence[str]
) -> dict[str, float | int | None]:
    members = {name: row for name, row in per_class.items() if row['group'] == group}
    return {
        **summarise_group(per_class, group, DETECTION.scores_of_means),
        'frame_mAP_undetected_as_zero': _mean_with_zeros(members, undetected),
    }


def check_options(ground_truth: AVABoxes, label_map: Mapping[int, str], **options: Any) -> None:
    """Raise what :func:`evaluate_ava` would raise for these arguments and any detections.

    A job calls it before it trains.

    Raises:
        ValueError: As :func:`evaluate_ava`.
    """
    excluded = frozenset(options.get('excluded') or ())
    names, videos = ground_truth.video_names, ground_truth.video_index
    rows = np.flatnonzero(np.isin(ground_truth.labels, list(label_map)))
    keyframes = zip(videos[rows].tolist(), ground_truth.timestamps[rows].tolist())
    # One evaluated row is enough to reach every check; without one, all rows lead to the error.
    first = next((i for i, (v, t) in enumerate(keyframes) if (names[v], t) not in excluded), None)
    keep = slice(None) if first is None else rows[first : first + 1]
    few = take_rows(ground_truth, keep)
    evaluate_ava(few, few, label_map, **options)
