"""Asymmetric loss over independent classes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from mmlt.functional.checks import check_real
from mmlt.functional.losses.loss_checks import check_logits, reduce_loss


def asymmetric_loss(
    logits: Tensor,
    targets: Tensor,
    *,
    gamma_pos: float = 1.0,
    gamma_neg: float = 4.0,
    prob_margin: float = 0.05,
    reduction: str = 'mean',
) -> Tensor:
    r"""Focal loss with a stronger focus, and a margin, for negatives.

    .. math::
        L = -y (1 - p)^{\gamma_+} \ln p - (1 - y) \, p_m^{\gamma_-} \ln(1 - p_m), \qquad
        p = \sigma(z), \quad p_m = \max(p - m, 0)

    A negative with p <= m costs nothing. Gradients pass the focusing factors.

    Shapes: N samples, C classes.

    Args:
        logits: (N, C).
        targets: (N, C) in [0, 1].
        gamma_pos: Focus of positives, >= 0; 0 gives them the cross entropy.
        gamma_neg: Focus of negatives, >= 0.
        prob_margin: m, in [0, 1].
        reduction: 'none', 'mean' over all N * C elements, or 'sum'.

    Returns:
        Scalar, or (N, C) for 'none', in the dtype of the logits.

    Raises:
        ValueError: Shapes that differ; an argument out of its range; an unknown reduction.

    Reference:
        Ridnik et al., "Asymmetric Loss for Multi-Label Classification", ICCV 2021, section 2
        (asymmetric focusing, probability shifting); the defaults are those of the authors' code.

    Differs from reference:
        The authors' code lets no gradient pass the focusing factors unless told to
        (`disable_torch_grad_focal_loss`); the paper's formula and this loss have it pass. It clamps
        probabilities at 1e-8 before the logarithm; here ln p is computed from the logit, so a
        positive far off keeps its gradient. It sums; here 'mean' divides by N * C, so a learning
        rate tuned for it does not carry over.

    Example:
        >>> loss = asymmetric_loss(
        ...     torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]), prob_margin=0, reduction='none'
        ... )
        >>> (loss / torch.log(torch.tensor(2.0))).round(decimals=4)  # .5^1 and .5^4
        tensor([[0.5000, 0.0625]])
    """
    targets = check_logits(logits, targets)
    gamma_pos = check_real('gamma_pos', gamma_pos, 0)
    gamma_neg = check_real('gamma_neg', gamma_neg, 0)
    prob_margin = check_real('prob_margin', prob_margin, 0, 1)
    positive = -_power(torch.sigmoid(-logits), gamma_pos) * logsigmoid(logits)
    if prob_margin > 0:
        shifted = (torch.sigmoid(logits) - prob_margin).clamp_min(0)
        negative = -_power(shifted, gamma_neg) * torch.log1p(-shifted)
    else:  # log1p would be infinite where p rounds to 1
        negative = -_power(torch.sigmoid(logits), gamma_neg) * logsigmoid(-logits)
    return reduce_loss(targets * positive + (1 - targets) * negative, reduction)


def _power(base: Tensor, exponent: float) -> Tensor:
    """Power of probabilities whose slope stays finite at 0, also for an exponent below 1."""
    if exponent == 0:
        return torch.ones_like(base)
    return base.clamp_min(torch.finfo(base.dtype).tiny) ** exponent
