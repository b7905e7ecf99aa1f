from __future__ import annotations

import pytest
import torch
from mmengine.model import BaseModel
from mmengine.registry import MODELS
from torch import nn

from mmlt.models.losses import LDAMLoss

ITERS_PER_EPOCH = 6  # of the toy training
phases = []  # whether the weights were on, of each iteration of this process


@MODELS.register_module(force=True)
class ReweightedNet(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 3)
        self.loss = LDAMLoss([100, 10, 1], scale=3)

    def forward(self, inputs, labels, mode='tensor'):
        phases.append(self.loss.reweighting)
        targets = nn.functional.one_hot(torch.as_tensor(labels), 3)
        return {'loss': self.loss(self.layer(torch.stack(list(inputs))), targets)}


@pytest.fixture(autouse=True)
def _forget_phases():
    phases.clear()


def _options(begin, **options):
    hook = {'type': 'mmlt.DeferredReweightingHook', 'begin': begin, **options}
    return {'model': 'ReweightedNet', 'hooks': [hook, {'type': 'mmlt.ResumeStateHook'}]}


@pytest.mark.parametrize('begin', [0, 1, 3])
def test_begins_with_its_epoch(toy, tmp_path, begin):
    toy.train(tmp_path, epochs=3, **_options(begin))
    before = begin * ITERS_PER_EPOCH
    assert phases == [False] * before + [True] * (3 * ITERS_PER_EPOCH - before)


def test_begins_with_its_iteration(toy, tmp_path):
    toy.train(tmp_path, epochs=2, iter_based=True, **_options(7, by_epoch=False))
    assert phases == [False] * 7 + [True] * 5


def test_changes_the_weights_learned(toy, tmp_path):
    late, never = (toy.train(tmp_path / str(i), epochs=2, **_options(i)) for i in (1, 2))
    assert not torch.equal(late['layer.weight'], never['layer.weight'])


@pytest.mark.parametrize('at', [4, 6, 9], ids=['before', 'at its first iteration', 'after'])
def test_resumed_equals_uninterrupted(toy, tmp_path, at):
    options = {**_options(1), 'epochs': 3, 'interval': 1, 'by_epoch': False}
    expected = toy.train(tmp_path / 'whole', **options)
    phases.clear()
    weights = toy.train_killed_and_resumed(tmp_path / 'killed', {'at': at}, **options)
    for name, tensor in expected.items():
        assert torch.equal(weights[name], tensor), name
    assert phases == [i >= ITERS_PER_EPOCH for i in range(3 * ITERS_PER_EPOCH)]


def test_a_model_without_class_weights(toy, tmp_path):
    with pytest.raises(ValueError, match='the model has no loss with class weights to defer'):
        toy.train(tmp_path, **{**_options(1), 'model': 'NoisyNet'})


def test_epochs_of_a_run_that_has_none(toy, tmp_path):
    with pytest.raises(ValueError, match='this run counts iterations, not epochs; set by_epoch=F'):
        toy.train(tmp_path, iter_based=True, **_options(1))


def test_bad_begin(toy, tmp_path):
    with pytest.raises(ValueError, match='begin must be an integer of at least 0, got -1'):
        toy.train(tmp_path, **_options(-1))
