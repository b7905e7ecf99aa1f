"""What one of two ranks does: go through 10,000 steps of a CoFinetuneSampler."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from mmlt.datasets.cofinetune_dataset import CoFinetuneDataset
from mmlt.datasets.samplers import CoFinetuneBatchSampler, CoFinetuneSampler

SIZES = {'a': 4000, 'b': 1000, 'c': 16}
FIRST = [0, 4000, 5000]


def main(rank: int, folder: str) -> None:
    np.random.seed(rank)  # noqa: NPY002  (what a seed of None is drawn from differs)
    dataset = CoFinetuneDataset({name: range(size) for name, size in SIZES.items()})
    sampler = CoFinetuneSampler(dataset, dict.fromkeys(SIZES, 4))
    batches = CoFinetuneBatchSampler(sampler)
    datasets, samples = [], []
    for epoch in range(16):
        sampler.set_epoch(epoch)
        for batch in batches:
            datasets.append(int(np.searchsorted(FIRST, batch[0], side='right')) - 1)
            if epoch == 0:
                samples += batch
    found = {'seed': sampler.seed, 'datasets': datasets, 'samples': samples}
    Path(folder, f'rank{rank}.json').write_text(json.dumps(found))
