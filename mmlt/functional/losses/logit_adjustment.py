"""Logit adjustment by class frequencies, for independent classes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from mmlt.functional.checks import check_positive_counts, check_real
from mmlt.functional.losses.loss_checks import check_logits, check_per_class, reduce_loss


def log_odds_of_priors(class_counts: np.ndarray, *, num_samples: int | None = None) -> Tensor:
    r"""Log-odds of each class's share of the training samples.

    .. math::
        b_c = \ln \frac{\pi_c}{1 - \pi_c} = -\ln\left(\frac{N}{n_c} - 1\right),
        \quad \pi_c = \frac{n_c}{N}

    Args:
        class_counts: (C,) training samples n_c of each class, whole numbers >= 1.
        num_samples: N, samples (boxes, clips) in all, above every count. None: the sum of the
            counts, right where each sample has one label and too high where it has more.

    Returns:
        (C,) float64 tensor, negative for a class rarer than every second sample.

    Raises:
        ValueError: A count below 1, or num_samples not above every count.

    Reference:
        Menon et al., "Long-tail Learning via Logit Adjustment", ICLR 2021 (the priors).

    Example:
        >>> log_odds_of_priors([50, 20], num_samples=100).exp()  # 50 : 50 and 20 : 80
        tensor([1.0000, 0.2500], dtype=torch.float64)
    """
    counts = check_positive_counts(class_counts)
    total = counts.sum() if num_samples is None else check_real('num_samples', num_samples, 1)
    if not total > counts.max():
        raise ValueError(
            f'num_samples must be above every count, got {total:g} and a class with {counts.max()}'
            ': a class that every sample has cannot be told from the samples'
        )
    return torch.from_numpy(np.log(counts) - np.log(total - counts))


def logit_adjusted_loss(
    logits: Tensor,
    targets: Tensor,
    log_odds: Tensor,
    *,
    tau: float = 1.0,
    reduction: str = 'mean',
) -> Tensor:
    r"""Binary cross entropy of logits to which the log-odds of the priors are added.

    .. math::
        L_{nc} = BCE(z_{nc} + \tau b_c, \, y_{nc})

    In training only: the predictions are the bare :math:`z`, which then do not pay for a class
    being rare. Every class is moved by one number, so the ranking of the samples *within* a class
    (AP, SAP) is not what this changes once a classifier with a bias has converged; comparisons
    between classes, thresholds and the way there are.

    Shapes: N samples, C classes.

    Args:
        logits: (N, C).
        targets: (N, C) in [0, 1].
        log_odds: (C,), of :func:`log_odds_of_priors`.
        tau: Strength >= 0; 0 gives the cross entropy.
        reduction: 'none', 'mean' over all N * C elements, or 'sum'.

    Returns:
        Scalar, or (N, C) for 'none', in the dtype of the logits.

    Raises:
        ValueError: Shapes that do not fit; tau below 0; an unknown reduction.

    Reference:
        Menon et al., "Long-tail Learning via Logit Adjustment", ICLR 2021, section 5 (logit
        adjusted softmax cross-entropy).

    Differs from reference:
        The paper's classes exclude each other: softmax cross entropy of
        :math:`z_c + \tau \ln \pi_c`. Here each class is a two-class problem of its own, with
        logits (z, 0) and priors (pi, 1 - pi); the difference of its two adjustments is
        :math:`\tau b_c`.

    Example:
        >>> loss = logit_adjusted_loss(
        ...     torch.zeros(1, 1), torch.ones(1, 1), log_odds_of_priors([25], num_samples=100)
        ... )
        >>> round(loss.exp().item(), 4)  # 1 / the prior
        4.0
    """
    targets = check_logits(logits, targets)
    log_odds = check_per_class('log_odds', log_odds, logits)
    tau = check_real('tau', tau, 0)
    losses = binary_cross_entropy_with_logits(logits + tau * log_odds, targets, reduction='none')
    return reduce_loss(losses, reduction)
