"""Focal loss as a module."""

from __future__ import annotations

from torch import Tensor

from mmlt.functional import focal_loss
from mmlt.models.losses._base import MultiLabelLoss
from mmlt.registry import MODELS


@MODELS.register_module()
class FocalLoss(MultiLabelLoss):
    """Cross entropy that fades out for well classified elements.

    See :func:`mmlt.functional.focal_loss`.

    Args:
        gamma: Focusing parameter.
        alpha: Factor on every element.
        loss_weight: Factor on the whole loss.
        reduction: 'mean', 'batchmean' (a sum over the classes) or 'sum'.
    """

    def __init__(
        self,
        gamma: float = 2.0,
        alpha: float = 1.0,
        *,
        loss_weight: float = 1.0,
        reduction: str = 'mean',
    ) -> None:
        super().__init__(loss_weight=loss_weight, reduction=reduction)
        self.gamma = gamma
        self.alpha = alpha

    def elementwise(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of each element, (N, C)."""
        return focal_loss(logits, targets, gamma=self.gamma, alpha=self.alpha, reduction='none')
