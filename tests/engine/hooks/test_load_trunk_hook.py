"""A trunk is loaded whole or not at all, and only into a new run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook
from torch import nn

from mmlt.engine.hooks.load_trunk_hook import LoadTrunkHook, load_trunk
from mmlt.weights_only import load_weights_only


def _net(seed, num_classes=3):
    torch.manual_seed(seed)
    return nn.ModuleDict({'trunk': nn.Linear(4, 2), 'fc_cls': nn.Linear(2, num_classes)})


def _save(path, model, edit=lambda weights: None):
    weights = dict(model.state_dict())
    edit(weights)
    torch.save({'meta': {}, 'state_dict': weights}, path)
    return str(path)


class _Start(Hook):
    """Keeps the weights before the first iteration."""

    priority = 'LOWEST'

    def before_train(self, runner):
        self.weights = {k: v.clone() for k, v in runner.model.state_dict().items()}


# --------------------------------------------------------------------------------- load_trunk


def test_all_but_the_remade_part_is_loaded(tmp_path):
    saved, model = _net(0, num_classes=2), _net(1)
    own = model.fc_cls.weight.clone()
    load_trunk(model, _save(tmp_path / 'a.pth', saved), remade='fc_cls')
    assert torch.equal(model.trunk.weight, saved.trunk.weight)
    assert torch.equal(model.trunk.bias, saved.trunk.bias)
    assert torch.equal(model.fc_cls.weight, own)
    assert model.fc_cls.weight.shape == (3, 2)


def test_a_remade_part_of_the_same_shape_is_not_loaded(tmp_path):
    model = _net(1)
    own = model.fc_cls.weight.clone()
    load_trunk(model, _save(tmp_path / 'a.pth', _net(0)), remade=['fc_cls*'])
    assert torch.equal(model.fc_cls.weight, own)


def test_the_remade_part_may_be_absent_or_only_in_the_file(tmp_path):
    saved = _save(tmp_path / 'a.pth', _net(0), lambda weights: weights.pop('fc_cls.bias'))
    load_trunk(_net(1), saved, remade='fc_cls')
    saved = _save(tmp_path / 'b.pth', _net(0), lambda w: w.update({'loss.seen': torch.ones(3)}))
    load_trunk(_net(1), saved, remade=['fc_cls', 'loss'])


def test_the_remade_part_may_start_at_zero(tmp_path):
    saved, model = _net(0), _net(1)
    load_trunk(model, _save(tmp_path / 'a.pth', saved), remade='fc_cls', remade_init='zero')
    assert not model.fc_cls.weight.any() and not model.fc_cls.bias.any()
    assert torch.equal(model.trunk.weight, saved.trunk.weight)


def test_nothing_remade(tmp_path):
    saved, model = _net(0), _net(1)
    load_trunk(model, _save(tmp_path / 'a.pth', saved))
    assert all(torch.equal(model.state_dict()[k], v) for k, v in saved.state_dict().items())


def test_a_bare_state_dict_of_a_wrapped_model(tmp_path):
    saved, model = _net(0), _net(1)
    torch.save({f'module.{k}': v for k, v in saved.state_dict().items()}, tmp_path / 'a.pth')
    load_trunk(model, str(tmp_path / 'a.pth'))
    assert torch.equal(model.trunk.weight, saved.trunk.weight)


def test_batch_norm_of_an_old_checkpoint(tmp_path):
    saved, model = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    saved.running_mean += 1
    path = _save(tmp_path / 'a.pth', saved, lambda weights: weights.pop('num_batches_tracked'))
    load_trunk(model, path)
    assert model.running_mean.tolist() == [1, 1]


# ------------------------------------------------------------------------ mismatching files


def _add_an_old_neck(weights):
    del weights['trunk.bias']
    weights['trunk.weight'] = torch.zeros(2, 5)
    weights['neck.weight'] = torch.zeros(7)


def test_a_checkpoint_of_another_layout(tmp_path):
    path, model = _save(tmp_path / 'a.pth', _net(0), _add_an_old_neck), _net(1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ValueError) as error:
        load_trunk(model, path, remade='fc_cls')
    assert str(error.value) == (
        f"{path} is a checkpoint of another layout; outside remade=['fc_cls']:\n"
        '  missing: trunk.bias (2,)\n'
        '  unexpected: neck.weight (7,)\n'
        '  of another shape: trunk.weight (2, 5) in the file, (2, 4) in the model'
    )
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())


def test_a_classifier_that_is_not_remade(tmp_path):
    path = _save(tmp_path / 'a.pth', _net(0, num_classes=2))
    with pytest.raises(ValueError) as error:
        load_trunk(_net(1), path)
    assert str(error.value).endswith(
        'outside remade=[]:\n'
        '  of another shape: fc_cls.weight (2, 2) in the file, (3, 2) in the model; '
        'fc_cls.bias (2,) in the file, (3,) in the model'
    )


def test_a_long_list_is_cut(tmp_path):
    path = _save(tmp_path / 'a.pth', nn.Sequential(*(nn.Linear(1, 1) for _ in range(8))))
    with pytest.raises(ValueError, match=r'unexpected: .*4\.bias \(1,\); and 6 more$'):
        load_trunk(nn.ModuleDict(), path)


def test_a_pattern_that_covers_nothing(tmp_path):
    path = _save(tmp_path / 'a.pth', _net(0))
    message = "remade: the pattern 'head.fc_cls' matches no .* Near names: fc_cls"
    with pytest.raises(ValueError, match=message):
        load_trunk(_net(1), path, remade='head.fc_cls')


@pytest.mark.parametrize('content', [{}, {'state_dict': {}}, [1], {'meta': {'epoch': 1}}])
def test_a_file_without_weights(tmp_path, content):
    torch.save(content, tmp_path / 'a.pth')
    message = re.escape(f'{tmp_path / "a.pth"} is a checkpoint of another layout: it holds no')
    with pytest.raises(ValueError, match=message):
        load_trunk(_net(1), str(tmp_path / 'a.pth'))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere.pth'):
        load_trunk(_net(1), str(tmp_path / 'nowhere.pth'))


@pytest.mark.parametrize('size', [0, 300])
def test_a_file_that_is_cut_off(tmp_path, size):
    path = _save(tmp_path / 'whole.pth', _net(1))
    (tmp_path / 'cut.pth').write_bytes(Path(path).read_bytes()[:size])
    with pytest.raises(ValueError, match=r'cut\.pth: not a checkpoint that is safe'):
        load_trunk(_net(2), str(tmp_path / 'cut.pth'))


def test_an_unknown_start():
    with pytest.raises(ValueError, match="remade_init must be one of .*'own', 'zero'.* got 'one'"):
        LoadTrunkHook('a.pth', remade_init='one')


# ------------------------------------------------------------------------------- in a runner


@pytest.fixture
def trunk(frozen_toy, tmp_path):
    """A trained checkpoint with a classifier of two classes."""
    frozen_toy.build_runner(tmp_path / 'first', num_classes=3, epochs=1).train()
    path = tmp_path / 'first' / 'epoch_1.pth'
    checkpoint = load_weights_only(path)
    for name in ('head.fc_cls.weight', 'head.fc_cls.bias'):
        checkpoint['state_dict'][name] = checkpoint['state_dict'][name][:2]
    torch.save(checkpoint, path)
    return str(path)


def _hook(trunk, **options):
    return {'type': 'mmlt.LoadTrunkHook', 'checkpoint': trunk, 'remade': 'head.fc_cls', **options}


def test_the_trunk_wins_over_the_init_weights_of_submodules(frozen_toy, tmp_path, trunk):
    start, plain = _Start(), _Start()
    frozen_toy.build_runner(tmp_path / 'run', hooks=[_hook(trunk), start]).train()
    frozen_toy.build_runner(tmp_path / 'plain', hooks=[plain]).train()
    saved = load_weights_only(trunk)['state_dict']
    for name, value in start.weights.items():
        own = plain.weights[name]  # drawn with the same seed
        assert torch.equal(value, own if name.startswith('head.fc_cls') else saved[name]), name
    assert not torch.equal(plain.weights['backbone.fc.weight'], saved['backbone.fc.weight'])


def test_a_resumed_run_does_not_load_the_trunk_again(frozen_toy, tmp_path, trunk):
    whole = frozen_toy.build_runner(tmp_path / 'whole', hooks=[_hook(trunk)], epochs=2)
    whole.train()
    frozen_toy.build_runner(tmp_path / 'run', hooks=[_hook(trunk)], epochs=1).train()
    gone = _hook('nowhere.pth')  # the file is not even read
    resumed = frozen_toy.build_runner(tmp_path / 'run', hooks=[gone], epochs=2, resume=True)
    resumed.train()
    assert resumed.iter == 8
    # dropout's random state is not resumed here, batch norm's statistics do not depend on it
    start, first = _Start(), load_weights_only(tmp_path / 'run' / 'epoch_1.pth')
    again = frozen_toy.build_runner(
        tmp_path / 'run',
        hooks=[gone, start],
        epochs=2,
        resume=True,
        load_from=str(tmp_path / 'run' / 'epoch_1.pth'),
    )
    again.train()
    for name, value in first['state_dict'].items():
        assert torch.equal(start.weights[name], value), name


@pytest.mark.resume
def test_killed_and_resumed_equals_uninterrupted(toy, tmp_path):
    toy.train(tmp_path / 'first', epochs=1)
    hooks = [
        {'type': 'mmlt.ResumeStateHook'},
        {
            'type': 'mmlt.LoadTrunkHook',
            'checkpoint': str(tmp_path / 'first' / 'epoch_1.pth'),
            'remade': 'layers.4',
            'remade_init': 'zero',
        },
        {'type': 'mmlt.FreezeHook', 'frozen': '*', 'trained': 'layers.4'},
    ]
    expected = toy.train(tmp_path / 'whole', hooks=hooks)
    weights = toy.train_killed_and_resumed(tmp_path / 'killed', {'at': 14}, hooks=hooks)
    assert all(torch.equal(weights[name], expected[name]) for name in expected)


def test_auto_resume_without_a_checkpoint_is_a_new_run(frozen_toy, tmp_path, trunk):
    start = _Start()
    frozen_toy.build_runner(tmp_path / 'run', hooks=[_hook(trunk), start], resume=True).train()
    saved = load_weights_only(trunk)['state_dict']
    assert torch.equal(start.weights['backbone.fc.weight'], saved['backbone.fc.weight'])


def test_the_average_starts_from_the_trunk(frozen_toy, tmp_path, trunk):
    freeze = {'type': 'mmlt.FreezeHook', 'frozen': 'backbone'}
    hooks = [_hook(trunk), freeze, {'type': 'EMAHook'}]
    frozen_toy.build_runner(tmp_path / 'run', hooks=hooks).train()
    averaged = load_weights_only(tmp_path / 'run' / 'epoch_2.pth')['state_dict']
    saved = load_weights_only(trunk)['state_dict']
    for name in averaged:
        if name.startswith('backbone'):
            assert torch.equal(averaged[name], saved[name]), name


def test_weights_from_two_places(frozen_toy, tmp_path, trunk):
    runner = frozen_toy.build_runner(tmp_path / 'run', hooks=[_hook(trunk)], load_from=trunk)
    with pytest.raises(ValueError, match='both load_from=.* load weights: set load_from=None'):
        runner.train()
