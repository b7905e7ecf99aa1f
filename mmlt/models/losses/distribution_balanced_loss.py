"""Distribution-balanced loss as a module."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from mmlt.functional import distribution_balanced_loss, log_odds_of_priors
from mmlt.models.losses._base import ClassCountsLoss
from mmlt.registry import MODELS


@MODELS.register_module()
class DistributionBalancedLoss(ClassCountsLoss):
    """Re-balanced binary cross entropy that tolerates negatives.

    See :func:`mmlt.functional.distribution_balanced_loss`.

    Args:
        class_counts: A counts.json, the name of shipped counts, or C counts.
        class_ids: Class ids of the columns; None: all of the file, ascending.
        num_samples: Training samples in all; None: the sum of the counts.
        alpha: Least weight.
        beta: Slope of the weights' mapping.
        mu: Middle of the weights' mapping.
        neg_scale: Factor on the logits of negatives.
        kappa: Strength of the classes' shifts.
        loss_weight: Factor on the whole loss.
        reduction: 'mean', 'batchmean' (a sum over the classes) or 'sum'.
    """

    def __init__(
        self,
        class_counts: str | Sequence[int],
        class_ids: Sequence[int] | None = None,
        *,
        num_samples: int | None = None,
        alpha: float = 0.1,
        beta: float = 10.0,
        mu: float = 0.2,
        neg_scale: float = 2.0,
        kappa: float = 0.05,
        loss_weight: float = 1.0,
        reduction: str = 'mean',
    ) -> None:
        super().__init__(class_counts, class_ids, loss_weight=loss_weight, reduction=reduction)
        self.options = {
            'num_samples': num_samples,
            'alpha': alpha,
            'beta': beta,
            'mu': mu,
            'neg_scale': neg_scale,
            'kappa': kappa,
        }
        self._cpu_counts = self.class_counts.numpy()  # no copying from the device at every step
        log_odds_of_priors(self._cpu_counts, num_samples=num_samples)  # raises on bad counts

    def elementwise(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of each element, (N, C)."""
        return distribution_balanced_loss(
            logits, targets, self._cpu_counts, **self.options, reduction='none'
        )
