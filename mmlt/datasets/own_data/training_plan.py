"""What a config says that depends on how much there is: groups of classes, epochs, batch size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_SEEN_CLIPS = 20_000
_MIN_EPOCHS, _MAX_EPOCHS = 10, 100
_STEPS_OF_EPOCH = 10  # at least, of one GPU, where the set is small
_MIN_BATCH = 2


class Groups(NamedTuple):
    """Head: more boxes than ``head_min``; tail: at most ``tail_max``; medium: between."""

    head_min: int
    tail_max: int

    def of(self, count: int) -> str:
        """The group of a class with so many training boxes."""
        if count > self.head_min:
            return 'head'
        return 'tail' if count <= self.tail_max else 'medium'


def plan_groups(class_counts: Sequence[int]) -> Groups:
    """About a third of the classes in the head, a third in the tail, equal counts together.

    Args:
        class_counts: (C,) training boxes of each class; those without any are in the tail and
            do not count.

    Returns:
        Groups whose head and tail are not empty, if there are two different counts.

    Example:
        >>> plan_groups([90, 50, 50, 9, 4, 1])
        Groups(head_min=9, tail_max=4)
    """
    counts = np.asarray(class_counts)
    counts = counts[counts > 0]
    third = max(1, len(counts) // 3)
    steps = np.unique(counts).tolist()
    if len(steps) == 1:
        return Groups(max(steps[0] - 1, 0), max(steps[0] - 1, 0))
    heads = [step for step in steps[:-1] if (counts > step).sum() >= third]
    head_min = max(heads, default=steps[0])
    tail_max = min(step for step in steps if (counts <= step).sum() >= third)
    return Groups(head_min, min(tail_max, head_min))


class Schedule(NamedTuple):
    """Epochs, and clips of a step on a GPU."""

    max_epochs: int
    batch_size: int


def plan_schedule(num_keyframes: int, base_batch_size: int) -> Schedule:
    """About 20,000 clips in 10 to 100 epochs; smaller batches where an epoch had under ten steps.

    Args:
        num_keyframes: Annotated keyframes of the training set: a clip each.
        base_batch_size: Of the base config: the largest.

    Example:
        >>> plan_schedule(60, 16), plan_schedule(1000, 16), plan_schedule(100_000, 16)
        (Schedule(max_epochs=100, batch_size=6), Schedule(max_epochs=20, batch_size=16), \
Schedule(max_epochs=10, batch_size=16))
    """
    epochs = min(max(-(-_SEEN_CLIPS // num_keyframes), _MIN_EPOCHS), _MAX_EPOCHS)
    small = max(num_keyframes // _STEPS_OF_EPOCH, _MIN_BATCH)
    return Schedule(epochs, min(base_batch_size, small))


def plan_topk(num_classes: int) -> tuple[int, ...]:
    """The k of the head's logged recall at k: it must be below the number of classes."""
    return tuple(k for k in (3, 5) if k < num_classes) or (1,)
