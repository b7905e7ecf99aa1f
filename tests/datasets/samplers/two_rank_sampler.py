"""One rank that draws: two_rank_sampler.py RANK WORLD_SIZE JOB.json."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
from mmengine.dataset import BaseDataset

from mmlt.datasets.samplers import ClassBalancedSampler


class Rows(BaseDataset):
    """Clips of three classes."""

    def load_data_list(self) -> list[dict]:
        return [{'label': label} for label in [0] * 8 + [1] * 3 + [2]]


def main(rank: int, world_size: int, job_file: str) -> None:
    job = json.loads(Path(job_file).read_text())
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{job["rendezvous"]}', rank=rank, world_size=world_size
    )
    np.random.seed(rank)  # noqa: NPY002  (what a seed of None is drawn from differs)
    found = []
    for options in job['samplers']:
        sampler = ClassBalancedSampler(Rows(), **options)
        sampler.set_epoch(2)
        drawn = [(int(index), index.class_id) for index in sampler]
        found.append({'seed': sampler.seed, 'length': len(sampler), 'drawn': drawn})
    Path(f'{job["out"]}.rank{rank}').write_text(json.dumps(found))
    torch.distributed.destroy_process_group()


if __name__ == '__main__':
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
