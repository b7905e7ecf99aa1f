"""Binary cross entropy, the loss that the others are measured against."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from mmlt.models.losses._base import MultiLabelLoss
from mmlt.registry import MODELS


@MODELS.register_module()
class BCELoss(MultiLabelLoss):
    """Sigmoid binary cross entropy; arguments as :class:`MultiLabelLoss`."""

    def elementwise(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of each element, (N, C)."""
        return binary_cross_entropy_with_logits(logits, targets, reduction='none')
