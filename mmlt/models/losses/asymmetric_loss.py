"""Asymmetric loss as a module."""

from __future__ import annotations

from torch import Tensor

from mmlt.functional import asymmetric_loss
from mmlt.models.losses._base import MultiLabelLoss
from mmlt.registry import MODELS


@MODELS.register_module()
class AsymmetricLoss(MultiLabelLoss):
    """Focal loss with a stronger focus, and a margin, for negatives.

    See :func:`mmlt.functional.asymmetric_loss`.

    Args:
        gamma_pos: Focus of positives.
        gamma_neg: Focus of negatives.
        prob_margin: Probability up to which a negative costs nothing.
        loss_weight: Factor on the whole loss.
        reduction: 'mean', 'batchmean' (a sum over the classes) or 'sum'.
    """

    def __init__(
        self,
        gamma_pos: float = 1.0,
        gamma_neg: float = 4.0,
        prob_margin: float = 0.05,
        *,
        loss_weight: float = 1.0,
        reduction: str = 'mean',
    ) -> None:
        super().__init__(loss_weight=loss_weight, reduction=reduction)
        self.options = {
            'gamma_pos': gamma_pos,
            'gamma_neg': gamma_neg,
            'prob_margin': prob_margin,
        }

    def elementwise(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of each element, (N, C)."""
        return asymmetric_loss(logits, targets, **self.options, reduction='none')
