"""One of two ranks that call EQLv2Loss on shards.pth: two_rank_eqlv2.py RANK FOLDER."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from mmlt.models.losses import EQLv2Loss


def main(rank: int, folder: Path) -> None:
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{folder}/rendezvous', rank=rank, world_size=2
    )
    loss = EQLv2Loss(4)
    for shards in torch.load(folder / 'shards.pth', weights_only=True):
        loss(*shards[rank])
    torch.save(dict(loss.state_dict()), folder / f'rank{rank}.pth')
    torch.distributed.destroy_process_group()


if __name__ == '__main__':
    main(int(sys.argv[1]), Path(sys.argv[2]))
