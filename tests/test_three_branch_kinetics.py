"""Task A of the three-branch report: two pre-trainings on Kinetics."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch
from mmengine.registry import PARAM_SCHEDULERS, DefaultScope
from three_branch_experiments import config, docstring, steps_of

#: number -> learning rate, iterations, warm-up (section 4)
KINETICS = {600: (0.4, 180_000, 4_000), 700: (0.1, 60_000, 3_000)}


@pytest.fixture(autouse=True)
def _mmaction_scope():
    with DefaultScope.overwrite_default_scope('mmaction'):
        yield


# ----------------------------------------------------------------------------- Kinetics, Task A


@pytest.mark.parametrize('number', KINETICS)
def test_task_a_is_the_reports(number):
    """Section 4."""
    cfg = config(f'slowfast_r101_kinetics{number}')
    lr, max_iters, _ = KINETICS[number]
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.momentum) == ('SGD', lr, 0.9)
    assert (optimizer.weight_decay, cfg.optim_wrapper.clip_grad) == (1e-4, None)
    assert (cfg.train_cfg.type, cfg.train_cfg.max_iters) == ('IterBasedTrainLoop', max_iters)
    assert 64 * cfg.train_dataloader.batch_size == 512 == cfg.auto_scale_lr.base_batch_size
    assert f'8 clips each (64 x 8 = 512), {max_iters:,} iterations' in docstring(
        f'slowfast_r101_kinetics{number}'
    )
    head, backbone = cfg.model.cls_head, cfg.model.backbone
    assert (head.num_classes, head.dropout_ratio) == (number, 0.5)
    assert (backbone.slow_pathway.depth, backbone.fast_pathway.depth) == (101, 101)
    assert 'Sync' not in str(cfg.model) and 'sync_bn' not in cfg  # statistics of one GPU
    steps = steps_of(cfg.train_dataloader.dataset.pipeline)
    assert (steps['RandomRescale'].scale_range, steps['RandomCrop'].size) == ((256, 320), 224)
    sample = steps['SampleFrames']
    assert (sample.clip_len, sample.frame_interval, sample.get('test_mode', False)) == (
        32,
        2,
        False,
    )
    assert cfg.val_evaluator.type == cfg.test_evaluator.type == 'mmlt.AverageErrorMetric'
    used = str([cfg[f'{part}_dataloader'] for part in ('train', 'val', 'test')])
    assert set(re.findall(r'kinetics(\d+)', used)) == {str(number)}


@pytest.mark.parametrize('number', KINETICS)
def test_learning_rate_is_the_half_cosine_with_the_pi_that_the_formula_lost(number):
    lr, max_iters, warmup = KINETICS[number]
    cfg = config(f'slowfast_r101_kinetics{number}')
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=lr)
    schedulers = [
        PARAM_SCHEDULERS.build(dict(each), default_args=dict(optimizer=optimizer))
        for each in cfg.param_scheduler
    ]
    rates = []
    optimizer.step()
    for _ in range(max_iters):
        rates.append(optimizer.param_groups[0]['lr'])
        for scheduler in schedulers:
            scheduler.step()
    iters = np.arange(max_iters)
    expected = 0.5 * lr * (np.cos(np.pi * iters / max_iters) + 1)
    np.testing.assert_allclose(rates[warmup:], expected[warmup:], rtol=1e-6, atol=1e-9 * lr)
    factors = np.array(rates[:warmup]) / expected[:warmup]
    np.testing.assert_allclose(np.diff(factors, 2), 0, atol=1e-9)  # a straight line
    assert factors[0] == pytest.approx(0.1) and factors[-1] == pytest.approx(1)
    without_pi = 0.5 * (math.cos(1) + 1)
    assert f'{without_pi:.2f} lr'.lstrip('0') in docstring('slowfast_r101_kinetics600')


def test_pre_trainings_are_joined_by_their_paths():
    """Each looks where the one before leaves its last iteration."""
    first, second = (config(f'slowfast_r101_kinetics{number}') for number in KINETICS)
    assert first.load_from is None
    last = f'iter_{first.train_cfg.max_iters}.pth'
    assert second.load_from == f'work_dirs/slowfast_r101_kinetics600/{last}'
