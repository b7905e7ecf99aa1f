"""Frozen parts stay bit for bit as they are; the others train as before."""

from __future__ import annotations

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from torch import nn

from mmlt.engine.hooks import FreezeHook
from mmlt.engine.hooks.freeze_hook import frozen_modules
from mmlt.weights_only import load_weights_only

BACKBONE = {'type': 'mmlt.FreezeHook', 'frozen': 'backbone'}
BUT_CLASSIFIER = {'type': 'mmlt.FreezeHook', 'frozen': ['*'], 'trained': ['head.fc_cls']}


class _Record(Hook):
    """Keeps the weights before the first iteration and what each iteration sees."""

    priority = 'LOWEST'

    def __init__(self):
        self.start, self.eval_modules, self.grads = None, [], []

    def before_train(self, runner):
        self.start = {k: v.clone() for k, v in runner.model.state_dict().items()}

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        named = runner.model.named_modules()
        self.eval_modules.append({name for name, module in named if not module.training})

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        named = runner.model.named_parameters()
        self.grads.append({name for name, parameter in named if parameter.requires_grad})


def _run(frozen_toy, folder, *hooks, **options):
    record = _Record()
    runner = frozen_toy.build_runner(folder, hooks=[*hooks, record], **options)
    runner.train()
    return runner, record


def _changed(record, weights):
    return {name for name in weights if not torch.equal(record.start[name], weights[name])}


# --------------------------------------------------------------------------- what is frozen


def test_nothing_frozen_moves_and_all_else_does(frozen_toy, tmp_path):
    # momentum and weight decay would move it, batch norm its statistics
    runner, record = _run(frozen_toy, tmp_path, BACKBONE)
    head = {'head.hidden.weight', 'head.hidden.bias', 'head.fc_cls.weight', 'head.fc_cls.bias'}
    assert _changed(record, frozen_toy.weights_of(runner)) == head
    assert record.grads == [head] * 8


def test_without_the_hook_all_moves(frozen_toy, tmp_path):
    runner, record = _run(frozen_toy, tmp_path)
    weights = frozen_toy.weights_of(runner)
    assert _changed(record, weights) == weights.keys()


def test_a_frozen_weight_that_had_momentum_stays(frozen_toy, tmp_path):
    """Resumed from a run that trained it: its momentum is in the optimizer."""
    frozen_toy.build_runner(tmp_path, epochs=1).train()
    runner, record = _run(frozen_toy, tmp_path, BACKBONE, epochs=3, resume=True)
    momentum = runner.optim_wrapper.optimizer.state[runner.model.backbone.fc.weight]
    assert momentum['momentum_buffer'].abs().sum() > 0
    changed = _changed(record, frozen_toy.weights_of(runner))
    assert {name.split('.')[0] for name in changed} == {'head'}


def test_modules_in_evaluation_mode(frozen_toy, tmp_path):
    _, record = _run(frozen_toy, tmp_path, BACKBONE)
    backbone = {'backbone', 'backbone.fc', 'backbone.bn', 'backbone.dropout'}
    assert record.eval_modules == [backbone] * 8


def test_dropout_beside_the_classifier_stays_on(frozen_toy, tmp_path):
    _, record = _run(frozen_toy, tmp_path, BUT_CLASSIFIER)
    (modules,) = {frozenset(names) for names in record.eval_modules}
    assert 'head.hidden' in modules
    assert 'backbone.dropout' in modules
    assert not modules & {'', 'head', 'head.dropout', 'head.fc_cls'}
    assert record.grads == [{'head.fc_cls.weight', 'head.fc_cls.bias'}] * 8


def test_a_batch_norm_without_weights_is_frozen_by_its_statistics():
    model = nn.Sequential(nn.BatchNorm1d(2, affine=False), nn.ReLU(), nn.Linear(2, 2))
    names = {f'0.{name}' for name, _ in model[0].named_buffers()}
    assert frozen_modules(model, names) == [model[0]]
    assert frozen_modules(model, names - {'0.running_var'}) == []


