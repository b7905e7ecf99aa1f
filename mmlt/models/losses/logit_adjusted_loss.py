"""Logit-adjusted loss as a module."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from mmlt.functional import log_odds_of_priors, logit_adjusted_loss
from mmlt.models.losses._base import ClassCountsLoss
from mmlt.registry import MODELS


@MODELS.register_module()
class LogitAdjustedLoss(ClassCountsLoss):
    """Binary cross entropy of logits to which the log-odds of the classes' priors are added.

    See :func:`mmlt.functional.logit_adjusted_loss`.

    Args:
        class_counts: A counts.json, the name of shipped counts, or C counts.
        class_ids: Class ids of the columns; None: all of the file, ascending.
        num_samples: Training samples in all; None: the sum of the counts.
        tau: Strength of the adjustment.
        loss_weight: Factor on the whole loss.
        reduction: 'mean', 'batchmean' (a sum over the classes) or 'sum'.
    """

    def __init__(
        self,
        class_counts: str | Sequence[int],
        class_ids: Sequence[int] | None = None,
        *,
        num_samples: int | None = None,
        tau: float = 1.0,
        loss_weight: float = 1.0,
        reduction: str = 'mean',
    ) -> None:
        super().__init__(class_counts, class_ids, loss_weight=loss_weight, reduction=reduction)
        self.tau = tau
        log_odds = log_odds_of_priors(self.class_counts.numpy(), num_samples=num_samples)
        self.register_buffer('log_odds', log_odds, persistent=False)

    def elementwise(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of each element, (N, C)."""
        return logit_adjusted_loss(logits, targets, self.log_odds, tau=self.tau, reduction='none')
