"""Distribution-balanced loss over independent classes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

from mmlt.functional.checks import check_positive_counts, check_real
from mmlt.functional.losses.logit_adjustment import log_odds_of_priors
from mmlt.functional.losses.loss_checks import check_logits, check_per_class, reduce_loss


def rebalancing_weights(
    targets: Tensor,
    class_counts: np.ndarray,
    *,
    alpha: float = 0.1,
    beta: float = 10.0,
    mu: float = 0.2,
) -> Tensor:
    r"""Weights that undo how the labels of one sample raise each other's frequency.

    .. math::
        r_{nc} = \frac{1 / n_c}{\sum_j y_{nj} / n_j}, \qquad
        w_{nc} = \alpha + \sigma\big(\beta (r_{nc} - \mu)\big)

    r compares how often a class-balanced sampler would draw sample n for class c with how often
    it draws it at all. A sample without labels is never drawn: there w is alpha + 1.

    Shapes: N samples, C classes.

    Args:
        targets: (N, C) in [0, 1], floating point.
        class_counts: (C,) training samples n_c of each class, whole numbers >= 1.
        alpha: Least weight, >= 0.
        beta: Slope of the mapping, >= 0.
        mu: Ratio r in its middle.

    Returns:
        (N, C) in [alpha, alpha + 1], in the dtype of the targets.

    Raises:
        ValueError: A count below 1; shapes that do not fit; alpha or beta below 0.

    Reference:
        Wu et al., "Distribution-Balanced Loss for Multi-Label Classification in Long-Tailed
        Datasets", ECCV 2020, section 3 (re-balanced weighting); the sample without labels is as in
        the authors' code.

    Example:
        >>> targets = torch.tensor([[1.0, 1.0]])  # r = 1/5 and 4/5
        >>> rebalancing_weights(targets, [40, 10], beta=1)  # sigma(0), sigma(.6)
        tensor([[0.6000, 0.7457]])
    """
    inverse = 1 / check_per_class('class_counts', check_positive_counts(class_counts), targets)
    alpha, beta = check_real('alpha', alpha, 0), check_real('beta', beta, 0)
    mu = check_real('mu', mu, 0)
    drawn = (targets * inverse).sum(dim=1, keepdim=True)
    mapped = torch.sigmoid(beta * (inverse / drawn - mu))
    return alpha + torch.where(drawn > 0, mapped, torch.ones_like(mapped))


def distribution_balanced_loss(
    logits: Tensor,
    targets: Tensor,
    class_counts: np.ndarray,
    *,
    num_samples: int | None = None,
    alpha: float = 0.1,
    beta: float = 10.0,
    mu: float = 0.2,
    neg_scale: float = 2.0,
    kappa: float = 0.05,
    reduction: str = 'mean',
) -> Tensor:
    r"""Re-balanced binary cross entropy that tolerates negatives.

    .. math::
        L_{nc} = w_{nc} \Big( y_{nc} \ln(1 + e^{-u_{nc}})
        + (1 - y_{nc}) \frac{1}{\lambda} \ln(1 + e^{\lambda u_{nc}}) \Big), \qquad
        u_{nc} = z_{nc} - \frac{\kappa}{\lambda} \ln\left(\frac{N}{n_c} - 1\right)

    with the weights w of :func:`rebalancing_weights`, which no gradient passes. The pull of a
    negative fades once its logit is some way below zero, the sooner the larger lambda is.

    Shapes: N samples, C classes (the N of the formula counts the training samples).

    Args:
        logits: (N, C).
        targets: (N, C) in [0, 1].
        class_counts: (C,) training samples n_c of each class, whole numbers >= 1.
        num_samples: Training samples in all; see :func:`log_odds_of_priors`.
        alpha: See :func:`rebalancing_weights`.
        beta: See :func:`rebalancing_weights`.
        mu: See :func:`rebalancing_weights`.
        neg_scale: lambda, above 0; 1 leaves negatives as they are.
        kappa: Strength of the classes' shifts, >= 0.
        reduction: 'none', 'mean' over all N * C elements, or 'sum'.

    Returns:
        Scalar, or (N, C) for 'none', in the dtype of the logits.

    Raises:
        ValueError: A count below 1 or not below num_samples; shapes that do not fit; an argument
            out of its range.

    Reference:
        Wu et al., "Distribution-Balanced Loss for Multi-Label Classification in Long-Tailed
        Datasets", ECCV 2020, section 3.

    Differs from reference:
        The shift is kappa / lambda times the log-odds, as in the authors' code; in the paper it is
        kappa times them. Their configs put a focal factor (gamma 2, times 2) on top, called
        DB-Focal in the paper; this is the DB loss without it.

    Example:
        >>> loss = distribution_balanced_loss(
        ...     torch.zeros(1, 1), torch.ones(1, 1), [50], num_samples=100, beta=0
        ... )
        >>> round(loss.item(), 4)  # .6 ln 2
        0.4159
    """
    targets = check_logits(logits, targets)
    if not check_real('neg_scale', neg_scale, 0):
        raise ValueError('neg_scale must be above 0, got 0')
    kappa = check_real('kappa', kappa, 0)
    weights = rebalancing_weights(targets, class_counts, alpha=alpha, beta=beta, mu=mu)
    log_odds = log_odds_of_priors(class_counts, num_samples=num_samples).to(logits)
    shifted = logits + kappa / neg_scale * log_odds
    positive = targets * softplus(-shifted)
    negative = (1 - targets) * softplus(neg_scale * shifted) / neg_scale
    return reduce_loss(weights * (positive + negative), reduction)
