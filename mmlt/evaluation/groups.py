"""Classes in groups, and the means over them that every evaluation reports."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from mmlt.fileio.class_counts import ClassCounts
from mmlt.fileio.class_split import GROUPS, ClassSplit
from mmlt.functional import split_head_medium_tail


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


def empty_groups(
    groups: Mapping[str, Sequence[int]],
    counts: Iterable[int],
    *,
    head_min: int,
    tail_max: int,
    unit: str = 'boxes',
) -> str | None:
    """Say which of the groups have no class, which thresholds made them so, and what to set.

    Args:
        groups: 'head', 'medium' (not of a two-way split) and 'tail' -> their classes.
        counts: Training counts of all these classes.
        head_min: A class with a higher count is in the head.
        tail_max: A class with at most this count is in the tail.
        unit: What was counted: 'boxes' or 'videos'.

    Example:
        >>> empty_groups({'head': [1], 'tail': []}, [7], head_min=5, tail_max=5)[:50]
        'no class is in tail: head has more than 5 training'
    """
    empty = [group for group, members in groups.items() if not len(members)]
    if not empty:
        return None
    counts = list(counts)
    options = 'head_min and tail_max (--head-min, --tail-max)'
    return (
        f'no class is in {" or ".join(empty)}: head has more than {head_min:,} training {unit}, '
        f'tail at most {tail_max:,}, and the classes have {min(counts):,} to {max(counts):,}, '
        f'{np.median(counts):,.10g} in the middle; set '
        f'{options if "medium" in groups else "tail_max (--tail-max)"} to what these data hold'
    )


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

    Takes the options of an evaluation; see :func:`empty_groups`.
    """
    if split is not None or train_counts is None:
        return None
    class_ids = sorted(class_ids)
    groups = group_classes(class_ids, train_counts, None, head_min, tail_max)
    counts = [train_counts.counts[class_id] for class_id in class_ids]
    limits = dict(head_min=head_min, tail_max=tail_max)
    return empty_groups(groups, counts, **limits, unit=train_counts.unit)


def class_rows(
    names: Mapping[int, str],
    counts: Sequence[int],
    train_counts: ClassCounts | None,
    groups: Mapping[str, Sequence[int]],
    columns: Mapping[str, Sequence[float]],
    count_key: str,
) -> dict[str, dict]:
    """The ``per_class`` of an evaluation: class name -> its row, None where a value is undefined.

    Args:
        names: Class id -> name, C classes.
        counts: (C,) evaluated boxes or samples, by ascending id.
        train_counts: Training counts by class id.
        groups: Group -> class ids.
        columns: Key of each score -> (C,) values by ascending id, NaN where undefined.
        count_key: Key of ``counts``.
    """
    group_of = {class_id: group for group, members in groups.items() for class_id in members}
    return {
        name: {
            'id': class_id,
            count_key: int(counts[i]),
            'num_train': train_counts.counts[class_id] if train_counts else None,
            **{key: number_or_none(values[i]) for key, values in columns.items()},
            'group': group_of.get(class_id),
        }
        for i, (class_id, name) in enumerate(sorted(names.items()))
    }


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
