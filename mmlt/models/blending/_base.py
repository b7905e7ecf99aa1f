"""What the blendings share: mmaction2's calling convention, and multi-hot targets."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from mmlt.functional.checks import check_integer
from mmlt.models._multi_hot import multi_hot


class MultiLabelBlending(nn.Module):
    """A blending of mmaction2's interface for samples of any number of labels.

    A ``gt_label`` of integers holds class indices; one of floating point is multi-hot already.

    Args:
        num_classes: C.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = check_integer('num_classes', num_classes, 1)

    def do_blending(self, imgs: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        """Mix (B, T, ...) inputs and their (B, C) targets."""
        raise NotImplementedError

    def forward(
        self, imgs: Tensor, batch_data_samples: Sequence[BaseDataElement]
    ) -> tuple[Tensor, Sequence[BaseDataElement]]:
        """Mix the batch; every ``gt_label`` becomes (C,) floats.

        Args:
            imgs: (B, T, ...), at the place where mmaction2's preprocessor calls its blendings.
            batch_data_samples: B, with ``gt_label``.
        """
        rows = [
            multi_hot(
                item.gt_label,
                self.num_classes,
                sample=f'sample {index} of the batch',
                owner='the blending',
            )
            for index, item in enumerate(batch_data_samples)
        ]
        targets = torch.stack(rows).to(imgs.device)
        mixed, soft_targets = self.do_blending(imgs, targets)
        for sample, target in zip(batch_data_samples, soft_targets):
            sample.set_gt_label(target)
        return mixed, batch_data_samples
