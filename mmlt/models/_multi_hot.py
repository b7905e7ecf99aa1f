"""Multi-hot targets of data samples."""

from __future__ import annotations

import torch
from torch import Tensor


def multi_hot(label: Tensor, num_classes: int, *, sample: str, owner: str) -> Tensor:
    """Multi-hot row of a ``gt_label``.

    Args:
        label: Integers are class indices, any number of them, none included; floating point is
            multi-hot already.
        num_classes: C.
        sample: What to call the sample in a message.
        owner: Whose ``num_classes`` it is, for a message.

    Returns:
        (C,), float32 or as the label was, on its device.

    Raises:
        ValueError: Another shape, or a class index outside [0, C).

    Example:
        >>> multi_hot(torch.tensor([2, 0]), 3, sample='a.npy', owner='the head').tolist()
        [1.0, 0.0, 1.0]
    """
    if label.is_floating_point():
        if label.shape != (num_classes,):
            raise ValueError(
                f'{sample}: a gt_label of floating point must be multi-hot, ({num_classes},); it '
                f'has shape {tuple(label.shape)}'
            )
        return label
    wrong = label[(label < 0) | (label >= num_classes)]
    if len(wrong):
        raise ValueError(
            f'{sample}: gt_label holds {int(wrong[0])}; classes run from 0 to {num_classes - 1} '
            f'(num_classes of {owner})'
        )
    return torch.zeros(num_classes, device=label.device).index_fill_(0, label.long(), 1)
