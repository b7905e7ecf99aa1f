from __future__ import annotations

import torch
from mmengine.model import MMDistributedDataParallel
from torch import nn

from mmlt.engine import rank_buffers
from mmlt.engine.rank_buffers import gather_differing_buffers, restore_buffers


def _model():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    model.register_buffer('not_saved', torch.zeros(2), persistent=False)
    return model


def _gather_with(monkeypatch, model, *other_models):
    """What the rank of ``model`` gets in a world with the ranks of the other models."""
    own = []
    monkeypatch.setattr(rank_buffers, 'all_gather_object', lambda data: own.append(data) or [data])
    for other in (model, *other_models):
        gather_differing_buffers(other)
    monkeypatch.setattr(rank_buffers, 'all_gather_object', lambda data: own)
    return gather_differing_buffers(model)


def test_only_what_differs_between_ranks_is_kept(monkeypatch):
    model, other = _model(), _model()
    other[1].running_mean += 1
    other.not_saved += 1
    kept = _gather_with(monkeypatch, model, _model(), other)
    assert list(kept) == ['1.running_mean']
    assert torch.equal(kept['1.running_mean'], torch.zeros(3))
    model[1].running_mean += 5
    assert torch.equal(kept['1.running_mean'], torch.zeros(3)), 'a copy, not the buffer'


def test_one_rank_keeps_nothing():
    assert gather_differing_buffers(_model()) == {}


def test_restore_also_behind_a_wrapper():
    class Wrapper(MMDistributedDataParallel):
        """Looks wrapped, without a process group."""

        def __init__(self, module):
            nn.Module.__init__(self)
            self.module = module

    model = _model()
    saved = {'1.running_mean': torch.full((3,), 2.0), '1.num_batches_tracked': torch.tensor(7)}
    restore_buffers(Wrapper(model), saved)
    assert model[1].running_mean.tolist() == [2.0] * 3
    assert model[1].num_batches_tracked.item() == 7
    restore_buffers(model, {})
    assert model[1].running_mean.tolist() == [2.0] * 3
