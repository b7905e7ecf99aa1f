"""Class-balanced loss as a module."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mmlt.functional import class_balanced_weights, focal_loss
from mmlt.models.losses._base import ClassCountsLoss
from mmlt.registry import MODELS


@MODELS.register_module()
class ClassBalancedLoss(ClassCountsLoss):
    """Binary cross entropy or focal loss, each class weighted by its effective number of samples.

    See :func:`mmlt.functional.class_balanced_weights`. `DeferredReweightingHook` may switch the
    weights on late in training.

    Args:
        class_counts: A counts.json, the name of shipped counts, or C counts.
        class_ids: Class ids of the columns; None: all of the file, ascending.
        beta: In [0, 1): 0 weighs all classes alike, towards 1 by inverse frequency.
        gamma: Of :func:`mmlt.functional.focal_loss`; 0 is the cross entropy.
        loss_weight: Factor on the whole loss.
        reduction: 'mean', 'batchmean' (a sum over the classes) or 'sum'.
    """

    def __init__(
        self,
        class_counts: str | Sequence[int],
        class_ids: Sequence[int] | None = None,
        *,
        beta: float = 0.9999,
        gamma: float = 0.0,
        loss_weight: float = 1.0,
        reduction: str = 'mean',
    ) -> None:
        super().__init__(class_counts, class_ids, loss_weight=loss_weight, reduction=reduction)
        self.gamma = gamma
        self.reweighting = True
        weights = class_balanced_weights(self.class_counts.numpy(), beta=beta)
        self.register_buffer('class_weights', torch.from_numpy(weights), persistent=False)

    def set_reweighting(self, enabled: bool) -> None:
        """Switch the class weights on or off."""
        self.reweighting = enabled

    def elementwise(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of each element, (N, C)."""
        losses = focal_loss(logits, targets, gamma=self.gamma, reduction='none')
        return losses * self.class_weights.to(losses.dtype) if self.reweighting else losses
