"""What one of two ranks does: call EQLv2Loss on its part of shards.pth."""

from __future__ import annotations

from pathlib import Path

import torch

from mmlt.models.losses import EQLv2Loss
from mmlt.weights_only import load_weights_only


def main(rank: int, folder: str) -> None:
    loss = EQLv2Loss(4)
    for shards in load_weights_only(Path(folder) / 'shards.pth'):
        loss(*shards[rank])
    torch.save(dict(loss.state_dict()), Path(folder) / f'rank{rank}.pth')
