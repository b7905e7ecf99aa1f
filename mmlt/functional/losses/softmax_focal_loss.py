"""Focal loss over classes of which a sample has one."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from mmlt.functional.checks import check_choice, check_real
from mmlt.functional.losses.loss_checks import check_logits


def softmax_focal_loss(
    logits: Tensor, targets: Tensor, *, gamma: float, reduction: str = 'mean'
) -> Tensor:
    r"""Cross entropy of a softmax that fades out for well classified samples.

    .. math::
        FL_n = -\sum_c t_{nc} (1 - p_{nc})^\gamma \log(p_{nc}), \qquad p_n = softmax(z_n)

    A row of zeros belongs to no class: it has a loss of 0 and does not count in the mean.

    Shapes: N samples, C classes.

    Args:
        logits: (N, C), z.
        targets: (N, C) in [0, 1]; a row sums to 1 (soft targets too) or to 0.
        gamma: Focusing parameter >= 0; 0 gives the cross entropy.
        reduction: 'none', 'mean' over the rows that belong to a class, or 'sum'.

    Returns:
        Scalar, or (N,) for 'none', in the dtype of the logits. Of no row at all 'mean' is 0.

    Raises:
        ValueError: Shapes that differ; gamma below 0; an unknown reduction.

    Reference:
        Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, equation 4 with the
        probability of a softmax; for the poses of AVA: the three-branch report of the ActivityNet
        challenge 2019, section 3, "Training Loss".

    Example:
        >>> loss = softmax_focal_loss(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]), gamma=2)
        >>> round(loss.item(), 4)  # ln 2 / 4
        0.1733
    """
    targets = check_logits(logits, targets)
    gamma = check_real('gamma', gamma, 0)
    check_choice('reduction', reduction, ('none', 'mean', 'sum'))
    log_probs = log_softmax(logits, dim=1)
    losses = -log_probs
    if gamma > 0:
        # 1 - p. The clamp keeps the slope of the power finite where p is 1 and gamma below 1.
        distance = -torch.expm1(log_probs)
        losses = distance.clamp_min(torch.finfo(logits.dtype).tiny) ** gamma * losses
    losses = (targets * losses).sum(dim=1)
    if reduction == 'none':
        return losses
    if reduction == 'sum':
        return losses.sum()
    return losses.sum() / (targets.sum(dim=1) > 0).sum().clamp_min(1)
