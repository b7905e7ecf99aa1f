"""Co-finetuning through the runner, on one rank; test_cofinetune_two_ranks.py has two."""

from __future__ import annotations

import logging
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmlt.engine.runner import CoFinetuneRunner
from mmlt.functional import dataset_schedule
from mmlt.registry import RUNNERS
from mmlt.weights_only import load_weights_only


def _assert_same(weights, expected):
    assert weights.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(weights[name], tensor), name


def _resume(training, folder, **options):
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(987654321)  # what a new process happens to hold is not what the old one held
    return training.train(folder, resume=True, **options)


def test_the_runner_type_of_a_config(training, tmp_path):
    runner = RUNNERS.build(training.make_config(tmp_path))
    assert isinstance(runner, CoFinetuneRunner)
    assert 'datasets' not in runner.cfg, 'what is dumped has one truth'


@pytest.mark.parametrize('strategy', ['weighted', 'alternating', 'temperature', 'sequential'])
def test_steps_follow_the_schedule(training, tmp_path, strategy):
    schedule = {'strategy': strategy, **({'alpha': 0.5} if strategy == 'temperature' else {})}
    hooks = [{'type': 'NoteDatasetsHook'}]
    runner = training.build_runner(tmp_path, schedule=schedule, hooks=hooks)
    runner.train()
    note = next(hook for hook in runner.hooks if type(hook).__name__ == 'NoteDatasetsHook')
    names = list(training.SIZES)
    expected = []
    for epoch in range(2):
        arguments = (list(training.SIZES.values()), [4, 4, 4])
        steps = dataset_schedule(*arguments, seed=7, epoch=epoch, **schedule)
        expected += [names[step] for step in steps]
    assert note.datasets == expected
    assert len(expected) == runner.max_iters == 2 * training.NUM_STEPS
    assert len(runner.train_dataloader) == training.NUM_STEPS


# --------------------------------------------------------- killed-and-resumed = uninterrupted


@pytest.mark.resume
def test_a_kill_at_any_of_20_steps(training, tmp_path):
    options = {'interval': 3}
    expected = training.train(tmp_path / 'whole', **options)
    for at in range(20):  # up to step 2 nothing is saved yet
        folder = tmp_path / f'killed at {at}'
        assert training.train(folder, kill={'at': at}, **options) is None
        _assert_same(_resume(training, folder, **options), expected)


@pytest.mark.resume
@pytest.mark.parametrize(
    'options',
    [
        {'schedule': {'strategy': 'alternating'}, 'num_workers': 2},
        {'schedule': {'strategy': 'temperature', 'alpha': 0.3}, 'hooks': [{'type': 'EMAHook'}]},
        {'schedule': {'strategy': 'sequential'}, 'seed': None},
        {'accumulative_counts': 3, 'epochs': 3},
        {'train_cfg': {'type': 'IterBasedTrainLoop', 'max_iters': 17}},
    ],
    ids=[
        'alternating, workers',
        'temperature, EMA',
        'sequential, a seed drawn',
        'accumulation',
        'by iterations',
    ],
)
def test_every_kind_of_run_resumes(training, tmp_path, options, monkeypatch):
    options = {'interval': 3, **options}
    no_wait = SimpleNamespace(sleep=lambda seconds: None)  # of the iterations, after a pass
    monkeypatch.setattr('mmengine.runner.loops.time', no_wait)
    if options.get('seed', 0) is None:
        drawn = iter((11, 11, 99))  # the resumed run draws another
        monkeypatch.setattr('mmengine.runner.utils.sync_random_seed', lambda: next(drawn))
    expected = training.train(tmp_path / 'whole', **options)
    assert training.train(tmp_path / 'killed', kill={'at': 14}, **options) is None
    _assert_same(_resume(training, tmp_path / 'killed', **options), expected)


class _Messages(logging.Handler):
    def __init__(self):
        super().__init__()
        self.texts = []

    def emit(self, record):
        self.texts.append(record.getMessage())


@pytest.mark.resume
@pytest.mark.parametrize(
    ('options', 'left'),
    [
        # steps 5 to 9 of ava, k400, kbox, ava ...
        ({'schedule': {'strategy': 'alternating'}}, ['kbox', 'ava', 'k400', 'kbox', 'ava']),
        # 20 of 40 samples are 10 of 20 steps; behind 6 of ava the last 4 of 10 are k400's
        ({'schedule': {'strategy': 'sequential'}, 'batch_size': 2}, ['k400'] * 6 + ['kbox'] * 4),
    ],
    ids=['alternating', 'batches half as large'],
)
def test_another_schedule_is_said_and_goes_on_behind_as_many_samples(
    training, tmp_path, options, left
):
    # half of the first epoch: 5 of 10 steps of 4
    sizes = {'sizes': {'ava': 12, 'k400': 20, 'kbox': 8}}
    assert training.train(tmp_path, kill={'at': 5}, **sizes) is None
    hooks = [{'type': 'NoteDatasetsHook'}]
    options = {**sizes, **options, 'epochs': 1, 'hooks': hooks}
    runner = training.build_runner(tmp_path, resume=True, **options)
    messages = _Messages()
    runner.logger.addHandler(messages)
    runner.train()
    note = next(hook for hook in runner.hooks if type(hook).__name__ == 'NoteDatasetsHook')
    assert note.datasets == left
    told = [text for text in messages.texts if 'in another order' in text]
    assert (
        len(told) == 1
        and "'weighted'" in told[0]
        and f"'{options['schedule']['strategy']}'" in told[0]
    )


