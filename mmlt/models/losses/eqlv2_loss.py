"""Equalization loss v2 as a module that remembers its gradients."""

from __future__ import annotations

import torch
from mmengine.dist import all_reduce
from torch import Tensor

from mmlt.functional import eqlv2_gradients, eqlv2_loss, eqlv2_weights
from mmlt.functional.checks import check_integer
from mmlt.models.losses._base import MultiLabelLoss, check_num_classes
from mmlt.registry import MODELS


@MODELS.register_module()
class EQLv2Loss(MultiLabelLoss):
    """Binary cross entropy that balances each class's positive and negative gradients.

    See :func:`mmlt.functional.eqlv2_weights`. The gradients are summed over training and over all
    ranks in the buffers `pos_grad` and `neg_grad`, (C,) float64, which are in the state dict.
    Every training forward with gradients adds to them, so every rank must call the loss equally
    often: with an empty batch (N = 0) where it has nothing to learn from.

    Args:
        num_classes: C.
        gamma: Slope of the mapping from the gradient ratio to the weights.
        mu: Ratio at which negatives count half.
        alpha: Strength of the positives.
        loss_weight: Factor on the whole loss.
        reduction: 'mean', 'batchmean' (a sum over the classes) or 'sum'.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        gamma: float = 12.0,
        mu: float = 0.8,
        alpha: float = 4.0,
        loss_weight: float = 1.0,
        reduction: str = 'mean',
    ) -> None:
        super().__init__(loss_weight=loss_weight, reduction=reduction)
        self.mapping = {'gamma': gamma, 'mu': mu, 'alpha': alpha}
        num_classes = check_integer('num_classes', num_classes, 1)
        # float32 would stop counting: a sum of 1e7 no longer feels gradients below 0.5.
        self.register_buffer('pos_grad', torch.zeros(num_classes, dtype=torch.float64))
        self.register_buffer('neg_grad', torch.zeros(num_classes, dtype=torch.float64))

    def check(self, logits: Tensor, targets: Tensor, weight: Tensor | None) -> None:
        """Raise ValueError where shapes do not fit each other or the classes."""
        super().check(logits, targets, weight)
        check_num_classes(logits, len(self.pos_grad))

    def elementwise(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of each element, (N, C), with the weights that the gradients so far give."""
        return eqlv2_loss(logits, targets, *self.class_weights(), reduction='none')

    def forward(self, logits: Tensor, targets: Tensor, weight: Tensor | None = None) -> Tensor:
        """As :meth:`MultiLabelLoss.forward`; in training the gradients are added up."""
        loss = super().forward(logits, targets, weight)
        if self.training and torch.is_grad_enabled():
            self._accumulate(logits.detach(), targets, weight)
        return loss

    def class_weights(self) -> tuple[Tensor, Tensor]:
        """Weights of the positives and of the negatives, (C,) each."""
        return eqlv2_weights(self.pos_grad, self.neg_grad, **self.mapping)

    def _accumulate(self, logits: Tensor, targets: Tensor, weight: Tensor | None) -> None:
        logits = logits.double()
        sums = eqlv2_gradients(logits, targets, *self.class_weights(), weight=weight)
        batch = torch.stack(sums)  # (2, C)
        all_reduce(batch)
        self.pos_grad += batch[0]
        self.neg_grad += batch[1]