def test_a_loss_that_counts_goes_with_the_classifier():
    loss = nn.Module()
    loss.register_buffer('pos_grad', torch.zeros(2))
    head = nn.ModuleDict({'fc_cls': nn.Linear(2, 2), 'loss_cls': loss})
    model = nn.ModuleDict({'trunk': nn.Linear(2, 2), 'head': head})
    names = {'trunk.weight', 'trunk.bias'}
    assert frozen_modules(model, names) == [model['trunk']]
    names |= {'head.fc_cls.weight', 'head.fc_cls.bias'}
    assert loss in frozen_modules(model, names)


def test_a_weight_shared_with_a_trained_part_is_trained(frozen_toy, tmp_path):
    runner = frozen_toy.build_runner(tmp_path, hooks=[BACKBONE], epochs=1)
    runner.model.head.shared = runner.model.backbone.fc  # 'head.shared.weight' is not frozen
    runner.train()
    assert runner.model.backbone.fc.weight.requires_grad
    assert not runner.model.backbone.bn.weight.requires_grad
    assert runner.model.backbone.training and runner.model.backbone.fc.training
    assert not runner.model.backbone.bn.training


# --------------------------------------------------------------------- with other machinery


def test_validation_does_not_thaw(frozen_toy, tmp_path):
    class Thaw(Hook):
        def before_train_epoch(self, runner):
            runner.model.train().requires_grad_(True)

        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
            runner.val_loop.run()  # as the iteration-based loop does
            runner.model.train()

    validation = {
        'val_dataloader': {
            'dataset': {'type': 'PlainRows'},
            'batch_size': 16,
            'sampler': {'type': 'DefaultSampler', 'shuffle': False},
        },
        'val_cfg': {},
        'val_evaluator': {'type': 'ScoresInOrder', 'scores': [0] * 10},
    }
    runner, record = _run(frozen_toy, tmp_path, BACKBONE, Thaw(), **validation)
    changed = _changed(record, frozen_toy.weights_of(runner))
    assert {name.split('.')[0] for name in changed} == {'head'}
    assert all('backbone.bn' in names for names in record.eval_modules)


def test_average_holds_the_frozen_part_and_follows_the_trained(frozen_toy, tmp_path):
    runner, record = _run(frozen_toy, tmp_path, BACKBONE, {'type': 'EMAHook', 'momentum': 0.5})
    checkpoint = load_weights_only(tmp_path / 'epoch_2.pth')
    averaged, weights = checkpoint['state_dict'], frozen_toy.weights_of(runner)
    assert averaged.keys() == weights.keys()
    for name in weights:
        assert torch.equal(averaged[name], weights[name]) == name.startswith('backbone'), name
        assert torch.equal(checkpoint['ema_state_dict'][f'module.{name}'], weights[name]), name


def test_checkpoint_and_optimizer_stay_whole(frozen_toy, tmp_path):
    runner, _ = _run(frozen_toy, tmp_path / 'frozen', BACKBONE)
    plain, _ = _run(frozen_toy, tmp_path / 'plain')
    saved, usual = (
        load_weights_only(tmp_path / kind / 'epoch_2.pth') for kind in ('frozen', 'plain')
    )
    assert saved['state_dict'].keys() == usual['state_dict'].keys()
    assert saved['optimizer']['param_groups'] == usual['optimizer']['param_groups']
    # and a run without the hook goes on from it, all parts trained
    resumed, record = _run(frozen_toy, tmp_path / 'frozen', epochs=3, resume=True)
    weights = frozen_toy.weights_of(resumed)
    assert _changed(record, weights) == weights.keys()


