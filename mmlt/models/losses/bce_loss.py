"""Binary cross entropy, the loss that the others are measured against."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from mmlt.functional import smooth_labels
from mmlt.functional.checks import check_real
from mmlt.models.losses._base import MultiLabelLoss
from mmlt.registry import MODELS


@MODELS.register_module()
class BCELoss(MultiLabelLoss):
    """Sigmoid binary cross entropy.

    Args:
        label_smoothing: See :func:`mmlt.functional.smooth_labels`; here and not in the data, for
            heads choose the boxes to train on by the labels that these have.
        loss_weight: Factor on the whole loss.
        reduction: 'mean', 'batchmean' (a sum over the classes) or 'sum'.
    """

    def __init__(
        self, *, label_smoothing: float = 0.0, loss_weight: float = 1.0, reduction: str = 'mean'
    ) -> None:
        super().__init__(loss_weight=loss_weight, reduction=reduction)
        self.label_smoothing = check_real('label_smoothing', label_smoothing, 0, 1)

    def elementwise(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of each element, (N, C)."""
        if self.label_smoothing:
            targets = smooth_labels(targets, smoothing=self.label_smoothing)
        return binary_cross_entropy_with_logits(logits, targets, reduction='none')
