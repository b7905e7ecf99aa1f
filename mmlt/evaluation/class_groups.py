"""Classes in groups, and the means over them that every evaluation reports."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from mmlt.fileio.data_checks import empty_groups
from mmlt.functional import split_head_medium_tail
from mmlt.functional.class_files import GROUPS, ClassCounts, ClassSplit


def group_classes(
    class_ids: Sequence[int],
    train_counts: ClassCounts | None,
    split: ClassSplit | None,
    head_min: int,
    tail_max: int,
) -> dict[str, Sequence[int]]:
    """Class ids of 'head', 'medium' and 'tail': those of the split, else by training counts.

    Returns:
        {} without split and counts: groups are never guessed from the evaluated data.
    """
    if split is not None:
        return split.groups
    if train_counts is None:
        return {}
    counts = np.array([train_counts.counts[class_id] for class_id in class_ids])
    parts = split_head_medium_tail(counts, head_min=head_min, tail_max=tail_max)
    return {group: [class_ids[i] for i in part] for group, part in zip(GROUPS, parts)}


def empty_groups_warning(
    class_ids: Iterable[int],
    *,
    train_counts: ClassCounts | None,
    split: ClassSplit | None,
    head_min: int,
    tail_max: int,
    **_: object,
) -> str | None:
    """Say which groups the thresholds leave without a class; None where a split names them.

    Takes the options of an evaluation; see :func:`mmlt.fileio.data_checks.empty_groups`.
    """
    if split is not None or train_counts is None:
        return None
    class_ids = sorted(class_ids)
    groups = group_classes(class_ids, train_counts, None, head_min, tail_max)
    counts = [train_counts.counts[class_id] for class_id in class_ids]
    return empty_groups(groups, counts, head_min, tail_max)


def summarise_group(per_class: Mapping[str, dict], group: str, means: Mapping[str, str]) -> dict:
    """Number of classes of a group, and the mean over them of each per-class key.

    Args:
        per_class: Class name -> row with 'group' and the values, None where undefined.
        group: The group.
        means: Key of the mean -> key of the rows.
    """
    rows = [row for row in per_class.values() if row['group'] == group]
    return {'num_classes': len(rows), **{mean: mean_of(rows, key) for mean, key in means.items()}}


def mean_of(rows: Iterable[Mapping], key: str) -> float | None:
    """Mean over the rows that have the value; None where none has."""
    values = [row[key] for row in rows if row[key] is not None]
    return math.fsum(values) / len(values) if values else None


def number_or_none(value: float) -> float | None:
    """A plain float; None, which JSON can hold, for NaN."""
    value = float(value)
    return None if math.isnan(value) else value
