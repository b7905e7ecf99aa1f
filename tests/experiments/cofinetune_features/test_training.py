"""One training: how many updates, of what, and which checkpoint is left."""

import copy

import pytest
import torch

from mmlt.experiments.cofinetune_features.model import AVA, build_model
from mmlt.experiments.cofinetune_features.training import Settings, train
from mmlt.models.cofinetune_model import CoFinetuneModel

SETTINGS = Settings(num_updates=24, lr=0.1, weight_decay=0.1, seed=0)


def _model(data, names):
    torch.manual_seed(0)
    return build_model(data.num_channels, {name: data.num_classes[name] for name in names})


@pytest.fixture
def steps(monkeypatch):
    """(dataset, learning rate) of every update."""
    found = []

    def train_step(self, batch, optim_wrapper):
        name = batch['data_samples'][0].metainfo['dataset_name']
        found.append((name, optim_wrapper.get_lr()['lr'][0]))
        return of_mmengine(self, batch, optim_wrapper)

    of_mmengine = CoFinetuneModel.train_step
    monkeypatch.setattr(CoFinetuneModel, 'train_step', train_step)
    return found


@pytest.mark.parametrize(
    ('strategy', 'counts'),
    [
        ('weighted', [16, 8, 8]),  # two epochs of 8, 4 and 4 batches
        ('alternating', [12, 10, 10]),  # an epoch is 16 turns: 6, 5 and 5
        ('sequential', [16, 8, 8]),
    ],
)
def test_updates_of_each_dataset(data, steps, strategy, counts):
    names = ('A', 'B', AVA)
    datasets = {name: data.train(name, 2 if strategy == 'sequential' else 1) for name in names}
    settings = SETTINGS._replace(strategy=strategy, num_updates=32)
    train(_model(data, names), datasets, settings, lambda model: 0)
    found = [name for name, _ in steps]
    assert [found.count(name) for name in names] == counts
    if strategy == 'sequential':
        assert found == ['A'] * 16 + ['B'] * 8 + [AVA] * 8


def test_a_training_ends_within_an_epoch(data, steps):
    train(
        _model(data, ('A',)), {'A': data.train('A')}, SETTINGS._replace(num_updates=11), lambda _: 0
    )
    assert len(steps) == 11


def test_learning_rate_warms_up_and_falls_to_nothing(data, steps):
    train(_model(data, ('A',)), {'A': data.train('A')}, SETTINGS, lambda model: 0)
    rates = [rate for _, rate in steps]
    assert rates[0] == pytest.approx(0.1 / 4)  # a sixth of the updates is 4
    assert max(rates) == pytest.approx(0.1) and rates[3] == rates[4]
    assert rates[4:] == sorted(rates[4:], reverse=True) and rates[-1] < 0.002


def test_the_best_checkpoint_is_left(data):
    model, states = _model(data, ('A',)), []

    def validate(model):
        states.append(copy.deepcopy(model.state_dict()))
        return {3: 0.5, 7: 0.9, 8: 0.9}.get(len(states), 0.1)

    best = train(model, {'A': data.train('A')}, SETTINGS._replace(num_updates=40), validate)
    assert (best.score, best.step) == (0.9, 28)  # the first of two equal ones
    assert best.curve == [0.1, 0.1, 0.5, 0.1, 0.1, 0.1, 0.9, 0.9, 0.1, 0.1]
    for key, value in model.state_dict().items():
        assert torch.equal(value, states[6][key]) and not torch.equal(value, states[9][key])


def test_a_head_that_is_not_sampled_stays_as_it_is(data):
    model = _model(data, ('A', AVA))
    before = copy.deepcopy(model.heads[AVA].state_dict())
    train(model, {'A': data.train('A')}, SETTINGS, lambda model: 0)
    for key, value in model.heads[AVA].state_dict().items():
        assert torch.equal(value, before[key])


def test_a_seed_repeats_a_training(data):
    states = []
    for seed in (0, 0, 1):
        model = _model(data, (AVA,))
        train(model, {AVA: data.train(AVA)}, SETTINGS._replace(seed=seed), data.validate)
        states.append(model.backbone.layers[0].weight)
    assert torch.equal(states[0], states[1]) and not torch.equal(states[0], states[2])
