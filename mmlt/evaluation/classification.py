"""Judging classifiers class by class: AP, hit at k and recall in one dictionary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mmlt.evaluation.groups import group_classes, mean_of, number_or_none, summarise_group
from mmlt.evaluation.runs.folder import write_run_files
from mmlt.fileio.class_counts import ClassCounts, ClassSplit
from mmlt.functional import average_precision, count_classes, top_k_accuracy, top_k_recall
from mmlt.functional.detection.fields import name_fault
from mmlt.functional.detection.text_files import read_lines

_CLASS_SCORES = ('AP', 'recall@1', 'recall@5')
_MEANS = {'mAP': 'AP', 'mean_recall@1': 'recall@1', 'mean_recall@5': 'recall@5'}
_CSV_COLUMNS = ('name', 'id', 'group', 'num_train', 'num_samples', *_CLASS_SCORES)


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
    columns = {
        'AP': class_ap,
        'recall@1': top_k_recall(scores, targets, k=1),
        'recall@5': top_k_recall(scores, targets, k=5),
    }
    groups = group_classes(range(len(class_names)), train_counts, split, head_min, tail_max)
    group_of = {class_id: group for group, members in groups.items() for class_id in members}
    per_class = {
        name: {
            'id': index,
            'num_samples': int(num_samples[index]),
            'num_train': train_counts.counts[index] if train_counts else None,
            **{key: number_or_none(values[index]) for key, values in columns.items()},
            'group': group_of.get(index),
        }
        for index, name in enumerate(class_names)
    }
    return {
        'task': 'classification',
        'mAP': mean_of(per_class.values(), 'AP'),
        'acc@1': number_or_none(top_k_accuracy(scores, targets, k=1)),
        'acc@5': number_or_none(top_k_accuracy(scores, targets, k=5)),
        'mean_recall@1': mean_of(per_class.values(), 'recall@1'),
        'mean_recall@5': mean_of(per_class.values(), 'recall@5'),
        'num_samples': len(targets),
        'train_counts_source': train_counts.source if train_counts else None,
        'split_source': split.source if split else None,
        'groups': {group: summarise_group(per_class, group, _MEANS) for group in groups},
        'per_class': per_class,
    }


def write_classification(
    metrics: Mapping, out_dir: str | Path, overwrite: bool = False
) -> tuple[Path, Path]:
    """Write ``metrics.json`` and ``per_class.csv``.

    See :func:`mmlt.evaluation.runs.folder.write_run_files`.
    """
    return write_run_files(metrics, out_dir, _CSV_COLUMNS, overwrite=overwrite)


def read_class_names(path: str | Path) -> list[str]:
    """Read a label list as mmaction2 has them: one class name a line, the first is class 0.

    Raises:
        ValueError: Text that is not UTF-8, an empty line before the last name, a control character
            in a name, a repeated name, no name at all.
    """
    names = [line.strip(' \t') for line in read_lines(path)]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise ValueError(f'{path}: an empty label list')
    line_of: dict[str, int] = {}
    for line, name in enumerate(names, start=1):
        if not name:
            raise ValueError(f'{path}, line {line}: empty, where class {line - 1} has its name')
        fault = name_fault(name)
        if fault:
            raise ValueError(f'{path}, line {line}: name {name!r:.200}: {fault}')
        if name in line_of:
            raise ValueError(
                f'{path}, line {line}: name {name!r} repeated, first in {line_of[name]}'
            )
        line_of[name] = line
    return names
