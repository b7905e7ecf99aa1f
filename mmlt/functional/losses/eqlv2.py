"""Equalization loss v2: each class balances its positive and negative gradients."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from mmlt.functional.checks import check_real
from mmlt.functional.losses.loss_checks import check_logits, check_per_class, reduce_loss

# The ratio of a class that has had no gradient yet: both weights are 1 to float precision.
_BALANCED = 100.0


def eqlv2_weights(
    pos_grad: Tensor,
    neg_grad: Tensor,
    *,
    gamma: float = 12.0,
    mu: float = 0.8,
    alpha: float = 4.0,
) -> tuple[Tensor, Tensor]:
    r"""Weights of a class's positives and negatives, from the gradients it has had so far.

    .. math::
        g = \frac{\sum |\nabla^{pos}|}{\sum |\nabla^{neg}|}, \qquad
        w^{neg} = \sigma(\gamma (g - \mu)), \qquad
        w^{pos} = 1 + \alpha (1 - w^{neg})

    Args:
        pos_grad: (C,) summed absolute gradients of the positives, see :func:`eqlv2_gradients`.
        neg_grad: (C,) the same of the negatives.
        gamma: Slope of the mapping, > 0.
        mu: Ratio at which negatives count half.
        alpha: Strength of the positives, >= 0.

    Returns:
        (C,) weights of the positives, (C,) weights of the negatives; 1 and 1 for a class whose
        negatives have had no gradient.

    Raises:
        ValueError: Shapes that differ; gamma, mu or alpha below 0.

    Reference:
        Tan et al., "Equalization Loss v2: A New Gradient Balance Approach for Long-tailed Object
        Detection", CVPR 2021, gradient guided reweighing. Their code starts at a ratio of 100 too.

    Example:
        >>> pos_weight, neg_weight = eqlv2_weights(torch.tensor([0.8]), torch.tensor([1.0]))
        >>> pos_weight.tolist(), neg_weight.tolist()
        ([3.0], [0.5])
    """
    gamma = check_real('gamma', gamma, 0)
    mu = check_real('mu', mu, 0)
    alpha = check_real('alpha', alpha, 0)
    if pos_grad.ndim != 1 or pos_grad.shape != neg_grad.shape:
        raise ValueError(
            f'pos_grad and neg_grad must both have shape (C,), got {tuple(pos_grad.shape)} and '
            f'{tuple(neg_grad.shape)}'
        )
    ratio = torch.where(neg_grad > 0, pos_grad / neg_grad, torch.full_like(pos_grad, _BALANCED))
    neg_weight = torch.sigmoid(gamma * (ratio - mu))
    return 1 + alpha * (1 - neg_weight), neg_weight


def eqlv2_loss(
    logits: Tensor,
    targets: Tensor,
    pos_weight: Tensor,
    neg_weight: Tensor,
    *,
    reduction: str = 'mean',
) -> Tensor:
    r"""Binary cross entropy with one weight for the positives of a class, one for the negatives.

    .. math::
        L_{nc} = -w^{pos}_c \, y_{nc} \log \sigma(z_{nc})
                 - w^{neg}_c \, (1 - y_{nc}) \log \sigma(-z_{nc})

    Shapes: N samples, C classes.

    Args:
        logits: (N, C).
        targets: (N, C) in [0, 1].
        pos_weight: (C,) from :func:`eqlv2_weights`.
        neg_weight: (C,) from :func:`eqlv2_weights`.
        reduction: 'none', 'mean' over all N * C elements, or 'sum'.

    Returns:
        Scalar, or (N, C) for 'none', in the dtype of the logits.

    Raises:
        ValueError: Shapes that differ; an unknown reduction.

    Reference:
        Tan et al. 2021, as in :func:`eqlv2_weights`.

    Differs from reference:
        the paper's category-agnostic (objectness) task is left out: boxes of actions are persons
        already. 'mean' divides by N * C, the code of the paper by N. For soft targets, which the
        paper does not have, each of the two terms keeps its own weight.

    Example:
        >>> targets = torch.tensor([[1.0, 0.0]])
        >>> weights = torch.tensor([3.0, 3.0]), torch.tensor([0.5, 0.5])
        >>> eqlv2_loss(torch.zeros(1, 2), targets, *weights, reduction='none')
        tensor([[2.0794, 0.3466]])
    """
    targets = check_logits(logits, targets)
    pos_weight = check_per_class('pos_weight', pos_weight, logits)
    neg_weight = check_per_class('neg_weight', neg_weight, logits)
    positives = pos_weight * targets * logsigmoid(logits)
    negatives = neg_weight * (1 - targets) * logsigmoid(-logits)
    return reduce_loss(-(positives + negatives), reduction)


def eqlv2_gradients(
    logits: Tensor,
    targets: Tensor,
    pos_weight: Tensor,
    neg_weight: Tensor,
    *,
    weight: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Absolute gradients that :func:`eqlv2_loss` gives a class, summed over the samples.

    .. math::
        \sum_n |\nabla^{pos}_{nc}| = \sum_n w^{pos}_c \, y_{nc} \, (1 - p_{nc}), \qquad
        \sum_n |\nabla^{neg}_{nc}| = \sum_n w^{neg}_c \, (1 - y_{nc}) \, p_{nc}

    Args:
        logits: (N, C); no gradient flows through them here.
        targets: (N, C) in [0, 1].
        pos_weight: (C,) as given to the loss.
        neg_weight: (C,) as given to the loss.
        weight: (N, C) or (N, 1) mask or factors on the elements' losses; None = all 1.

    Returns:
        (C,) sum of the positives, (C,) sum of the negatives, to be added up over training; 0 for
        N = 0. Sums over samples, so that the sums of several ranks add up to those of one.

    Raises:
        ValueError: Shapes that differ.

    Reference:
        Tan et al. 2021, as in :func:`eqlv2_weights`: the gradients after re-weighting are summed.

    Example:
        >>> targets, ones = torch.tensor([[1.0, 0.0]]), torch.ones(2)
        >>> pos_grad, neg_grad = eqlv2_gradients(torch.zeros(1, 2), targets, ones, ones)
        >>> pos_grad.tolist(), neg_grad.tolist()
        ([0.5, 0.0], [0.0, 0.5])
    """
    targets = check_logits(logits, targets)
    pos_weight = check_per_class('pos_weight', pos_weight, logits)
    neg_weight = check_per_class('neg_weight', neg_weight, logits)
    factor = 1 if weight is None else weight
    with torch.no_grad():
        positives = factor * targets * torch.sigmoid(-logits)
        negatives = factor * (1 - targets) * torch.sigmoid(logits)
        return pos_weight * positives.sum(0), neg_weight * negatives.sum(0)
