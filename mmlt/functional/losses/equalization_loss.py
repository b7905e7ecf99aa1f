"""Equalization loss: tail classes ignore a part of their negatives."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from mmlt.functional.checks import check_real
from mmlt.functional.losses.loss_checks import check_logits, check_per_class, reduce_loss


def equalization_loss(
    logits: Tensor,
    targets: Tensor,
    tail_mask: Tensor,
    *,
    drop_prob: float,
    uniform: Tensor,
    reduction: str = 'mean',
) -> Tensor:
    r"""Binary cross entropy without the randomly dropped negatives of the tail classes.

    .. math::
        L_{nc} = \big(1 - \beta_{nc} \, T_c \, (1 - y_{nc})\big) \, BCE(z_{nc}, y_{nc}), \qquad
        \beta_{nc} = [u_{nc} \ge 1 - \text{drop\_prob}]

    Shapes: N samples, C classes.

    Args:
        logits: (N, C).
        targets: (N, C) in [0, 1]; a soft one loses the share of its loss that is not target.
        tail_mask: (C,) bool or 0/1, T_c.
        drop_prob: Probability in [0, 1] with which a tail negative is dropped.
        uniform: (N, C) draws u from [0, 1), as ``torch.rand`` makes them.
        reduction: 'none', 'mean' over all N * C elements, dropped ones included, or 'sum'.

    Returns:
        Scalar, or (N, C) for 'none', in the dtype of the logits.

    Raises:
        ValueError: Shapes that differ; drop_prob outside [0, 1]; an unknown reduction.

    Reference:
        Tan et al., "Equalization Loss for Long-Tailed Object Recognition", CVPR 2020, section 3:
        the sigmoid form, with the random beta of their softmax form.

    Differs from reference:
        the paper draws beta in a softmax loss only and spares background proposals in its sigmoid
        loss; here sigmoid and beta meet, as in VideoLT (Zhang et al., ICCV 2021). VideoLT's code
        gives a frequency threshold, 1.76e-3, as the drop probability.

    Example:
        >>> import torch
        >>> logits, targets = torch.zeros(1, 2), torch.tensor([[1.0, 0.0]])
        >>> draws, tail = torch.full((1, 2), 0.5), torch.tensor([True, True])
        >>> dropped = {'drop_prob': 0.5, 'uniform': draws, 'reduction': 'none'}
        >>> equalization_loss(logits, targets, tail, **dropped)
        tensor([[0.6931, 0.0000]])
    """
    targets = check_logits(logits, targets)
    tail_mask = check_per_class('tail_mask', tail_mask, logits)
    drop_prob = check_real('drop_prob', drop_prob, 0, 1)
    if uniform.shape != logits.shape:
        raise ValueError(
            f'uniform must have the shape of logits, {tuple(logits.shape)}, got '
            f'{tuple(uniform.shape)}'
        )
    is_drawn = (uniform >= 1 - drop_prob).to(logits.dtype)
    kept = 1 - is_drawn * tail_mask * (1 - targets)
    losses = binary_cross_entropy_with_logits(logits, targets, reduction='none')
    return reduce_loss(kept * losses, reduction)
