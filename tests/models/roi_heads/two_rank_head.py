"""What one of two ranks does: train a head in DDP; rank 1 has no trained box."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from mmlt.models.roi_heads import LongTailBBoxHead

ROWS = [[[0, 1, 0, 1, 0, 0], [0, 0, 0, 0, 1, 0]], [[0, 0, 0, 1, 0, 0], [0, 0, 0, 0, 0, 1]]]


class _Detector(nn.Module):
    def __init__(self, split_file: str, loss_cls: dict) -> None:
        super().__init__()
        self.trunk = nn.Conv3d(2, 4, 1)
        self.bbox_head = LongTailBBoxHead(
            True,
            num_classes=6,
            in_channels=4,
            split_file=split_file,
            trained_groups=('head',),
            loss_cls=loss_cls,
        )

    def forward(self, clips: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        boxes = torch.zeros(len(labels), 4)
        sampled = SimpleNamespace(pos_priors=boxes, neg_priors=boxes[:0], pos_gt_labels=labels)
        logits = self.bbox_head(self.trunk(clips))
        losses = self.bbox_head.loss_and_target(
            logits, None, [sampled], SimpleNamespace(pos_weight=1)
        )['loss_bbox']
        return losses['loss_action_cls']


def _gradients(model: nn.Module) -> dict:
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters()}


def main(rank: int, split_file: str, out: str) -> None:
    losses = ({'type': 'mmlt.BCELoss'}, {'type': 'mmlt.EQLv2Loss', 'num_classes': 5})
    saved = [_train(rank, split_file, loss_cls) for loss_cls in losses]
    torch.save(saved, Path(out) / f'rank{rank}.pth')


def _train(rank: int, split_file: str, loss_cls: dict) -> dict:
    torch.manual_seed(0)
    model = _Detector(split_file, loss_cls)
    clips = torch.randn(2, 2, 3, 4, 4)
    labels = torch.tensor(ROWS[rank], dtype=torch.float32)
    model(clips, labels).backward()
    own = _gradients(model)
    model.zero_grad()
    wrapped = DistributedDataParallel(model)
    for _ in range(2):  # the second step waits for every gradient of the first
        wrapped.zero_grad()
        loss = wrapped(clips, labels)
        loss.backward()
    return {
        'loss': loss.item(),
        'own': own,
        'gradients': _gradients(model),
        'state': model.bbox_head.loss_cls.state_dict(),
    }