@pytest.mark.parametrize('options', [{}, {'accumulative_counts': 2}], ids=['plain', 'accumulated'])
def test_trained_part_equals_a_run_on_the_features_of_the_frozen_part(
    frozen_toy, tmp_path, options
):
    runner, record = _run(frozen_toy, tmp_path, BUT_CLASSIFIER, epochs=1, **options)
    trunk = frozen_toy.TrunkNet().eval()
    trunk.load_state_dict(record.start)
    rows = frozen_toy.PlainRows()
    inputs = torch.stack([rows[i]['inputs'] for i in range(32)])
    labels = torch.tensor([rows[i]['labels'] for i in range(32)])
    with torch.no_grad():
        features = trunk.head.hidden(trunk.backbone(inputs)).relu()
    optimizer = torch.optim.SGD(trunk.head.fc_cls.parameters(), 0.1, 0.9, weight_decay=0.1)
    step = 8 * options.get('accumulative_counts', 1)
    for start in range(0, 32, step):
        optimizer.zero_grad()
        logits = trunk.head.fc_cls(features[start : start + step])
        nn.functional.cross_entropy(logits, labels[start : start + step]).backward()
        optimizer.step()
    weights = frozen_toy.weights_of(runner)
    for name, tensor in trunk.state_dict().items():
        assert torch.allclose(weights[name], tensor, atol=1e-6), name


def test_mixed_precision(frozen_toy, tmp_path, monkeypatch):
    # mmengine refuses AMP without an accelerator, torch does not
    monkeypatch.setattr(
        'mmengine.optim.optimizer.amp_optimizer_wrapper.is_cuda_available', lambda: True
    )
    amp = {'type': 'AmpOptimWrapper', 'dtype': 'bfloat16'}
    runner, record = _run(frozen_toy, tmp_path, BACKBONE, optim_wrapper=amp)
    changed = _changed(record, frozen_toy.weights_of(runner))
    assert {name.split('.')[0] for name in changed} == {'head'}


@pytest.mark.resume
@pytest.mark.parametrize('saves', [{'by_epoch': True}, {'by_epoch': False, 'interval': 4}])
def test_resumed_equals_uninterrupted(toy, tmp_path, saves):
    hooks = [
        {'type': 'mmlt.ResumeStateHook'},
        {'type': 'mmlt.FreezeHook', 'frozen': '*', 'trained': 'layers.4'},
    ]
    expected = toy.train(tmp_path / 'whole', hooks=hooks, **saves)
    for at in (9, 14):
        folder = tmp_path / f'killed at {at}'
        weights = toy.train_killed_and_resumed(folder, {'at': at}, hooks=hooks, **saves)
        assert all(torch.equal(weights[name], expected[name]) for name in expected)


def test_a_run_that_only_tests_is_left_alone(frozen_toy, tmp_path):
    runner = frozen_toy.build_runner(tmp_path, hooks=[BACKBONE])
    runner.call_hook('before_run')  # as Runner.test does
    assert all(parameter.requires_grad for parameter in runner.model.parameters())


# ----------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ('hook', 'message'),
    [
        (
            {'frozen': ['backbone', 'neck']},
            r"frozen: the pattern 'neck' matches no weight and no statistic .* Near names: ",
        ),
        (
            {'frozen': '*', 'trained': 'fc_cls'},
            r"trained: the pattern 'fc_cls' matches no .* Near names: head.fc_cls,",
        ),
        (
            {'frozen': ['backbone', 'head*']},
            r"frozen=\['backbone', 'head\*'\] with trained=\[\] leaves no parameter to train",
        ),
        (
            {'frozen': '*', 'trained': 'backbone.bn.running_*'},
            'leaves no parameter to train: name in trained what is to be trained',
        ),
    ],
)
def test_patterns_that_do_not_fit_the_model(frozen_toy, tmp_path, hook, message):
    runner = frozen_toy.build_runner(tmp_path, hooks=[{'type': 'mmlt.FreezeHook', **hook}])
    with pytest.raises(ValueError, match=message):
        runner.train()


def test_no_pattern():
    with pytest.raises(ValueError, match='frozen holds no pattern: leave FreezeHook out'):
        FreezeHook(frozen=[])


def test_a_wrapper_of_another_kind(frozen_toy, tmp_path):
    runner = frozen_toy.build_runner(tmp_path, hooks=[BACKBONE])
    runner.model = nn.DataParallel(runner.model)
    runner.model.train_step = None
    assert is_model_wrapper(runner.model)
    with pytest.raises(TypeError, match='wrapped in DataParallel: change model_wrapper_cfg'):
        runner.train()
