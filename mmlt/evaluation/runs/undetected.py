"""Classes with evaluated boxes that a detector never detected, and the frame-mAP with and without.

By mmaction2's protocol such a class has no frame-AP at all and vanishes from the mean: a detector
that leaves out its rare classes gets a higher frame-mAP.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from mmlt.evaluation.runs.schema import percent
from mmlt.evaluation.runs.tasks import get_task

_MOST_NAMED = 10


def undetected_classes(metrics: Mapping, group: str | None = None) -> list[str]:
    """Names of the classes (of a group) with boxes and without any detection on a keyframe.

    Args:
        metrics: The content of ``metrics.json``. Older versions do not name the classes; a class
            with boxes and without a frame-AP is one. A task without frame-AP has none.
        group: 'head', 'medium' or 'tail'; None for all classes.
    """
    if not get_task(metrics).as_zero:
        return []
    entries = metrics['per_class']
    names = metrics.get('undetected_classes')
    if names is None:
        names = [name for name, e in entries.items() if e['num_boxes'] and e['AP'] is None]
    return [name for name in names if group in (None, entries.get(name, {}).get('group'))]


def leaves_out(metrics: Mapping) -> bool:
    """Whether such classes are left out of the frame-mAP, and not counted as 0."""
    return metrics['protocol'] == 'mmaction2'


def frame_map_as_zero(metrics: Mapping, group: str | None = None) -> float:
    """Mean frame-AP over all classes (of a group) with boxes, the undetected ones as 0.

    Returns:
        NaN where no class has boxes.
    """
    given = metrics.get('frame_mAP_undetected_as_zero') if group is None else None
    if given is not None:
        return given
    undetected = undetected_classes(metrics, group)
    members = _entries(metrics, group).items()
    values = [
        0.0 if name in undetected else entry['AP'] for name, entry in members if entry['num_boxes']
    ]
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else math.nan


def _entries(metrics: Mapping, group: str | None) -> dict[str, Mapping]:
    entries = metrics['per_class'].items()
    return {name: entry for name, entry in entries if group in (None, entry.get('group'))}


def tell_undetected(metrics: Mapping) -> str | None:
    """What the frame-mAP is the mean of, in one sentence; None where every class was detected.

    Example:
        >>> rows = {'sit': {'num_boxes': 3, 'AP': 0.5}, 'fly': {'num_boxes': 1, 'AP': None}}
        >>> metrics = {'protocol': 'mmaction2', 'frame_mAP': 0.5, 'per_class': rows}
        >>> for part in tell_undetected(metrics).split('; '):
        ...     print(part)
        frame-mAP 50.0 is the mean of 1 of the 2 classes with boxes
        1 was never detected (fly) and is left out, as mmaction2 does
        counted as 0 it is 25.0.
    """
    names = undetected_classes(metrics)
    if not names:
        return None
    entries = metrics['per_class'].values()
    averaged = sum(entry['AP'] is not None for entry in entries)
    with_boxes = sum(entry['num_boxes'] > 0 for entry in entries)
    without = sum(entry['AP'] is not None and not entry['num_boxes'] for entry in entries)
    # mmaction2 counts the boxes of excluded keyframes, too
    on_excluded = f' and {without} whose boxes are on excluded keyframes' if without else ''
    was, are = ('was', 'is') if len(names) == 1 else ('were', 'are')
    value = percent(metrics['frame_mAP'])
    never = f'{len(names)} {was} never detected ({list_names(names)})'
    if not leaves_out(metrics):
        counts = 'counts' if len(names) == 1 else 'count'
        return (
            f'frame-mAP {value} is the mean of {averaged} classes with boxes; {never} and '
            f'{counts} as 0, by the {metrics["protocol"]} protocol.'
        )
    return (
        f'frame-mAP {value} is the mean of {averaged - without} of the {with_boxes} classes with '
        f'boxes{on_excluded}; '
        f'{never} and {are} left out, as mmaction2 does; counted as 0 it is '
        f'{percent(frame_map_as_zero(metrics))}.'
    )


def list_names(names: Sequence[str]) -> str:
    """Names with commas, at most ten of them.

    Example:
        >>> list_names([*'abcdefghijkl'])
        'a, b, c, d, e, f, g, h, i, j and 2 more'
    """
    more = f' and {len(names) - _MOST_NAMED} more' if len(names) > _MOST_NAMED else ''
    return ', '.join(names[:_MOST_NAMED]) + more
