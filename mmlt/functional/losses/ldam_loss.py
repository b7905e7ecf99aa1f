"""Label-distribution-aware margins over independent classes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from mmlt.functional.checks import check_choice, check_positive_counts, check_real
from mmlt.functional.losses.loss_checks import check_logits, check_per_class, reduce_loss


def ldam_margins(class_counts: np.ndarray, *, max_margin: float = 0.5) -> Tensor:
    r"""Margin of each class: the rarer, the wider.

    .. math::
        \Delta_c = \Delta_{max} \left( \frac{\min_j n_j}{n_c} \right)^{1/4}

    Args:
        class_counts: (C,) training samples n_c of each class, whole numbers >= 1.
        max_margin: Margin of the rarest class, >= 0.

    Returns:
        (C,) float64 tensor in (0, max_margin].

    Raises:
        ValueError: A count that is not a whole number >= 1; max_margin below 0.

    Reference:
        Cao et al., "Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss",
        NeurIPS 2019, section 3: margins proportional to n^(-1/4); the constant set by the largest
        margin, as in their code.

    Example:
        >>> ldam_margins([1, 16, 81]).tolist() == [0.5, 0.25, 0.5 / 3]
        True
    """
    counts = check_positive_counts(class_counts)
    max_margin = check_real('max_margin', max_margin, 0)
    return torch.from_numpy(max_margin * (counts.min() / counts) ** 0.25)


def ldam_loss(
    logits: Tensor,
    targets: Tensor,
    margins: Tensor,
    *,
    scale: float = 30.0,
    margin: str = 'own',
    class_weights: Tensor | None = None,
    reduction: str = 'mean',
) -> Tensor:
    r"""Binary cross entropy in which a positive must win by the margin of its class.

    .. math::
        L_{nc} = w_c \, BCE\big(s \, (z_{nc} - \Delta_c [y_{nc} = 1]), \, y_{nc}\big)

    Shapes: N samples, C classes.

    Args:
        logits: (N, C).
        targets: (N, C) in [0, 1]. A target below 1, as of a mixed sample, gets no margin.
        margins: (C,) :func:`ldam_margins`.
        scale: Factor s on the logits, > 0.
        margin: 'own': each positive has the margin of its class. 'sum': every positive of a sample
            has the sum over the sample's positives, which is the same for single labels.
        class_weights: (C,) factors on the classes' losses; deferred re-weighting passes
            :func:`class_balanced_weights` late in training. None = all 1.
        reduction: 'none', 'mean' over all N * C elements, or 'sum'.

    Returns:
        Scalar, or (N, C) for 'none', in the dtype of the logits.

    Raises:
        ValueError: Shapes that differ; an unknown margin or reduction; scale below 0.

    Reference:
        Cao et al., "Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss",
        NeurIPS 2019, section 3 (the loss) and algorithm 1 (deferred re-weighting).

    Differs from reference:
        sigmoid, not softmax: the form that VideoLT (Zhang et al., ICCV 2021) trains many labels
        with. VideoLT's code takes the margin that is here 'sum'; only 'own' is the paper's margin
        for samples of several labels. The authors' classifier gives cosines in [-1, 1], for which
        margin .5 and scale 30 are made; behind a plain linear layer the margin is a small part of
        its logits, and scale multiplies its gradients.

    Example:
        >>> one = torch.ones(1, 1)
        >>> loss = ldam_loss(0.5 * one, one, torch.tensor([0.5]))
        >>> round(loss.item(), 4)  # at the margin: ln 2
        0.6931
    """
    targets = check_logits(logits, targets)
    check_choice('margin', margin, ('own', 'sum'))
    scale = check_real('scale', scale, 0)
    is_positive = (targets >= 1).to(logits.dtype)  # (N, C)
    shift = is_positive * check_per_class('margins', margins, logits)  # (N, C)
    if margin == 'sum':
        shift = is_positive * shift.sum(1, keepdim=True)
    losses = binary_cross_entropy_with_logits(scale * (logits - shift), targets, reduction='none')
    if class_weights is not None:
        losses = losses * check_per_class('class_weights', class_weights, logits)
    return reduce_loss(losses, reduction)
