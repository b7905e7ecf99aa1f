"""Label-distribution-aware margin loss as a module."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mmlt.functional import class_balanced_weights, ldam_loss, ldam_margins
from mmlt.models.losses._base import ClassCountsLoss
from mmlt.registry import MODELS


@MODELS.register_module()
class LDAMLoss(ClassCountsLoss):
    """Binary cross entropy with a wider margin for rarer classes.

    See :func:`mmlt.functional.ldam_loss`. With `DeferredReweightingHook` it is LDAM-DRW:
    class-balanced weights late in training.

    Args:
        class_counts: A counts.json, the name of shipped counts, or C counts.
        class_ids: Class ids of the columns; None: all of the file, ascending.
        max_margin: Margin of the rarest class.
        scale: Factor on the logits. The default is for a classifier of cosines; with a plain
            linear one it acts like a 30 times higher learning rate, and 1 leaves it as it is.
        margin: 'own' or 'sum'.
        beta: Of :func:`mmlt.functional.class_balanced_weights`, for the deferred weights.
        loss_weight: Factor on the whole loss.
        reduction: 'mean', 'batchmean' (a sum over the classes) or 'sum'.
    """

    def __init__(
        self,
        class_counts: str | Sequence[int],
        class_ids: Sequence[int] | None = None,
        *,
        max_margin: float = 0.5,
        scale: float = 30.0,
        margin: str = 'own',
        beta: float = 0.9999,
        loss_weight: float = 1.0,
        reduction: str = 'mean',
    ) -> None:
        super().__init__(class_counts, class_ids, loss_weight=loss_weight, reduction=reduction)
        self.scale = scale
        self.margin = margin
        self.reweighting = False
        counts = self.class_counts.numpy()
        weights = torch.from_numpy(class_balanced_weights(counts, beta=beta))
        margins = ldam_margins(counts, max_margin=max_margin)
        self.register_buffer('class_weights', weights, persistent=False)
        self.register_buffer('margins', margins, persistent=False)

    def set_reweighting(self, enabled: bool) -> None:
        """Switch the class weights on or off."""
        self.reweighting = enabled

    def elementwise(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of each element, (N, C)."""
        return ldam_loss(
            logits,
            targets,
            self.margins,
            scale=self.scale,
            margin=self.margin,
            class_weights=self.class_weights if self.reweighting else None,
            reduction='none',
        )
