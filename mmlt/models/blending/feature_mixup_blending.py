"""Mixup as a blending."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Beta

from mmlt.functional import mixup
from mmlt.functional.checks import check_real
from mmlt.models.blending._base import MultiLabelBlending
from mmlt.registry import MODELS


@MODELS.register_module()
class FeatureMixupBlending(MultiLabelBlending):
    """Mix every row with another, one share a batch; see :func:`mmlt.functional.mixup`.

    Args:
        num_classes: C.
        alpha: The share is drawn from Beta(alpha, alpha); 1 is uniform, as in VideoLT's code.

    Differs from reference: the share comes from torch's stream, not numpy's. Against mmaction2's
    MixupBlending: samples may have any number of labels, one included.
    """

    def __init__(self, num_classes: int, alpha: float = 1.0) -> None:
        super().__init__(num_classes)
        if check_real('alpha', alpha, 0) == 0:
            raise ValueError('alpha must be above 0, got 0; leave the blending out to mix nothing')
        self.alpha = float(alpha)

    def do_blending(self, imgs: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        """Mix (B, T, ...) inputs and their (B, C) targets."""
        gamma = Beta(self.alpha, self.alpha).sample().item()
        partner = torch.randperm(len(imgs)).to(imgs.device)
        return mixup(imgs, label, gamma=gamma, partner=partner)
