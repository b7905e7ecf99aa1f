"""What one of two ranks does: draw with the samplers of samplers.json."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from mmengine.dataset import BaseDataset

from mmlt.datasets.samplers import ClassBalancedSampler


class Rows(BaseDataset):
    """Clips of three classes."""

    def load_data_list(self) -> list[dict]:
        return [{'label': label} for label in [0] * 8 + [1] * 3 + [2]]


def main(rank: int, folder: str) -> None:
    np.random.seed(rank)  # noqa: NPY002  (what a seed of None is drawn from differs)
    found = []
    for options in json.loads(Path(folder, 'samplers.json').read_text()):
        sampler = ClassBalancedSampler(Rows(), **options)
        sampler.set_epoch(2)
        drawn = [(int(index), index.class_id) for index in sampler]
        found.append({'seed': sampler.seed, 'length': len(sampler), 'drawn': drawn})
    Path(folder, f'rank{rank}.json').write_text(json.dumps(found))
