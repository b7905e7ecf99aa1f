"""What one of two ranks does: call EQLv2Loss on its part of shards.pth."""

from __future__ import annotations

from pathlib import Path

import torch

from mmlt.models.losses import EQLv2Loss


def main(rank: int, folder: str) -> None:
    loss = EQLv2Loss(4)
    for shards in torch.load(Path(folder) / 'shards.pth', weights_only=True):
        loss(*shards[rank])
    torch.save(dict(loss.state_dict()), Path(folder) / f'rank{rank}.pth')
