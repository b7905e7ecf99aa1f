"""The loss mask that goes with class-balanced sampling of multi-label data."""

from __future__ import annotations

import torch


def drawn_class_mask(targets: torch.Tensor, drawn_classes: torch.Tensor) -> torch.Tensor:
    r"""Weights of a binary loss that leave out the positives under which a row was not drawn.

    .. math::
        m_{bc} = 1 - (y_{bc} - [c = s_b])

    Args:
        targets: (B, C) 0 or 1.
        drawn_classes: (B,) integers s in [0, C), a positive of each row.

    Returns:
        (B, C) of the dtype of targets: 0 at the other positives, else 1.

    Raises:
        ValueError: on wrong shapes, or a drawn class that is no positive of its row.

    Reference:
        Zhang et al., "VideoLT", ICCV 2021, class-balanced sampling in the authors' code.

    Differs from reference:
        a drawn class that its row does not carry is an error; there its weight becomes 2.

    Example:
        >>> drawn_class_mask(torch.tensor([[1, 1, 0]]), torch.tensor([1])).tolist()
        [[0, 1, 1]]
    """
    if targets.ndim != 2 or drawn_classes.shape != targets.shape[:1]:
        raise ValueError(
            'targets must be (B, C) and drawn_classes (B,), got '
            f'{tuple(targets.shape)} and {tuple(drawn_classes.shape)}'
        )
    column = drawn_classes[:, None].long()
    outside = (drawn_classes < 0) | (drawn_classes >= targets.shape[1])
    wrong = outside if outside.any() else targets.gather(1, column)[:, 0] != 1
    if wrong.any():
        row = int(wrong.nonzero()[0, 0])
        raise ValueError(f'drawn_classes[{row}] is {int(drawn_classes[row])}: no positive there')
    return (1 - targets).scatter(1, column, 1)
