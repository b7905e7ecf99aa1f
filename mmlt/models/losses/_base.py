"""What every loss shell shares: class counts of the columns, masking, and the mean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from mmlt.fileio.class_counts import read_class_counts
from mmlt.functional.checks import check_class_counts, check_class_ids
from mmlt.functional.losses.loss_checks import check_logits

#: How the losses of the elements become one.
REDUCTIONS = ('mean', 'batchmean', 'sum')


def column_counts(
    class_counts: str | Sequence[int], class_ids: Sequence[int] | None = None
) -> np.ndarray:
    """Training counts of the score columns.

    Args:
        class_counts: A counts.json, the name of counts that ship with mmlt ('ava_v2.2'), or the
            counts themselves, one a column.
        class_ids: Class ids of the columns, in their order. None: all ids of the file, ascending.

    Returns:
        (C,) int64.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A class of class_ids without count, a bad count, another number of counts.
    """
    ids = None if class_ids is None else check_class_ids(class_ids).tolist()
    if not hasattr(class_counts, '__fspath__') and not isinstance(class_counts, str):
        counts = check_class_counts(class_counts)
        if ids is not None and len(ids) != len(counts):
            raise ValueError(f'class_counts holds {len(counts)} counts, class_ids {len(ids)} ids')
        return counts
    count_of = read_class_counts(class_counts, min_id=0).counts
    ids = sorted(count_of) if ids is None else ids
    missing = [class_id for class_id in ids if class_id not in count_of]
    if missing:
        listed = ', '.join(map(str, missing))
        raise ValueError(
            f'{class_counts}: no count for class {listed}, which class_ids names; to count your '
            'own: python tools/data/count_classes.py'
        )
    return check_class_counts([count_of[class_id] for class_id in ids])


def check_num_classes(logits: Tensor, num_classes: int) -> None:
    """Raise ValueError where the number of columns is not that of the classes."""
    if logits.shape[1] != num_classes:
        raise ValueError(
            f'logits have {logits.shape[1]} columns, the loss was made for {num_classes} classes: '
            'name the class id of each column in class_ids (or give as many num_classes)'
        )


class MultiLabelLoss(nn.Module):
    """A loss over (N, C) logits; a subclass gives the loss of each element.

    Args:
        loss_weight: Factor on the whole loss.
        reduction: 'mean' over all N * C elements, 'batchmean' (the sum over the classes, a mean
            over the rows) or 'sum'. Masked elements count as 0.
    """

    def __init__(self, *, loss_weight: float = 1.0, reduction: str = 'mean') -> None:
        super().__init__()
        if reduction not in REDUCTIONS:
            raise ValueError(f'reduction must be one of {", ".join(REDUCTIONS)}, got {reduction!r}')
        self.loss_weight = loss_weight
        self.reduction = reduction

    def elementwise(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of each element, (N, C); `targets` has the dtype of `logits`."""
        raise NotImplementedError

    def forward(self, logits: Tensor, targets: Tensor, weight: Tensor | None = None) -> Tensor:
        """The reduced loss; 0 with a graph where N is 0.

        Args:
            logits: (N, C).
            targets: (N, C) in [0, 1].
            weight: (N, C) or (N, 1) factors on the elements' losses; 0 = masked. None = all 1.
        """
        self.check(logits, targets, weight)
        if logits.shape[0] == 0:
            return 0 * logits.sum()
        if logits.dtype in (torch.float16, torch.bfloat16):
            logits = logits.float()  # half precision has too few digits for a mean over N * C
        losses = self.elementwise(logits, targets.to(logits.dtype))
        if weight is not None:
            losses = losses * weight
        num_rows, num_classes = losses.shape
        factor = {'mean': 1, 'batchmean': num_classes, 'sum': num_rows * num_classes}
        return self.loss_weight * (factor[self.reduction] * losses.mean())

    def check(self, logits: Tensor, targets: Tensor, weight: Tensor | None) -> None:
        """Raise ValueError where the shapes do not fit each other."""
        check_logits(logits, targets)
        num_rows, num_classes = logits.shape
        shapes = ((num_rows, num_classes), (num_rows, 1))
        if weight is not None and tuple(weight.shape) not in shapes:
            raise ValueError(
                f'weight must have shape {shapes[0]} or {shapes[1]}, got {tuple(weight.shape)}'
            )


class ClassCountsLoss(MultiLabelLoss):
    """A loss that knows how often each class occurs in training: buffer `class_counts`, (C,) int64.

    The buffer is not in the state dict: the counts come from the config, so checkpoints of models
    with and without such a loss fit each other.

    Args:
        class_counts: See :func:`column_counts`.
        class_ids: See :func:`column_counts`.
        loss_weight: Factor on the whole loss.
        reduction: 'mean', 'batchmean' (a sum over the classes) or 'sum'.
    """

    def __init__(
        self,
        class_counts: str | Sequence[int],
        class_ids: Sequence[int] | None = None,
        *,
        loss_weight: float = 1.0,
        reduction: str = 'mean',
    ) -> None:
        super().__init__(loss_weight=loss_weight, reduction=reduction)
        counts = column_counts(class_counts, class_ids)
        self.register_buffer('class_counts', torch.from_numpy(counts), persistent=False)

    def check(self, logits: Tensor, targets: Tensor, weight: Tensor | None) -> None:
        """Raise ValueError also where the number of columns is not that of the counts."""
        super().check(logits, targets, weight)
        check_num_classes(logits, len(self.class_counts))