@pytest.mark.resume
def test_another_order_of_the_datasets_is_said(training, tmp_path):
    assert training.train(tmp_path, kill={'at': 3}) is None
    turned = dict(reversed(training.SIZES.items()))
    runner = training.build_runner(tmp_path, resume=True, sizes=turned, epochs=1)
    messages = _Messages()
    runner.logger.addHandler(messages)
    runner.train()
    (told,) = (text for text in messages.texts if 'in another order' in text)
    assert "'datasets': ['kbox', 'k400', 'ava']" in told


@pytest.mark.resume
def test_the_checkpoint_holds_what_decides_the_schedule(training, tmp_path):
    training.train(tmp_path, epochs=1)
    state = load_weights_only((tmp_path / 'last_checkpoint').read_text())['resume_state']
    assert state['sampler_seeds'] == [7]
    (settings,) = state['sampler_settings']
    assert settings['sizes'] == training.SIZES and settings['strategy'] == 'weighted'


# --------------------------------------------------------------------- heads that are not sampled


@pytest.mark.parametrize('optimizer', ['SGD', 'AdamW'])
def test_a_head_not_sampled_does_not_move(training, tmp_path, optimizer):
    rate = {'momentum': 0.9} if optimizer == 'SGD' else {}
    optimizer = {'type': optimizer, 'lr': 0.05, 'weight_decay': 0.1, **rate}
    # sequential: all of k400, whose 100 steps come first, then ava
    sizes = {'k400': 400, 'ava': 12}
    options = {'schedule': {'strategy': 'sequential'}, 'optimizer': optimizer, 'epochs': 1}
    runner = training.build_runner(tmp_path, sizes=sizes, kill={'at': 100}, **options)
    head = runner.model.heads['ava'].fc
    before = None

    def note(module, inputs):
        nonlocal before
        if before is None:
            before = [p.detach().clone() for p in head.parameters()]

    runner.model.backbone.register_forward_pre_hook(note)
    with pytest.raises(training.Killed):
        runner.train()
    assert runner.iter == 100
    optimizer = runner.optim_wrapper.optimizer
    for parameter, old in zip(head.parameters(), before):
        assert parameter.grad is None
        assert parameter not in optimizer.state, 'no momentum'
        assert torch.equal(parameter, old), 'no decay'
    for parameter in runner.model.heads['k400'].parameters():
        assert parameter in optimizer.state


def test_accumulation_over_two_datasets_is_the_sum_of_both(training, tmp_path):
    # with SGD without momentum and decay: one update of two batches = the mean of both gradients
    plain = {'type': 'SGD', 'lr': 1.0}
    runner = training.build_runner(tmp_path, optimizer=plain, accumulative_counts=2)
    wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    loader = iter(runner.build_dataloader(runner._train_dataloader, seed=7))
    model = runner.model.eval()  # no dropout
    losses = []
    batches = {}
    for batch in loader:
        batches.setdefault(batch['data_samples'][0].dataset_name, batch)
    wrapper.initialize_count_status(model, 0, 2)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for name in ('ava', 'k400'):
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002
        data = model.data_preprocessor(batches[name], training=True)
        loss, _ = model.parse_losses(model(**data, mode='loss'))
        gradients = torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)
        losses.append(gradients)
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002
        with wrapper.optim_context(model):
            loss, _ = model.parse_losses(model(**data, mode='loss'))
        wrapper.update_params(loss)
    for (name, parameter), first, second in zip(model.named_parameters(), *losses):
        both = [0 if gradient is None else gradient for gradient in (first, second)]
        moved = before[name] - parameter.detach()
        assert torch.allclose(moved, (both[0] + both[1]) / 2, atol=1e-6), name


# -------------------------------------------------------------------------------------- errors


def test_a_runner_without_datasets(tmp_path):
    with pytest.raises(ValueError, match="runner_type='mmlt.CoFinetuneRunner' needs datasets"):
        CoFinetuneRunner.from_cfg(Config({'model': {'type': 'x'}, 'work_dir': str(tmp_path)}))


def test_a_schedule_that_comes_too_late(training, tmp_path):
    config = training.build_runner(tmp_path).cfg
    config.dataset_schedule = {'strategy': 'alternating'}
    with pytest.raises(ValueError, match='dataset_schedule=.*alternating.* has no effect'):
        CoFinetuneRunner.from_cfg(config)


def test_a_config_for_tests_keeps_the_data_of_the_training(training, tmp_path):
    config = training.make_config(tmp_path)
    for key in ('train_cfg', 'optim_wrapper', 'param_scheduler'):
        config.pop(key)
    runner = CoFinetuneRunner.from_cfg(config)
    assert runner._train_dataloader is None
    config.datasets.ava.train.pop('size')  # nor could it be read
    CoFinetuneRunner.from_cfg(config)
    with pytest.raises(RuntimeError, match='train_loop'):
        runner.train()


@pytest.mark.parametrize('is_on', [True, False])
def test_scaling_the_learning_rate_needs_one_batch_size(training, tmp_path, is_on):
    config = training.make_config(tmp_path, epochs=1)
    config.datasets.k400.batch_size = 6
    config.auto_scale_lr = {'enable': is_on, 'base_batch_size': 4}
    runner = CoFinetuneRunner.from_cfg(config)
    if not is_on:
        runner.train()
        return
    with pytest.raises(ValueError, match=r'one batch size, .* \(ava 4, k400 6, kbox 4\)'):
        runner.train()


def test_the_learning_rate_is_scaled_by_the_one_batch_size(training, tmp_path):
    config = training.make_config(tmp_path, epochs=1)
    config.auto_scale_lr = {'enable': True, 'base_batch_size': 2}
    config.param_scheduler = None
    runner = CoFinetuneRunner.from_cfg(config)
    runner.train()
    assert runner.optim_wrapper.get_lr()['lr'] == [0.1]  # .05 * 4 / 2
