"""Judging classifiers class by class: AP, hit at k and recall in one dictionary."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmlt.evaluation.groups import (
    class_rows,
    group_classes,
    mean_of,
    number_or_none,
    summarise_group,
)
from mmlt.evaluation.runs.tasks import CLASSIFICATION
from mmlt.fileio.class_counts import ClassCounts
from mmlt.fileio.class_split import ClassSplit
from mmlt.functional import average_precision, count_classes, top_k_accuracy, top_k_recall


def evaluate_classification(
    scores: np.ndarray,
    targets: np.ndarray,
    class_names: Sequence[str],
    *,
    train_counts: ClassCounts | None = None,
    split: ClassSplit | None = None,
    head_min: int | None = None,
    tail_max: int | None = None,
) -> dict:
    """Evaluate the scores of a single- or multi-label classifier.

    Args:
        scores: (N, C), higher = more confident.
        targets: (N, C), bool or 0/1. A sample without any label is a negative of every class and
            left out of hit at k.
        class_names: (C,) distinct names.
        train_counts: Training counts by score column; they make the groups where ``split`` is None.
        split: The groups, of score columns.
        head_min: A class with more training samples is in the head.
        tail_max: A class with at most so many is in the tail.

    Returns:
        The content of ``metrics.json``: plain Python values, fractions in [0, 1], None where a
        value is undefined (a class without sample). Means are over the defined values.

    Raises:
        ValueError: Another number of names than of classes, or what
            :func:`mmlt.functional.average_precision` raises.
    """
    num_samples = count_classes(targets)
    if len(class_names) != len(num_samples):
        raise ValueError(f'{len(num_samples)} classes in targets, {len(class_names)} names')
    class_ap = average_precision(scores, targets)
    recalls = {f'recall@{k}': top_k_recall(scores, targets, k=k) for k in (1, 5)}
    columns = {'AP': class_ap, **recalls}
    names = dict(enumerate(class_names))
    groups = group_classes(list(names), train_counts, split, head_min, tail_max)
    count_key, means = CLASSIFICATION.count_key, CLASSIFICATION.scores_of_means
    per_class = class_rows(names, num_samples, train_counts, groups, columns, count_key)
    return {
        'task': CLASSIFICATION.task,
        'mAP': mean_of(per_class.values(), 'AP'),
        **{f'acc@{k}': number_or_none(top_k_accuracy(scores, targets, k=k)) for k in (1, 5)},
        **{f'mean_recall@{k}': mean_of(per_class.values(), f'recall@{k}') for k in (1, 5)},
        'num_samples': len(targets),
        'train_counts_source': train_counts.source if train_counts else None,
        'split_source': split.source if split else None,
        'groups': {group: summarise_group(per_class, group, means) for group in groups},
        'per_class': per_class,
    }
