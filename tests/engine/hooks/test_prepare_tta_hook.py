"""The bare model gets the checkpoint, the test the wrapped one; another checkpoint is refused."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.model import BaseModel, BaseTTAModel, is_model_wrapper
from mmengine.registry import HOOKS, MODEL_WRAPPERS, MODELS
from mmengine.runner import Runner
from torch.utils.data import Dataset

from mmlt.engine.hooks import PrepareTTAHook

WEIGHT = 3.0


class Scale(BaseModel):
    """One number times the input."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(1, 1, bias=False)
        self.norm = torch.nn.BatchNorm1d(1)

    def forward(self, inputs, mode='tensor'):
        return [self.linear(each).item() for each in inputs]


class Mean(BaseTTAModel):
    def merge_preds(self, data_samples_list):
        return [sum(views) / len(views) for views in data_samples_list]


class Views(Dataset):
    """Two samples of two views: 1 and 3, 2 and 4."""

    metainfo = {}

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return {'inputs': [torch.tensor([index + 1.0]), torch.tensor([index + 3.0])]}


class Keeping:
    """An evaluator that keeps what it gets."""

    def __init__(self):
        self.kept, self.metrics = [], []

    def process(self, data_samples, data_batch):
        self.kept += data_samples

    def evaluate(self, size):
        return {}


class WhatOthersSee(Hook):
    def __init__(self):
        self.models = []

    def before_test(self, runner):
        self.models.append(runner.model)

    after_test = before_test


@pytest.fixture(autouse=True)
def _types():
    MODELS.register_module(module=Mean, name='MeanOfViews', force=True)
    yield
    MODELS.module_dict.pop('MeanOfViews')


def _checkpoint(folder, change=None):
    weights = Scale().state_dict()
    weights['linear.weight'].fill_(WEIGHT)
    weights = change(weights) if change else weights
    torch.save({'state_dict': weights}, folder / 'a.pth')
    return folder / 'a.pth'


def _runner(folder, checkpoint, *, model=None, hooks=()):
    tta = dict(type='mmlt.PrepareTTAHook', tta_cfg=dict(type='MeanOfViews'))
    runner = Runner(
        model or Scale(),
        str(folder),
        test_dataloader=dict(
            batch_size=1,
            num_workers=0,
            dataset=Views(),
            sampler=dict(type='DefaultSampler', shuffle=False),
        ),
        test_cfg=dict(),
        test_evaluator=Keeping(),
        custom_hooks=[tta, *hooks],
        load_from=str(checkpoint),
        experiment_name=f'tta_{folder.name}',
    )
    return runner


def test_scores_are_those_of_the_checkpoint(tmp_path):
    runner = _runner(tmp_path, _checkpoint(tmp_path))
    runner.test()
    assert runner.test_loop.evaluator.kept == [pytest.approx(2 * WEIGHT), pytest.approx(3 * WEIGHT)]


def test_within_a_wrapper_as_on_several_ranks(tmp_path):
    """DistributedDataParallel needs a process group: tests/tools/test_test_with_tta.py has one."""

    @MODEL_WRAPPERS.register_module(force=True)
    class Wrapper(torch.nn.Module):
        def __init__(self, module):
            super().__init__()
            self.module = module

        def test_step(self, data):
            return self.module.test_step(data)

    try:
        model = Wrapper(Scale())
        assert is_model_wrapper(model)
        runner = _runner(tmp_path, _checkpoint(tmp_path), model=model)
        runner.test()
    finally:
        MODEL_WRAPPERS.module_dict.pop('Wrapper')
    assert runner.model is model and model.module.linear.weight.item() == WEIGHT
    assert runner.test_loop.evaluator.kept == [pytest.approx(2 * WEIGHT), pytest.approx(3 * WEIGHT)]


def test_other_hooks_and_a_second_test_find_the_bare_model(tmp_path):
    other, model = WhatOthersSee(), Scale()
    runner = _runner(tmp_path, _checkpoint(tmp_path), model=model, hooks=[other])
    runner.test()
    runner.test()
    assert len(runner.test_loop.evaluator.kept) == 4
    assert other.models[0] is other.models[2] is runner.model is model
    assert isinstance(other.models[1], Mean)  # after_test, in which the hook comes last
    assert runner.test_loop.evaluator.kept[:2] == runner.test_loop.evaluator.kept[2:]


def test_the_prefix_of_a_wrapper_and_an_old_batch_norm(tmp_path):
    def change(weights):
        del weights['norm.num_batches_tracked']
        return {f'module.{name}': value for name, value in weights.items()}

    runner = _runner(tmp_path, _checkpoint(tmp_path, change))
    runner.test()
    assert runner.model.linear.weight.item() == WEIGHT


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (
            lambda weights: {f'detector.{name}': value for name, value in weights.items()},
            r'5 weights .*: linear\.weight, norm\.weight, norm\.bias, norm\.running_mean, '
            r'norm\.running_var$',
        ),
        (
            lambda weights: {**weights, 'linear.weight': torch.ones(2, 1)},
            r'1 weights of the model are not in the checkpoint, or have another shape: '
            r'linear\.weight$',
        ),
    ],
)
def test_a_checkpoint_of_another_model(tmp_path, change, message):
    checkpoint = _checkpoint(tmp_path, change)
    with pytest.raises(ValueError, match=rf'a\.pth: {message}'):
        _runner(tmp_path, checkpoint).test()


def test_of_many_weights_the_first_are_named():
    model = torch.nn.Sequential(*[torch.nn.Linear(1, 1) for _ in range(4)])
    runner = SimpleNamespace(model=model, _load_from='b.pth')
    with pytest.raises(ValueError, match=r'b\.pth: 8 weights .*: 0\.weight, .*, 2\.weight and 3 '):
        PrepareTTAHook({}).after_load_checkpoint(runner, {'other': torch.ones(1)})


def test_the_config_is_left_alone():
    config = dict(type='MeanOfViews')
    hook = HOOKS.build(dict(type='mmlt.PrepareTTAHook', tta_cfg=config))
    runner = SimpleNamespace(model=Scale())
    hook.before_test(runner)
    assert isinstance(runner.model, Mean) and config == {'type': 'MeanOfViews'}
