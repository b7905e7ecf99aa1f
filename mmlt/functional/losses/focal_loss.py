"""Focal loss over independent classes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from mmlt.functional.checks import check_real
from mmlt.functional.losses.loss_checks import check_logits, reduce_loss


def focal_loss(
    logits: Tensor,
    targets: Tensor,
    *,
    gamma: float,
    alpha: float = 1.0,
    reduction: str = 'mean',
) -> Tensor:
    r"""Binary cross entropy that fades out for well classified elements.

    .. math::
        FL = -\alpha (1 - p_t)^\gamma \log(p_t), \qquad p_t = e^{-BCE}

    Shapes: N samples, C classes.

    Args:
        logits: (N, C).
        targets: (N, C) in [0, 1].
        gamma: Focusing parameter >= 0; 0 gives the cross entropy.
        alpha: Factor on every element, >= 0.
        reduction: 'none', 'mean' over all N * C elements, or 'sum'.

    Returns:
        Scalar, or (N, C) for 'none', in the dtype of the logits.

    Raises:
        ValueError: Shapes that differ; gamma or alpha below 0; an unknown reduction.

    Reference:
        Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, equation 5.

    Differs from reference:
        alpha is a plain factor, not alpha for positives and 1 - alpha for negatives, and p_t is
        exp(-BCE) also for soft targets, of which the paper has none; both as in VideoLT (Zhang
        et al., ICCV 2021).

    Example:
        >>> loss = focal_loss(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]), gamma=2)
        >>> round(loss.item(), 4)  # ln 2 / 4
        0.1733
    """
    targets = check_logits(logits, targets)
    gamma = check_real('gamma', gamma, 0)
    alpha = check_real('alpha', alpha, 0)
    cross_entropy = binary_cross_entropy_with_logits(logits, targets, reduction='none')
    if gamma > 0:
        # 1 - p_t. The clamp keeps the slope of the power finite where p_t is 1 and gamma below 1.
        distance = -torch.expm1(-cross_entropy)
        cross_entropy = distance.clamp_min(torch.finfo(logits.dtype).tiny) ** gamma * cross_entropy
    return reduce_loss(alpha * cross_entropy, reduction)
