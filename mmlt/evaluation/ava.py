"""Judging AVA detections class by class: frame-AP, sampled AP and ROC-AUC in one dictionary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmlt.evaluation.coverage import count_keyframes, detected_classes
from mmlt.evaluation.groups import group_classes, mean_of, number_or_none, summarise_group
from mmlt.evaluation.runs.folder import write_run_files
from mmlt.evaluation.score_ratios import score_ratios
from mmlt.fileio.class_counts import ClassCounts, ClassSplit
from mmlt.functional import (
    AVABoxes,
    expected_sampled_average_precision,
    frame_average_precision,
    match_scores,
    roc_auc,
    sampled_average_precision,
)

_CLASS_SCORES = ('AP', 'SAP', 'SAP_std', 'SAP_sampled', 'AUC')
_MEANS = {'frame_mAP': 'AP', 'mSAP': 'SAP', 'mAUC': 'AUC'}
_CSV_COLUMNS = ('name', 'id', 'group', 'num_train', 'num_boxes', *_CLASS_SCORES)


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
    sampled = sampled_average_precision(*matched, num_trials=num_trials, seed=seed)
    exact = expected_sampled_average_precision(*matched)
    columns = {
        'AP': frame_ap.per_class,
        'SAP': exact,
        'SAP_std': sampled.std,
        'SAP_sampled': sampled.mean,
        'AUC': roc_auc(*matched),
    }
    groups = group_classes(class_ids, train_counts, split, head_min, tail_max)
    per_class = _per_class(label_map, num_boxes, train_counts, groups, columns)
    is_detected = detected_classes(detections, ground_truth, class_ids, excluded)
    undetected = [label_map[class_ids[i]] for i in np.flatnonzero((num_boxes > 0) & ~is_detected)]
    num_persons = _count_persons(ground_truth, excluded)
    is_by_count = train_counts is not None and split is None
    return {
        'protocol': protocol,
        'capacity': capacity if protocol == 'official' else None,
        'frame_mAP': number_or_none(frame_ap.mean),
        'frame_mAP_undetected_as_zero': _mean_with_zeros(per_class, undetected),
        'num_classes_with_boxes': int((num_boxes > 0).sum()),
        'num_classes_averaged': int((~np.isnan(frame_ap.per_class)).sum()),
        'undetected_classes': undetected,
        'mSAP': mean_of(per_class.values(), 'SAP'),
        'mAUC': mean_of(per_class.values(), 'AUC'),
        'mSAP_sampled': mean_of(per_class.values(), 'SAP_sampled'),
        **count_keyframes(detections, ground_truth, excluded),
        'num_boxes': num_persons,
        'pool': pool,
        'num_trials': num_trials,
        'seed': seed,
        'train_counts_source': train_counts.source if train_counts else None,
        'split_source': split.source if split else None,
        'head_min': head_min if is_by_count else None,
        'tail_max': tail_max if is_by_count else None,
        **score_ratios(matched.scores[:num_persons]),
        'groups': {group: _summarise_group(per_class, group, undetected) for group in groups},
        'per_class': per_class,
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
        **summarise_group(per_class, group, _MEANS),
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
    few = AVABoxes(
        videos[keep],
        names,
        ground_truth.timestamps[keep],
        ground_truth.boxes_xyxy_norm[keep],
        ground_truth.labels[keep],
        ground_truth.scores[keep],
    )
    evaluate_ava(few, few, label_map, **options)


def _per_class(
    label_map: Mapping[int, str],
    num_boxes: np.ndarray,
    train_counts: ClassCounts | None,
    groups: Mapping[str, Sequence[int]],
    columns: Mapping[str, np.ndarray],
) -> dict[str, dict]:
    group_of = {class_id: group for group, members in groups.items() for class_id in members}
    return {
        label_map[class_id]: {
            'id': class_id,
            'num_boxes': int(num_boxes[i]),
            'num_train': train_counts.counts[class_id] if train_counts else None,
            **{key: number_or_none(values[i]) for key, values in columns.items()},
            'group': group_of.get(class_id),
        }
        for i, class_id in enumerate(sorted(label_map))
    }


def _count_persons(ground_truth: AVABoxes, excluded: frozenset[tuple[str, int]]) -> int:
    """Number of distinct persons annotated on the evaluated keyframes."""
    keyframes = np.stack([ground_truth.video_index, ground_truth.timestamps], axis=1)
    distinct, inverse = np.unique(keyframes, axis=0, return_inverse=True)
    is_evaluated = np.array(
        [
            (ground_truth.video_names[video], time) not in excluded
            for video, time in distinct.tolist()
        ]
    )
    rows = np.concatenate([keyframes, ground_truth.boxes_xyxy_norm], axis=1)
    rows = rows[is_evaluated[inverse.reshape(-1)]]
    return len(np.unique(rows, axis=0))


def write_results(
    metrics: Mapping, out_dir: str | Path, overwrite: bool = False
) -> tuple[Path, Path]:
    """Write ``metrics.json`` (strict JSON) and ``per_class.csv`` (full precision) to a folder.

    See :func:`mmlt.evaluation.runs.folder.write_run_files`.

    Args:
        metrics: What :func:`evaluate_ava` returned.
        out_dir: The folder; made if absent.
        overwrite: Whether existing files may be replaced.

    Returns:
        The two paths.

    Raises:
        FileExistsError: One of the files exists and ``overwrite`` is false.
    """
    return write_run_files(metrics, out_dir, _CSV_COLUMNS, overwrite=overwrite)
