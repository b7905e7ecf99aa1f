"""Equalization loss as a module."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mmlt.fileio.class_split import read_split
from mmlt.functional import equalization_loss
from mmlt.models.losses._base import MultiLabelLoss, check_num_classes, column_counts
from mmlt.registry import MODELS


@MODELS.register_module()
class EqualizationLoss(MultiLabelLoss):
    """Binary cross entropy without randomly dropped negatives of the tail classes.

    See :func:`mmlt.functional.equalization_loss`. Each forward draws from torch's generator. The
    tail comes either from counts (`class_counts` with `tail_max`) or from a split file.

    Args:
        class_counts: A counts.json, the name of shipped counts, or C counts.
        class_ids: Class ids of the columns; None: all of the counts file, ascending. A split file
            needs them: they are the classes it must split.
        tail_max: Classes with at most so many training samples are the tail.
        split_file: A split.json whose 'tail' is the tail.
        drop_prob: Probability with which a tail negative is dropped.
        loss_weight: Factor on the whole loss.
        reduction: 'mean', 'batchmean' (a sum over the classes) or 'sum'.
    """

    def __init__(
        self,
        class_counts: str | Sequence[int] | None = None,
        class_ids: Sequence[int] | None = None,
        *,
        tail_max: int | None = None,
        split_file: str | None = None,
        drop_prob: float = 0.9,
        loss_weight: float = 1.0,
        reduction: str = 'mean',
    ) -> None:
        super().__init__(loss_weight=loss_weight, reduction=reduction)
        self.drop_prob = drop_prob
        by_counts = class_counts is not None and tail_max is not None and split_file is None
        by_split = split_file is not None and class_ids is not None
        if not by_counts and (not by_split or class_counts is not None or tail_max is not None):
            raise ValueError(
                'give either class_counts and tail_max, or split_file and class_ids, got '
                f'class_counts={class_counts!r}, tail_max={tail_max!r}, '
                f'split_file={split_file!r}, class_ids={class_ids!r}'
            )
        if split_file is not None:
            tail = read_split(split_file, class_ids, min_id=0).groups['tail']
            mask = np.isin(class_ids, tail)
        else:
            mask = column_counts(class_counts, class_ids) <= tail_max
        self.register_buffer('tail_mask', torch.from_numpy(mask), persistent=False)

    def check(self, logits: Tensor, targets: Tensor, weight: Tensor | None) -> None:
        """Raise ValueError where shapes do not fit each other or the classes."""
        super().check(logits, targets, weight)
        check_num_classes(logits, len(self.tail_mask))

    def elementwise(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of each element, (N, C)."""
        return equalization_loss(
            logits,
            targets,
            self.tail_mask,
            drop_prob=self.drop_prob,
            uniform=torch.rand_like(logits),
            reduction='none',
        )
