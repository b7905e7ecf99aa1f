"""What one of two ranks does with a converted layer."""

from __future__ import annotations

import copy

import torch
from mmengine.dist import all_reduce_params
from mmengine.model import MMDistributedDataParallel
from torch import nn

from mmlt.engine.rank_buffers import gather_differing_buffers, restore_buffers
from mmlt.models.per_dataset_batch_norm import PerDatasetBatchNorm, set_dataset

NAMES = ('ava', 'k400')


def _batch(rank, step):
    return torch.randn(4, 3, generator=torch.Generator().manual_seed(10 * step + rank))


def main(rank):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    plain = copy.deepcopy(model)
    wrapped = MMDistributedDataParallel(PerDatasetBatchNorm.convert(model, NAMES), device_ids=None)
    alone = MMDistributedDataParallel(plain, device_ids=None)
    for step, name in enumerate(('ava', 'k400', 'ava')):
        set_dataset(model, name)
        wrapped(_batch(rank, step)).square().sum().backward()
        if name == 'ava':
            alone(_batch(rank, step))
    row = model[1].running_mean[0]
    assert torch.equal(row, plain[1].running_mean)
    kept = gather_differing_buffers(wrapped)
    assert sorted(kept) == ['1.running_mean', '1.running_var']
    before = copy.deepcopy(model.state_dict())
    all_reduce_params(wrapped.buffers(), op='mean')  # as SyncBuffersHook does
    all_reduce_params(alone.buffers(), op='mean')
    assert torch.equal(model[1].running_mean[0], plain[1].running_mean)
    assert not torch.equal(model[1].running_mean, before['1.running_mean'])
    assert model[1].num_batches_tracked.tolist() == [2, 1]
    restore_buffers(wrapped, kept)
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key]), key
